"""Companies and customers in the admin."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from audit.admin import CommandPage, RecordedAdmin
from core.admin import CommandForm, ExactField, ReasonForm, ScopedFilter, companies_where, require_permission
from core.money import currency_codes
from parties.models import Company, Customer
from parties.services import (
    create_company,
    create_customer,
    delete_customer,
    move_period_lock,
    update_company,
    update_customer,
)

CONTACT = ("Contact", {"fields": ("email", "phone")})
ADDRESS = ("Address", {"fields": ("address_line_1", "address_line_2", "city", "postal_code", "country_code")})


class CompanyForm(CommandForm):
    """What is typed about a company."""

    currency = forms.ChoiceField(choices=[("", "---------"), *((code, code) for code in currency_codes())])
    default_vat_rate = ExactField(
        decimals=4, label="Default VAT rate", initial=Decimal(0), help_text="A fraction: 0.15 is 15 %."
    )


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
    command_pages = (LockPage,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What a company is; once there is one, also the state of its books."""
        billing = ("currency", "time_zone", "default_vat_rate", "vat_rounding", "payment_days")
        return (
            (None, {"fields": ("name", "vat_number", "registration_number")}),
            ("Billing", {"fields": (*billing, *self.get_readonly_fields(request, obj))}),
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


@admin.register(Customer)
class CustomerAdmin(RecordedAdmin):
    """The customers of the reader's companies."""

    list_display = ("name", "company", "vat_number", "email", "city", "archived")
    list_filter = ("archived", ("company", ScopedFilter))
    list_select_related = ("company",)
    search_fields = ("name", "email", "vat_number")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A customer is archived once there is one."""
        names = ("company", "name", "vat_number")
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
        """Customers by name, e-mail or VAT number; to choose from, only those that can be billed."""
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            queryset = queryset.filter(archived=False)
        return super().get_search_results(request, queryset, search_term)

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
