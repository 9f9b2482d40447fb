"""``manage.py changepassword EMAIL``: in place of Django's own, which would leave no entry in the journal."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import change_password
from audit.actors import SystemActor
from core.errors import DomainError

ACTOR = SystemActor("system:changepassword")


class Command(BaseCommand):
    """Asks for the new password twice; all sign-ins of the user through the API end."""

    help = "Change the password of a user, on the record."

    def add_arguments(self, parser: CommandParser) -> None:
        """The user is named by the e-mail address."""
        parser.add_argument("email", help="the e-mail address that the user signs in with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the user, ask, change."""
        try:
            user = User.objects.get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(f"Nobody signs in as {options['email']}.") from None
        try:
            change_password(actor=ACTOR, user=user, password=typed_password())
        except DomainError as error:
            raise CommandError(f"{error.detail} Nothing was changed.") from error
        self.stdout.write(self.style.SUCCESS(f"Changed the password of {user.email}."))


def typed_password() -> str:
    """The new password, typed twice alike."""
    try:
        first, second = getpass.getpass("New password: "), getpass.getpass("New password (again): ")
    except (EOFError, KeyboardInterrupt):
        raise CommandError("No password given. Nothing was changed.") from None
    if first != second:
        raise CommandError("The passwords differ. Nothing was changed.")
    return first
