"""The list of invoices in the admin: filters, search, totals of what is filtered, export, and commands on many rows."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldError, ValidationError
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSingleDateWidget

from audit.admin import RecordedAdmin
from audit.conflicts import NOTHING
from core.admin import ExactField, RateField, require_page
from core.changelist import CountlessChangeList
from core.exports import Columns
from core.money import currency_codes, grouped_money, plain_text
from core.spreadsheets import Amount
from core.widgets import dress_fields
from invoices.admin_bulk import BulkPage, chosen
from invoices.lifecycle import Status
from invoices.models import OPEN_STATUSES, Invoice
from invoices.pages import by_no_index, is_short_span, separate_companies
from invoices.selectors import MOST_SUMMED, filtered_invoices, invoice_rows, invoices_of, sums_of
from invoices.totals import VatCategory
from parties.models import Company, Customer

ISSUED_STATUSES = (Status.ISSUED, Status.PARTIALLY_PAID, Status.PAID)
LIST_PARAMETERS = ("o", "p", "q", "e")
OTHER_NAMES = {"status__exact": "status", "currency__exact": "currency"}
NEWEST_FIRST = ("-created_at", "-id")


class InvoiceFilterForm(forms.Form):
    """The filters above the list. Their names are those of the address; most are lookups of the database."""

    q = forms.CharField(required=False, max_length=200, strip=True)
    status = forms.MultipleChoiceField(required=False, choices=Status.choices, widget=forms.CheckboxSelectMultiple)
    overdue = forms.BooleanField(required=False)
    open = forms.BooleanField(required=False, widget=forms.HiddenInput)
    issued = forms.BooleanField(required=False, widget=forms.HiddenInput)
    customer__id__exact = forms.ModelChoiceField(Customer.objects.none(), required=False, label="Customer")
    company__id__exact = forms.ModelChoiceField(Company.objects.none(), required=False, label="Company")
    currency = forms.ChoiceField(required=False, choices=[("", "Any"), *((code, code) for code in currency_codes())])
    issue_date__gte = forms.DateField(required=False, label="Issued from")
    issue_date__lte = forms.DateField(required=False, label="Issued to")
    due_date__gte = forms.DateField(required=False, label="Due from")
    due_date__lte = forms.DateField(required=False, label="Due to")
    total__gte = ExactField(decimals=4, required=False, label="Total from")
    total__lte = ExactField(decimals=4, required=False, label="Total to")
    vat_rate = RateField(decimals=4, required=False, label="VAT rate")
    vat_category = forms.ChoiceField(required=False, choices=[("", "Any"), *VatCategory.choices], label="VAT category")

    shown_below: ClassVar[Sequence[str]] = (
        *("customer__id__exact", "issue_date__gte", "issue_date__lte", "due_date__gte", "due_date__lte"),
        *("total__gte", "total__lte", "vat_rate", "vat_category", "currency", "company__id__exact"),
    )
    """The filters that are not always in sight."""

    def __init__(self, data: Any, *, request: HttpRequest, admin_site: Any) -> None:
        super().__init__(data)
        user: Any = request.user
        fields: dict[str, Any] = self.fields
        customer = fields["customer__id__exact"]
        customer.widget = AutocompleteSelect(Invoice._meta.get_field("customer"), admin_site)
        customer.queryset = admin_site.get_model_admin(Customer).get_queryset(request)
        companies = admin_site.get_model_admin(Company).get_queryset(request)
        fields["company__id__exact"].queryset = companies
        if not user.is_superuser and len(user.company_ids) < 2:
            del fields["company__id__exact"]
        for name in ("issue_date__gte", "issue_date__lte", "due_date__gte", "due_date__lte"):
            self.fields[name].widget = UnfoldAdminSingleDateWidget()
        dress_fields(self)

    @property
    def more(self) -> list[forms.BoundField]:
        """The fields that are not always in sight."""
        return [self[name] for name in self.shown_below if name in self.fields]

    @property
    def count_of_more(self) -> int:
        """How many of them are used."""
        return sum(1 for field in self.more if field.value())

    def wanted(self) -> dict[str, Any]:
        """What `filtered_invoices` is told; what is wrong about a filter is shown beside it and not filtered by."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}
        statuses = set(given.get("status") or Status.values)
        if given.get("open"):
            statuses &= set(OPEN_STATUSES)
        if given.get("issued"):
            statuses &= set(ISSUED_STATUSES)
        customer, company = given.get("customer__id__exact"), given.get("company__id__exact")
        return {
            "statuses": statuses if len(statuses) < len(Status) else None,
            "overdue": given.get("overdue") or None,
            "customer_id": customer.pk if customer else None,
            "company_id": company.pk if company else None,
            "currency": given.get("currency"),
            "issue_date_from": given.get("issue_date__gte"),
            "issue_date_to": given.get("issue_date__lte"),
            "due_date_from": given.get("due_date__gte"),
            "due_date_to": given.get("due_date__lte"),
            "total_min": given.get("total__gte"),
            "total_max": given.get("total__lte"),
            "vat_rate": given.get("vat_rate"),
            "vat_category": given.get("vat_category"),
        }


