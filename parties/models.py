"""Companies (who bills) and customers (who is billed)."""

import zoneinfo
from datetime import date
from decimal import Decimal

from django.db import models
from django.utils import timezone

from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from core.model_fields import RateField


class VatRounding(models.TextChoices):
    """Where a company's documents round VAT: once per category and rate (EN 16931), or on each line."""

    DOCUMENT = "document", "once per rate of the document"
    LINE = "line", "on each line"


class Party(Recorded):
    """What an invoice must say of a party (EN 16931 BG-4 and BG-7: name, address, VAT identifier, contact)."""

    name = models.CharField(max_length=200)
    vat_number = models.CharField("VAT number", max_length=30, blank=True)
    email = models.EmailField("e-mail", blank=True)
    phone = models.CharField(max_length=40, blank=True)
    address_line_1 = models.CharField(max_length=200, blank=True)
    address_line_2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country_code = models.CharField("country", max_length=2, blank=True, help_text="ISO 3166-1, two letters.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def details(self) -> dict[str, str]:
        """The party as an issued document keeps it, under the API's names."""
        return {
            "name": self.name,
            "vatNumber": self.vat_number,
            "email": self.email,
            "phone": self.phone,
            "addressLine1": self.address_line_1,
            "addressLine2": self.address_line_2,
            "city": self.city,
            "postalCode": self.postal_code,
            "countryCode": self.country_code,
        }


class Company(Party):
    """A company that bills: its own numbers, currency, time zone and defaults. Everything else belongs to one."""

    registration_number = models.CharField(max_length=50, blank=True)
    currency = models.CharField(max_length=3, help_text="ISO 4217, for example ZAR.")
    time_zone = models.CharField(max_length=50, default="UTC", help_text="IANA name: decides what today is.")
    default_vat_rate = RateField("default VAT rate", default=Decimal(0), help_text="A fraction: 0.15 is 15 %.")
    payment_days = models.PositiveSmallIntegerField(default=30, help_text="From issue date to due date.")

    vat_rounding = models.CharField("VAT rounding", max_length=8, choices=VatRounding, default=VatRounding.DOCUMENT)
    locked_through = models.DateField(null=True, blank=True, help_text="No document or entry is dated up to this day.")

    history = RecordedHistory()

    class Meta:
        verbose_name_plural = "companies"
        ordering = ("name", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(default_vat_rate__gte=0, default_vat_rate__lte=1),
                name="company_vat_rate_is_fraction",
                violation_error_code="vat_rate_invalid",
                violation_error_message="A VAT rate is a fraction from 0 to 1: 0.15 is 15 %.",
            ),
        ]

    @property
    def company_id(self) -> int:
        """A company belongs to itself."""
        return int(self.pk)

    def seller_details(self) -> dict[str, str]:
        """The company as an issued document keeps it: the party and its registration number."""
        return {**self.details(), "registrationNumber": self.registration_number}

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The company's time zone."""
        return zoneinfo.ZoneInfo(self.time_zone)

    def today(self) -> date:
        """The calendar date where the company is."""
        return timezone.localdate(timezone=self.zone)


class Customer(Party):
    """Somebody that a company bills. Archived customers stay readable and get no new invoices."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="customers")
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    history = RecordedHistory(indexed_fields=["company"])

    class Meta:
        ordering = ("name", "id")
        indexes = [
            models.Index(fields=("company", "name"), name="customer_company_name"),
            models.Index(fields=("company", "created_at", "id"), name="customer_company_created"),
        ]
