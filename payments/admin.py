"""The ledger in the admin: entries to read, and the pages that pay, refund and reverse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminDateWidget, AdminTextInputWidget
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import escape, format_html

from audit.admin import CommandPage, RecordedAdmin
from audit.selectors import TimelineEntry
from core.admin import ExactField, MomentFilter, ReasonForm, ScopedFilter, VerbForm, require_page
from core.api.downloads import pdf_reply
from core.exports import Columns
from core.model_fields import AMOUNT_DECIMALS
from core.money import ZERO, grouped_money, money_text
from core.spreadsheets import Amount
from invoices.admin import CancelPage, DuplicatePage, InvoiceAdmin, IssuePage, allowed_actions
from invoices.lifecycle import Command, Status, allows, require_status, settled_status
from invoices.models import Invoice
from invoices.selectors import (
    actions_of_entry,
    filtered_invoices,
    invoice_documents_of,
    invoice_timeline,
    invoices_of,
    with_actions_of_entries,
)
from payments.bank_lines import read_line
from payments.intake import PROPOSABLE, BankLineForm, shown_proposals
from payments.ledger import MONEY_KINDS, Kind, Method, left_of
from payments.models import Payment
from payments.pdf import NoReceipt, payment_pdf, payment_pdf_name
from payments.proposals import usual_method
from payments.selectors import payment_document, payments_of
from payments.services import apply_payment, refund_payment, reverse_payment, reversible_amount


class EntryForm(VerbForm):
    """What is typed about any entry. The version is the invoice's."""

    constraint_fields: ClassVar[dict[str, str]] = {"duplicate_reference": "reference"}

    reference = forms.CharField(
        max_length=200, required=False, widget=AdminTextInputWidget, help_text="As on the bank statement."
    )
    paid_at = forms.DateField(
        label="Paid on", widget=AdminDateWidget, help_text="The day the money moved, where the company is."
    )


class PaymentForm(EntryForm):
    """What is typed about a payment."""

    amount = ExactField(decimals=AMOUNT_DECIMALS)
    method = forms.ChoiceField(choices=Method.choices, initial=Method.EFT)

    field_order = ("amount", "method", "reference", "paid_at")


class MoneyBackForm(EntryForm, ReasonForm):
    """What is typed about any entry that undoes a payment."""

    paid_at = forms.DateField(
        label="Paid on", widget=AdminDateWidget, help_text="The day the money went back. Today is taken as now."
    )


class ReversalForm(MoneyBackForm):
    """What is typed about a reversal."""

    field_order = ("reason", "reference", "paid_at")


class RefundForm(MoneyBackForm):
    """What is typed about a refund of the payments that have something left."""

    amount = ExactField(decimals=AMOUNT_DECIMALS)
    payment_id = forms.TypedChoiceField(
        label="Payment",
        required=False,
        coerce=int,
        empty_value=None,
        help_text="Left open: the newest payments first, until the amount is reached.",
    )
    method = forms.ChoiceField(choices=[("", "The way it came"), *Method.choices], required=False)

    field_order = ("amount", "payment_id", "method", "reference", "paid_at", "reason")

    def __init__(self, *args: Any, payments: Sequence["LedgerRow"], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(row.entry.pk, row.description) for row in payments]
        self.fields["payment_id"].choices = [("", "The newest"), *choices]


@dataclass(frozen=True)
class LedgerRow:
    """An entry as the invoice shows it: the payment that it undoes, or what is left of it, and its buttons."""

    entry: Payment
    undoes: Payment | None
    left: Decimal
    buttons: Sequence[CommandPage] = ()

    @property
    def description(self) -> str:
        """A payment among others: when, how, how much is left of how much, and its reference."""
        entry = self.entry
        day = timezone.localtime(entry.paid_at, entry.company.zone).date()
        amount, left = (grouped_money(sum_, entry.currency) for sum_ in (entry.amount, self.left))
        reference = f" ({entry.reference})" if entry.reference else ""
        return f"{day} {entry.get_method_display()}: {left} left of {entry.currency} {amount}{reference}"


