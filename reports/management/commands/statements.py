"""Statements by hand, or by a cron of the operator's: those of a month that is over, and then the end."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from core.errors import DomainError
from core.money import grouped_money
from notifications.models import MailSettings
from notifications.services import deliver_due
from parties.models import Company
from reports.statement_runs.accounts import Account, accounts, month_of
from reports.statement_runs.services import STATING, run_statements


def month(text: str) -> date:
    """The first day of a month written as 2026-03."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ArgumentTypeError("write a month as 2026-03") from error


class Command(BaseCommand):
    """Does what the worker does each month, at once."""

    help = "Send the statements of a month, each once, to all who owe something or had movements in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which month, of which company, and whether anything is sent."""
        parser.add_argument("--month", type=month, help="as 2026-03; last month where absent")
        parser.add_argument("--company", type=int, help="its id; all that send statements by themselves where absent")
        parser.add_argument("--dry-run", action="store_true", help="list the statements, and send nothing")

    def handle(self, **options: Any) -> None:
        """List or send the statements of each company."""
        for company in _companies(options["company"]):
            wanted = options["month"] or company.today().replace(day=1) - timedelta(days=1)
            if options["dry_run"]:
                for account in accounts(company, month_of(company, wanted)):
                    self.stdout.write(f"{company}: {line(account)}")
                continue
            try:
                run = run_statements(actor=STATING, company=company, month=wanted)
            except DomainError as refusal:
                raise CommandError(f"{company}: {refusal.detail}") from refusal
            self.stdout.write(f"{company}: {run.messages.count()} statements written")
        if not options["dry_run"]:
            while deliver_due():
                pass


def line(account: Account) -> str:
    """A statement in a line for people."""
    amounts = ", ".join(f"{code} {grouped_money(row.closing, code)}" for code, row in account.balances.items())
    return f"{account.customer}, {amounts}, {account.note or f'to {account.customer.email}'}"


def _companies(company_id: int | None) -> QuerySet[Company]:
    if company_id is None:
        wanting = MailSettings.objects.filter(statement_day__isnull=False).values("company")
        return Company.objects.filter(pk__in=wanting).order_by("pk")
    companies = Company.objects.filter(pk=company_id)
    if not companies:
        raise CommandError(f"There is no company {company_id}.")
    return companies
