"""Invoices, their lines, and the series their numbers come from."""

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Round

from audit.guards import AppendOnly, FrozenSince, FrozenWith, Guard, OnlyRises
from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from core.model_fields import (
    AMOUNT_DECIMALS,
    PRICE_BOUND,
    AmountField,
    PercentField,
    PriceField,
    RateField,
    discount_possible,
    sums_to_zero,
    within_limit,
)
from core.text import EXTERNAL_ID_LENGTH
from currencies.models import ExchangeRateField, RateSource
from currencies.rates import RATE_BOUND, ConvertedAmount
from invoices.lifecycle import Status
from invoices.recurring.models import OnRun, RecurringInvoice
from invoices.totals import Discount, PricedLine, Terms, VatBreakdown, VatCategory, breakdown_of
from parties.models import Company, Customer, VatRounding

ZERO_AMOUNT = Decimal(0)
NUMBER_OR_BLANK = Coalesce("number", Value(""))
"""What invoices are ordered by number with: drafts, which have none, come together."""
SHOWN_NAME = Coalesce("present_customer_name", "customer_name")
"""The customer's name as the document shows it."""
OPEN_STATUSES = (Status.ISSUED, Status.PARTIALLY_PAID)
IS_OPEN = Q(status__in=OPEN_STATUSES)


