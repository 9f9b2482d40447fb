"""Invoices in the admin: the list, the draft's form, the issued document, and the buttons that its status allows."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from audit.admin import RecordedAdmin, conflict_context
from audit.selectors import TimelineEntry
from core.admin import ScopedFilter, moment_text, refusal_of, require_page, require_permission
from core.errors import DomainError, StaleVersion
from core.money import money_text
from invoices.admin_forms import InvoiceForm, LineForm, LineFormSet, draft_values
from invoices.lifecycle import Command, Status, allows, require_status
from invoices.models import Invoice, InvoiceLine
from invoices.selectors import invoice_documents_of, invoice_timeline, invoices_of
from invoices.services import MAXIMUM_LINES, create_draft, delete_draft, issue_invoice, update_draft


class VersionForm(forms.Form):
    """The version that a button was pressed in."""

    version = forms.IntegerField(min_value=1)


class LineInline(admin.TabularInline):
    """The lines of a draft. They belong to the invoice's form: whoever may change the one may change the others."""

    model = InvoiceLine
    form = LineForm
    formset = LineFormSet
    template = "invoices/admin/lines.html"
    fields = ("description", "quantity", "unit_price", "vat_rate", "vat_category")
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


@admin.register(Invoice)
class InvoiceAdmin(RecordedAdmin):
    """The invoices of the reader's companies. A draft is a form; everything else is a document to read."""

    form = InvoiceForm
    inlines = (LineInline,)
    change_form_template = "invoices/admin/change_form.html"
    fields = ("customer", ("issue_date", "due_date"), ("currency", "prices_include_vat"))
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
    search_fields = ("number", "customer_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """The invoices of the reader's companies, newest first."""
        return invoices_of(request.user)

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and the one that issues."""
        issue = path(
            "<path:object_id>/issue/",
            self.admin_site.admin_view(self.issue_view),
            name="invoices_invoice_issue",
        )
        return [issue, *super().get_urls()]

    @admin.display(description="number", ordering="number")
    def document(self, invoice: Invoice) -> str:
        """The number, or which draft it is."""
        return str(invoice)

    @admin.display(description="customer", ordering="customer_name")
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
        """What is still to be paid."""
        return amount_cell(invoice, invoice.outstanding)

    def timeline(self, obj: Invoice) -> list[TimelineEntry]:
        """What happened to the invoice, its lines and its payments."""
        return invoice_timeline(obj)

    def may(self, request: HttpRequest, command: Command, permission: str, invoice: Invoice) -> bool:
        """Whether the status takes the command and the role carries it."""
        return allows(invoice.status, command) and request.user.has_perm(permission, invoice)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form of a draft, or the document. Whatever is posted goes to the service, which knows the status."""
        if request.method == "POST":
            return super().change_view(request, object_id, form_url, extra_context)
        invoice = self.existing(request, unquote(object_id), invoice_documents_of(request.user))
        if self.may(request, Command.EDIT, "invoices.change_invoice", invoice):
            return super().change_view(request, object_id, form_url, self.buttons(request, invoice))
        require_page(self.has_view_permission(request, invoice))
        context = self.document_context(request, invoice, title=str(invoice))
        return TemplateResponse(request, "invoices/admin/document.html", context)

    def buttons(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """The buttons that would succeed now for this reader, by address."""
        issuable = self.may(request, Command.ISSUE, "invoices.issue_invoice", invoice) and invoice.lines.exists()
        payable = self.may(request, Command.PAY, "payments.add_payment", invoice)
        return {
            "issue_url": reverse("admin:invoices_invoice_issue", args=[invoice.pk]) if issuable else "",
            "payment_url": f"{reverse('admin:payments_payment_add')}?invoice={invoice.pk}" if payable else "",
        }

    def document_context(self, request: HttpRequest, invoice: Invoice, **values: Any) -> dict[str, Any]:
        """What a page that shows the document needs."""
        return self.page_context(
            request,
            invoice=invoice,
            original=invoice,
            payments=invoice.payments.all(),
            **self.buttons(request, invoice),
            **values,
        )

    def issue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The confirmation of an issue, and the issue."""
        invoice = self.existing(request, object_id, invoice_documents_of(request.user))
        require_page(request.user.has_perm("invoices.issue_invoice", invoice))
        if request.method != "POST":
            if not allows(invoice.status, Command.ISSUE):
                return self.not_possible(request, invoice, Command.ISSUE)
            return self.issue_page(request, invoice)
        try:
            return self.issue(request, invoice)
        except StaleVersion as refusal:
            return self.issue_refused_as_stale(request, object_id, refusal)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(self.change_url(invoice))

    def issue(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """Issue the invoice in the version that the confirmation showed."""
        form = VersionForm(request.POST)
        if not form.is_valid():
            messages.error(request, "This page is incomplete: open it again, then repeat.")
            return HttpResponseRedirect(self.change_url(invoice))
        issued = issue_invoice(actor=request.user, invoice_id=invoice.pk, version=form.cleaned_data["version"])
        messages.success(request, f"Issued as {issued.number}.")
        return HttpResponseRedirect(self.change_url(issued))

    def issue_refused_as_stale(self, request: HttpRequest, object_id: str, refusal: StaleVersion) -> HttpResponse:
        """The confirmation of what the draft is now; or, where there is nothing to issue any more, the document."""
        invoice = self.existing(request, object_id, invoice_documents_of(request.user))
        if not allows(invoice.status, Command.ISSUE):
            status = Status(invoice.status).label.lower()
            when = moment_text(refusal.changed_at)
            text = f"Nothing was done: {invoice} is {status} already. {refusal.changed_by} changed it at {when}."
            messages.error(request, text)
            return HttpResponseRedirect(self.change_url(invoice))
        request.refusal = refusal
        return self.issue_page(request, invoice)

    def issue_page(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        """The confirmation."""
        context = self.document_context(request, invoice, title=f"Issue {invoice}?")
        context.update(conflict_context(request, invoice, self.timeline))
        return TemplateResponse(request, "invoices/admin/issue.html", context)

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
            if not allows(invoice.status, Command.DELETE):
                return self.not_possible(request, invoice, Command.DELETE)
        return super().delete_view(request, object_id, extra_context)

    def not_possible(self, request: HttpRequest, invoice: Invoice, command: Command) -> HttpResponse:
        """Back to the document, with the reason why its status does not take the command."""
        try:
            require_status(invoice.status, command)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        return HttpResponseRedirect(self.change_url(invoice))

    def erase(self, request: HttpRequest, obj: Invoice, version: int | None) -> None:
        """Delete a draft and its lines."""
        delete_draft(actor=request.user, invoice_id=obj.pk, version=version)


def amount_cell(invoice: Invoice, amount: Any) -> str:
    """An amount in a list: currency and figures."""
    return format_html(
        '<span class="amount"><span class="currency">{}</span> {}</span>',
        invoice.currency,
        money_text(amount, invoice.currency),
    )


def lines_of(formsets: Sequence[LineFormSet]) -> list[Any]:
    """The lines that were typed."""
    return [item for formset in formsets for item in formset.items()]
