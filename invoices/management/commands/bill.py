"""Recurring invoices by hand, or by a cron of the operator's: what is due now, and then the end."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.triggers import require_current_triggers
from invoices.recurring.run import run_company
from invoices.recurring.selectors import due_dates, due_recurring
from parties.models import Company


class Command(BaseCommand):
    """Does what the worker does all day, for every company."""

    help = "Make the recurring invoices that are due now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which day it is, and whether anything is made."""
        parser.add_argument("--date", type=date.fromisoformat, help="as if it were this day (a later one: --dry-run)")
        parser.add_argument("--dry-run", action="store_true", help="list the invoices, and make none")

    def handle(self, **options: Any) -> None:
        """List or make the invoices of each company."""
        require_current_triggers()
        for company in Company.objects.order_by("pk"):
            day = options["date"] or company.today()
            if options["dry_run"]:
                self.list_due(company, day)
                continue
            if day > company.today():
                raise CommandError(f"{day} has not come yet where {company} is; try it with --dry-run.")
            done = run_company(company_id=company.pk, day=day)
            aside = f", {done.set_aside} recurring invoices set aside (see their problems)" if done.set_aside else ""
            self.stdout.write(f"{company}: {done.made} invoices made{aside}")

    def list_due(self, company: Company, day: date) -> None:
        """Each recurring invoice with the dates that would be invoiced."""
        due = due_recurring(company.pk, day).select_related("customer").order_by("next_date", "pk")
        for recurring in due.iterator():
            days = ", ".join(found.isoformat() for found in due_dates(recurring, day))
            self.stdout.write(f"{company}: {recurring} to {recurring.customer}, {days} ({recurring.on_run})")