def ledger_of(invoice: Invoice) -> list[LedgerRow]:
    """The entries of an invoice, newest first."""
    entries = list(invoice.payments.all())
    by_id = {entry.pk: entry for entry in entries}
    left = left_of(entries)
    for entry in entries:
        entry.company = invoice.company
    return [LedgerRow(entry, by_id.get(entry.reverses_id), left[entry.pk]) for entry in entries]


class LedgerPage(CommandPage):
    """A page that adds entries to the ledger of an invoice."""

    command: ClassVar[Command]
    direction: ClassVar[int] = -1
    """What a movement does to what is paid: 1 raises it."""
    template = "payments/admin/ledger_page.html"

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Any]:
        """The invoices, with their entries."""
        return invoice_documents_of(user)

    @property
    def invoice(self) -> Invoice:
        """The invoice whose ledger it is."""
        return self.obj

    @property
    def subject(self) -> Invoice:
        """The invoice: it is what somebody else may have paid meanwhile."""
        return self.invoice

    def require_possible(self) -> None:
        """Raise WrongStatus unless the status takes the command."""
        require_status(self.invoice.status, self.command)

    def is_offered(self) -> bool:
        """Whether the command is among those that the API, too, says would succeed now."""
        return self.command.value in allowed_actions(self.invoice, self.request.user)

    def initial(self) -> dict[str, Any]:
        """Paid today."""
        return {"paid_at": self.invoice.company.today()}

    def timeline(self, subject: Invoice) -> list[TimelineEntry]:
        """What happened to the invoice, its entries included."""
        return invoice_timeline(subject)

    def form(self) -> VerbForm:
        """The form; an amount typed in another currency than the invoice's is refused."""
        form = super().form()
        if "amount" in form.fields:
            form.fields["amount"].currency = self.invoice.currency
            form.fields["amount"].widget.attrs["autofocus"] = True
        return form

    def respond(self) -> HttpResponse:
        """The page, what came of the command, or what would come of it."""
        if self.request.method == "POST" and "preview" in self.request.GET:
            require_page(self.is_allowed())
            form = self.form()
            form.is_valid()
            return HttpResponse(escape(self.consequence(form.cleaned_data.get("amount"))))
        return super().respond()

    def consequence(self, amount: Decimal | None) -> str:
        """Where the invoice would stand after a movement of `amount`, as a sentence; nothing where it is impossible."""
        invoice = self.invoice
        paid = invoice.paid + (amount or ZERO) * self.direction
        if not amount or amount < 0 or not ZERO <= paid <= invoice.total - invoice.credited:
            return ""
        left = invoice.total - invoice.credited - paid
        status = settled_status(invoice.total, paid + invoice.credited)
        return f"After this {invoice} is {status.label.lower()}, {money_of(invoice, left)} outstanding."

    def context(self) -> dict[str, Any]:
        """The invoice, for the facts above the form, and what the form as it opens would do."""
        opening = self.form().initial.get("amount") if self.request.method != "POST" else None
        amount = Decimal(opening) if opening and opening.replace(".", "", 1).isdigit() else None
        separator = "&" if "?" in self.address else "?"
        return {
            "invoice": self.invoice,
            "consequence": self.consequence(amount),
            "preview_address": f"{self.address}{separator}preview",
        }

    def moment(self, day: date) -> date | None:
        """When money went back: a day as it was typed, or now where that is today (never before a payment of today)."""
        return None if day == self.invoice.company.today() else day

    def outcome(self, invoice: Invoice) -> str:
        """Where the invoice stands after the command."""
        status = Status(invoice.status).label.lower()
        return f"{invoice} is {status}, {money_of(invoice, invoice.still_owed)} outstanding."


class PayPage(LedgerPage):
    """The form that applies a payment."""

    name = "pay"
    button = "Apply payment"
    command = Command.PAY
    direction = 1
    permission = "payments.add_payment"
    form_class = PaymentForm
    is_primary = True

    @property
    def address(self) -> str:
        """The address at which the admin adds a payment."""
        return f"{reverse('admin:payments_payment_add')}?invoice={self.obj.pk}"

    @property
    def title(self) -> str:
        """What the form does."""
        return f"Apply payment to {self.invoice}"

    def initial(self) -> dict[str, Any]:
        """All that is outstanding, paid today as the customer paid last; or what the address proposes."""
        proposed = {name: self.request.GET[name] for name in PROPOSABLE if self.request.GET.get(name)}
        return {
            "amount": money_text(self.invoice.still_owed, self.invoice.currency),
            "method": usual_method(self.invoice) or Method.EFT,
            **super().initial(),
            **proposed,
        }

    def give(self, values: dict[str, Any]) -> str:
        """Book the payment and settle the invoice by it."""
        payment = apply_payment(actor=self.request.user, invoice_id=self.invoice.pk, **values)
        return f"Payment of {money_of(self.invoice, payment.amount)} applied: {self.outcome(payment.invoice)}"


