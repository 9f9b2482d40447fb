"""The demo data: two companies and a year of trade up to today, the same wherever they are made on the same day.

What happens is planned first (``demo_plan``), then done through the services in the order of its dates, as
people would have done it. Nothing here writes a row itself.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from accounts.services import grant_role
from audit.actors import Actor, SystemActor
from audit.services import recording
from core.money import minor_units, quantize
from fintrack.demo_data import DEMO_COMPANY, OTHER_COMPANY, Buyer
from fintrack.demo_plan import PlannedInvoice, plan_other, plan_year
from invoices.models import OPEN_STATUSES, Invoice
from invoices.recurring.services import create_recurring
from invoices.services import Item, create_draft, issue_invoice
from parties.models import Company
from parties.services import create_company, create_customer
from payments.services import apply_payment
from portal.models import InvoiceLink
from portal.services import create_link

ACTOR = SystemActor("system:demo")
PASSWORD = "fintrack-demo"  # noqa: S105  # known to everybody: the demo is refused with DEBUG off
DOMAIN = "demo.fintrack.test"
DEMO_USERS: Mapping[str, tuple[str, str]] = {
    f"admin@{DOMAIN}": ("Ayanda Nkosi", Role.ADMIN),
    f"finance@{DOMAIN}": ("Johan Botha", Role.FINANCE),
    f"viewer@{DOMAIN}": ("Priya Govender", Role.VIEWER),
    f"auditor@{DOMAIN}": ("Sipho Khumalo", Role.AUDITOR),
}
RECURRING_BUYER = "Umhlanga Family Practice"
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
    let_recur(users[f"finance@{DOMAIN}"], demo)
    create_link(actor=users[f"finance@{DOMAIN}"], invoice_id=invoice_to_show(demo).pk)
    other = create_company(actor=ACTOR, **OTHER_COMPANY)
    users = make_users(other, OTHER_USERS)
    trade(users[f"other@{DOMAIN}"], other, plan_other(other.today()))


def invoice_to_show(company: Company) -> Invoice:
    """The invoice whose page for the customer is shown: one that is paid in part, if there is one."""
    by_interest = Invoice.objects.filter(company=company, status__in=OPEN_STATUSES).order_by("-paid", "-due_date", "id")
    return by_interest[0]


def link_to_show() -> InvoiceLink | None:
    """The link that the demo made, unless it was revoked."""
    company = DEMO_COMPANY["name"]
    return InvoiceLink.objects.filter(company__name=company, revoked_at=None).order_by("id").first()


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


def let_recur(actor: Actor, company: Company) -> None:
    """A service that is billed every month from the first of the next one on, as a draft to be looked at."""
    today = company.today()
    create_recurring(
        actor=actor,
        company=company,
        customer_id=company.customers.get(name=RECURRING_BUYER).pk,
        name=f"Support, {RECURRING_BUYER}",
        start_date=(today.replace(day=1) + timedelta(days=31)).replace(day=1),
        items=[Item("Support and maintenance, {month} {year}", Decimal(1), Decimal("4850.00"))],
    )


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
