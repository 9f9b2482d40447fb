"""The texts of the customer's page: those of the document, how the invoice stands today, and how to pay it."""

import base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone

from core.money import ZERO
from invoices.models import OPEN_STATUSES, Invoice
from invoices.pdf import InvoiceSheet, seller_of
from invoices.sheet import Style
from parties.selectors import logo_of
from portal.pay import pay_buttons
from portal.standing import standing_of
from portal.words import page_words


def page_context(invoice: Invoice, address_of_note: Callable[[int], str]) -> dict[str, Any]:
    """All that the page shows of an issued invoice, read as `invoice_document` does.

    `address_of_note` says where the file of a credit note is, by the note's id.
    Of what the company keeps for itself (reasons, metadata, who did what) there is nothing.
    """
    style, today = Style(seller_of(invoice)), invoice.company.today()
    words, money = page_words(style.language), style.formats.money
    sheet = InvoiceSheet(invoice, style, today).page()
    is_open = invoice.status in OPEN_STATUSES
    return {
        **sheet,
        "words": words,
        "number": invoice.number,
        "logo": _logo(invoice, style),
        "standing": standing_of(
            invoice.status, invoice.due_date, today=today, words=words, was_charged=invoice.paid > 0
        ),
        "is_open": is_open,
        "headline": {
            "label": words[_headline(invoice)],
            "currency": invoice.currency,
            "amount": money(_figure(invoice), invoice.currency),
        },
        "due_date": style.formats.day(invoice.due_date),
        "lines": _rows(sheet["table"]),
        "vat_rows": _rows(sheet["breakdown"]),
        "entries": _entries(invoice, style, words),
        "credit_notes": _credit_notes(invoice, style, address_of_note),
        "bank": sheet["bank"] if is_open else None,
        "buttons": pay_buttons(invoice, style.language),
    }


def _headline(invoice: Invoice) -> str:
    """What the big figure is."""
    if invoice.status in OPEN_STATUSES:
        return "amount_due"
    return "amount" if invoice.cancelled_at else "amount_paid"


def _figure(invoice: Invoice) -> Decimal:
    """The big figure: what is owed, what was paid, or what the cancelled document was over."""
    if invoice.status in OPEN_STATUSES:
        return invoice.still_owed
    return invoice.total if invoice.cancelled_at else invoice.paid


def _rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each row's first cell, and the others with their labels: on a telephone these stand below the first."""
    return [
        {"first": first, "others": list(zip(table["labels"][1:], others, strict=True))}
        for first, *others in table["rows"]
    ]


def _entries(invoice: Invoice, style: Style, words: Mapping[str, str]) -> list[dict[str, Any]]:
    """What was paid and given back, the oldest first."""
    return [
        {
            "day": style.formats.day(timezone.localtime(entry.paid_at, invoice.company.zone).date()),
            "what": words[entry.kind.lower()],
            "method": words[f"method_{entry.method}"] if entry.method else "",
            "reference": entry.reference,
            "amount": style.formats.money(entry.amount, entry.currency),
            "is_back": entry.amount < ZERO,
        }
        for entry in reversed(invoice.payments.all())
    ]


def _credit_notes(invoice: Invoice, style: Style, address_of_note: Callable[[int], str]) -> list[dict[str, Any]]:
    """The credit notes, the oldest first; there are none of an invoice without entries."""
    notes = invoice.credit_notes.order_by("id") if invoice.entry_count else []
    return [
        {
            "number": note.number,
            "day": style.formats.day(note.issue_date),
            "amount": style.formats.money(note.total, note.currency),
            "address": address_of_note(note.pk),
        }
        for note in notes
    ]


def _logo(invoice: Invoice, style: Style) -> str:
    """The logo of the document, inside the address that an image is fetched from: nothing else has to be reachable."""
    logo = logo_of(invoice.company_id, style.seller.get("logoSha256", ""))
    return f"data:{logo.media_type};base64,{base64.b64encode(bytes(logo.content)).decode()}" if logo else ""
