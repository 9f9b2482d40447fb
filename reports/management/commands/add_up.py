"""The sums of the reports by hand: for an office without a worker, and where verify_books finds one wrong."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from reports.summaries import take_in, work_out


class Command(BaseCommand):
    """Does what the worker does several times a minute, or with --anew works all sums out from their rows."""

    help = "Add what has happened since to the sums that reports are read from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to trust what is there."""
        parser.add_argument("--anew", action="store_true", help="work all sums out from the rows of the books")

    def handle(self, **options: Any) -> None:
        """Add up."""
        if options["anew"]:
            work_out()
            self.stdout.write("All sums were worked out anew.")
        else:
            self.stdout.write(f"{take_in()} changes were added.")
