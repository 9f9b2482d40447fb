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

import invoices.numbers_admin
import invoices.recurring.admin  # noqa: F401  # both register their pages
from accounts.admin import FoundedCompanyAdmin
from audit.admin import CommandPage
from audit.selectors import History
from core.admin import ExactField, ReasonForm, VerbForm, companies_where, require_page, require_permission
from core.api.downloads import pdf_reply
from core.errors import DomainError
from currencies.rates import RATE_DECIMALS
from invoices.admin_bulk import BulkPage, Row
from invoices.admin_forms import InvoiceForm, LineInline, draft_values, lines_of
from invoices.admin_list import InvoiceListAdmin
from invoices.bulk import DraftToIssue, issue_invoices
from invoices.documents import copy_with_payments, invoice_document_file
from invoices.lifecycle import Command, WrongStatus, allows, require_status
from invoices.live_totals import live_totals
from invoices.models import Invoice, NumberSeries
from invoices.past import past_context
from invoices.selectors import (
    actions_of,
    explained,
    invoice_documents_of,
    invoice_histories,
    latest_commands,
)
from invoices.services import (
    cancel_invoice,
    create_draft,
    delete_draft,
    duplicate_invoice,
    issue_invoice,
    require_billable,
    require_cancellable,
    require_issuable,
    set_next_number,
    update_draft,
)
from parties.models import Company, Customer


class InvoicePage(CommandPage):
    """A page on which one command about an invoice is given, with the document below."""

    command: ClassVar[Command | None] = None
    """What the API calls it, where it is one of its actions."""

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Invoice]:
        """The invoices, with all that the document shows."""
        return invoice_documents_of(user)

    def require_possible(self) -> None:
        """Raise WrongStatus unless the status takes the command."""
        if self.command is not None:
            require_status(self.obj.status, self.command)

    def is_offered(self) -> bool:
        """Whether the command would succeed now; of the API's actions, whether the API says so too."""
        if self.command is None:
            return super().is_offered()
        return self.command.value in allowed_actions(self.obj, self.request.user)

    def context(self) -> dict[str, Any]:
        """The document."""
        return document_context(self.obj)


class IssueForm(VerbForm):
    """The exchange rate of an invoice in another currency than its company's."""

    exchange_rate = ExactField(
        decimals=RATE_DECIMALS, required=False, help_text="Empty: the recorded rate of the issue date."
    )

    def __init__(self, *args: Any, invoice: Invoice, **options: Any) -> None:
        super().__init__(*args, **options)
        own = invoice.company.currency
        if invoice.currency == own:
            del self.fields["exchange_rate"]
        else:
            self.fields["exchange_rate"].label = f"What 1 {invoice.currency} is in {own}"


class IssuePage(InvoicePage):
    """The confirmation of an issue."""

    name = "issue"
    button = "Issue"
    command = Command.ISSUE
    permission = "invoices.issue_invoice"
    template = "invoices/admin/issue.html"
    form_class = IssueForm
    is_primary = True

    @property
    def title(self) -> str:
        """The question."""
        return f"Issue {self.obj}?"

    def require_possible(self) -> None:
        """Raise WrongStatus, InvoiceWithoutLines, CustomerArchived or PeriodLocked."""
        require_issuable(self.obj, has_lines=self.obj.lines.exists())

    def form_options(self) -> dict[str, Any]:
        """The draft, whose currency decides what is asked."""
        return {"invoice": self.obj}

    def give(self, values: dict[str, Any]) -> str:
        """Issue the draft in the version that the page showed."""
        issued = issue_invoice(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"Issued as {issued.number}."


class BulkIssue(BulkPage):
    """Drafts of the list, issued."""

    page = IssuePage
    done = "issued"
    warning = (
        "Each draft gets the next number and is frozen: lines, amounts, dates and both parties' details stay as they "
        "are now. A draft that was changed since this page was opened is left alone."
    )

    def give(self, rows: Sequence[Row]) -> list[str | DomainError]:
        """Issue the drafts, each by the rules of a single one."""
        drafts = [DraftToIssue(invoice_id=row.invoice.pk, version=row.version) for row in rows]
        outcomes = issue_invoices(actor=self.request.user, rows=drafts)
        return [outcome if isinstance(outcome, DomainError) else f"Issued as {outcome.number}." for outcome in outcomes]


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


class DuplicatePage(CommandPage):
    """The confirmation of a duplicate, which is a new draft."""

    name = "duplicate"
    button = "Duplicate"
    permission = "invoices.add_invoice"
    template = "invoices/admin/duplicate.html"
    made: Invoice | None = None

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Invoice]:
        """The invoices, with all that the document shows."""
        return invoice_documents_of(user)

    @property
    def title(self) -> str:
        """The question."""
        return f"Duplicate {self.obj}?"

    def context(self) -> dict[str, Any]:
        """The document."""
        return document_context(self.obj)

    def require_possible(self) -> None:
        """Raise CustomerArchived."""
        require_billable(self.obj.customer, self.obj.company)

    def give(self, values: dict[str, Any]) -> str:
        """Make the draft; a page that was opened long ago copies the invoice as it is now."""
        self.made = duplicate_invoice(actor=self.request.user, invoice_id=self.obj.pk)
        return f"{self.made} is a copy of {self.obj}, dated today. Nothing is issued yet."

    @property
    def back_address(self) -> str:
        """The draft once it is made, the invoice before."""
        return self.model_admin.change_url(self.made or self.obj)


