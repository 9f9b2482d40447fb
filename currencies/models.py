"""Dated exchange rates."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from audit.guards import AppendOnly, Guard
from audit.models import Recorded, RecordedHistory
from core.model_fields import within_limit
from currencies.rates import ECB, MANUAL, RATE_BOUND, RATE_DECIMALS, Quotation
from parties.models import Company


class RateSource(models.TextChoices):
    """Who says what a currency is worth."""

    ECB_FILE = ECB, "European Central Bank"
    BY_HAND = MANUAL, "by hand"


class ExchangeRateField(models.DecimalField):
    """What one unit of a currency is worth in another, up to ten decimals."""

    def __init__(self, *args: object, **options: object) -> None:
        options.update(max_digits=19, decimal_places=RATE_DECIMALS)
        super().__init__(*args, **options)  # type: ignore[arg-type]  # Django's own options


class ExchangeRate(Recorded):
    """One `base_currency` is worth `rate` units of `quote_currency` on `day`, for one company.

    Never changed: a correction is a newer entry for the same day.
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(message="a rate is never changed or deleted"),)
    api_names: ClassVar[dict[str, str]] = {"day": "date"}

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    base_currency = models.CharField(max_length=3, help_text="One unit of this, as in EUR 1 = USD 1.19.")
    quote_currency = models.CharField(max_length=3, help_text="The currency that the rate is in.")
    day = models.DateField("date")
    rate = ExchangeRateField(help_text="Units of the quote currency for one of the base currency.")
    source = models.CharField(max_length=6, choices=RateSource, default=RateSource.BY_HAND, editable=False)

    history = RecordedHistory()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("company", "id"), name="rate_company"),
            models.Index(fields=("company", "day", "id"), name="rate_company_day"),
            models.Index(fields=("company", "base_currency", "quote_currency", "day"), name="rate_pair_day"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gt=0) & ~Q(base_currency=F("quote_currency")) & Q(source__in=RateSource.values),
                name="rate_possible",
                violation_error_code="rate_invalid",
                violation_error_message="A rate is above zero, between two currencies.",
            ),
            within_limit("rate_limited", "rate", bound=RATE_BOUND),
        ]

    def __str__(self) -> str:
        return f"{self.base_currency} in {self.quote_currency} on {self.day}"

    @property
    def quotation(self) -> Quotation:
        """The rate as the rules take it."""
        return Quotation(self.base_currency, self.quote_currency, self.day, self.rate, self.source, self.pk)
