"""Recurring invoices: what is billed again and again, and when."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from audit.guards import Guard, OnlyRises
from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from core.model_fields import (
    PRICE_BOUND,
    AmountField,
    PercentField,
    PriceField,
    RateField,
    discount_possible,
    within_limit,
)
from invoices.recurring.intervals import Interval, Series
from invoices.totals import VatCategory
from parties.models import Company, Customer

ZERO_AMOUNT = Decimal(0)


class OnRun(models.TextChoices):
    """What becomes of the invoice of a period."""

    DRAFT = "draft", "Leave it as a draft"
    ISSUE = "issue", "Issue it"
    SEND = "send", "Issue and send it"


class RecurringStatus(models.TextChoices):
    """How a recurring invoice stands."""

    ACTIVE = "Active", "Active"
    PAUSED = "Paused", "Paused"
    FAILED = "Failed", "Failed"
    ENDED = "Ended", "Ended"


STATUS_CONDITIONS = {
    RecurringStatus.ACTIVE: Q(next_date__isnull=False, paused=False, problem=""),
    RecurringStatus.PAUSED: Q(next_date__isnull=False, paused=True),
    RecurringStatus.FAILED: Q(next_date__isnull=False, paused=False) & ~Q(problem=""),
    RecurringStatus.ENDED: Q(next_date=None),
}
IS_ACTIVE = STATUS_CONDITIONS[RecurringStatus.ACTIVE]


class RecurringInvoice(Recorded):
    """An invoice that is made anew on each day of a series.

    What became of the days up to `done_through` is settled: they were invoiced or left out, and that never comes back.
    `next_date` is the first day of the series after it, or NULL where the series has ended. `problem` says why the
    invoice of `next_date` could not be made; until somebody does something about it, it is not tried again.
    """

    guards: ClassVar[tuple[Guard, ...]] = (
        OnlyRises("done_through", message="a period that was done is not done again"),
    )

    # Both have indexes below that begin with them.
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="recurring_invoices", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="recurring_invoices", db_index=False)
    name = models.CharField(max_length=200, help_text="For yourselves: the customer does not see it.")
    interval = models.CharField("every", max_length=7, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField("how many of these", default=1, help_text="2 weeks, 6 months…")
    start_date = models.DateField(help_text="The first issue date. On the 31st: each month's last day.")
    end_date = models.DateField(null=True, blank=True, help_text="No invoice is dated after it.")
    on_run = models.CharField("when its day comes", max_length=5, choices=OnRun, default=OnRun.DRAFT)
    payment_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From issue date to due date. Empty: the company's."
    )
    currency = models.CharField(max_length=3)
    prices_include_vat = models.BooleanField("prices include VAT", default=False)
    discount_percent = PercentField("discount, %", default=ZERO_AMOUNT)
    discount_amount = AmountField("discount, amount", default=ZERO_AMOUNT)
    paused = models.BooleanField(default=False, editable=False)
    done_through = models.DateField(null=True, editable=False)
    next_date = models.DateField(null=True, editable=False)
    problem = models.CharField(max_length=1000, default="", editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    history = RecordedHistory(short_name="recurring")

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=("next_date", "company", "id"), condition=IS_ACTIVE, name="recurring_due"),
            models.Index(fields=("company", "created_at", "id"), name="recurring_company_created"),
            models.Index(fields=("company", "name", "id"), name="recurring_company_name"),
            models.Index(fields=("customer", "created_at", "id"), name="recurring_customer_created"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(interval_count__gte=1),
                name="recurring_interval_positive",
                violation_error_code="interval_invalid",
                violation_error_message="An interval is at least one day, week, month, quarter or year.",
            ),
            models.CheckConstraint(
                condition=Q(next_date=None) | Q(done_through=None) | Q(next_date__gt=F("done_through")),
                name="recurring_next_is_not_done",
                violation_error_code="period_done",
                violation_error_message="The next date comes after what is done.",
            ),
            discount_possible("recurring_discount_possible"),
            within_limit("recurring_amounts_limited", "discount_amount"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> RecurringStatus:
        """How it stands."""
        if self.next_date is None:
            return RecurringStatus.ENDED
        if self.paused:
            return RecurringStatus.PAUSED
        return RecurringStatus.FAILED if self.problem else RecurringStatus.ACTIVE

    @property
    def series(self) -> Series:
        """Its days."""
        return Series(self.start_date, self.interval, self.interval_count, self.end_date)


class RecurringInvoiceLine(Recorded):
    """One thing that is billed each time. Without a VAT rate it takes what is the company's then."""

    api_names: ClassVar[dict[str, str]] = {"quantity": "qty"}

    recurring_invoice = models.ForeignKey(RecurringInvoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=1000)
    quantity = PriceField()
    unit_price = PriceField()
    vat_category = models.CharField("VAT category", max_length=2, choices=VatCategory, null=True, blank=True)
    vat_rate = RateField("VAT rate", null=True, blank=True)
    discount_percent = PercentField("discount, %", default=ZERO_AMOUNT)
    discount_amount = AmountField("discount, amount", default=ZERO_AMOUNT)
    currency = models.CharField(max_length=3, editable=False)

    history = RecordedHistory(indexed_fields=["recurring_invoice"], short_name="recurringline")

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0, unit_price__gte=0),
                name="recurring_line_billable",
                violation_error_code="item_invalid",
                violation_error_message="A quantity is above zero, a price is not negative.",
            ),
            models.CheckConstraint(
                condition=Q(vat_rate=None) | Q(vat_rate__gte=0, vat_rate__lte=1),
                name="recurring_line_rate_is_fraction",
                violation_error_code="vat_rate_invalid",
                violation_error_message="A VAT rate is a fraction from 0 to 1: 0.15 is 15 %.",
            ),
            discount_possible("recurring_line_discount_possible"),
            within_limit("recurring_line_amounts_limited", "discount_amount"),
            within_limit("recurring_line_prices_limited", "quantity", "unit_price", bound=PRICE_BOUND),
        ]

    def __str__(self) -> str:
        return self.description
