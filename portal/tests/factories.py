"""Invoices with a link to their page, built through the services."""

from typing import Any

from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.models import Company
from parties.tests.factories import make_company
from portal.services import create_link
from portal.tokens import token_of


def make_linked(company: Company | None = None, *items: Any, **details: Any) -> Invoice:
    """An issued invoice with a link."""
    invoice = make_issued(company or make_company(), *items, **details)
    create_link(actor=SYSTEM, invoice_id=invoice.pk)
    return invoice


def page_of(invoice: Invoice) -> str:
    """The path of the invoice's page, whether its link is good or not."""
    return f"/i/{token_of_invoice(invoice)}"


def token_of_invoice(invoice: Invoice) -> str:
    """The token of the invoice's link as it is now."""
    link = type(invoice).objects.get(pk=invoice.pk).link
    return token_of(link.pk, link.nonce)