class RefundPage(LedgerPage):
    """The form that gives money back."""

    name = "refund"
    button = "Refund"
    command = Command.REFUND
    permission = "payments.refund_payment"
    form_class = RefundForm

    def form_options(self) -> dict[str, Any]:
        """The payments that have something left."""
        return {"payments": [row for row in ledger_of(self.invoice) if row.entry.kind == Kind.PAYMENT and row.left]}

    def give(self, values: dict[str, Any]) -> str:
        """Book the refund, of the payment chosen or of the newest."""
        values |= {"method": values["method"] or None, "paid_at": self.moment(values["paid_at"])}
        refunds = refund_payment(actor=self.request.user, invoice_id=self.invoice.pk, **values)
        total = money_of(self.invoice, -sum(refund.amount for refund in refunds))
        return f"{total} refunded: {self.outcome(refunds[0].invoice)}"


class ReversePage(LedgerPage):
    """The form that undoes what is left of a payment."""

    name = "reverse"
    button = "Reverse"
    command = Command.REVERSE
    permission = "payments.reverse_payment"
    form_class = ReversalForm
    is_dangerous = True

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Any]:
        """The entries, each with its invoice."""
        invoices = Prefetch("invoice", queryset=invoice_documents_of(user))
        return payments_of(user).prefetch_related(invoices)

    @property
    def invoice(self) -> Invoice:
        """The payment's invoice."""
        return self.obj.invoice

    @property
    def title(self) -> str:
        """The question."""
        return f"Reverse payment of {money_of(self.invoice, self.obj.amount)}?"

    def require_possible(self) -> None:
        """Raise NotReversible or AlreadyReversed."""
        reversible_amount(self.obj, list(self.invoice.payments.all()))

    def is_offered(self) -> bool:
        """Whether the API, too, says that the payment could be reversed now."""
        return self.command.value in actions_of_entry(self.obj, self.request.user).allowed

    def context(self) -> dict[str, Any]:
        """The payment too, and what of it is undone."""
        row = next(row for row in ledger_of(self.invoice) if row.entry.pk == self.obj.pk)
        return {**super().context(), "reversed": row, "consequence": self.consequence(row.left)}

    def give(self, values: dict[str, Any]) -> str:
        """Book the reversal."""
        values["paid_at"] = self.moment(values["paid_at"])
        reversal = reverse_payment(
            actor=self.request.user, invoice_id=self.invoice.pk, payment_id=self.obj.pk, **values
        )
        return f"{money_of(self.invoice, -reversal.amount)} reversed: {self.outcome(reversal.invoice)}"


@admin.register(Invoice)
class PaidInvoiceAdmin(InvoiceAdmin):
    """Invoices with their payments, and the buttons that move money."""

    command_pages = (IssuePage, PayPage, RefundPage, DuplicatePage, CancelPage)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """The columns; beside what is open, the way to its payment for those who may book one."""
        columns = list(super().get_list_display(request))
        return [*columns, "pay_link"] if request.user.has_perm("payments.add_payment") else columns

    @admin.display(description="")
    def pay_link(self, invoice: Invoice) -> str:
        """The way to the payment's form."""
        if not allows(invoice.status, Command.PAY):
            return ""
        address = f"{reverse('admin:payments_payment_add')}?invoice={invoice.pk}"
        return format_html('<a href="{}">Pay… <span class="visually-hidden">{}</span></a>', address, invoice)

    def ledger(self, request: HttpRequest, invoice: Invoice) -> list[LedgerRow]:
        """The entries, each with the button that reverses it where that is possible now."""
        payments = self.admin_site.get_model_admin(Payment)
        rows = ledger_of(with_actions_of_entries(invoice, request.user))
        return [replace(row, buttons=payments.buttons(request, row.entry)) for row in rows]


