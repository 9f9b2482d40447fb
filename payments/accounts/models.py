"""What a customer has with a company: money received in one piece, and the credit that is left of it."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import Q

from audit.guards import AppendOnly, Guard, OnlyRises
from audit.models import Recorded, RecordedHistory
from core.model_fields import AmountField, within_limit
from parties.models import Company, Customer
from payments.accounts.rules import GIVING_KINDS, INVOICE_KINDS, KINDS_OF_MONEY, AccountKind
from payments.ledger import Method


class CustomerAccount(Recorded):
    """The credit of a customer in one currency: what its entries sum to, never below zero."""

    guards: ClassVar[tuple[Guard, ...]] = (OnlyRises("entry_count", message="entries are never taken back"),)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_accounts", db_index=False)
    currency = models.CharField(max_length=3)
    balance = AmountField(default=Decimal(0))
    entry_count = models.PositiveIntegerField(default=0)

    history = RecordedHistory(short_name="account")

    class Meta:
        ordering = ("customer_id", "currency")
        constraints = [
            models.UniqueConstraint(
                fields=("customer", "currency"),
                name="account_once",
                violation_error_code="account_exists",
                violation_error_message="The customer has an account in this currency.",
            ),
            models.CheckConstraint(
                condition=Q(balance__gte=0),
                name="account_not_negative",
                violation_error_code="credit_exceeded",
                violation_error_message="The customer does not have that much credit.",
            ),
            within_limit("account_balance_limited", "balance"),
        ]

    def __str__(self) -> str:
        return f"Credit in {self.currency}"


class Receipt(Recorded):
    """Money received from a customer in one piece, for several invoices or for none yet."""

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(),)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="receipts")
    amount = AmountField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=6, choices=Method)
    reference = models.CharField(max_length=200, blank=True)
    paid_at = models.DateTimeField()

    history = RecordedHistory()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="receipt_positive",
                violation_error_code="payment_invalid",
                violation_error_message="The amount is above zero.",
            ),
            within_limit("receipt_amount_limited", "amount"),
        ]

    def __str__(self) -> str:
        return f"Receipt of {self.amount} {self.currency}"


class AccountEntry(Recorded):
    """A movement of a customer's credit; corrections are new entries.

    `receipt` is where an overpayment came from. `payment` is the counterpart in the ledger of an invoice. `method` is
    empty where no money moved.
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(),)

    account = models.ForeignKey(CustomerAccount, on_delete=models.PROTECT, related_name="entries")
    # Both have indexes below that begin with them.
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_entries", db_index=False)
    kind = models.CharField(max_length=12, choices=AccountKind)
    amount = AmountField(help_text="Positive for what adds to the credit, negative for what uses it.")
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=6, choices=Method, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    paid_at = models.DateTimeField()
    reason = models.CharField(max_length=1000, blank=True)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, null=True, related_name="account_entries")
    payment = models.ForeignKey("payments.Payment", on_delete=models.PROTECT, null=True, related_name="account_entries")

    history = RecordedHistory(indexed_fields=["account"])

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "account entries"
        indexes = [
            models.Index(fields=("company", "id"), name="account_entry_company"),
            models.Index(fields=("customer", "id"), name="account_entry_customer"),
            models.Index(fields=("company", "paid_at"), name="account_entry_paid_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=sorted(GIVING_KINDS), amount__gt=0)
                | (~Q(kind__in=sorted(GIVING_KINDS)) & Q(amount__lt=0)),
                name="account_entry_sign_fits_kind",
                violation_error_code="amount_invalid",
                violation_error_message="What adds to the credit is positive, what uses it negative.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=sorted(KINDS_OF_MONEY), method__in=Method.values)
                | (~Q(kind__in=sorted(KINDS_OF_MONEY)) & Q(method="")),
                name="account_entry_method_of_money",
                violation_error_code="payment_invalid",
                violation_error_message="Money moves by a method, and nothing else does.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=sorted(INVOICE_KINDS), payment__isnull=False)
                | (~Q(kind__in=sorted(INVOICE_KINDS)) & Q(payment=None)),
                name="account_entry_has_counterpart",
                violation_error_code="allocation_invalid",
                violation_error_message="An allocation stands in the ledger of an invoice, too.",
            ),
            models.UniqueConstraint(
                fields=("payment",),
                name="account_entry_payment_once",
                violation_error_code="allocation_invalid",
                violation_error_message="This entry of the invoice has its counterpart already.",
            ),
            within_limit("account_entry_amount_limited", "amount"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount} {self.currency}"
