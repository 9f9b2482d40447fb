"""An invoice as a page to print or to send: the invoice, then the texts that the page shows, then a PDF.

An issued invoice shows what was frozen at issue and nothing that came later, so that it is the same whenever it is
printed. What has been paid stands on a copy that says of which day it is, and on statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from django.utils import timezone

from invoices.legal import article_of, is_tax_invoice, missing_particulars, needs_english_words
from invoices.models import Invoice, InvoiceLine
from invoices.sheet import Row, Style, printed, table
from invoices.totals import VatBreakdown, VatCategory
from invoices.words import words_of
from parties.selectors import seller_as_issued

RATED = frozenset({VatCategory.STANDARD, VatCategory.ZERO})
BANK_ROWS = (
    ("account_holder", "accountHolder"),
    ("bank", "bankName"),
    ("IBAN", "iban"),
    ("BIC", "bic"),
    ("account_number", "accountNumber"),
    ("branch_code", "branchCode"),
)


def invoice_pdf(invoice: Invoice, *, paid_on: date | None = None) -> bytes:
    """The invoice as a PDF, read with its lines. The same invoice gives the same bytes.

    With `paid_on` (today, where the company is) it is a copy with the payments made until now; it was read with them.
    """
    seller = seller_of(invoice)
    sheet = page_of(invoice, seller, paid_on=paid_on)
    return printed(sheet, seller, company_id=invoice.company_id, dated=invoice.issue_date)


def pdf_name(invoice: Invoice) -> str:
    """The name of the file: its number, or which draft it is."""
    return f"{invoice.number or f'draft-{invoice.pk}'}.pdf"


def seller_of(invoice: Invoice) -> Mapping[str, Any]:
    """The company as the document shows it: as it was at issue, or as it would be issued now."""
    frozen: Mapping[str, Any] | None = invoice.seller
    return frozen or seller_as_issued(invoice.company, invoice.customer, invoice.currency)


def page_of(invoice: Invoice, seller: Mapping[str, Any], *, paid_on: date | None = None) -> dict[str, Any]:
    """All that the page shows, as texts."""
    return InvoiceSheet(invoice, Style(seller), paid_on).page()


@dataclass(frozen=True)
class InvoiceSheet:
    """The texts of one invoice in one style."""

    invoice: Invoice
    style: Style
    paid_on: date | None

    def page(self) -> dict[str, Any]:
        """All of them."""
        invoice, words = self.invoice, self.style.words
        return {
            **self.style.frame(),
            "title": self._title(),
            "subtitle": self._subtitle(),
            "name": self.invoice.number or f"{words['draft']} {invoice.pk}",
            "stamp": self._stamp(),
            "buyer": self.style.buyer("bill_to", invoice.buyer_details),
            "facts": self._facts(),
            "table": self._lines(),
            "breakdown": self._breakdown(),
            "totals": self._totals(),
            "payments": self._payments(),
            "bank": self._bank(),
            "notes": self._notes(),
            "cancellation": self._cancellation(),
        }

    def _title(self) -> str:
        return self.style.words["tax_invoice" if is_tax_invoice(self.style.seller) else "invoice"]

    def _subtitle(self) -> str:
        """The words that the law wants in English, below a title in another language; or which copy it is."""
        if self.paid_on:
            return self.style.words["copy"].format(self.style.formats.day(self.paid_on))
        english = words_of("en")["tax_invoice"]
        return english if needs_english_words(self.style.seller) and self._title() != english else ""

    def _stamp(self) -> str:
        """What is written across the page."""
        if self.invoice.cancelled_at:
            return self.style.words["stamp_cancelled"]
        return "" if self.invoice.issued_at else self.style.words["stamp_draft"]

    def _facts(self) -> list[Row]:
        """The facts beside the buyer: label and value."""
        invoice, words, formats = self.invoice, self.style.words, self.style.formats
        facts = [[words["invoice_number"], invoice.number]] if invoice.number else []
        return [
            *facts,
            [words["issue_date"], formats.day(invoice.issue_date)],
            [words["due_date"], formats.day(invoice.due_date)],
            [words["currency"], invoice.currency],
        ]

    def _lines(self) -> dict[str, Any]:
        """The table of lines."""
        words, formats = self.style.words, self.style.formats
        lines = list(self.invoice.lines.all())
        columns = {
            "description": [line.description for line in lines],
            "quantity": [formats.number(line.quantity) for line in lines],
            "unit_price": [formats.price(line.unit_price, line.currency) for line in lines],
            "discount": [self._discount(line) for line in lines],
            "vat": [vat_mark(self.style, line) for line in lines],
            **self._line_amounts(lines),
        }
        if not any(columns["discount"]):
            del columns["discount"]
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return table([words[name] for name in columns], rows, none=words["no_lines"])

    def _line_amounts(self, lines: Sequence[InvoiceLine]) -> dict[str, Row]:
        """What the lines come to, before the document discount: net, and gross where prices include VAT."""
        money, currency = self.style.formats.money, self.invoice.currency
        nets = [money(line.line_total, currency) for line in lines]
        if not self.invoice.prices_include_vat:
            return {"amount": nets}
        return {"net": nets, "gross": [money(line.line_gross or line.line_total, currency) for line in lines]}

    def _discount(self, line: InvoiceLine) -> str:
        """The discount of a line as it was agreed, or nothing."""
        if line.discount_percent:
            return self.style.formats.percent(line.discount_percent / 100)
        return self.style.formats.money(line.discount_amount, line.currency) if line.discount_amount else ""

    def _breakdown(self) -> dict[str, Any]:
        """VAT by category and rate."""
        words, money = self.style.words, self.style.formats.money
        rows = [
            [
                vat_group(self.style, group),
                money(group.taxable_amount, group.currency),
                money(group.vat_amount, group.currency),
            ]
            for group in self.invoice.vat_breakdown
        ]
        return {"labels": [words["vat"], words["taxable_amount"], words["vat_amount"]], "rows": rows}

    def _totals(self) -> list[dict[str, Any]]:
        """From the lines to what is to be paid."""
        invoice, amount, currency = self.invoice, self.style.amount, self.invoice.currency
        rows = [
            *self._discount_rows(),
            amount("subtotal", invoice.subtotal, currency),
            amount("vat", invoice.vat_total, currency),
            amount("total", invoice.total, currency, is_strong=True),
            *self._company_vat_rows(),
        ]
        if self.paid_on and not invoice.cancelled_at:
            rows.append(amount("paid", invoice.paid, currency))
            if invoice.credited:
                rows.append(amount("credited", invoice.credited, currency))
            rows.append(amount("outstanding", invoice.still_owed, currency, is_strong=True))
        return rows

    def _company_vat_rows(self) -> list[dict[str, Any]]:
        """The VAT in the company's currency, where VAT is charged in another (EN 16931, BT-111)."""
        worth = self.invoice.company_vat
        return [self.style.amount("vat_in", worth.amount, worth.currency)] if worth and self.invoice.vat_total else []

    def _exchange_note(self) -> str:
        """At which rate that is; nothing where there is none."""
        worth = self.invoice.company_vat
        if worth is None or not self.invoice.vat_total:
            return ""
        formats = self.style.formats
        rate = formats.number(worth.exchange_rate)
        note = self.style.words["note_exchange_rate"]
        return note.format(formats.day(worth.date), self.invoice.currency, rate, worth.currency)

    def _discount_rows(self) -> list[dict[str, Any]]:
        """What the lines come to and what the document discount takes off, where there is one; both net."""
        invoice = self.invoice
        if not invoice.discount_total:
            return []
        discount = self.style.amount("discount", -invoice.discount_total, invoice.currency)
        if invoice.discount_percent:
            discount["label"] += f" {self.style.formats.percent(invoice.discount_percent / 100)}"
        return [self.style.amount("lines", invoice.lines_total, invoice.currency), discount]

    def _payments(self) -> dict[str, Any] | None:
        """On a copy, the entries that were booked, the oldest first."""
        invoice, words, formats = self.invoice, self.style.words, self.style.formats
        entries = list(reversed(invoice.payments.all())) if self.paid_on else []
        if not entries:
            return None
        rows = [
            [
                formats.day(timezone.localtime(entry.paid_at, invoice.company.zone).date()),
                words[entry.kind.lower()],
                entry.reference,
                formats.money(entry.amount, entry.currency),
            ]
            for entry in entries
        ]
        labels = [words["date"], words["payments"], words["reference"], words["amount"]]
        return {"labels": labels, "rows": rows}

    def _bank(self) -> dict[str, Any] | None:
        """Where to pay; nothing where nothing is to be paid."""
        if self.invoice.cancelled_at or not self.invoice.total:
            return None
        return bank_block(self.style, reference=self.invoice.number or "")

    def _notes(self) -> list[str]:
        """Sentences below the table."""
        invoice, words = self.invoice, self.style.words
        is_draft = not (invoice.issued_at or invoice.cancelled_at)
        missing = self._missing() if is_draft else []
        notes = {
            words["note_prices_include_vat"]: invoice.prices_include_vat,
            (exchange_note := self._exchange_note()): exchange_note,
            words["note_draft"]: is_draft,
            words["note_missing"].format(", ".join(words[name] for name in missing)): missing,
            words["note_cancelled"]: invoice.cancelled_at and not invoice.issued_at,
        }
        return [note for note, applies in notes.items() if applies]

    def _missing(self) -> list[str]:
        return missing_particulars(
            self.style.seller,
            self.invoice.buyer_details,
            total=self.invoice.total,
            currency=self.invoice.currency,
            categories=[group.vat_category for group in self.invoice.vat_breakdown],
        )

    def _cancellation(self) -> dict[str, Any] | None:
        """The page behind an issued invoice that says that it was cancelled. Why is the company's own business."""
        invoice, words, formats = self.invoice, self.style.words, self.style.formats
        if not invoice.cancelled_at or not invoice.issued_at:
            return None
        day = timezone.localtime(invoice.cancelled_at, invoice.company.zone).date()
        return {
            "title": words["cancellation_of"].format(invoice.number),
            "facts": [
                [words["invoice_number"], invoice.number],
                [words["issue_date"], formats.day(invoice.issue_date)],
                [words["total"].format(invoice.currency), formats.money(invoice.total, invoice.currency)],
                [words["cancelled_on"], formats.day(day)],
            ],
            "note": words["note_cancelled"],
        }


