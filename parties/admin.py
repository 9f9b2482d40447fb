"""Companies and customers in the admin."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import CommandPage, RecordedAdmin
from core.admin import CommandForm, RateField, ReasonForm, ScopedFilter, VerbForm, companies_where, require_permission
from core.exports import Columns
from core.money import currency_codes
from core.text import comparison_key
from parties.images import LARGEST_LOGO_BYTES
from parties.models import BankAccount, Company, Customer
from parties.services import (
    create_bank_account,
    create_company,
    create_customer,
    delete_bank_account,
    delete_customer,
    move_period_lock,
    update_bank_account,
    update_company,
    update_customer,
)

VAT_NUMBER = re.compile(r"[A-Za-z]{0,3}\d{4,}")
CONTACT = ("Contact", {"fields": ("email", "phone")})
ADDRESS = ("Address", {"fields": ("address_line_1", "address_line_2", "city", "postal_code", "country_code")})


class CompanyForm(CommandForm):
    """What is typed about a company."""

    currency = forms.ChoiceField(choices=[("", "---------"), *((code, code) for code in currency_codes())])
    default_vat_rate = RateField(decimals=4, label="Default VAT rate", initial=Decimal(0), help_text="15 % or 0.15.")


class LogoForm(VerbForm):
    """The image to print; none takes the logo away."""

    logo = forms.FileField(
        required=False, help_text="PNG or JPEG, up to 256 KiB and a million pixels. Empty: no logo any more."
    )


class LogoPage(CommandPage):
    """The form that changes the logo."""

    name = "logo"
    button = "Change logo"
    permission = "parties.change_company"
    form_class = LogoForm

    def form_options(self) -> dict[str, Any]:
        """The file that was sent."""
        return {"files": self.request.FILES} if self.request.method == "POST" else {}

    def give(self, values: dict[str, Any]) -> str:
        """Keep the image, or go on without."""
        logo = values.pop("logo")
        content = logo.read(LARGEST_LOGO_BYTES + 1) if logo else None
        update_company(actor=self.request.user, company_id=self.obj.pk, logo=content, **values)
        return "The logo is on the documents issued from now on." if content else "Documents have no logo any more."


class LockForm(ReasonForm):
    """Up to which day the books are closed, and why."""

    locked_through = forms.DateField(
        label="Books closed up to",
        required=False,
        widget=AdminDateWidget,
        help_text="Nothing is issued, cancelled, paid, refunded or reversed with a date up to it. Empty: all is open.",
    )

    field_order = ("locked_through", "reason")


class LockPage(CommandPage):
    """The form that moves the period lock."""

    name = "lock"
    button = "Move period lock"
    permission = "parties.change_company"
    form_class = LockForm

    @property
    def title(self) -> str:
        """What the form does."""
        return f"Period lock of {self.obj}"

    def initial(self) -> dict[str, Any]:
        """The lock as it is."""
        return {"locked_through": self.obj.locked_through}

    def give(self, values: dict[str, Any]) -> str:
        """Move the lock."""
        company = move_period_lock(actor=self.request.user, company_id=self.obj.pk, **values)
        return f"The books of {company} are {books_text(company)}."


def books_text(company: Company) -> str:
    """Whether the books are closed, and up to when."""
    return f"closed up to {company.locked_through}" if company.locked_through else "open"


class CompanyAdmin(RecordedAdmin):
    """The companies of the reader. The rooms above add who founds one, and its numbers; the last registers it."""

    form = CompanyForm
    company_path = "id"
    list_display = ("name", "currency", "vat_number", "time_zone", "city")
    search_fields = ("name", "vat_number")
    command_pages = (LockPage, LogoPage)
    export_columns: Columns = tuple(
        (name, name)
        for name in ("id", "name", "vat_number", "registration_number", "currency", "time_zone", "city", "country_code")
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What a company is; once there is one, also the state of its books."""
        billing = ("currency", "time_zone", "default_vat_rate", "vat_rounding", "payment_days")
        return (
            (None, {"fields": ("name", "vat_number", "registration_number")}),
            ("Billing", {"fields": (*billing, *self.get_readonly_fields(request, obj))}),
            ("Documents", {"fields": ("language", "paper", "colour", "footer")}),
            CONTACT,
            ADDRESS,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What has a page of its own."""
        return () if obj is None else ("books",)

    @admin.display(description="books")
    def books(self, company: Company) -> str:
        """Whether the books are closed, and up to when."""
        return books_text(company)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a company's books stay."""
        return False

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new company."""
        return create_company(actor=request.user, **values)

    def update(
        self, request: HttpRequest, obj: Company, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The company with its details changed."""
        return update_company(actor=request.user, company_id=obj.pk, version=version, **values)


class CustomerAdmin(RecordedAdmin):
    """The customers of the reader's companies. Registered in the reports room, which adds their statements."""

    list_display = ("name", "company", "vat_number", "email", "city", "archived_badge")
    list_filter = ("archived", ("company", ScopedFilter))
    list_select_related = ("company",)
    search_fields = ("search_text",)
    search_help_text = "Name, e-mail or VAT number"
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        *((name, name) for name in ("name", "vat_number", "email", "phone", "language")),
        *((name, name) for name in ("address_line_1", "address_line_2", "city", "postal_code", "country_code")),
        ("external_id", "external_id"),
        ("archived", "archived"),
    )

    @admin.display(description="archived", ordering="archived")
    def archived_badge(self, customer: Customer) -> str:
        """A badge on those that get no new invoices; nothing on the many others."""
        return format_html('<span class="status">{}</span>', "Archived") if customer.archived else ""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A customer is archived once there is one."""
        names = ("company", "name", "vat_number", "language")
        return ((None, {"fields": names if obj is None else (*names, "archived")}), CONTACT, ADDRESS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A customer stays with its company."""
        return () if obj is None else ("company",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The companies in which the reader may add customers; the only one is chosen already."""
        companies = companies_where(request.user, "parties.add_customer", Company.objects.all())
        options["queryset"] = companies
        field = super().formfield_for_foreignkey(db_field, request, **options)
        first_two = list(companies[:2])
        field.initial = first_two[0].pk if len(first_two) == 1 else None
        return field

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """Customers by name, e-mail or VAT number; to choose from, only those that can be billed.

        Each of the three is looked for alone, so that the index of names can be used.
        """
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            queryset = queryset.filter(archived=False)
        term = search_term.strip()
        if "@" in term:
            return queryset.filter(email__icontains=term), False
        if VAT_NUMBER.fullmatch(term):
            return queryset.filter(vat_number__istartswith=term), False
        return (queryset.filter(search_text__contains=comparison_key(term)) if term else queryset), False

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new customer."""
        require_permission(request.user, "parties.add_customer", values["company"], field="company")
        return create_customer(actor=request.user, **values)

    def update(
        self, request: HttpRequest, obj: Customer, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The customer with its details changed."""
        return update_customer(actor=request.user, customer_id=obj.pk, version=version, **values)

    def erase(self, request: HttpRequest, obj: Customer, version: int | None) -> None:
        """Delete a customer without documents."""
        delete_customer(actor=request.user, customer_id=obj.pk, version=version)


class BankAccountForm(CommandForm):
    """What is typed about a bank account."""

    currency = forms.ChoiceField(choices=[("", "---------"), *((code, code) for code in currency_codes())])


@admin.register(BankAccount)
class BankAccountAdmin(RecordedAdmin):
    """Where the reader's companies are paid. It is a setting of the company: who may change that may change this."""

    form = BankAccountForm
    list_display = ("company", "currency", "bank_name", "iban", "account_number")
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        *((name, name) for name in ("currency", "account_holder", "bank_name", "iban", "bic", "account_number")),
        ("branch_code", "branch_code"),
    )
    list_filter = (("company", ScopedFilter),)
    list_select_related = ("company",)
    fields = (
        "company",
        "currency",
        "account_holder",
        "bank_name",
        "iban",
        "bic",
        "account_number",
        "branch_code",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """An account stays with its company."""
        return () if obj is None else ("company",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The companies that the reader runs."""
        options["queryset"] = companies_where(request.user, "parties.change_company", Company.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **options)

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new account."""
        company = values.pop("company")
        require_permission(request.user, "parties.add_bankaccount", company, field="company")
        return create_bank_account(actor=request.user, company_id=company.pk, **values)

    def update(
        self, request: HttpRequest, obj: BankAccount, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The account with its details changed."""
        return update_bank_account(actor=request.user, bank_account_id=obj.pk, version=version, **values)

    def erase(self, request: HttpRequest, obj: BankAccount, version: int | None) -> None:
        """Take the account off the documents to come."""
        delete_bank_account(actor=request.user, bank_account_id=obj.pk, version=version)
