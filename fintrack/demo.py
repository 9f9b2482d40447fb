"""The demo data: two companies and a year of trade up to today, the same wherever they are made on the same day.

What happens is planned first (``demo_plan``), then done through the services in the order of its dates, as
people would have done it. Nothing here writes a row itself.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from accounts.services import grant_role
from audit.actors import Actor, SystemActor
from audit.services import recording
from core.money import minor_units, quantize
from fintrack.demo_data import DEMO_COMPANY, OTHER_COMPANY, Buyer
from fintrack.demo_plan import PlannedInvoice, plan_other, plan_year
from invoices.models import Invoice
from invoices.services import create_draft, issue_invoice
from parties.models import Company
from parties.services import create_company, create_customer
from payments.services import apply_payment

ACTOR = SystemActor("system:demo")
PASSWORD = "fintrack-demo"  # noqa: S105  # known to everybody: the demo is refused with DEBUG off
DOMAIN = "demo.fintrack.test"
DEMO_USERS: Mapping[str, tuple[str, str]] = {
    f"admin@{DOMAIN}": ("Ayanda Nkosi", Role.ADMIN),
    f"finance@{DOMAIN}": ("Johan Botha", Role.FINANCE),
    f"viewer@{DOMAIN}": ("Priya Govender", Role.VIEWER),
    f"auditor@{DOMAIN}": ("Sipho Khumalo", Role.AUDITOR),
}
OTHER_USERS: Mapping[str, tuple[str, str]] = {f"other@{DOMAIN}": ("Anna Schneider", Role.FINANCE)}


def demo_exists() -> bool:
    """Whether the demo was made here before."""
    return User.objects.filter(email__in=DEMO_USERS).exists()


@transaction.atomic
def make_demo() -> None:
    """Both companies with their users, customers, invoices and payments; all of it or nothing."""
    demo = create_company(actor=ACTOR, **DEMO_COMPANY)
    users = make_users(demo, DEMO_USERS)
    trade(users[f"finance@{DOMAIN}"], demo, plan_year(demo.today()))
    other = create_company(actor=ACTOR, **OTHER_COMPANY)
    users = make_users(other, OTHER_USERS)
    trade(users[f"other@{DOMAIN}"], other, plan_other(other.today()))


def make_users(company: Company, people: Mapping[str, tuple[str, str]]) -> dict[str, User]:
    """The users by e-mail. Their password is none that a person could choose: it resembles the address."""
    users = {}
    for email, (full_name, role) in people.items():
        with recording(actor=ACTOR, action="user.created", company_id=company.pk):
            users[email] = User.objects.create_user(email, PASSWORD, full_name=full_name)
            grant_role(actor=ACTOR, user=users[email], company=company, role=role)
    return users


def trade(actor: Actor, company: Company, plan: Sequence[PlannedInvoice]) -> None:
    """Do what was planned, day by day: draft and issue (step 0 of an invoice), book its payments (steps 1 and 2)."""
    customers = {buyer: make_customer(actor, company, buyer) for buyer in dict.fromkeys(row.buyer for row in plan)}
    steps: list[tuple[date, int, int]] = []
    for position, row in enumerate(plan):
        days = [row.issue_date, *(payment.day for payment in row.payments)]
        steps.extend((day, position, step) for step, day in enumerate(days))
    invoices: dict[int, Invoice] = {}
    for _, position, step in sorted(steps):
        row = plan[position]
        if step == 0:
            invoices[position] = make_invoice(actor, company, customers[row.buyer], row)
        else:
            book_payment(actor, invoices[position], row, step)


def make_customer(actor: Actor, company: Company, buyer: Buyer) -> int:
    """The id of a new customer."""
    return create_customer(
        actor=actor,
        company=company,
        name=buyer.name,
        vat_number=buyer.vat_number,
        email=buyer.email,
        phone=buyer.phone,
        address_line_1=buyer.street,
        address_line_2=buyer.suburb,
        city=buyer.city,
        postal_code=buyer.postal_code,
        country_code=buyer.country,
    ).pk


def make_invoice(actor: Actor, company: Company, customer_id: int, row: PlannedInvoice) -> Invoice:
    """A draft, issued where that is planned."""
    invoice = create_draft(
        actor=actor,
        company=company,
        customer_id=customer_id,
        items=row.items,
        issue_date=row.issue_date,
        due_date=row.due_date,
        prices_include_vat=row.prices_include_vat,
    )
    return issue_invoice(actor=actor, invoice_id=invoice.pk) if row.issued else invoice


def book_payment(actor: Actor, invoice: Invoice, row: PlannedInvoice, number: int) -> None:
    """The payment of that number; the one that completes the whole takes what is left, to the cent."""
    decimals = minor_units(invoice.currency)
    amounts = [quantize(invoice.total * payment.share, decimals=decimals) for payment in row.payments]
    if row.paid_in_full:
        amounts[-1] = invoice.total - sum(amounts[:-1])
    payment = row.payments[number - 1]
    apply_payment(
        actor=actor,
        invoice_id=invoice.pk,
        amount=amounts[number - 1],
        method=payment.method,
        reference=f"{invoice.number}" if payment.share == 1 else f"{invoice.number} part {number}",
        paid_at=datetime.combine(payment.day, time(payment.hour), tzinfo=invoice.company.zone),
    )
