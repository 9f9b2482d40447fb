"""``manage.py reset_second_factor``: for an Admin who lost telephone and recovery codes, and has no colleague."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.second_factor.services import reset_second_factor
from audit.actors import SYSTEM
from core.errors import DomainError


class Command(BaseCommand):
    """Switches somebody's second factor off, on record, and signs them out everywhere."""

    help = "Switch off somebody's second factor, on record, and sign them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and why."""
        parser.add_argument("email")
        parser.add_argument("--reason", required=True, help="It stands in the history.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Switch it off."""
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {email}.")
        try:
            reset_second_factor(actor=SYSTEM, user=user, reason=options["reason"])
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"The second factor of {email} is off. Their password alone signs them in.")
