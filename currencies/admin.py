"""Exchange rates in the admin: the list, one by hand, and the ECB's file, which is shown before it is taken in."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from audit.admin import RecordedAdmin
from core.admin import (
    CommandForm,
    ExactField,
    RefusalForm,
    ScopedFilter,
    companies_where,
    require_page,
    require_permission,
)
from core.errors import DomainError
from core.exports import Columns
from core.money import currency_codes, plain_text
from currencies.ecb import LARGEST_FILE_BYTES, RateFileInvalid, read_ecb_file
from currencies.models import ExchangeRate
from currencies.rates import MAXIMUM_AGE_DAYS, RATE_DECIMALS, Quotation
from currencies.services import import_ecb_rates, record_rate
from parties.models import Company

ADD = "currencies.add_exchangerate"


def currency_field(label: str) -> forms.ChoiceField:
    """A field that chooses a currency."""
    return forms.ChoiceField(label=label, choices=[("", "---------"), *((code, code) for code in currency_codes())])


class RateForm(CommandForm):
    """What is typed about a rate."""

    base_currency = currency_field("One unit of")
    rate = ExactField(decimals=RATE_DECIMALS, label="is worth")
    quote_currency = currency_field("units of")


class RateFileForm(RefusalForm, forms.Form):
    """The file, and for whom it is; once it was shown, what it holds comes with the form."""

    company = forms.ModelChoiceField(Company.objects.none(), empty_label=None)
    file = forms.FileField(required=False, help_text="eurofxref-daily.xml or eurofxref-hist-90d.xml, up to 1 MB.")
    content = forms.CharField(required=False, widget=forms.HiddenInput)
    file_name = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, companies: QuerySet[Company], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["company"].queryset = companies

    def brought(self) -> tuple[bytes, str]:
        """The bytes and the name: of the file that was sent, or of the one that was shown."""
        file = self.cleaned_data["file"]
        if file:
            return file.read(LARGEST_FILE_BYTES + 1), file.name
        try:
            return base64.b64decode(self.cleaned_data["content"], validate=True), self.cleaned_data["file_name"]
        except binascii.Error:
            raise RateFileInvalid("Choose the file again.", field="file") from None


@admin.register(ExchangeRate)
class ExchangeRateAdmin(RecordedAdmin):
    """The rates of the reader's companies, newest first. They are added, never changed, never deleted."""

    form = RateForm
    change_list_template = "currencies/admin/change_list.html"
    list_display = ("day", "base_currency", "rate_cell", "quote_currency", "source", "company")
    list_filter = ("source", ("company", ScopedFilter))
    list_select_related = ("company",)
    search_fields = ("base_currency__iexact", "quote_currency__iexact")
    search_help_text = "Currency"
    ordering = ("-id",)
    fields = ("company", "day", "base_currency", "rate", "quote_currency")
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("date", "day"),
        ("base_currency", "base_currency"),
        ("quote_currency", "quote_currency"),
        ("rate", lambda rate: plain_text(rate.rate)),
        ("source", "source"),
    )

    @admin.display(description="is worth", ordering="rate")
    def rate_cell(self, rate: ExchangeRate) -> str:
        """The rate without needless zeros."""
        return plain_text(rate.rate)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What is typed; of a recorded rate, what there is to read."""
        if obj is None:
            return self.fields
        return ("company", "day", "base_currency", "rate_cell", "quote_currency", "source")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Of a recorded rate, all."""
        return () if obj is None else self.get_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a rate is corrected by a newer one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: documents were issued by it."""
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The companies for which the reader may record rates; the only one is chosen already."""
        companies = companies_where(request.user, ADD, Company.objects.all())
        options["queryset"] = companies
        field = super().formfield_for_foreignkey(db_field, request, **options)
        first_two = list(companies[:2])
        field.initial = first_two[0].pk if len(first_two) == 1 else None
        return field

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new rate."""
        require_permission(request.user, ADD, values["company"], field="company")
        return record_rate(actor=request.user, **values)

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and that of the page that takes a file."""
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="currencies_exchangerate_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The form that takes a file; then what the file says; then, confirmed, the rates."""
        require_page(self.has_add_permission(request))
        companies = companies_where(request.user, ADD, Company.objects.order_by("name"))
        form = RateFileForm(request.POST or None, request.FILES or None, companies=companies)
        shown: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            try:
                content, name = form.brought()
                quotations = read_ecb_file(content)
                if "confirm" in request.POST:
                    return self._taken_in(request, form.cleaned_data["company"], content, name)
                shown = self._preview(form.cleaned_data["company"], quotations, content, name)
            except DomainError as refusal:
                form.add_error("file", refusal.detail)
        context = self.page_context(
            request, title="Import exchange rates", form=form, maximum_age=MAXIMUM_AGE_DAYS, **shown
        )
        return TemplateResponse(request, "currencies/admin/import.html", context)

    def _preview(self, company: Company, quotations: list[Quotation], content: bytes, name: str) -> dict[str, Any]:
        """What the file says: its days, and the rates of the newest."""
        newest = quotations[-1].day
        return {
            "company": company,
            "first_day": quotations[0].day,
            "newest_day": newest,
            "count": len(quotations),
            "sample": [(one.quote, plain_text(one.rate)) for one in quotations if one.day == newest],
            "content": base64.b64encode(content).decode(),
            "file_name": name,
        }

    def _taken_in(self, request: HttpRequest, company: Company, content: bytes, name: str) -> HttpResponse:
        done = import_ecb_rates(actor=request.user, company=company, content=content, file_name=name)
        said = f"{done.added} of {done.read} rates were new; they run from {done.first_day} to {done.last_day}."
        messages.success(request, said)
        return HttpResponseRedirect(reverse("admin:currencies_exchangerate_changelist"))
