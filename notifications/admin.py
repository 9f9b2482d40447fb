"""Messages in the admin: what waits, what failed and why; sending an invoice; what its page shows of mail."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html

from audit.list_exports import ExportedList
from audit.selectors import History
from core.admin import (
    ScopedFilter,
    require_page,
)
from core.errors import DomainError
from core.exports import Columns
from invoices.admin import InvoicePage
from invoices.admin_bulk import BulkPage, Row
from invoices.models import Invoice
from notifications.agreements.admin import CustomerAgreementPage, InvoiceAgreementPage
from notifications.bounces.admin import BounceForm, ConfirmAddressPage, warn_of_refusal
from notifications.bounces.services import RETURNABLE, record_bounce
from notifications.digests import admin as _digests  # noqa: F401  # its pages
from notifications.kinds import REPEATABLE, Kind, State
from notifications.letters import previewed, texts_of
from notifications.models import Delivery, Message, RefusedAddress
from notifications.selectors import language_of, messages_of, settings_of_company
from notifications.services import request_sending, require_sendable, retry_message
from parties.admin import CustomerAdmin
from parties.models import Customer
from portal.admin import LinkedInvoiceAdmin

LATE = timedelta(minutes=5)
"""How long after its time a message may wait before readers are told that no worker seems to run."""


class SendPage(InvoicePage):
    """The confirmation of a sending, with the mail as it will be."""

    name = "send"
    button = "Send"
    permission = "notifications.send_message"
    template = "notifications/admin/send.html"

    @property
    def title(self) -> str:
        """The question."""
        return f"Send {self.obj} to {self.obj.customer.email or 'nobody'}?"

    def require_possible(self) -> None:
        """Raise WrongStatus unless the invoice is issued and not cancelled."""
        require_sendable(self.obj)

    def context(self) -> dict[str, Any]:
        """The mail, and those that there were before."""
        language = language_of(self.obj, settings_of_company(self.obj.company_id))
        subject, body = previewed(self.obj, texts_of(self.obj.company, Kind.INVOICE, language))
        return {**super().context(), "subject_line": subject, "body": body, "sent_before": self.obj.messages.all()}

    def give(self, values: dict[str, Any]) -> str:
        """Ask for the sending."""
        message = request_sending(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"{self.obj} is on its way to {message.recipient}."


class BulkSend(BulkPage):
    """Invoices of the list, sent to their customers."""

    page = SendPage
    done = "on their way"
    warning = "Each customer gets a mail with the PDF. What was sent before is sent again."

    def give(self, rows: Sequence[Row]) -> list[str | DomainError]:
        """Ask for each sending."""
        return [self._asked(row) for row in rows]

    def _asked(self, row: Row) -> str | DomainError:
        try:
            message = request_sending(actor=self.request.user, invoice_id=row.invoice.pk, version=row.version)
        except DomainError as refusal:
            return refusal
        return f"On its way to {message.recipient}."


class MailedInvoiceAdmin(LinkedInvoiceAdmin):
    """Invoices that can be sent."""

    command_pages = (*LinkedInvoiceAdmin.command_pages, SendPage, InvoiceAgreementPage)
    bulk_pages = (*LinkedInvoiceAdmin.bulk_pages, BulkSend)

    def histories(self, obj: Invoice) -> list[History]:
        """What happened to the invoice, and which mails about it were sent."""
        return [
            *super().histories(obj),
            (Delivery, Delivery.history.filter(invoice_id=obj.pk)),
            (RefusedAddress, RefusedAddress.history.filter(invoice_id=obj.pk)),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> HttpResponse:
        """The invoice, and a word where mail to its customer came back."""
        warn_of_refusal(request, self.existing(request, object_id).customer)
        return super().change_view(request, object_id, *args, **options)


class MailedCustomerAdmin(CustomerAdmin):
    """Customers with whom something was agreed about mail."""

    command_pages = (*CustomerAdmin.command_pages, CustomerAgreementPage, ConfirmAddressPage)

    def histories(self, obj: Customer) -> list[History]:
        """What happened to the customer, and which mails came back."""
        return [*super().histories(obj), (RefusedAddress, RefusedAddress.history.filter(customer_id=obj.pk))]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """The customer, and a word where mail to the address came back."""
        warn_of_refusal(request, options.get("obj"))
        return super().render_change_form(request, context, *args, **options)


# The rooms below know nothing of mail; what they show of their rows is completed here. The reports complete customers.
admin.site.unregister(Invoice)
admin.site.register(Invoice, MailedInvoiceAdmin)


@admin.register(Message)
class MessageAdmin(ExportedList):
    """The mails of the reader's companies: what waits, what was sent, what failed and why, and a button to repeat."""

    change_form_template = "notifications/admin/message.html"
    list_display: ClassVar[Sequence[str]] = (
        "created",
        "kind",
        "about",
        "recipient",
        "state_badge",
        "error",
        "attempts",
        "next_attempt",
        "company",
    )
    list_filter: ClassVar[Sequence[Any]] = ("state", "kind", ("company", ScopedFilter))
    search_fields = ("recipient", "invoice__number", "customer__name", "subject", "mail_id")
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("asked_for_at", "created_at"),
        ("kind", "get_kind_display"),
        ("invoice", "invoice.number"),
        ("customer", "customer.name"),
        ("recipient", "recipient"),
        ("subject", "subject"),
        ("state", "get_state_display"),
        ("error", "error"),
        ("attempts", "attempts"),
        ("sent_at", "sent_at"),
        ("came_back_at", "bounced_at"),
        ("asked_for_by", "requested_by"),
        ("mail_id", "mail_id"),
    )
    document_fields = (
        "kind",
        "customer",
        "invoice",
        "run",
        "recipient",
        "subject",
        "text",
        "state_badge",
        "error",
        "attempts",
        "next_attempt",
        "sent",
        "bounced",
        "mail_id",
        "requested_by",
        "created",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """The messages of the reader's companies."""
        return messages_of(request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All that there is to read of a message; nothing about what it is not about."""
        absent = {
            "customer": "customer",
            "invoice": "invoice",
            "run": "run",
            "sent": "sent_at",
            "bounced": "bounced_at",
        }
        return tuple(
            name for name in self.document_fields if name not in absent or getattr(obj, absent[name], None) is not None
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A message is only read."""
        return self.document_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: messages are asked for on the page of their invoice."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a message stays what it was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what was sent was sent."""
        return False

    @admin.display(description="asked for (UTC)", ordering="id")
    def created(self, message: Message) -> str:
        """When it was asked for."""
        return f"{message.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="body")
    def text(self, message: Message) -> str:
        """The body, its lines as they are sent."""
        return format_html('<div class="as-typed">{}</div>', message.body)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether the list may be asked for so: also for the messages of one run of statements."""
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="about", ordering="invoice")
    def about(self, message: Message) -> str:
        """The invoice, or the customer, or the day."""
        return str(message.invoice or message.customer or message.key)

    @admin.display(description="sent (UTC)")
    def sent(self, message: Message) -> str:
        """When it was sent."""
        return f"{message.sent_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="came back (UTC)")
    def bounced(self, message: Message) -> str:
        """When it was recorded that it came back."""
        return f"{message.bounced_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="next attempt (UTC)", ordering="next_attempt_at")
    def next_attempt(self, message: Message) -> str:
        """When it is tried, or tried again."""
        return f"{message.next_attempt_at:%Y-%m-%d %H:%M:%S}" if message.state == State.WAITING else ""

    @admin.display(description="state", ordering="state")
    def state_badge(self, message: Message) -> str:
        """The state as a badge."""
        return format_html('<span class="status status-{}">{}</span>', message.state, message.get_state_display())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; and a word where messages wait for longer than a worker would let them."""
        late = self.get_queryset(request).filter(state=State.WAITING, next_attempt_at__lt=timezone.now() - LATE)
        if late.exists():
            messages.warning(request, "Messages wait although their time has come: is a worker running (db_worker)?")
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, and those of the buttons."""
        buttons = {"retry": self.retry_view, "bounced": self.bounced_view}
        return [
            *(
                path(
                    f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"notifications_message_{name}"
                )
                for name, view in buttons.items()
            ),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """The message, with the button where it failed and the reader may send."""
        message = options.get("obj")
        may = message is not None and request.user.has_perm("notifications.send_message", message)
        context["can_retry"] = may and message.state in REPEATABLE
        context["bounce_form"] = BounceForm() if may and message.state in RETURNABLE else None
        return super().render_change_form(request, context, *args, **options)

    def bounced_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record that it came back, and back to its page."""
        message = self.existing(request, object_id)
        require_page(request.user.has_perm("notifications.send_message", message))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = BounceForm(request.POST)
        try:
            reason = form.cleaned_data["reason"] if form.is_valid() else ""
            record_bounce(actor=request.user, message_id=message.pk, reason=reason)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, f"Recorded. Automatic mails to {message.recipient} wait until it is confirmed.")
        return HttpResponseRedirect(self.change_url(message))

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it once more, and back to its page."""
        message = self.existing(request, object_id)
        require_page(request.user.has_perm("notifications.send_message", message))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            sent = retry_message(actor=request.user, message_id=message.pk)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, f"It will be sent to {sent.recipient} once more.")
        return HttpResponseRedirect(self.change_url(message))
