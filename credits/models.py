"""Credit notes and their lines: documents of their own, which never change."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from audit.guards import AppendOnly, Guard
from audit.models import Recorded, RecordedHistory
from core.model_fields import PRICE_BOUND, AmountField, PriceField, RateField, sums_to_zero, within_limit
from invoices.models import Invoice, InvoiceLine
from invoices.totals import VatBreakdown, VatCategory, breakdown_of
from parties.models import Company, Customer
from payments.accounts.models import AccountEntry
from payments.models import Payment

UNCHANGED = AppendOnly(message="a credit note is never changed or deleted")


class CreditNote(Recorded):
    """What is taken back of an issued invoice, issued at once and dated that day.

    Of its total, `applied` lessens what is owed on the invoice, by the entry `entry` of its ledger; the rest,
    `credited`, was paid already and is the customer's, by the entry `account_entry` of their account. `is_last` marks
    the note after which the invoice is wholly credited. The parties are those that the invoice froze.
    """

    guards: ClassVar[tuple[Guard, ...]] = (UNCHANGED,)
    internal_fields: ClassVar[frozenset[str]] = frozenset({"is_last"})

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=40)
    issue_date = models.DateField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=1000)
    lines_total = AmountField()
    discount_total = AmountField(help_text="The document discount, net.")
    subtotal = AmountField()
    vat_total = AmountField("VAT")
    total = AmountField()
    applied = AmountField(help_text="What less is owed on the invoice.")
    credited = AmountField(help_text="What was paid already: the customer's credit.")
    entry = models.OneToOneField(Payment, on_delete=models.PROTECT, null=True, related_name="credit_note")
    account_entry = models.OneToOneField(AccountEntry, on_delete=models.PROTECT, null=True, related_name="credit_note")
    is_last = models.BooleanField(help_text="Whether the invoice is wholly credited with it.")

    history = RecordedHistory(indexed_fields=["invoice"])

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("company", "id"), name="credit_note_company"),
            models.Index(fields=("company", "issue_date", "id"), name="credit_note_issue_days"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("company", "number"),
                name="credit_note_number_unique",
                violation_error_code="number_taken",
                violation_error_message="This number of a credit note is taken.",
            ),
            models.UniqueConstraint(
                fields=("invoice",),
                condition=Q(is_last=True),
                name="credit_note_one_last",
                violation_error_code="nothing_to_credit",
                violation_error_message="The invoice is wholly credited already.",
            ),
            models.CheckConstraint(
                # The discount may be below zero by a rounding; the others follow the quantity up only.
                condition=Q(subtotal__gte=0, vat_total__gte=0, total__gt=0, applied__gte=0, credited__gte=0),
                name="credit_note_amounts_not_negative",
                violation_error_code="negative_amount",
                violation_error_message="A credit note is of more than nothing.",
            ),
            models.CheckConstraint(
                condition=Q(applied=0, entry=None) | Q(applied__gt=0, entry__isnull=False),
                name="credit_note_applied_by_entry",
                violation_error_code="totals_disagree",
                violation_error_message="What is applied stands in the ledger of the invoice.",
            ),
            models.CheckConstraint(
                condition=Q(credited=0, account_entry=None) | Q(credited__gt=0, account_entry__isnull=False),
                name="credit_note_left_by_entry",
                violation_error_code="totals_disagree",
                violation_error_message="What is left as credit stands in the customer's account.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="credit_note_has_reason",
                violation_error_code="reason_missing",
                violation_error_message="A credit note says why.",
            ),
            sums_to_zero(
                "credit_note_lines_less_discount",
                F("lines_total") - F("discount_total") - F("subtotal"),
                code="totals_disagree",
                message="Lines less discount are not the subtotal.",
            ),
            sums_to_zero(
                "credit_note_subtotal_and_vat",
                F("subtotal") + F("vat_total") - F("total"),
                code="totals_disagree",
                message="Subtotal and VAT are not the total.",
            ),
            sums_to_zero(
                "credit_note_applied_and_credited",
                F("applied") + F("credited") - F("total"),
                code="totals_disagree",
                message="What is applied and what is left as credit are not the total.",
            ),
            within_limit(
                "credit_note_amounts_limited",
                *("lines_total", "discount_total", "subtotal", "vat_total", "total", "applied", "credited"),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def vat_breakdown(self) -> list[VatBreakdown]:
        """Net and VAT per category and rate, from the lines."""
        amounts = (
            (item.vat_category, item.vat_rate, item.taxable_amount, item.vat_amount) for item in self.items.all()
        )
        return breakdown_of(amounts, currency=self.currency)


class CreditNoteItem(Recorded):
    """What a credit note takes of one line of the invoice, with that line's words and VAT."""

    guards: ClassVar[tuple[Guard, ...]] = (UNCHANGED,)
    api_names: ClassVar[dict[str, str]] = {"quantity": "qty", "line": "item"}

    note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="items")
    line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="credit_note_items")
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=1000)
    quantity = PriceField()
    vat_category = models.CharField("VAT category", max_length=2, choices=VatCategory)
    vat_rate = RateField("VAT rate")
    currency = models.CharField(max_length=3)
    line_total = AmountField(help_text="Net, before the document discount.")
    taxable_amount = AmountField(help_text="Net, after the document discount.")
    vat_amount = AmountField("VAT")

    history = RecordedHistory(indexed_fields=["note"])

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.UniqueConstraint(
                fields=("note", "line"),
                name="credit_note_line_once",
                violation_error_code="credit_note_invalid",
                violation_error_message="A credit note names each line once.",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, taxable_amount__gte=0, vat_amount__gte=0),
                name="credit_note_item_not_negative",
                violation_error_code="negative_amount",
                violation_error_message="Quantities are above zero, net and VAT not below it.",
            ),
            within_limit("credit_note_item_limited", "line_total", "taxable_amount", "vat_amount"),
            within_limit("credit_note_quantity_limited", "quantity", bound=PRICE_BOUND),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def total(self) -> Decimal:
        """Net and VAT."""
        return self.taxable_amount + self.vat_amount


class StoredCreditNote(Recorded):
    """The file of a credit note, made once and never changed: who downloads it later gets the same bytes.

    The bytes are too large for the history, which keeps their SHA-256 instead; verify_books compares the two.
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(message="a stored document is never changed or deleted"),)

    note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="stored_documents", db_index=False)
    file_name = models.CharField(max_length=60)
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)

    history = RecordedHistory(excluded_fields=["content"], short_name="note_file")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("note",),
                name="stored_credit_note_unique",
                violation_error_code="document_stored",
                violation_error_message="This document is stored already.",
            )
        ]

    def __str__(self) -> str:
        return self.file_name
