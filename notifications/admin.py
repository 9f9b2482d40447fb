"""Mail in the admin: what waits, what failed and why; settings, templates with a preview, and what was agreed."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html

from audit.admin import CommandPage, RecordedAdmin
from audit.selectors import TimelineEntry, newest_first, timeline
from core.admin import (
    CommandForm,
    ScopedAdmin,
    ScopedFilter,
    VerbForm,
    companies_where,
    require_page,
    require_permission,
)
from core.errors import DomainError
from invoices.admin import InvoicePage
from invoices.models import Invoice
from notifications.kinds import Kind, State
from notifications.letters import texts_of, written
from notifications.models import DailyRun, Delivery, MailSettings, MailTemplate, Message, Preference
from notifications.reminders import StagesInvalid, require_stages
from notifications.selectors import (
    language_of,
    messages_of,
    reminders_due,
    settings_of,
    settings_of_company,
    templates_of,
)
from notifications.services import (
    agree_about_invoice,
    agree_with_customer,
    delete_template,
    request_sending,
    require_remindable,
    require_sendable,
    retry_message,
    save_settings,
    save_template,
)
from notifications.templating import PLACEHOLDERS, filled
from parties.admin import CustomerAdmin
from parties.models import Company
from payments.admin import PaidInvoiceAdmin

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
        subject, body = written(self.obj, texts_of(self.obj.company, Kind.INVOICE, language))
        return {**super().context(), "subject_line": subject, "body": body, "sent_before": self.obj.messages.all()}

    def give(self, values: dict[str, Any]) -> str:
        """Ask for the sending."""
        message = request_sending(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"{self.obj} is on its way to {message.recipient}."


class AgreementForm(VerbForm):
    """What was agreed about reminders."""

    do_not_remind = forms.BooleanField(label="Do not remind", required=False)
    promised_on = forms.DateField(
        label="Payment promised for", required=False, widget=AdminDateWidget, help_text="No reminder up to this day."
    )


class CustomerAgreementForm(AgreementForm):
    """What was agreed with a customer."""

    language = forms.CharField(
        max_length=2, required=False, help_text="Of mails to this customer: en, de… Empty: the company's."
    )


class AgreementPage(CommandPage):
    """The form of what was agreed about one thing. Its version is that of the agreement, where there is one."""

    name = "agreement"
    button = "Reminders"
    permission = "notifications.change_preference"
    form_class = AgreementForm

    @property
    def title(self) -> str:
        """What the form is about."""
        return f"Reminders: {self.obj}"

    def initial(self) -> dict[str, Any]:
        """What was agreed before."""
        agreed = getattr(self.obj, "preference", None) or Preference()
        return {name: getattr(agreed, name) for name in self.form_class.base_fields}

    def give(self, values: dict[str, Any]) -> str:
        """Keep what was agreed."""
        self.agree(values)
        return "What was agreed is kept."

    def agree(self, values: dict[str, Any]) -> None:
        """Keep what was agreed, by the service."""
        raise NotImplementedError


class InvoiceAgreementPage(AgreementPage):
    """What was agreed about one invoice."""

    def require_possible(self) -> None:
        """Raise WrongStatus unless something of the invoice is open."""
        require_remindable(self.obj)

    def agree(self, values: dict[str, Any]) -> None:
        """Keep what was agreed."""
        agree_about_invoice(actor=self.request.user, invoice_id=self.obj.pk, **values)


class CustomerAgreementPage(AgreementPage):
    """What was agreed with one customer."""

    button = "Mail and reminders"
    form_class = CustomerAgreementForm

    def agree(self, values: dict[str, Any]) -> None:
        """Keep what was agreed."""
        agree_with_customer(actor=self.request.user, customer_id=self.obj.pk, **values)


class MailedInvoiceAdmin(PaidInvoiceAdmin):
    """Invoices that can be sent."""

    command_pages = (*PaidInvoiceAdmin.command_pages, SendPage, InvoiceAgreementPage)

    def timeline(self, obj: Invoice) -> list[TimelineEntry]:
        """What happened to the invoice, and which mails about it were sent."""
        sent = timeline(Delivery, Delivery.history.filter(invoice_id=obj.pk))
        return newest_first([*super().timeline(obj), *sent])


class MailedCustomerAdmin(CustomerAdmin):
    """Customers with whom something was agreed about mail."""

    command_pages = (*CustomerAdmin.command_pages, CustomerAgreementPage)


# The rooms below know nothing of mail; what they show of their rows is completed here. The reports complete customers.
admin.site.unregister(Invoice)
admin.site.register(Invoice, MailedInvoiceAdmin)


@admin.register(Message)
class MessageAdmin(ScopedAdmin):
    """The mails of the reader's companies: what waits, what was sent, what failed and why, and a button to repeat."""

    change_form_template = "notifications/admin/message.html"
    list_display: ClassVar[Sequence[str]] = (
        "created",
        "kind",
        "invoice",
        "recipient",
        "state_badge",
        "attempts",
        "next_attempt",
        "error",
        "company",
    )
    list_filter: ClassVar[Sequence[Any]] = ("state", "kind", ("company", ScopedFilter))
    search_fields = ("recipient", "invoice__number", "subject", "mail_id")
    document_fields = (
        "kind",
        "invoice",
        "recipient",
        "subject",
        "body",
        "state_badge",
        "error",
        "attempts",
        "next_attempt",
        "sent_at",
        "mail_id",
        "requested_by",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """The messages of the reader's companies."""
        return messages_of(request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All that there is to read of a message."""
        return self.document_fields

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
        """The addresses of the pages, and that of the button."""
        view = self.admin_site.admin_view(self.retry_view)
        return [path("<path:object_id>/retry/", view, name="notifications_message_retry"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """The message, with the button where it failed and the reader may send."""
        message = options.get("obj")
        may = message is not None and request.user.has_perm("notifications.send_message", message)
        context["can_retry"] = may and message.state in (State.FAILED, State.UNCERTAIN)
        return super().render_change_form(request, context, *args, **options)

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


class StagesField(forms.CharField):
    """Days after the due date, as people write a list: -3, 0, 7, 14."""

    def prepare_value(self, value: Any) -> Any:
        """The stored list as it is typed."""
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[int]:
        """The days. Raises a ValidationError for what is no number."""
        try:
            return require_stages([int(part) for part in str(value or "").split(",") if part.strip()])
        except StagesInvalid as refusal:
            raise forms.ValidationError(refusal.detail) from refusal
        except ValueError as error:
            raise forms.ValidationError("Write whole numbers, with commas between them.") from error


class MailSettingsForm(CommandForm):
    """What a company sends by itself."""

    stages = StagesField(help_text="Days after the due date (before it: with a minus), for example -3, 0, 7, 14.")


class PreviewPage(CommandPage):
    """The reminders of the next run, to look at."""

    name = "preview"
    button = "Next reminders"
    permission = "notifications.view_mailsettings"
    template = "notifications/admin/preview.html"

    @property
    def title(self) -> str:
        """Which run it is."""
        return f"Reminders of {self.obj.company} on {self.day}"

    @property
    def day(self) -> date:
        """The day of the next run."""
        today = self.obj.company.today()
        is_done = DailyRun.objects.filter(company=self.obj.company_id, day=today).exists()
        return today + timedelta(days=1) if is_done else today

    def respond(self) -> HttpResponse:
        """The list."""
        require_page(self.is_allowed())
        context = self.model_admin.page_context(
            self.request, title=self.title, page=self, subject=self.obj, reminders=reminders_due(self.obj, self.day)
        )
        return TemplateResponse(self.request, self.template, context)


class OfCompanyAdmin(RecordedAdmin):
    """Rows that a company has, and that stay with it."""

    list_select_related = ("company",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The companies in which the reader may add such a row; the only one is chosen already."""
        companies = companies_where(request.user, self.adding, self.companies())
        options["queryset"] = companies
        field = super().formfield_for_foreignkey(db_field, request, **options)
        first_two = list(companies[:2])
        field.initial = first_two[0].pk if len(first_two) == 1 else None
        return field

    def companies(self) -> QuerySet[Company]:
        """The companies that can have one more."""
        return Company.objects.all()

    @property
    def adding(self) -> str:
        """The permission to add a row."""
        return f"notifications.add_{self.opts.model_name}"


@admin.register(MailSettings)
class MailSettingsAdmin(OfCompanyAdmin):
    """What each company sends by itself."""

    form = MailSettingsForm
    command_pages = (PreviewPage,)
    list_display = ("company", "send_on_issue", "remind", "remind_at", "language")
    fields = ("company", "send_on_issue", "language", "remind", "stages", "remind_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailSettings]:
        """The settings of the reader's companies."""
        return settings_of(request.user)

    def companies(self) -> QuerySet[Company]:
        """The companies without settings."""
        return Company.objects.exclude(pk__in=MailSettings.objects.values("company"))

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        """The columns: which company is what a row is found by."""
        return self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Settings stay with their company."""
        return () if obj is None else ("company",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what is not wanted is switched off."""
        return False

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The settings of a company that had none."""
        require_permission(request.user, self.adding, values["company"], field="company")
        return save_settings(actor=request.user, **values)

    def update(
        self, request: HttpRequest, obj: MailSettings, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The settings as they were typed."""
        return save_settings(actor=request.user, company=obj.company, version=version, **values)


class MailTemplateForm(CommandForm):
    """What a company writes in its mails."""

    constraint_fields: ClassVar[dict[str, str]] = {"template_exists": "language"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        self.fields["body"].help_text = f"Filled in for each invoice: {known}."


@admin.register(MailTemplate)
class MailTemplateAdmin(OfCompanyAdmin):
    """What each company writes in its mails. Without a template the built-in texts are sent."""

    form = MailTemplateForm
    list_display = ("kind", "language", "subject", "company")
    list_filter = ("kind", ("company", ScopedFilter))

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailTemplate]:
        """The templates of the reader's companies."""
        return templates_of(request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The texts; once there are some, also what they look like."""
        texts = ("company", "kind", "language", "subject", "body")
        return texts if obj is None else (*texts, "preview")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A template stays what it is for."""
        return () if obj is None else ("company", "kind", "language", "preview")

    @admin.display(description="as it looks")
    def preview(self, template: MailTemplate) -> str:
        """The saved texts with sample values, as text."""
        return format_html(
            '<p><strong>{}</strong></p><p style="white-space: pre-wrap">{}</p>',
            filled(template.subject, PLACEHOLDERS),
            filled(template.body, PLACEHOLDERS),
        )

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """A new template."""
        require_permission(request.user, self.adding, values["company"], field="company")
        return save_template(actor=request.user, **values)

    def update(
        self, request: HttpRequest, obj: MailTemplate, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The template with its texts changed."""
        key = {"company": obj.company, "kind": obj.kind, "language": obj.language}
        return save_template(actor=request.user, version=version, **key, **values)

    def erase(self, request: HttpRequest, obj: MailTemplate, version: int | None) -> None:
        """Go back to the built-in texts."""
        delete_template(actor=request.user, template_id=obj.pk, version=version)
