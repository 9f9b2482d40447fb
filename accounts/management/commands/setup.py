"""The first company and the first Admin of a real installation."""

import getpass
import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from accounts.services import create_user, require_email, require_password
from audit.actors import SystemActor
from audit.triggers import require_current_triggers
from core.errors import DomainError
from parties.models import Company
from parties.services import create_company

ACTOR = SystemActor("system:setup")
PASSWORD_VARIABLE = "FINTRACK_ADMIN_PASSWORD"  # noqa: S105  # the name of a variable, not a password


class Command(BaseCommand):
    """Makes both, or nothing where something is wrong; refused once there is a company."""

    help = (
        "Make the first company and its Admin in a new installation. "
        f"The password is asked for, or taken from {PASSWORD_VARIABLE}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name, currency and Admin are needed; the rest can be given later, in the admin."""
        parser.add_argument("--company", required=True, metavar="NAME", help="name of the company")
        parser.add_argument("--currency", required=True, metavar="CODE", help="ISO 4217, for example ZAR")
        parser.add_argument("--admin", required=True, metavar="EMAIL", help="who will sign in as Admin")
        parser.add_argument(
            "--time-zone", default="UTC", metavar="ZONE", help="for example Africa/Johannesburg (default: UTC)"
        )
        parser.add_argument("--vat-number", default="", metavar="NUMBER", help="none for a company without VAT")
        parser.add_argument("--vat-rate", default="0", metavar="RATE", help="a fraction: 0.15 is 15 %% (default: 0)")
        parser.add_argument("--country", default="", metavar="CODE", help="two letters, for example ZA")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what can be checked, ask for the password, make both in one transaction."""
        try:
            require_new_installation()
            require_email(options["admin"].strip().lower())
            password = chosen_password()
            require_password(password, email=options["admin"])
            company, admin = set_up(options, password)
        except DomainError as error:
            raise CommandError(f"{error.detail} Nothing was changed.") from error
        self.stdout.write(self.style.SUCCESS(f"Made {company.name} ({company.currency}) and its Admin {admin.email}."))
        if not company.vat_number:
            self.stdout.write("Without a VAT number its invoices carry no VAT; it can be given in the admin.")


def require_new_installation() -> None:
    """Raise CommandError where the database is not ready, or has a company already."""
    try:
        require_current_triggers()
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    if Company.objects.exists():
        raise CommandError(
            "There is a company already: setup is for a new installation. An Admin adds companies and users in the "
            "admin. Nothing was changed."
        )


def chosen_password() -> str:
    """The Admin's password, from the environment or typed twice."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    try:
        first, second = getpass.getpass("Password: "), getpass.getpass("Password (again): ")
    except (EOFError, KeyboardInterrupt):
        raise CommandError(f"No password given (it can also come from {PASSWORD_VARIABLE}).") from None
    if first != second:
        raise CommandError("The passwords differ. Nothing was changed.")
    return first


@transaction.atomic
def set_up(options: dict[str, Any], password: str) -> tuple[Company, User]:
    """The company and its Admin."""
    company = create_company(
        actor=ACTOR,
        name=options["company"],
        currency=options["currency"].strip().upper(),
        time_zone=options["time_zone"],
        vat_number=options["vat_number"],
        default_vat_rate=options["vat_rate"],
        country_code=options["country"],
    )
    admin = create_user(actor=ACTOR, email=options["admin"], password=password, memberships={company: Role.ADMIN})
    return company, admin
