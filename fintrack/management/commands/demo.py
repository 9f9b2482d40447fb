"""Demo companies to look around in, for a checkout on a developer's or a curious person's machine."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from fintrack.demo import DEMO_USERS, OTHER_USERS, PASSWORD, demo_exists, link_to_show, make_demo
from fintrack.demo_data import DEMO_COMPANY, OTHER_COMPANY
from invoices.models import Invoice
from parties.models import Company
from portal.selectors import path_of


class Command(BaseCommand):
    """Makes the demo once; never beside the data of a real installation."""

    help = "Make two demo companies with users, customers, a year of invoices and payments."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the program will be served, and how to treat a database that the demo does not fit."""
        parser.add_argument("--address", default="http://127.0.0.1:8000", help="where the program is served")
        parser.add_argument(
            "--if-empty", action="store_true", help="leave production settings and other data alone without an error"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the demo, or say why not; then tell where to go and how to sign in."""
        refusal = reason_against()
        if refusal and not options["if_empty"]:
            raise CommandError(refusal)
        if not refusal:
            self.make_once()
        self.stdout.write(addresses(options["address"]))
        if not refusal:
            self.stdout.write(customer_page(options["address"]))
            self.stdout.write(sign_ins())

    def make_once(self) -> None:
        """The demo data, where they are not there yet."""
        if demo_exists():
            self.stdout.write("The demo data are there already; nothing was changed.")
            return
        make_demo()
        made = f"Made {DEMO_COMPANY['name']} and {OTHER_COMPANY['name']} with {Invoice.objects.count()} invoices."
        self.stdout.write(self.style.SUCCESS(made))


def reason_against() -> str:
    """Why there must be no demo here; empty where there may be one."""
    if not settings.DEBUG:
        return "The demo has passwords that everybody knows: it is refused with DEBUG off."
    if Company.objects.exists() and not demo_exists():
        return "There are companies in this database: the demo is made in an empty one only."
    return ""


def addresses(address: str) -> str:
    """Where things are."""
    return f"\n  Home           {address}/\n  Admin          {address}/admin/\n  Documentation  {address}/api/docs\n\n"


def customer_page(address: str) -> str:
    """Where the customer of one of the invoices sees it, without signing in."""
    link = link_to_show()
    return f"  A customer sees an invoice at\n  {address}{path_of(link)}\n" if link else ""


def sign_ins() -> str:
    """Who can sign in, and how."""
    people = [
        (email, role, company["name"])
        for company, users in ((DEMO_COMPANY, DEMO_USERS), (OTHER_COMPANY, OTHER_USERS))
        for email, (_, role) in users.items()
    ]
    lines = [f"  {email:<30} {role:<8} {company}" for email, role, company in people]
    return "\n".join([f"Sign in with the password {PASSWORD}:", *lines, ""])