@admin.register(Payment)
class PaymentAdmin(RecordedAdmin):
    """The entries of the reader's companies, newest first. They are added, never changed, never deleted."""

    command_pages = (ReversePage,)
    list_display = ("paid_on", "invoice", "kind", "amount_cell", "method", "reference", "company")
    list_filter = ("kind", "method", ("company", ScopedFilter), ("paid_at", MomentFilter))
    list_select_related = ("invoice", "company")
    search_fields = ("reference",)
    search_help_text = "Reference, invoice or customer"
    ordering = ("-id",)
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("paid_at", "paid_at"),
        ("invoice_id", "invoice_id"),
        ("invoice", "invoice.number"),
        ("customer", "invoice.buyer_name"),
        ("kind", "get_kind_display"),
        ("currency", "currency"),
        ("amount", lambda payment: Amount(payment.amount, payment.currency)),
        ("method", "method"),
        ("reference", "reference"),
        ("reverses_id", "reverses_id"),
        ("reason", "reason"),
    )
    document_fields = (
        "invoice",
        "kind",
        "amount_cell",
        "method",
        "reference",
        "paid_on",
        "reverses",
        "reason",
        "captured",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        """The entries of the invoices that have the text in a reference, their number or their customer's name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        invoices = filtered_invoices(invoices_of(request.user), search=term).order_by().values("pk")
        return queryset.filter(invoice__in=invoices), False

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, of the receipt, and of the page that takes a payment."""
        wrap = self.admin_site.admin_view
        return [
            path("take/", wrap(self.take_view), name="payments_payment_take"),
            path("<path:object_id>/pdf/", wrap(self.pdf_view), name="payments_payment_pdf"),
            *super().get_urls(),
        ]

    def take_view(self, request: HttpRequest) -> HttpResponse:
        """One field for a line of a bank statement, and the invoices that it may pay. Nothing is booked here."""
        require_page(self.has_add_permission(request))
        form = BankLineForm(request.GET if "line" in request.GET else None)
        context = self.page_context(request, title="Take a payment", form=form)
        if form.is_valid():
            line = read_line(form.cleaned_data["line"])
            proposals = shown_proposals(request.user, line)
            form.fields["line"].widget.attrs["autofocus"] = not proposals
            context |= {"line": line, "proposals": proposals}
        return TemplateResponse(request, "payments/admin/take.html", context)

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The receipt or note of an entry, shown by the browser."""
        entry = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, entry))
        if entry.kind not in MONEY_KINDS:
            raise Http404(NoReceipt.default_detail)
        document: Any = payment_document(entry.pk)
        return pdf_reply(payment_pdf(document), payment_pdf_name(document), as_attachment=False)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All that there is to read of an entry."""
        return self.document_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """An entry is only read."""
        return self.document_fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: corrections are new entries."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: corrections are new entries."""
        return False

    @admin.display(description="paid", ordering="paid_at")
    def paid_on(self, payment: Payment) -> str:
        """When the money moved, by the company's clock."""
        return f"{timezone.localtime(payment.paid_at, payment.company.zone):%Y-%m-%d %H:%M}"

    @admin.display(description="amount", ordering="amount")
    def amount_cell(self, payment: Payment) -> str:
        """Currency and figures."""
        return f"{payment.currency} {grouped_money(payment.amount, payment.currency)}"

    @admin.display(description="captured")
    def captured(self, payment: Payment) -> str:
        """By whom and when the entry was made."""
        return f"by {payment.change.actor}, {payment.change.at:%Y-%m-%d %H:%M:%S} UTC"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form, for the invoice that the address names. Without one: the list of invoices, to choose from."""
        require_page(self.has_add_permission(request))
        if "invoice" not in request.GET:
            return HttpResponseRedirect(reverse("admin:payments_payment_take"))
        invoice = self.existing(request, request.GET["invoice"], PayPage.rows(request.user))
        return PayPage(self, request, invoice).respond()


def money_of(invoice: Invoice, amount: Decimal) -> str:
    """An amount in the invoice's currency, in a sentence."""
    return f"{invoice.currency} {grouped_money(amount, invoice.currency)}"
