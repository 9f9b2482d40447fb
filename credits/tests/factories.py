"""Credit notes for tests, built through the services."""

from decimal import Decimal
from typing import Any

from audit.actors import SYSTEM
from credits.documents import credit_note_file
from credits.models import CreditNote
from credits.services import CreditItem, issue_credit_note
from invoices.models import Invoice


def make_credit_note(invoice: Invoice, *quantities: str, **details: Any) -> CreditNote:
    """A credit note over so much of each line of the invoice, in their order ("0": nothing); whole without any."""
    values: dict[str, Any] = {"reason": "Goods came back", **details}
    if not quantities:
        return issue_credit_note(actor=SYSTEM, invoice_id=invoice.pk, whole=True, **values)
    items = [
        CreditItem(line.pk, Decimal(quantity))
        for line, quantity in zip(invoice.lines.all(), quantities, strict=False)
        if Decimal(quantity)
    ]
    return issue_credit_note(actor=SYSTEM, invoice_id=invoice.pk, items=items, **values)


def make_printed_credit_note(invoice: Invoice, *quantities: str) -> CreditNote:
    """The same, and its file is stored."""
    note = make_credit_note(invoice, *quantities)
    credit_note_file(note.pk)
    return note
