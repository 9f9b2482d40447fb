"""Reminders by hand, or by a cron of the operator's: what is due now, and then the end."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.money import grouped_money
from notifications.models import MailSettings
from notifications.reminders.selectors import Reminder, reminders_due
from notifications.reminders.services import prepare_reminders
from notifications.services import deliver_due


class Command(BaseCommand):
    """Does what the worker does each day, for every company that sends reminders, whatever the time of day."""

    help = "Send the reminders that are due now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which day it is, and whether anything is sent."""
        parser.add_argument("--date", type=date.fromisoformat, help="as if it were this day (a later one: --dry-run)")
        parser.add_argument("--dry-run", action="store_true", help="list the reminders, and send nothing")

    def handle(self, **options: Any) -> None:
        """List or send the reminders of each company."""
        for settings in MailSettings.objects.filter(remind=True).select_related("company").order_by("company_id"):
            day = options["date"] or settings.company.today()
            if options["dry_run"]:
                self.stdout.write("".join(f"{settings.company}: {line(row)}\n" for row in reminders_due(settings, day)))
                continue
            if day > settings.company.today():
                raise CommandError(f"{day} has not come yet where {settings.company} is; try it with --dry-run.")
            self.stdout.write(f"{settings.company}: {prepare_reminders(settings=settings, day=day)} reminders written")
        if not options["dry_run"]:
            while deliver_due():
                pass


def line(reminder: Reminder) -> str:
    """A reminder in a line for people."""
    invoice = reminder.invoice
    amount = f"{invoice.currency} {grouped_money(invoice.still_owed, invoice.currency)}"
    to = reminder.obstacle or f"to {invoice.customer.email}"
    return f"{invoice.number}, due {invoice.due_date}, stage {reminder.stage:+d}, {amount} outstanding, {to}"