class InvoiceFilter(admin.ListFilter):
    """All the filters of the list as one, so that the API and the admin filter by the same function."""

    title = "invoices"
    form: InvoiceFilterForm

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        typed = request.GET.copy()
        for other, name in OTHER_NAMES.items():
            if other in typed:
                typed.setlist(name, typed.getlist(other))
                params.pop(other, None)
        self.form = InvoiceFilterForm(typed, request=request, admin_site=model_admin.admin_site)
        for name in InvoiceFilterForm.base_fields:
            params.pop(name, None)

    def has_output(self) -> bool:
        """Always: the form stands above the list."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """The names of the fields."""
        return list(InvoiceFilterForm.base_fields)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """None: it is a form."""
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The invoices that fit."""
        return filtered_invoices(queryset, **self.form.wanted())


class InvoiceChangeList(CountlessChangeList):
    """The list, read as `invoices.pages` reads that of the API: by company, and a span of days by the index of days."""

    filter_form: InvoiceFilterForm

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The invoices that are filtered, in order."""
        found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        [shown] = self.filter_specs
        self.filter_form = shown.form
        # The form above the list is all there is of filters; the drawer at the side stays away.
        self.has_filters = False
        is_selective = any(self.filter_form.cleaned_data.get(f"{name}__id__exact") for name in ("customer", "company"))
        typed = self.filter_form.cleaned_data
        spans = [(typed.get(f"{name}__gte"), typed.get(f"{name}__lte")) for name in ("issue_date", "due_date")]
        is_by_creation = list(found.query.order_by) == list(NEWEST_FIRST)
        self.goes_by_days = is_by_creation and any(is_short_span(*span) for span in spans)
        self.company_ids = [] if is_selective or self.query else separate_companies(request.user)
        return found

    def rows(self, first: int, count: int) -> Sequence[Any]:
        """`count` rows from `first` on."""
        if connection.vendor == "sqlite" or not (self.goes_by_days or self.company_ids):
            return super().rows(first, count)
        order = self.queryset.query.order_by
        part_order = by_no_index(order) if self.goes_by_days else order
        parts = [self.queryset.filter(company_id=company_id) for company_id in self.company_ids] or [self.queryset]
        ids, *others = [part.order_by(*part_order).values("pk")[: first + count] for part in parts]
        if others:
            ids = ids.union(*others, all=True)
        return list(invoice_rows().filter(pk__in=ids).order_by(*order)[first : first + count])

    @property
    def is_filtered(self) -> bool:
        """Whether something is left out."""
        return bool(set(self.filter_params) - {"o", "p", "e"})

    @property
    def other_parameters(self) -> dict[str, list[str]]:
        """What the address says beside the form's fields, to be kept when the form is sent."""
        known = {*InvoiceFilterForm.base_fields, *OTHER_NAMES, "p", "e"}
        return {name: values for name, values in self.filter_params.items() if name not in known}

    @property
    def filter_address(self) -> str:
        """What the address says of the filters, for the pages about what is filtered."""
        pairs = [(name, value) for name, values in self.filter_params.items() if name not in "pe" for value in values]
        return urlencode(pairs)


def _company_vat(invoice: Invoice) -> Amount | str:
    """The VAT in the company's currency, where there is one of its own."""
    worth = invoice.company_vat
    return Amount(worth.amount, worth.currency) if worth else ""


