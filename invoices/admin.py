"""Invoices in the admin: the list, the draft's form, the issued document, and the buttons that its status allows."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html

from accounts.admin import FoundedCompanyAdmin
from audit.admin import NOTHING, CommandPage, RecordedAdmin
from audit.selectors import TimelineEntry
from core.admin import ReasonForm, ScopedFilter, VerbForm, refusal_of, require_page, require_permission
from core.api.downloads import pdf_reply
from core.money import grouped_money
from invoices.admin_forms import InvoiceForm, LineForm, LineFormSet, draft_values
from invoices.documents import copy_with_payments, invoice_document_file
from invoices.lifecycle import Command, WrongStatus, allows, require_status
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.selectors import explained, invoice_documents_of, invoice_timeline, invoices_of
from invoices.services import (
    MAXIMUM_LINES,
    InvoiceWithoutLines,
    cancel_invoice,
    create_draft,
    delete_draft,
    issue_invoice,
    require_cancellable,
    set_next_number,
    update_draft,
)
from parties.models import Company


class InvoicePage(CommandPage):
    """A page on which one command about an invoice is given, with the document below."""

    command: ClassVar[Command]

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Invoice]:
        """The invoices, with all that the document shows."""
        return invoice_documents_of(user)

    def require_possible(self) -> None:
        """Raise WrongStatus unless the status takes the command."""
        require_status(self.obj.status, self.command)

    def context(self) -> dict[str, Any]:
        """The document."""
        return document_context(self.obj)


class IssuePage(InvoicePage):
    """The confirmation of an issue."""

    name = "issue"
    button = "Issue"
    command = Command.ISSUE
    permission = "invoices.issue_invoice"
    template = "invoices/admin/issue.html"
    is_primary = True

    @property
    def title(self) -> str:
        """The question."""
        return f"Issue {self.obj}?"

    def require_possible(self) -> None:
        """Raise WrongStatus or InvoiceWithoutLines."""
        super().require_possible()
        if not self.obj.lines.exists():
            raise InvoiceWithoutLines

    def give(self, values: dict[str, Any]) -> str:
        """Issue the draft in the version that the page showed."""
        issued = issue_invoice(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"Issued as {issued.number}."


class CancelPage(InvoicePage):
    """The confirmation of a cancellation, and its reason."""

    name = "cancel"
    button = "Cancel invoice"
    command = Command.CANCEL
    permission = "invoices.cancel_invoice"
    template = "invoices/admin/cancel.html"
    form_class = ReasonForm
    is_dangerous = True

    @property
    def title(self) -> str:
        """The question."""
        return f"Cancel {self.obj}?"

    def require_possible(self) -> None:
        """Raise WrongStatus or HasEntries."""
        require_cancellable(self.obj)

    def give(self, values: dict[str, Any]) -> str:
        """Cancel the invoice in the version that the page showed."""
        cancelled = cancel_invoice(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"{cancelled} is cancelled."


class LineInline(admin.TabularInline):
    """The lines of a draft. They belong to the invoice's form: whoever may change the one may change the others."""

    model = InvoiceLine
    form = LineForm
    formset = LineFormSet
    template = "invoices/admin/lines.html"
    fields = (
        "description",
        "quantity",
        "unit_price",
        "discount_percent",
        "discount_amount",
        "vat_rate",
        "vat_category",
    )
    verbose_name = "line"
    max_num = MAXIMUM_LINES
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> type[Any]:
        """The formset of this request: it knows what was refused."""
        formset = super().get_formset(request, obj, **options)
        formset.refusal = refusal_of(request)
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may bill at all, or bill here."""
        return request.user.has_perm("invoices.add_invoiceline", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may change lines here."""
        return request.user.has_perm("invoices.change_invoiceline", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may delete lines here."""
        return request.user.has_perm("invoices.delete_invoiceline", obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may see lines here."""
        return request.user.has_perm("invoices.view_invoiceline", obj)


class InvoiceAdmin(RecordedAdmin):
    """The invoices of the reader's companies. A draft is a form; everything else is a document to read.

    Registered in the payments room, which adds what money does to an invoice.
    """

    form = InvoiceForm
    inlines = (LineInline,)
    command_pages = (IssuePage, CancelPage)
    change_form_template = "invoices/admin/change_form.html"
    fields = (
        "customer",
        ("issue_date", "due_date"),
        ("currency", "prices_include_vat"),
        ("discount_percent", "discount_amount"),
    )
    autocomplete_fields = ("customer",)
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
    list_filter = ("status", ("company", ScopedFilter), "issue_date")
    search_fields = ("number", "shown_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """The invoices of the reader's companies, newest first."""
        return invoices_of(request.user)

    @admin.display(description="number", ordering="number")
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
        """What is still to be paid; nothing of a cancelled invoice."""
        return NOTHING if invoice.cancelled_at else amount_cell(invoice, invoice.outstanding)

    def timeline(self, obj: Invoice) -> list[TimelineEntry]:
        """What happened to the invoice, its lines and its payments."""
        return invoice_timeline(obj)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form of a draft, or the document. Whatever is posted goes to the service, which knows the status."""
        if request.method == "POST":
            return super().change_view(request, object_id, form_url, extra_context)
        invoice = self.existing(request, unquote(object_id), invoice_documents_of(request.user))
        if allows(invoice.status, Command.EDIT) and self.has_change_permission(request, invoice):
            return super().change_view(request, object_id, form_url, extra_context)
        require_page(self.has_view_permission(request, invoice))
        context = self.page_context(
            request,
            title=str(invoice),
            buttons=self.buttons(request, invoice),
            ledger=self.ledger(request, invoice),
            **document_context(invoice),
        )
        return TemplateResponse(request, "invoices/admin/document.html", context)

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, and that of the PDF."""
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("<path:object_id>/pdf/", view, name="invoices_invoice_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The invoice as a PDF, shown by the browser; with ?payments, the copy of today."""
        invoice = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, invoice))
        make = copy_with_payments if "payments" in request.GET else invoice_document_file
        file = make(invoice.pk)
        return pdf_reply(bytes(file.content), file.file_name, as_attachment=False)

    def ledger(self, request: HttpRequest, invoice: Invoice) -> list[Any]:
        """The rows of the table of payments: the payments room knows them."""
        return []

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new draft, of the company that the customer belongs to."""
        customer = values["customer"]
        require_permission(request.user, "invoices.add_invoice", customer, field="customer")
        given = {name: value for name, value in draft_values(values).items() if value not in (None, "")}
        return create_draft(actor=request.user, company=customer.company, items=lines_of(formsets), **given)

    def update(
        self, request: HttpRequest, obj: Invoice, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The draft as it was typed, its lines replaced."""
        return update_draft(
            actor=request.user,
            invoice_id=obj.pk,
            version=version,
            items=lines_of(formsets),
            **draft_values(values),
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The confirmation, for a draft; other invoices lead back to the document, with the reason."""
        if request.method != "POST":
            invoice = self.existing(request, unquote(object_id))
            require_page(self.has_delete_permission(request, invoice))
            try:
                require_status(invoice.status, Command.DELETE)
            except WrongStatus as refusal:
                messages.error(request, refusal.detail)
                return HttpResponseRedirect(self.change_url(invoice))
        return super().delete_view(request, object_id, extra_context)

    def erase(self, request: HttpRequest, obj: Invoice, version: int | None) -> None:
        """Delete a draft and its lines."""
        delete_draft(actor=request.user, invoice_id=obj.pk, version=version)


class SeriesForm(VerbForm):
    """From which number on a year is numbered."""

    year = forms.IntegerField(help_text="The year of the issue dates.")
    next_value = forms.IntegerField(
        label="Next number", help_text="Possible until the year has its first number; 42 gives INV-2026-000042."
    )


class SeriesPage(CommandPage):
    """The form that sets the start of a number series."""

    name = "numbers"
    button = "Set next number"
    permission = "parties.change_company"
    form_class = SeriesForm

    @property
    def title(self) -> str:
        """What the form does."""
        return f"Next invoice number of {self.obj}"

    def initial(self) -> dict[str, Any]:
        """This year."""
        return {"year": self.obj.today().year}

    def give(self, values: dict[str, Any]) -> str:
        """Set the number; the company itself does not change."""
        series = set_next_number(
            actor=self.request.user, company=self.obj, year=values["year"], next_value=values["next_value"]
        )
        return f"The next number of {series.year} is {next_number_text(series)}."


@admin.register(Company)
class NumberingCompanyAdmin(FoundedCompanyAdmin):
    """Companies with the numbers that their invoices get next."""

    command_pages = (*FoundedCompanyAdmin.command_pages, SeriesPage)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What has a page of its own."""
        return () if obj is None else (*super().get_readonly_fields(request, obj), "next_numbers")

    @admin.display(description="next numbers")
    def next_numbers(self, company: Company) -> str:
        """The next number of each year that has a series, the latest first."""
        series = NumberSeries.objects.filter(company=company).order_by("-year")
        return ", ".join(next_number_text(row) for row in series) or "from 1 in each year"


def next_number_text(series: NumberSeries) -> str:
    """The number that the next invoice of the year gets."""
    return f"{series}-{series.next_value:06d}"


def amount_cell(invoice: Invoice, amount: Any) -> str:
    """An amount in a list: currency and figures."""
    return format_html(
        '<span class="amount"><span class="currency">{}</span> {}</span>',
        invoice.currency,
        grouped_money(amount, invoice.currency),
    )


def document_context(invoice: Invoice) -> dict[str, Any]:
    """What the templates of a document need, with how its totals come about."""
    discounted = any(line.discount_percent or line.discount_amount for line in invoice.lines.all())
    return {
        "invoice": invoice,
        "has_line_discounts": discounted,
        "explanation": explained(invoice),
    }


def lines_of(formsets: Sequence[LineFormSet]) -> list[Any]:
    """The lines that were typed."""
    return [item for formset in formsets for item in formset.items()]
