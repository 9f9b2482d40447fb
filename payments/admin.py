"""The ledger in the admin: entries to read, and the form that applies a payment to an invoice."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from audit.admin import RecordedAdmin
from audit.selectors import TimelineEntry
from core.admin import CommandForm, ExactField, ScopedFilter, require_page
from core.errors import DomainError
from core.model_fields import AMOUNT_DECIMALS
from core.money import money_text
from invoices.lifecycle import Command, Status, require_status
from invoices.models import Invoice
from invoices.selectors import invoice_timeline, invoices_of
from payments.models import Payment
from payments.services import apply_payment


class PaymentForm(CommandForm):
    """What is typed about a payment. The version is the invoice's."""

    constraint_fields: ClassVar[dict[str, str]] = {"duplicate_reference": "reference"}

    amount = ExactField(decimals=AMOUNT_DECIMALS)
    paid_at = forms.DateField(
        label="Paid on", widget=AdminDateWidget, help_text="The day the money moved, where the company is."
    )

    @property
    def needs_version(self) -> bool:
        """Always: an entry is only ever added, to an invoice that others may be paying too."""
        return True


@admin.register(Payment)
class PaymentAdmin(RecordedAdmin):
    """The entries of the reader's companies, newest first. They are added, never changed, never deleted."""

    form = PaymentForm
    change_form_template = "payments/admin/change_form.html"
    list_display = ("paid_on", "invoice", "kind", "amount_cell", "method", "reference", "company")
    list_filter = ("kind", "method", ("company", ScopedFilter), "paid_at")
    list_select_related = ("invoice", "company")
    search_fields = ("reference", "invoice__number", "invoice__customer_name")
    ordering = ("-id",)
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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The form of a new payment, or all that there is to read of an entry."""
        return ("amount", "method", "reference", "paid_at") if obj is None else self.document_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """An entry is only read."""
        return () if obj is None else self.document_fields

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
        return f"{payment.currency} {money_text(payment.amount, payment.currency)}"

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
            messages.info(request, "Open the invoice that was paid, then choose Apply payment.")
            return HttpResponseRedirect(reverse("admin:invoices_invoice_changelist"))
        invoice = self.paid_invoice(request)
        require_page(request.user.has_perm("payments.add_payment", invoice))
        if request.method != "POST":
            try:
                require_status(invoice.status, Command.PAY)
            except DomainError as refusal:
                messages.error(request, refusal.detail)
                return HttpResponseRedirect(self.change_url(invoice))
        context = {"invoice": invoice, "title": f"Apply payment to {invoice}", **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def paid_invoice(self, request: HttpRequest) -> Invoice:
        """The invoice that the address names, or 404."""
        return self.existing(request, request.GET["invoice"], invoices_of(request.user))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """All that is outstanding, paid today."""
        invoice = self.paid_invoice(request)
        return {
            "amount": money_text(invoice.still_owed, invoice.currency),
            "paid_at": invoice.company.today(),
            "version": invoice.version,
        }

    def versioned_object(self, request: HttpRequest, obj: Any) -> Any:
        """The invoice: it is what somebody else may have paid meanwhile."""
        return obj if obj is not None else self.paid_invoice(request)

    def timeline_of_subject(self, subject: Any) -> list[TimelineEntry]:
        """What happened to the invoice, payments included."""
        return invoice_timeline(subject) if isinstance(subject, Invoice) else self.timeline(subject)

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The entry, and the invoice settled by it."""
        return apply_payment(actor=request.user, invoice_id=self.paid_invoice(request).pk, **values)

    def response_add(self, request: HttpRequest, obj: Payment, post_url_continue: str | None = None) -> HttpResponse:
        """Back to the invoice, with what came of it."""
        invoice = obj.invoice
        status = Status(invoice.status).label.lower()
        paid, rest = (
            f"{invoice.currency} {money_text(sum_, invoice.currency)}" for sum_ in (obj.amount, invoice.still_owed)
        )
        messages.success(request, f"Payment of {paid} applied: {invoice} is {status}, {rest} outstanding.")
        return HttpResponseRedirect(self.change_url(invoice))
