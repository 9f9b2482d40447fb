"""Takes in the European Central Bank's exchange rates: for a scheduler, once a day."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SystemActor
from core.errors import DomainError
from currencies.ecb import LARGEST_FILE_BYTES
from currencies.fetching import ECB_DAILY_URL, fetch
from currencies.services import import_ecb_rates
from parties.models import Company

RATES = SystemActor("system:exchange-rates")


class Command(BaseCommand):
    """Each company has rates of its own: the file is taken in for all of them, or for the one named."""

    help = "Take in a file of the European Central Bank's exchange rates (eurofxref-daily.xml, eurofxref-hist-90d.xml)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the file is, and for whom."""
        origin = parser.add_mutually_exclusive_group()
        origin.add_argument("--file", help="a file on this machine")
        origin.add_argument("--url", default=ECB_DAILY_URL, help=f"where to fetch it; https only. {ECB_DAILY_URL}")
        parser.add_argument("--company", type=int, help="the id of the only company to take it in for")

    def handle(self, **options: Any) -> None:
        """Read the file once and take it in for each company."""
        companies = Company.objects.order_by("pk")
        if options["company"] is not None:
            companies = companies.filter(pk=options["company"])
        if not companies.exists():
            raise CommandError("There is no such company.")
        name = options["file"] or options["url"]
        try:
            content = _read(options["file"]) if options["file"] else fetch(options["url"])
            for company in companies:
                done = import_ecb_rates(actor=RATES, company=company, content=content, file_name=Path(name).name)
                self.stdout.write(
                    f"{company}: {done.added} new of {done.read} rates, {done.first_day} to {done.last_day}."
                )
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
