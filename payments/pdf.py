"""A receipt for a payment, and a note for a refund or a reversal, as a page to print or to send.

It follows from the entry, which never changes, and from the parties as the invoice froze them at issue: the same
entry gives the same bytes.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone

from core.errors import NotFound
from core.money import ZERO
from invoices.models import Invoice
from invoices.pdf import seller_of
from invoices.sheet import Style, printed
from payments.ledger import MONEY_KINDS, Kind
from payments.models import Payment

TITLES = {Kind.PAYMENT: "receipt", Kind.REFUND: "refund_note", Kind.REVERSAL: "reversal_note"}
AMOUNTS = {Kind.PAYMENT: "received", Kind.REFUND: "given_back", Kind.REVERSAL: "reversed"}
FILE_STEMS = {Kind.PAYMENT: "receipt", Kind.REFUND: "refund", Kind.REVERSAL: "reversal"}


class NoReceipt(NotFound):
    """No money moved."""

    default_detail = "A receipt is of money that moved. A credit note has a document of its own."


def payment_pdf(entry: Payment) -> bytes:
    """The entry as a PDF, dated by the day on which the money moved. It was read with its invoice's document.

    Raises NoReceipt where no money moved.
    """
    if entry.kind not in MONEY_KINDS:
        raise NoReceipt
    invoice = entry.invoice
    seller = seller_of(invoice)
    day = timezone.localtime(entry.paid_at, invoice.company.zone).date()
    return printed(receipt_page(entry, invoice, seller), seller, company_id=invoice.company_id, dated=day)


def payment_pdf_name(entry: Payment) -> str:
    """The name of the file: what the entry is, and its id."""
    return f"{FILE_STEMS[Kind(entry.kind)]}-{entry.pk}.pdf"


def receipt_page(entry: Payment, invoice: Invoice, seller: Mapping[str, Any]) -> dict[str, Any]:
    """All that the page shows, as texts."""
    style = Style(seller)
    words, formats, amount = style.words, style.formats, style.amount
    day = timezone.localtime(entry.paid_at, invoice.company.zone).date()
    before = invoice.total - _paid_before(entry, invoice)
    facts = [
        [words["number"], str(entry.pk)],
        [words["date"], formats.day(day)],
        [words["invoice_number"], str(invoice.number)],
        [words["method"], words[f"method_{entry.method}"]],
    ]
    if entry.reference:
        facts.append([words["reference"], entry.reference])
    return {
        **style.frame(),
        "title": words[TITLES[Kind(entry.kind)]],
        "subtitle": "",
        "name": f"{invoice.number} / {entry.pk}",
        "stamp": "",
        "buyer": style.buyer("customer", invoice.buyer_details),
        "facts": facts,
        "table": None,
        "breakdown": None,
        "totals": [
            amount("total", invoice.total, invoice.currency),
            amount("outstanding_before", before, invoice.currency),
            amount(AMOUNTS[Kind(entry.kind)], abs(entry.amount), invoice.currency, is_strong=True),
            amount("outstanding_after", before - entry.amount, invoice.currency),
        ],
        "payments": None,
        "bank": None,
        "notes": [],
        "cancellation": None,
    }


def _paid_before(entry: Payment, invoice: Invoice) -> Decimal:
    """What the entries booked before this one come to."""
    return sum((other.amount for other in invoice.payments.all() if other.pk < entry.pk), ZERO)