class InvoiceAdmin(InvoiceListAdmin):
    """The invoices of the reader's companies. A draft is a form; everything else is a document to read.

    Registered in the payments room, which adds what money does to an invoice.
    """

    form = InvoiceForm
    inlines = (LineInline,)
    command_pages = (IssuePage, DuplicatePage, CancelPage)
    bulk_pages = (BulkIssue,)
    change_form_template = "invoices/admin/change_form.html"
    document_template = "invoices/admin/document.html"
    fields = (
        "customer",
        ("issue_date", "due_date"),
        ("currency", "prices_include_vat"),
        ("discount_percent", "discount_amount"),
    )
    autocomplete_fields = ("customer",)

    def histories(self, obj: Invoice) -> list[History]:
        """What happened to the invoice, its lines and its payments."""
        return invoice_histories(obj)

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
            object=invoice,
            buttons=self.buttons(request, invoice),
            ledger=self.ledger(request, invoice),
            latest=latest_commands(invoice),
            **document_context(invoice),
            **self.further_context(request, invoice),
        )
        return TemplateResponse(request, self.document_template, context)

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, of the PDF, of the past, and of the totals of a draft that is typed."""
        pdf, past = self.admin_site.admin_view(self.pdf_view), self.admin_site.admin_view(self.past_view)
        totals = self.admin_site.admin_view(self.live_totals_view)
        return [
            path("live-totals/", totals, name="invoices_invoice_live_totals"),
            path("<path:object_id>/pdf/", pdf, name="invoices_invoice_pdf"),
            path("<path:object_id>/past/", past, name="invoices_invoice_past"),
            *super().get_urls(),
        ]

    def past_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The invoice as it was at a version (?version=), or at a moment (?asOf=)."""
        invoice = self.existing(request, unquote(object_id), invoice_documents_of(request.user))
        require_page(self.has_view_permission(request, invoice))
        context = self.page_context(request, **past_context(invoice, request.GET))
        return TemplateResponse(request, "invoices/admin/past.html", context)

    def live_totals_view(self, request: HttpRequest) -> HttpResponse:
        """The totals of the draft that is posted as its form would be, worked out and not saved."""
        draft = self.existing(request, request.GET["draft"]) if "draft" in request.GET else None
        may = self.has_add_permission(request) if draft is None else self.has_change_permission(request, draft)
        require_page(may and request.method == "POST")
        form = self.get_form(request, draft, change=draft is not None)(request.POST, instance=draft)
        [(formset_class, _)] = self.get_formsets_with_inlines(request, draft)
        formset = formset_class(request.POST, instance=draft or Invoice(), prefix="lines")
        form.is_valid()
        formset.is_valid()
        shown = live_totals(form, formset, self.billing_company(request, form.cleaned_data.get("customer"), draft))
        return TemplateResponse(request, "invoices/admin/live_totals.html", {"live": shown})

    def billing_company(
        self, request: HttpRequest, customer: Customer | None = None, draft: Invoice | None = None
    ) -> Company | None:
        """Who bills: the company of the customer or the draft, or the only one in which the reader may bill."""
        if draft is not None:
            return draft.company
        if customer is not None:
            return customer.company
        companies = list(companies_where(request.user, "invoices.add_invoice", Company.objects.all())[:2])
        return companies[0] if len(companies) == 1 else None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form, with the totals of what is typed where it may be saved."""
        draft = options.get("obj")
        may = self.has_add_permission(request) if draft is None else self.has_change_permission(request, draft)
        context["may_save"] = may
        return super().render_change_form(request, context, *args, **options)

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

    def further_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """What the rooms above show on the document's page."""
        return {}

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


def document_context(invoice: Invoice) -> dict[str, Any]:
    """What the templates of a document need, with how its totals come about."""
    discounted = any(line.discount_percent or line.discount_amount for line in invoice.lines.all())
    return {
        "invoice": invoice,
        "has_line_discounts": discounted,
        "explanation": explained(invoice),
    }


def allowed_actions(invoice: Invoice, user: Any) -> list[str]:
    """The commands that would succeed now for the user: the `allowedActions` of the API. Worked out once."""
    if not hasattr(invoice, "actions"):
        invoice.actions = actions_of(invoice, user)  # type: ignore[attr-defined]  # it is set on the instance
    return list(invoice.actions.allowed)