class Taxed(Protocol):
    """What has a category and a rate of VAT: a line of a document, or a row of its breakdown."""

    @property
    def vat_category(self) -> str:
        """The code of the category."""
        ...

    @property
    def vat_rate(self) -> Decimal:
        """The rate, a fraction."""
        ...


def vat_mark(style: Style, taxed: Taxed) -> str:
    """The rate, or the code of why there is none, which the breakdown explains."""
    is_rated = taxed.vat_category in RATED
    return style.formats.percent(taxed.vat_rate) if is_rated else str(taxed.vat_category)


def vat_group(style: Style, group: VatBreakdown) -> str:
    """A rate; or why there is no VAT, in words, with the article of the law: "AE: Reverse charge (Art. …)"."""
    mark = vat_mark(style, group)
    if group.vat_category in RATED:
        return mark
    article = article_of(style.seller, group.vat_category)
    reason = style.words[f"category_{group.vat_category}"]
    return f"{mark}: {reason} ({article})" if article else f"{mark}: {reason}"


def bank_block(style: Style, *, reference: str = "") -> dict[str, Any] | None:
    """Where the company is paid in the document's currency, and with which reference; None where it has not said."""
    account = style.seller.get("bankAccount")
    if not account:
        return None
    rows = [
        [style.words.get(label, label), _spaced(label, account[name])] for label, name in BANK_ROWS if account[name]
    ]
    if reference:
        rows.append([style.words["reference"], reference])
    return {"heading": style.words["pay_to"], "rows": rows}


def _spaced(label: str, value: str) -> str:
    """An IBAN in groups of four, as it is printed (ISO 13616)."""
    return "\u00a0".join(value[at : at + 4] for at in range(0, len(value), 4)) if label == "IBAN" else value
