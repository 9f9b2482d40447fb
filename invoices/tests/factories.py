"""Invoices for tests, built through the services."""

from datetime import date
from decimal import Decimal
from typing import Any

from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.services import create_recurring
from invoices.services import Item, create_draft, issue_invoice
from parties.models import Company, Customer
from parties.tests.factories import make_customer

RATE_BY_HAND = Decimal("20.5")


def make_item(unit_price: str = "100", quantity: str = "1", vat_rate: str | None = None, **details: Any) -> Item:
    """A line; at the company's rate unless another is given."""
    rate = None if vat_rate is None else Decimal(vat_rate)
    return Item(details.pop("description", "Work"), Decimal(quantity), Decimal(unit_price), rate, **details)


def make_draft(company: Company, *items: Item, customer: Customer | None = None, **details: Any) -> Invoice:
    """A draft of `company` with the given lines (one of 100.00 at its rate, where none is given)."""
    buyer = customer or make_customer(company)
    return create_draft(actor=SYSTEM, company=company, customer_id=buyer.pk, items=items or [make_item()], **details)


def make_issued(company: Company, *items: Item, **details: Any) -> Invoice:
    """An issued invoice of `company`; in another currency than its own at the rate of RATE_BY_HAND."""
    draft = make_draft(company, *items, **details)
    rate = None if draft.currency == company.currency else RATE_BY_HAND
    return issue_invoice(actor=SYSTEM, invoice_id=draft.pk, exchange_rate=rate)


def make_recurring(
    company: Company, *items: Item, customer: Customer | None = None, **details: Any
) -> RecurringInvoice:
    """A recurring invoice of `company` with the given lines (one of 100.00), each month from 2026-01-31 on."""
    buyer = customer or make_customer(company)
    values = {"name": "Rent", "start_date": date(2026, 1, 31), **details}
    return create_recurring(actor=SYSTEM, company=company, customer_id=buyer.pk, items=items or [make_item()], **values)
