"""Valid rows for tests, built through the services: a fixture is never a state that the program cannot reach."""

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import User
from accounts.services import create_user, grant_role
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.services import Item, create_draft, issue_invoice
from parties.models import Company, Customer
from parties.services import create_company, create_customer

PASSWORD = "correct-horse-battery"  # noqa: S105  # a password of test users only

_numbers = count(1)


def make_company(**details: Any) -> Company:
    """A ZAR company in Johannesburg, registered for VAT at 15 %."""
    values: dict[str, Any] = {
        "name": f"Company {next(_numbers)}",
        "currency": "ZAR",
        "time_zone": "Africa/Johannesburg",
        "vat_number": "4123456789",
        "default_vat_rate": Decimal("0.15"),
    }
    return create_company(actor=SYSTEM, **values | details)


def make_user(role: str | None = "Finance", company: Company | None = None, **details: Any) -> User:
    """A user with `role` in `company` (a new one where none is given); with no role at all for None."""
    memberships = {} if role is None else {company or make_company(): role}
    values: dict[str, Any] = {"email": f"user{next(_numbers)}@example.test", "password": PASSWORD}
    return create_user(actor=SYSTEM, memberships=memberships, **values | details)


def add_role(user: User, company: Company, role: str) -> User:
    """`user` with a role in one more company, its cached roles forgotten."""
    grant_role(actor=SYSTEM, user=user, company=company, role=role)
    return User.objects.get(pk=user.pk)


def make_customer(company: Company, **details: Any) -> Customer:
    """A customer of `company`."""
    return create_customer(actor=SYSTEM, company=company, **{"name": f"Customer {next(_numbers)}"} | details)


def make_item(unit_price: str = "100", quantity: str = "1", vat_rate: str | None = None, **details: Any) -> Item:
    """A line; at the company's rate unless another is given."""
    rate = None if vat_rate is None else Decimal(vat_rate)
    return Item(details.pop("description", "Work"), Decimal(quantity), Decimal(unit_price), rate, **details)


def make_draft(company: Company, *items: Item, customer: Customer | None = None, **details: Any) -> Invoice:
    """A draft of `company` with the given lines (one of 100.00 at its rate, where none is given)."""
    buyer = customer or make_customer(company)
    return create_draft(actor=SYSTEM, company=company, customer_id=buyer.pk, items=items or [make_item()], **details)


def make_issued(company: Company, *items: Item, issue_date: date | None = None, **details: Any) -> Invoice:
    """An issued invoice of `company`."""
    draft = make_draft(company, *items, issue_date=issue_date, **details)
    return issue_invoice(actor=SYSTEM, invoice_id=draft.pk)
