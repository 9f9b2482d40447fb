"""The ledger: one immutable entry for each movement of money on an invoice."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from audit.guards import AppendOnly, Guard
from audit.models import Recorded, RecordedHistory
from core.model_fields import AmountField, within_limit
from invoices.models import Invoice
from parties.models import Company
from payments.accounts.models import AccountEntry, CustomerAccount, Receipt
from payments.ledger import ADDING_KINDS, MONEY_KINDS, Kind, Method

__all__ = ["REFERENCE_KEY_LENGTH", "AccountEntry", "CustomerAccount", "Payment", "Receipt"]

REFERENCE_KEY_LENGTH = 400


class Payment(Recorded):
    """An entry of an invoice's ledger; corrections are new entries.

    Its kind says whether it counts as paid or as credited: the invoice holds both sums. `method` is empty where no
    money moved.

    `paid_at` is when the money moved; when and by whom the entry was captured is its journal entry's business.
    `reference_key` is the reference as it is compared (NFKC, trimmed, casefolded).
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(),)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    kind = models.CharField(max_length=13, choices=Kind, default=Kind.PAYMENT)
    amount = AmountField(help_text="Positive for a payment or a credit, negative for what undoes one.")
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=6, choices=Method, default=Method.EFT, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    reference_key = models.CharField(max_length=REFERENCE_KEY_LENGTH, null=True, editable=False)
    paid_at = models.DateTimeField()
    reverses = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by")
    refund_group = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="siblings", editable=False
    )
    reason = models.CharField(max_length=1000, blank=True)
    receipt = models.ForeignKey(
        Receipt, on_delete=models.PROTECT, null=True, blank=True, related_name="payments", editable=False
    )

    history = RecordedHistory(indexed_fields=["invoice"])

    class Meta:
        ordering = ("-id",)
        permissions = [
            ("refund_payment", "Can refund payments"),
            ("reverse_payment", "Can reverse payments"),
            ("allocate_credit", "Can use the credit of customers"),
            ("refund_credit", "Can refund the credit of customers"),
            ("write_off", "Can write off what is owed"),
        ]
        indexes = [
            models.Index(fields=("company", "id"), name="payment_company"),
            models.Index(fields=("company", "paid_at"), name="payment_company_paid_at"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("invoice", "reference_key"),
                name="payment_reference_unique",
                violation_error_code="duplicate_reference",
                violation_error_message="This reference is used on this invoice already.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=sorted(ADDING_KINDS), amount__gt=0, reverses=None)
                | (~Q(kind__in=sorted(ADDING_KINDS)) & Q(amount__lt=0, reverses__isnull=False)),
                name="payment_sign_fits_kind",
                violation_error_code="amount_invalid",
                violation_error_message="Payments and credits are positive, what undoes them is negative.",
            ),
            models.UniqueConstraint(
                fields=("reverses",),
                condition=Q(kind__in=["Reversal", "Deallocation", "Reinstatement"]),
                name="payment_reversed_once",
                violation_error_code="already_reversed",
                violation_error_message="This payment is reversed already.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=sorted(MONEY_KINDS), method__in=Method.values)
                | (~Q(kind__in=sorted(MONEY_KINDS)) & Q(method="")),
                name="payment_method_of_money",
                violation_error_code="payment_invalid",
                violation_error_message="Money moves by a method, and nothing else does.",
            ),
            within_limit("payment_amount_limited", "amount"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount} {self.currency}"

    @property
    def is_refund(self) -> bool:
        """Whether money went back."""
        return self.kind == Kind.REFUND
