"""A credit note as a page to print or to send: the parties as the invoice froze them, what is credited, and why.

It follows from the note and its invoice, neither of which changes: the same note gives the same bytes. In South Africa
it is a tax credit note (VAT Act 89 of 1991, section 21(3): the words, both parties, the invoice, the reason, and the
amounts by which value and tax are reduced).
"""

from collections.abc import Mapping
from typing import Any

from credits.models import CreditNote
from invoices.legal import needs_english_words
from invoices.models import Invoice
from invoices.pdf import seller_of, vat_group, vat_mark
from invoices.sheet import Style, printed, table
from invoices.words import words_of


def credit_note_pdf(note: CreditNote) -> bytes:
    """The note as a PDF. It was read with its lines and its invoice."""
    seller = seller_of(note.invoice)
    return printed(credit_note_page(note, seller), seller, company_id=note.company_id, dated=note.issue_date)


def credit_note_page(note: CreditNote, seller: Mapping[str, Any]) -> dict[str, Any]:
    """All that the page shows, as texts."""
    style = Style(seller)
    words, formats = style.words, style.formats
    invoice: Invoice = note.invoice
    return {
        **style.frame(),
        "title": _title(style),
        "subtitle": _subtitle(style),
        "name": note.number,
        "stamp": "",
        "buyer": style.buyer("customer", invoice.buyer_details),
        "facts": [
            [words["credit_note_number"], note.number],
            [words["credit_note_date"], formats.day(note.issue_date)],
            [words["corrects"], f"{invoice.number}, {formats.short_day(invoice.issue_date)}"],
            [words["currency"], note.currency],
        ],
        "table": _lines(note, style),
        "breakdown": _breakdown(note, style),
        "totals": _totals(note, style),
        "payments": None,
        "bank": None,
        "notes": [f"{words['reason']}: {note.reason}"],
        "cancellation": None,
    }


def _title(style: Style) -> str:
    return style.words["tax_credit_note" if needs_english_words(style.seller) else "credit_note"]


def _subtitle(style: Style) -> str:
    """The words that the law wants in English, below a title in another language."""
    english = words_of("en")["tax_credit_note"]
    return english if needs_english_words(style.seller) and _title(style) != english else ""


def _lines(note: CreditNote, style: Style) -> dict[str, Any]:
    words, formats = style.words, style.formats
    rows = [
        [
            item.description,
            formats.number(item.quantity),
            vat_mark(style, item),
            formats.money(item.line_total, item.currency),
        ]
        for item in note.items.all()
    ]
    return table([words[name] for name in ("description", "quantity", "vat", "net")], rows)


def _breakdown(note: CreditNote, style: Style) -> dict[str, Any]:
    words, money = style.words, style.formats.money
    rows = [
        [vat_group(style, group), money(group.taxable_amount, group.currency), money(group.vat_amount, group.currency)]
        for group in note.vat_breakdown
    ]
    return {"labels": [words["vat"], words["taxable_amount"], words["vat_amount"]], "rows": rows}


def _totals(note: CreditNote, style: Style) -> list[dict[str, Any]]:
    """From the lines to what is credited, and what becomes of it."""
    amount, currency = style.amount, note.currency
    rows = []
    if note.discount_total:
        rows += [amount("lines", note.lines_total, currency), amount("discount", -note.discount_total, currency)]
    rows += [
        amount("subtotal", note.subtotal, currency),
        amount("vat", note.vat_total, currency),
        amount("credited_total", note.total, currency, is_strong=True),
    ]
    if note.credited:
        rows += [
            amount("applied_to_invoice", note.applied, currency),
            amount("left_as_credit", note.credited, currency),
        ]
    return rows
