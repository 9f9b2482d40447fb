"""An invoice as a page to print or to send: the invoice, then the texts that the page shows, then a PDF.

The page shows texts that are final: formatted here, laid out by the template, which knows no rule and no word of its
own. It is rendered from the invoice as it is: an issued one with both parties as they were at issue.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from django.utils import dateformat, timezone

from core.money import grouped_money, grouped_text, percent_text, plain_text, price_text
from core.typesetting import typeset
from invoices.models import Invoice, InvoiceLine
from invoices.totals import VatBreakdown, VatCategory

TEMPLATE = Path(__file__).parent / "templates" / "invoices" / "invoice.typ"
MINUS = "\u2212"
FIGURES_BESIDE_DESCRIPTION = 56
"""How many characters the columns of figures take at most, for a description to stand beside them on A4."""

Row = list[str]


def invoice_pdf(invoice: Invoice) -> bytes:
    """The invoice as a PDF on A4. The same invoice gives the same bytes. It was read with its lines."""
    return typeset(TEMPLATE, page_of(invoice), dated=invoice.issue_date)


def pdf_name(invoice: Invoice) -> str:
    """The name of the file: its number, or which draft it is."""
    return f"{invoice.number or f'draft-{invoice.pk}'}.pdf"


def page_of(invoice: Invoice) -> dict[str, Any]:
    """All that the page shows, as texts."""
    seller, buyer = invoice.seller_details, invoice.buyer_details
    return {
        "language": "en",
        "title": "Tax invoice" if seller["vatNumber"] else "Invoice",
        "name": str(invoice),
        "stamp": _stamp(invoice),
        "seller": _party(seller),
        "buyer": {"heading": "Bill to", **_party(buyer)},
        "facts": _facts(invoice),
        "lines": _lines(invoice),
        "breakdown": _breakdown(invoice),
        "totals": _totals(invoice),
        "notes": _notes(invoice),
        "page": {"before": "Page", "between": "of"},
    }


def date_text(day: date) -> str:
    """A day as people read it, the same everywhere: "1 March 2026"."""
    return dateformat.format(day, "j F Y")


def _stamp(invoice: Invoice) -> str:
    """What is written across the page."""
    if invoice.cancelled_at:
        return "CANCELLED"
    return "" if invoice.issued_at else "DRAFT"


def _party(details: Mapping[str, Any]) -> dict[str, Any]:
    """Name and lines of an address; what is empty is left out."""
    town = f"{details['postalCode']} {details['city']}".strip()
    address = [details["addressLine1"], details["addressLine2"], town, details["countryCode"]]
    identifiers = [
        f"{label} {details[name]}"
        for label, name in (("VAT number", "vatNumber"), ("Registration", "registrationNumber"))
        if details.get(name)
    ]
    lines = [*address, *identifiers, details["email"], details["phone"]]
    return {"name": details["name"], "lines": [line for line in lines if line]}


def _facts(invoice: Invoice) -> list[Row]:
    """The facts beside the buyer: label and value."""
    facts = [["Invoice number", invoice.number]] if invoice.number else []
    facts += [
        ["Issue date", date_text(invoice.issue_date)],
        ["Due date", date_text(invoice.due_date)],
        ["Currency", invoice.currency],
    ]
    if invoice.cancelled_at:
        facts.append(["Cancelled", date_text(timezone.localtime(invoice.cancelled_at, invoice.company.zone).date())])
    return facts


def _lines(invoice: Invoice) -> dict[str, Any]:
    """The table of lines: a description and columns of figures. `stacked` puts long figures below the description."""
    lines = list(invoice.lines.all())
    columns = {
        "Description": [line.description for line in lines],
        "Quantity": [grouped_text(plain_text(line.quantity)) for line in lines],
        "Unit price": [price_text(line.unit_price, line.currency) for line in lines],
        "Discount": [_discount_text(line) for line in lines],
        "VAT": [_vat_mark(line.vat_category, line) for line in lines],
        **_line_amounts(lines, has_gross=invoice.prices_include_vat),
    }
    if not any(columns["Discount"]):
        del columns["Discount"]
    figures = list(columns.items())[1:]
    return {
        "labels": list(columns),
        "rows": [list(row) for row in zip(*columns.values(), strict=True)],
        "stacked": sum(_width(label, cells) for label, cells in figures) > FIGURES_BESIDE_DESCRIPTION,
        "none": "No lines yet.",
    }


def _line_amounts(lines: Sequence[InvoiceLine], *, has_gross: bool) -> dict[str, Row]:
    """The columns of what the lines come to, before the document discount: net, and gross where prices include VAT."""
    nets = [grouped_money(line.line_total, line.currency) for line in lines]
    if not has_gross:
        return {"Amount": nets}
    return {"Net": nets, "Gross": [grouped_money(line.line_gross or line.line_total, line.currency) for line in lines]}


def _width(label: str, cells: Sequence[str]) -> int:
    """How many characters wide a column is."""
    return max(len(text) for text in (label, *cells))


def _discount_text(line: InvoiceLine) -> str:
    """The discount of a line as it was agreed, or nothing."""
    if line.discount_percent:
        return f"{plain_text(line.discount_percent)} %"
    return grouped_money(line.discount_amount, line.currency) if line.discount_amount else ""


def _vat_mark(category: str, taxed: InvoiceLine | VatBreakdown) -> str:
    """The rate, or the code of why there is none, which the breakdown explains."""
    has_rate = category in (VatCategory.STANDARD, VatCategory.ZERO)
    return percent_text(taxed.vat_rate) if has_rate else category


def _breakdown(invoice: Invoice) -> dict[str, Any]:
    """VAT by category and rate."""
    rows = [
        [
            _vat_group(group),
            grouped_money(group.taxable_amount, group.currency),
            grouped_money(group.vat_amount, group.currency),
        ]
        for group in invoice.vat_breakdown
    ]
    return {"labels": ["VAT", "Taxable amount", "VAT amount"], "rows": rows}


def _vat_group(group: VatBreakdown) -> str:
    """A category in words, as the law wants it where no VAT is charged: "AE: reverse charge"."""
    mark = _vat_mark(group.vat_category, group)
    return str(VatCategory(group.vat_category).label) if mark == group.vat_category else mark


def _totals(invoice: Invoice) -> list[dict[str, Any]]:
    """From the lines to what is still to be paid; a cancelled invoice ends with its total."""
    rows = [
        *_discount_rows(invoice),
        _sum(invoice, "Subtotal", "subtotal"),
        _sum(invoice, "VAT", "vat_total"),
        _sum(invoice, f"Total {invoice.currency}", "total", is_strong=True),
    ]
    if not invoice.cancelled_at:
        rows += [_sum(invoice, "Paid", "paid"), _sum(invoice, "Outstanding", "still_owed", is_strong=True)]
    return rows


def _discount_rows(invoice: Invoice) -> list[dict[str, Any]]:
    """What the lines come to and what the document discount takes off, where there is one; both net."""
    if not invoice.discount_total:
        return []
    percent = f" {plain_text(invoice.discount_percent)} %" if invoice.discount_percent else ""
    discount = _sum(invoice, f"Discount{percent}", "discount_total")
    return [_sum(invoice, "Lines", "lines_total"), {**discount, "amount": f"{MINUS}{discount['amount']}"}]


def _sum(invoice: Invoice, label: str, name: str, *, is_strong: bool = False) -> dict[str, Any]:
    amount = grouped_money(getattr(invoice, name), invoice.currency)
    return {"label": label, "amount": amount, "strong": is_strong}


def _notes(invoice: Invoice) -> list[str]:
    """Sentences below the table."""
    notes = {
        "Prices include VAT: unit prices and discounts of lines are gross, the subtotal is net.": (
            invoice.prices_include_vat
        ),
        "This is a draft, not an invoice: it has no number yet, and all of it may change.": not (
            invoice.issued_at or invoice.cancelled_at
        ),
        "This document was cancelled: nothing is to be paid.": invoice.cancelled_at is not None,
    }
    return [note for note, applies in notes.items() if applies]