class InvoiceListAdmin(RecordedAdmin):
    """The list of invoices, and the pages about what is filtered in it."""

    change_list_template = "invoices/admin/change_list.html"
    list_after_template = None
    export_columns: Columns = (
        ("id", "pk"),
        ("number", "number"),
        ("company", "company.name"),
        ("customer", "buyer_name"),
        ("status", "get_status_display"),
        ("overdue", "is_overdue"),
        ("currency", "currency"),
        ("issue_date", "issue_date"),
        ("due_date", "due_date"),
        ("subtotal", lambda invoice: Amount(invoice.subtotal, invoice.currency)),
        ("vat", lambda invoice: Amount(invoice.vat_total, invoice.currency)),
        ("total", lambda invoice: Amount(invoice.total, invoice.currency)),
        ("paid", lambda invoice: Amount(invoice.paid, invoice.currency)),
        ("outstanding", lambda invoice: Amount(invoice.still_owed, invoice.currency)),
        ("exchange_rate", lambda invoice: plain_text(invoice.exchange_rate) if invoice.exchange_rate else ""),
        ("exchange_rate_date", "exchange_rate_date"),
        ("company_currency", lambda invoice: invoice.company_currency or ""),
        ("vat_in_company_currency", _company_vat),
    )
    list_display = (
        "document",
        "customer_column",
        "status_badge",
        "issued_on",
        "due_on",
        "total_amount",
        "outstanding_amount",
        "company",
    )
    list_filter = (InvoiceFilter,)
    search_fields = ("search_text",)
    search_help_text = "Number, customer or reference"
    bulk_pages: ClassVar[tuple[type[BulkPage], ...]] = ()
    actions: ClassVar[Sequence[Any]] = ()

    class Media:
        css: ClassVar[dict[str, Sequence[str]]] = {"all": ("invoices/desk.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """The invoices of the reader's companies, newest first."""
        user: Any = request.user
        return invoices_of(user)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[InvoiceChangeList]:
        """The list that counts nothing."""
        return InvoiceChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """The invoices with the text in their number, customer's name or references, found as by the API."""
        term = search_term.strip()
        return (filtered_invoices(queryset, search=term) if term else queryset), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """What can be done to many rows: what the reader's roles carry, and never to delete them."""
        if "_popup" in request.GET:
            return {}
        pages = [page for page in self.bulk_pages if page(self, request).is_allowed()]
        return {page.page.name: (chosen(page), page.page.name, f"{page.page.button}…") for page in pages}

    def bulk_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """What became of many rows."""
        page = next((page for page in self.bulk_pages if page.page.name == name), None)
        if page is None:
            raise Http404
        return page(self, request).respond()

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, and of the totals of a filtered list."""
        wrap = self.admin_site.admin_view
        return [
            path("bulk/<slug:name>/", wrap(self.bulk_view), name="invoices_invoice_bulk"),
            path("totals/", wrap(self.totals_view), name="invoices_invoice_totals"),
            *super().get_urls(),
        ]

    def filtered(self, request: HttpRequest) -> QuerySet[Invoice]:
        """What the list shows for this address, in its order; nothing is read yet."""
        require_page(self.has_view_permission(request))
        unknown = set(request.GET) - {*InvoiceFilterForm.base_fields, *OTHER_NAMES, *LIST_PARAMETERS}
        lookups = {name: request.GET[name] for name in unknown if self.lookup_allowed(name, request.GET[name], request)}
        try:
            found = self.get_queryset(request).filter(**lookups)
        except (FieldError, ValidationError, ValueError):
            found = Invoice.objects.none()
        shown = InvoiceFilter(request, {}, Invoice, self)
        return self.get_search_results(request, shown.queryset(request, found), request.GET.get("q", ""))[0]

    def totals_view(self, request: HttpRequest) -> HttpResponse:
        """How many invoices fit the filters, their totals and what of them is outstanding: for each currency."""
        sums = sums_of(self.filtered(request))
        return TemplateResponse(request, "invoices/admin/list_totals.html", {"sums": sums, "most": MOST_SUMMED})

    @admin.display(description="number", ordering="number_or_blank")
    def document(self, invoice: Invoice) -> str:
        """The number, or which draft it is."""
        return str(invoice)

    @admin.display(description="customer", ordering="shown_name")
    def customer_column(self, invoice: Invoice) -> str:
        """Who is billed."""
        return invoice.buyer_name

    @admin.display(description="status", ordering="status")
    def status_badge(self, invoice: Invoice) -> str:
        """The status as a badge."""
        return format_html(
            '<span class="status status-{}">{}</span>', invoice.status.lower(), invoice.get_status_display()
        )

    @admin.display(description="issue date", ordering="issue_date")
    def issued_on(self, invoice: Invoice) -> str:
        """The issue date."""
        return invoice.issue_date.isoformat()

    @admin.display(description="due date", ordering="due_date")
    def due_on(self, invoice: Invoice) -> str:
        """The due date, with a mark where it has passed and something is outstanding."""
        mark = format_html(' <span class="status status-overdue">{}</span>', "Overdue") if invoice.is_overdue else ""
        return format_html("{}{}", invoice.due_date.isoformat(), mark)

    @admin.display(description="total", ordering="total")
    def total_amount(self, invoice: Invoice) -> str:
        """What is billed."""
        return amount_cell(invoice, invoice.total)

    @admin.display(description="outstanding", ordering="outstanding")
    def outstanding_amount(self, invoice: Invoice) -> str:
        """What is still to be paid; nothing of a draft or of what is cancelled."""
        is_owed = invoice.status in ISSUED_STATUSES
        return amount_cell(invoice, invoice.outstanding) if is_owed else NOTHING


def amount_cell(invoice: Invoice, amount: Any) -> str:
    """An amount in a list: currency and figures."""
    return format_html(
        '<span class="amount"><span class="currency">{}</span> {}</span>',
        invoice.currency,
        grouped_money(amount, invoice.currency),
    )