class Invoice(Recorded):
    """A bill: a draft until it is issued, then frozen but for what is paid.

    `seller` and `buyer` are the parties as they were at issue; `outstanding` is worked out by the database, zero once
    the invoice is cancelled, and stale in memory after a write. `present_customer_name` is set where the customer was
    renamed after the last version of a document that was never issued: not on record, since it follows from others.
    `is_imported` marks what was issued elsewhere: its number is that program's, and of no series of ours.
    """

    guards: ClassVar[tuple[Guard, ...]] = (
        FrozenSince(
            "issued_at",
            (
                "company",
                "customer",
                "customer_name",
                "number",
                "is_imported",
                "issue_date",
                "due_date",
                "currency",
                "prices_include_vat",
                "vat_rounding",
                "discount_percent",
                "discount_amount",
                "lines_total",
                "discount_total",
                "subtotal",
                "vat_total",
                "total",
                "seller",
                "buyer",
                "created_at",
                "recurring_invoice",
                "recurring_period",
                "exchange_rate",
                "exchange_rate_date",
                "exchange_rate_source",
                "company_currency",
                "company_vat_total",
            ),
        ),
        FrozenSince("cancelled_at", ("issued_at",), message="a cancelled document stays cancelled"),
        OnlyRises("entry_count", message="entries are never taken back"),
    )
    api_names: ClassVar[dict[str, str]] = {"number": "invoiceNumber", "buyer": "customer"}
    amount_currencies: ClassVar[dict[str, str]] = {"company_vat_total": "company_currency"}
    internal_fields: ClassVar[frozenset[str]] = frozenset(
        {
            *("entry_count", "is_imported"),
            # The API shows them together, as one object.
            *("exchange_rate", "exchange_rate_date", "exchange_rate_source", "company_currency", "company_vat_total"),
        }
    )

    # Both have indexes below that begin with them.
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    customer_name = models.CharField(max_length=200, editable=False)
    present_customer_name = models.CharField(max_length=200, null=True, editable=False)
    number = models.CharField(max_length=40, null=True, editable=False)
    is_imported = models.BooleanField(default=False, db_default=False, editable=False)
    status = models.CharField(max_length=13, choices=Status, default=Status.DRAFT, editable=False)
    issue_date = models.DateField()
    due_date = models.DateField()
    currency = models.CharField(max_length=3)
    prices_include_vat = models.BooleanField("prices include VAT", default=False)
    vat_rounding = models.CharField("VAT rounding", max_length=8, choices=VatRounding, default=VatRounding.DOCUMENT)
    discount_percent = PercentField("discount, %", default=ZERO_AMOUNT)
    discount_amount = AmountField("discount, amount", default=ZERO_AMOUNT)
    lines_total = AmountField(default=ZERO_AMOUNT, editable=False)
    discount_total = AmountField(default=ZERO_AMOUNT, editable=False)
    subtotal = AmountField(default=ZERO_AMOUNT, editable=False)
    vat_total = AmountField("VAT", default=ZERO_AMOUNT, editable=False)
    total = AmountField(default=ZERO_AMOUNT, editable=False)
    paid = AmountField(default=ZERO_AMOUNT, editable=False)
    credited = AmountField(default=ZERO_AMOUNT, editable=False)
    outstanding = models.GeneratedField(
        expression=Case(
            When(cancelled_at__isnull=False, then=Value(ZERO_AMOUNT)),
            default=Round(F("total") - F("paid") - F("credited"), AMOUNT_DECIMALS),
        ),
        output_field=AmountField(),
        db_persist=True,
    )
    entry_count = models.PositiveIntegerField(default=0, editable=False)
    seller = models.JSONField(null=True, editable=False)
    buyer = models.JSONField(null=True, editable=False)
    external_id = models.CharField(max_length=EXTERNAL_ID_LENGTH, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    search_text = models.TextField(default="", editable=False)
    # Younger than the first sealed versions, where a column may be added only if it is NULL.
    recurring_invoice = models.ForeignKey(
        RecurringInvoice, on_delete=models.PROTECT, null=True, editable=False, related_name="invoices", db_index=False
    )
    recurring_period = models.DateField(null=True, editable=False, help_text="The day on which its period begins.")
    # What it is worth in the company's currency, where it is in another one and has VAT, or there was a rate.
    exchange_rate = ExchangeRateField(
        null=True, editable=False, help_text="Units of the company's currency for one of the invoice's."
    )
    exchange_rate_date = models.DateField(null=True, editable=False)
    exchange_rate_source = models.CharField(max_length=6, choices=RateSource, null=True, editable=False)
    company_currency = models.CharField(max_length=3, null=True, editable=False)
    company_vat_total = AmountField("VAT in the company's currency", null=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    issued_at = models.DateTimeField(null=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, editable=False)

    history = RecordedHistory(excluded_fields=["search_text", "present_customer_name"])

    seen_on: date | None = None
    """The day of the company on which a past document is looked at; today where it is none."""

    class Meta:
        ordering = ("-created_at", "-id")
        permissions = [("issue_invoice", "Can issue invoices"), ("cancel_invoice", "Can cancel invoices")]
        indexes = [
            models.Index(fields=("company", "created_at", "id"), name="invoice_company_created"),
            # From the newest day on, as pages of a span of days are looked for; each holds what those are ordered by.
            models.Index(fields=("company", "-issue_date", "-id"), include=("created_at",), name="invoice_issue_days"),
            models.Index(fields=("company", "-due_date", "-id"), include=("created_at",), name="invoice_due_days"),
            models.Index(fields=("company", "total", "id"), name="invoice_company_total"),
            models.Index(fields=("company", "outstanding", "id"), name="invoice_company_outstanding"),
            models.Index("company", NUMBER_OR_BLANK, "id", name="invoice_company_number"),
            models.Index("company", SHOWN_NAME, "id", name="invoice_company_customer_name"),
            models.Index(fields=("company", "currency", "created_at", "id"), name="invoice_company_currency"),
            models.Index(fields=("company", "created_at", "id"), condition=IS_OPEN, name="invoice_company_open"),
            models.Index(
                # With all that the reports of what is owed look at: they read no row.
                fields=("company", "currency", "customer"),
                include=("id", "issue_date", "due_date", "outstanding"),
                condition=IS_OPEN,
                name="invoice_open_amounts",
            ),
            models.Index(
                fields=("company", "cancelled_at"), condition=Q(cancelled_at__isnull=False), name="invoice_cancelled"
            ),
            models.Index(fields=("company", "status", "created_at", "id"), name="invoice_company_status"),
            models.Index(fields=("customer", "created_at", "id"), name="invoice_customer_created"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("company", "number"),
                name="invoice_number_unique",
                violation_error_code="number_taken",
                violation_error_message="This invoice number is taken.",
            ),
            models.UniqueConstraint(
                fields=("company", "external_id"),
                name="invoice_external_id_unique",
                violation_error_code="external_id_taken",
                violation_error_message="Another invoice of the company has this externalId.",
            ),
            models.UniqueConstraint(
                fields=("recurring_invoice", "recurring_period"),
                condition=Q(recurring_invoice__isnull=False),
                name="invoice_recurring_period_unique",
                violation_error_code="period_invoiced",
                violation_error_message="This period of the recurring invoice has its invoice already.",
            ),
            models.CheckConstraint(
                condition=Q(recurring_invoice=None, recurring_period=None)
                | Q(recurring_invoice__isnull=False, recurring_period__isnull=False),
                name="invoice_recurs_with_period",
                violation_error_code="period_missing",
                violation_error_message="What a recurring invoice made is of one of its periods.",
            ),
            models.CheckConstraint(
                condition=Q(due_date__gte=F("issue_date")),
                name="invoice_due_not_before_issue",
                violation_error_code="due_before_issue",
                violation_error_message="The due date is before the issue date.",
            ),
            models.CheckConstraint(
                condition=Q(subtotal__gte=0, vat_total__gte=0, total__gte=0, paid__gte=0, credited__gte=0),
                name="invoice_amounts_not_negative",
                violation_error_code="negative_amount",
                violation_error_message="Amounts are not negative.",
            ),
            models.CheckConstraint(
                condition=Q(outstanding__gte=0),
                name="invoice_not_overpaid",
                violation_error_code="payment_exceeds_outstanding",
                violation_error_message="Payment exceeds outstanding amount.",
            ),
            discount_possible("invoice_discount_possible"),
            within_limit(
                "invoice_amounts_limited",
                "discount_amount",
                "lines_total",
                "discount_total",
                "subtotal",
                "vat_total",
                "total",
                "paid",
                "credited",
            ),
            within_limit("invoice_company_vat_limited", "company_vat_total"),
            within_limit("invoice_exchange_rate_limited", "exchange_rate", bound=RATE_BOUND),
            models.CheckConstraint(
                condition=Q(
                    exchange_rate__isnull=True,
                    exchange_rate_date__isnull=True,
                    exchange_rate_source__isnull=True,
                    company_currency__isnull=True,
                    company_vat_total__isnull=True,
                )
                | (
                    Q(
                        exchange_rate__isnull=False,
                        exchange_rate_date__isnull=False,
                        exchange_rate_source__isnull=False,
                        company_currency__isnull=False,
                        company_vat_total__isnull=False,
                        issued_at__isnull=False,
                    )
                    & Q(exchange_rate__gt=0, company_vat_total__gte=0)
                    & ~Q(company_currency=F("currency"))
                ),
                name="invoice_exchange_rate_whole",
                violation_error_code="rate_invalid",
                violation_error_message="A rate is frozen at issue, with its day, its source and what it makes of VAT.",
            ),
            # A CHECK passes on NULL, so each branch says of every nullable column whether it is set.
            models.CheckConstraint(
                condition=(
                    Q(status="Draft", number=None, issued_at=None, cancelled_at=None)
                    & Q(paid=0, credited=0, entry_count=0, seller__isnull=True, buyer__isnull=True)
                )
                | (
                    Q(status="Cancelled", cancelled_at__isnull=False, paid=0, credited=0, entry_count=0)
                    & (
                        Q(number=None, issued_at=None, seller__isnull=True, buyer__isnull=True)
                        | (
                            Q(number__isnull=False, issued_at__isnull=False)
                            & Q(seller__isnull=False, buyer__isnull=False)
                        )
                    )
                )
                | (
                    Q(number__isnull=False, issued_at__isnull=False, cancelled_at=None)
                    & Q(seller__isnull=False, buyer__isnull=False)
                    & (Q(paid=0) | Q(entry_count__gt=0))
                    & (
                        Q(status="Issued", paid=0, credited=0, outstanding__gt=0)
                        | (Q(status="PartiallyPaid", outstanding__gt=0) & (Q(paid__gt=0) | Q(credited__gt=0)))
                        | Q(status="Paid", outstanding=0)
                    )
                ),
                name="invoice_status_follows_money",
                violation_error_code="wrong_status",
                violation_error_message="The status does not fit the amounts.",
            ),
            sums_to_zero(
                "invoice_lines_less_discount_is_subtotal",
                F("lines_total") - F("discount_total") - F("subtotal"),
                code="totals_disagree",
                message="Lines less discount are not the subtotal.",
            ),
            sums_to_zero(
                "invoice_subtotal_and_vat_is_total",
                F("subtotal") + F("vat_total") - F("total"),
                code="totals_disagree",
                message="Subtotal and VAT are not the total.",
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"Draft {self.pk}"

    @property
    def still_owed(self) -> Decimal:
        """What is outstanding, from the amounts in memory (the generated column is stale after a write)."""
        return ZERO_AMOUNT if self.cancelled_at else self.total - self.paid - self.credited

    @property
    def is_overdue(self) -> bool:
        """Whether something is outstanding after the due date, by the company's calendar."""
        return self.status in OPEN_STATUSES and self.due_date < (self.seen_on or self.company.today())

    @property
    def is_sent_when_issued(self) -> bool:
        """Whether it is mailed at issue whatever the company does with others: its recurring invoice says so."""
        return self.recurring_invoice is not None and self.recurring_invoice.on_run == OnRun.SEND

    @property
    def vat_breakdown(self) -> list[VatBreakdown]:
        """Net and VAT per category and rate, from the lines."""
        amounts = (
            (line.vat_category, line.vat_rate, line.taxable_amount, line.vat_amount) for line in self.lines.all()
        )
        return breakdown_of(amounts, currency=self.currency)

    @property
    def company_vat(self) -> ConvertedAmount | None:
        """The VAT in the company's currency as it was frozen at issue (EN 16931, BT-111); None where there is none."""
        if self.company_vat_total is None or self.exchange_rate is None or self.exchange_rate_date is None:
            return None
        return ConvertedAmount(
            currency=str(self.company_currency),
            amount=self.company_vat_total,
            exchange_rate=self.exchange_rate,
            date=self.exchange_rate_date,
            source=str(self.exchange_rate_source),
        )

    @property
    def terms(self) -> Terms:
        """How the document is worked out."""
        discount = Discount(self.discount_percent, self.discount_amount)
        return Terms(self.currency, self.prices_include_vat, self.vat_rounding, discount)

    @property
    def buyer_name(self) -> str:
        """The customer's name: as it was at issue, or as it is now on a draft."""
        return self.present_customer_name or self.customer_name

    @property
    def seller_details(self) -> dict[str, Any]:
        """The company as it was at issue, or as it is now on a draft. How it prints is kept in `seller` too.

        What was not yet kept when the document was issued is empty.
        """
        present = self.company.seller_details()
        return {name: self.seller.get(name, "") for name in present} if self.seller else present

    @property
    def buyer_details(self) -> dict[str, Any]:
        """The customer as it was at issue, or as it is now on a draft, with its id."""
        return {"id": self.customer_id, **(self.buyer or self.customer.details())}


class InvoiceLine(Recorded):
    """One thing that is billed. `currency` repeats the document's, so that each amount says what it is in."""

    guards: ClassVar[tuple[Guard, ...]] = (FrozenWith("invoice", "issued_at"),)
    api_names: ClassVar[dict[str, str]] = {"quantity": "qty"}

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=1000)
    quantity = PriceField()
    unit_price = PriceField()
    vat_category = models.CharField("VAT category", max_length=2, choices=VatCategory)
    vat_rate = RateField("VAT rate")
    discount_percent = PercentField("discount, %", default=ZERO_AMOUNT)
    discount_amount = AmountField("discount, amount", default=ZERO_AMOUNT)
    currency = models.CharField(max_length=3, editable=False)
    line_total = AmountField(editable=False)
    line_gross = AmountField(null=True, editable=False, help_text="Where prices include VAT.")
    taxable_amount = AmountField(editable=False, help_text="Net after the document discount.")
    vat_amount = AmountField("VAT", editable=False)

    history = RecordedHistory(indexed_fields=["invoice"])

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0),
                name="line_quantity_positive",
                violation_error_code="quantity_not_positive",
                violation_error_message="A quantity is above zero.",
            ),
            models.CheckConstraint(
                condition=Q(unit_price__gte=0, line_total__gte=0, taxable_amount__gte=0, vat_amount__gte=0)
                & Q(line_gross__gte=0),
                name="line_amounts_not_negative",
                violation_error_code="negative_amount",
                violation_error_message="Amounts are not negative.",
            ),
            models.CheckConstraint(
                condition=(Q(vat_category="S", vat_rate__gt=0, vat_rate__lte=1))
                | (Q(vat_category__in=["Z", "E", "AE", "K", "G", "O"], vat_rate=0)),
                name="line_vat_category_fits_rate",
                violation_error_code="vat_rate_invalid",
                violation_error_message="Category S has a rate above 0 and at most 1, all others have rate 0.",
            ),
            discount_possible("line_discount_possible"),
            within_limit(
                "line_amounts_limited", "discount_amount", "line_total", "line_gross", "taxable_amount", "vat_amount"
            ),
            within_limit("line_prices_limited", "quantity", "unit_price", bound=PRICE_BOUND),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def priced(self) -> PricedLine:
        """The line as the calculator takes it."""
        discount = Discount(self.discount_percent, self.discount_amount)
        return PricedLine(self.quantity, self.unit_price, self.vat_category, self.vat_rate, discount)


class DocumentKind(models.TextChoices):
    """What a stored document is."""

    INVOICE = "invoice", "the invoice as it was issued"
    CANCELLATION = "cancellation", "the invoice with the page that cancels it"


class StoredDocument(Recorded):
    """The file of an issued invoice, made once and never changed: who downloads it later gets the same bytes.

    The bytes are too large for the history, which keeps their SHA-256 instead; verify_books compares the two.
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(message="a stored document is never changed or deleted"),)

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="stored_documents", db_index=False)
    kind = models.CharField(max_length=12, choices=DocumentKind)
    file_name = models.CharField(max_length=60)
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)

    history = RecordedHistory(excluded_fields=["content"])

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("invoice", "kind"),
                name="stored_document_unique",
                violation_error_code="document_stored",
                violation_error_message="This document is stored already.",
            )
        ]

    def __str__(self) -> str:
        return self.file_name


class SeriesKind(models.TextChoices):
    """What a series numbers, as its numbers begin."""

    INVOICE = "INV", "Invoices"
    CREDIT_NOTE = "CN", "Credit notes"


class NumberSeries(models.Model):
    """The next number of a company's documents of a kind and a year, and the first.

    Its row is the last lock that an issue takes. A counter, not a recorded row: each number it gave stands on a
    document, and the documents prove it.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=3, choices=SeriesKind, default=SeriesKind.INVOICE, db_default=SeriesKind.INVOICE)
    year = models.PositiveSmallIntegerField()
    first_value = models.PositiveIntegerField(default=1)
    next_value = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "number series"
        constraints = [
            models.UniqueConstraint(fields=("company", "kind", "year"), name="series_unique"),
            models.CheckConstraint(condition=Q(next_value__gte=F("first_value")), name="series_next_after_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}-{self.year}"
