"""Companies (who bills) and customers (who is billed)."""

import zoneinfo
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from audit.guards import AppendOnly, Guard
from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from core.model_fields import RateField
from core.text import EXTERNAL_ID_LENGTH


class VatRounding(models.TextChoices):
    """Where a company's documents round VAT: once per category and rate (EN 16931), or on each line."""

    DOCUMENT = "document", "once per rate of the document"
    LINE = "line", "on each line"


class Language(models.TextChoices):
    """What documents are written in."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"
    FRENCH = "fr", "Français"
    AFRIKAANS = "af", "Afrikaans"


class Paper(models.TextChoices):
    """What documents are printed on."""

    A4 = "a4", "A4"
    LETTER = "letter", "US Letter"


DEFAULT_COLOUR = "#1b2430"


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

    # Younger than the first sealed versions, where a column may be added only if it is NULL: that is the default.
    language = models.CharField(max_length=2, choices=Language, null=True, blank=True, help_text="Of documents.")
    paper = models.CharField(max_length=6, choices=Paper, null=True, blank=True)
    colour = models.CharField(max_length=7, null=True, blank=True, help_text="Of headings, as #RRGGBB.")
    footer = models.CharField(max_length=500, null=True, blank=True, help_text="At the foot of each page.")
    logo_sha256 = models.CharField("logo, SHA-256", max_length=64, null=True, blank=True, editable=False)

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

    @classmethod
    def audit_scope(cls, company_ids: Sequence[int]) -> models.Q:
        """Auditors of a company see its own versions, the first included."""
        return models.Q(id__in=company_ids)

    @property
    def company_id(self) -> int:
        """A company belongs to itself."""
        return int(self.pk)

    def seller_details(self) -> dict[str, str]:
        """The company as an issued document keeps it: the party and its registration number."""
        return {**self.details(), "registrationNumber": self.registration_number}

    def print_settings(self) -> dict[str, str]:
        """How the company's documents look, under the API's names."""
        return {
            "language": self.language or Language.ENGLISH.value,
            "paper": self.paper or Paper.A4.value,
            "colour": self.colour or DEFAULT_COLOUR,
            "footer": self.footer or "",
            "logoSha256": self.logo_sha256 or "",
        }

    @cached_property
    def bank_account_by_currency(self) -> dict[str, "BankAccount"]:
        """Where the company is paid. Read once for many documents."""
        return {account.currency: account for account in self.bank_accounts.all()}

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
    language = models.CharField(
        max_length=2, choices=Language, null=True, blank=True, help_text="Of its documents; the company's where empty."
    )
    archived = models.BooleanField(default=False)
    external_id = models.CharField(max_length=EXTERNAL_ID_LENGTH, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    search_text = models.TextField(default="", editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    history = RecordedHistory(indexed_fields=["company"], excluded_fields=["search_text"])

    class Meta:
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(
                fields=("company", "external_id"),
                name="customer_external_id_unique",
                violation_error_code="external_id_taken",
                violation_error_message="Another customer of the company has this externalId.",
            )
        ]
        indexes = [
            models.Index(fields=("company", "name"), name="customer_company_name"),
            models.Index(fields=("company", "created_at", "id"), name="customer_company_created"),
        ]


class CompanyLogo(Recorded):
    """An image that is or was a company's logo: documents issued with it show it for ever.

    The bytes are too large for the history, which keeps their SHA-256 instead.
    """

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(message="a logo is never changed or deleted"),)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="logos", db_index=False)
    sha256 = models.CharField("SHA-256", max_length=64)
    media_type = models.CharField(max_length=10)
    content = models.BinaryField()

    history = RecordedHistory(excluded_fields=["content"])

    class Meta:
        constraints = [models.UniqueConstraint(fields=("company", "sha256"), name="logo_unique")]

    def __str__(self) -> str:
        return f"logo {self.sha256[:8]}"


class BankAccount(Recorded):
    """Where a company wants to be paid in a currency: by IBAN and BIC, or by account number and branch code."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="bank_accounts", db_index=False)
    currency = models.CharField(max_length=3, help_text="ISO 4217, for example ZAR.")
    account_holder = models.CharField(max_length=200, blank=True, help_text="The company's name where empty.")
    bank_name = models.CharField(max_length=200, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    account_number = models.CharField(max_length=34, blank=True)
    branch_code = models.CharField(max_length=20, blank=True)

    history = RecordedHistory(indexed_fields=["company"])

    class Meta:
        ordering = ("currency", "id")
        constraints = [
            models.UniqueConstraint(
                fields=("company", "currency"),
                name="bank_account_unique",
                violation_error_code="bank_account_exists",
                violation_error_message="The company has an account for this currency already; change that one.",
            ),
            models.CheckConstraint(
                condition=models.Q(iban="", account_number__gt="") | models.Q(account_number="", iban__gt=""),
                name="bank_account_has_one_number",
                violation_error_code="bank_account_invalid",
                violation_error_message="An account has an IBAN or an account number, not both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.iban or self.account_number}"

    def details(self, company: Company) -> dict[str, str]:
        """The account of `company` as an issued document keeps it, under the API's names."""
        return {
            "accountHolder": self.account_holder or company.name,
            "bankName": self.bank_name,
            "iban": self.iban,
            "bic": self.bic,
            "accountNumber": self.account_number,
            "branchCode": self.branch_code,
        }
