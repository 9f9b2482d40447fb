"""Credit notes in the admin: the list and the documents, and the page of an invoice that issues one."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import escape

from audit.admin import CommandPage, RecordedAdmin
from audit.selectors import History, TimelineEntry
from core.admin import ExactField, ReasonForm, ScopedFilter, require_page
from core.api.downloads import pdf_reply
from core.errors import DomainError
from core.exports import Columns
from core.model_fields import PRICE_DECIMALS
from core.money import grouped_money, plain_text
from core.spreadsheets import Amount
from core.widgets import dress_fields
from credits.documents import credit_note_file
from credits.models import CreditNote
from credits.selectors import (
    credit_note_document,
    credit_note_histories,
    credit_notes_of,
    creditable_lines,
    require_creditable_status,
)
from credits.services import CreditItem, issue_credit_note, require_something_left, work_out_credit
from invoices.admin import allowed_actions
from invoices.lifecycle import Status, settled_status
from invoices.models import Invoice
from invoices.selectors import invoice_documents_of, invoice_timeline
from payments.accounts.admin import AccountedInvoiceAdmin
from payments.admin import money_of

QUANTITY = "quantity_"
"""What the names of the quantities begin with; the id of the line follows."""
ITEM = re.compile(r"items\.(\d+)\.")


class CreditForm(ReasonForm):
    """How much of each line is credited, or all that is left; and why."""

    whole = forms.BooleanField(required=False, label="Everything that is left", help_text="Whatever stands below.")

    def __init__(self, *args: Any, left: Mapping[int, tuple[str, Decimal, Decimal]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].help_text = "It stands on the credit note, for the customer to read."
        for pk, (description, quantity, quantity_left) in left.items():
            self.fields[f"{QUANTITY}{pk}"] = ExactField(
                decimals=PRICE_DECIMALS,
                required=False,
                label=description,
                help_text=f"{plain_text(quantity_left)} of {plain_text(quantity)} left to credit.",
            )
        dress_fields(self)
        self.order_fields(["whole", *(f"{QUANTITY}{pk}" for pk in left), "reason"])

    def clean(self) -> dict[str, Any]:
        """The version, the reason, and `whole` or the `items`."""
        cleaned = super().clean() or self.cleaned_data
        quantities = {name: cleaned.pop(name, None) for name in self.fields if name.startswith(QUANTITY)}
        whole = cleaned.get("whole", False)
        items = [CreditItem(int(name.removeprefix(QUANTITY)), amount) for name, amount in quantities.items() if amount]
        return {**cleaned, "items": None if whole else items}


class CreditPage(CommandPage):
    """The form that issues a credit note for an invoice."""

    name = "credit"
    button = "Credit"
    submit = "Issue credit note"
    permission = "credits.add_creditnote"
    form_class = CreditForm
    template = "credits/admin/credit_page.html"
    is_dangerous = True

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Any]:
        """The invoices, with all that the document shows."""
        return invoice_documents_of(user)

    @property
    def title(self) -> str:
        """What the form does."""
        return f"Credit note for {self.obj}"

    def require_possible(self) -> None:
        """Raise WrongStatus or NothingToCredit."""
        require_creditable_status(self.obj)
        require_something_left(self.obj)

    def is_offered(self) -> bool:
        """Whether the API, too, says that a credit note could be issued now."""
        return "creditNote" in allowed_actions(self.obj, self.request.user)

    def timeline(self, subject: Invoice) -> list[TimelineEntry]:
        """What happened to the invoice, its entries and credit notes included."""
        return invoice_timeline(subject)

    def form_options(self) -> dict[str, Any]:
        """What is left of each line."""
        return {
            "left": {
                pk: (line.description, line.quantity, creditable.quantity_left)
                for pk, (line, creditable) in creditable_lines(self.obj).items()
                if creditable.quantity_left
            }
        }

    def respond(self) -> HttpResponse:
        """The page, what came of the command, or what would come of it."""
        if self.request.method == "POST" and "preview" in self.request.GET:
            require_page(self.is_allowed())
            form = self.form()
            is_read = form.is_valid() or set(form.errors) <= {"reason"}
            return HttpResponse(escape(self.foretold(form.cleaned_data)) if is_read else "")
        return super().respond()

    def foretold(self, values: Mapping[str, Any]) -> str:
        """What the credit note would come to and where the invoice would stand, or why it is not possible."""
        invoice = self.obj
        try:
            worked = work_out_credit(invoice, items=values.get("items"), whole=values.get("whole", False))
        except DomainError as refusal:
            return refusal.detail
        owed = invoice.still_owed - worked.applied
        status = settled_status(invoice.total, invoice.paid + invoice.credited + worked.applied)
        amounts = (worked.sums.total, worked.sums.vat_amount, owed, worked.credited)
        total, vat, left, credited = (money_of(invoice, amount) for amount in amounts)
        sentence = f"A credit note over {total}, of which {vat} is VAT, dated today."
        sentence += f" After it {invoice} is {status.label.lower()}, {left} outstanding."
        return f"{sentence} {credited} is left as the customer's credit." if worked.credited else sentence

    def context(self) -> dict[str, Any]:
        """The invoice, for the facts above the form, and what the form as it opens would do."""
        return {"invoice": self.obj, "preview_address": f"{self.address}?preview"}

    def give(self, values: dict[str, Any]) -> str:
        """Issue the credit note over what was typed."""
        try:
            note = issue_credit_note(actor=self.request.user, invoice_id=self.obj.pk, **values)
        except DomainError as refusal:
            refusal.field = self.field_of(refusal, values["items"] or [])
            raise
        status = Status(note.invoice.status).label.lower()
        return f"Credit note {note.number} over {money_of(self.obj, note.total)} issued: {self.obj} is {status}."

    def field_of(self, refusal: DomainError, items: Sequence[CreditItem]) -> str | None:
        """The field of the form that a refusal is about: the quantity of the line, or the choice of all."""
        place = ITEM.match(refusal.field or "")
        if place:
            return f"{QUANTITY}{items[int(place[1])].line_id}"
        return "whole" if refusal.field == "items" else refusal.field


class CreditedInvoiceAdmin(AccountedInvoiceAdmin):
    """Invoices with their credit notes, and the button that issues one. Registered in the rooms above."""

    command_pages = (*AccountedInvoiceAdmin.command_pages, CreditPage)

    def further_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """The credit notes, the newest first."""
        notes = list(credit_notes_of(request.user).filter(invoice_id=invoice.pk)) if invoice.entry_count else []
        return {**super().further_context(request, invoice), "credit_notes": notes}


@admin.register(CreditNote)
class CreditNoteAdmin(RecordedAdmin):
    """The credit notes of the reader's companies, newest first. They are issued for an invoice, and never changed."""

    list_display = ("number", "issue_date", "invoice", "customer", "total_cell", "credited_cell", "company")
    list_filter = (("company", ScopedFilter), "issue_date", "currency")
    list_select_related = ("invoice", "customer", "company")
    search_fields = ("number", "invoice__number", "customer__name")
    search_help_text = "Number, invoice or customer"
    ordering = ("-id",)
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("number", "number"),
        ("issue_date", "issue_date"),
        ("invoice_id", "invoice_id"),
        ("invoice", "invoice.number"),
        ("customer", "invoice.customer_name"),
        ("currency", "currency"),
        ("subtotal", lambda note: Amount(note.subtotal, note.currency)),
        ("vat", lambda note: Amount(note.vat_total, note.currency)),
        ("total", lambda note: Amount(note.total, note.currency)),
        ("applied", lambda note: Amount(note.applied, note.currency)),
        ("credited", lambda note: Amount(note.credited, note.currency)),
        ("reason", "reason"),
    )

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and that of the PDF."""
        pdf = self.admin_site.admin_view(self.pdf_view)
        return [path("<path:object_id>/pdf/", pdf, name="credits_creditnote_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The credit note as a PDF, shown by the browser."""
        note = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, note))
        file = credit_note_file(note.pk)
        return pdf_reply(bytes(file.content), file.file_name, as_attachment=False)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The document, to read."""
        note = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, note))
        context = self.page_context(request, title=str(note), object=note, note=credit_note_document(note.pk))
        return TemplateResponse(request, "credits/admin/note.html", context)

    def histories(self, obj: CreditNote) -> list[History]:
        """What happened to the note: it was issued, with its lines."""
        return credit_note_histories(id=obj.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: a credit note is issued on the page of its invoice."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    @admin.display(description="total", ordering="total")
    def total_cell(self, note: CreditNote) -> str:
        """Currency and figures."""
        return f"{note.currency} {grouped_money(note.total, note.currency)}"

    @admin.display(description="left as credit", ordering="credited")
    def credited_cell(self, note: CreditNote) -> str:
        """What was paid already."""
        return grouped_money(note.credited, note.currency) if note.credited else "—"
