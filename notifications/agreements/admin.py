"""What companies and customers want of mail: settings, templates with a preview, and what was agreed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import CommandPage, RecordedAdmin
from core.admin import (
    CommandForm,
    ScopedFilter,
    VerbForm,
    companies_where,
    require_permission,
)
from core.exports import Columns
from core.placeholders import filled
from notifications.agreements.services import (
    agree_about_invoice,
    agree_with_customer,
    delete_template,
    require_remindable,
    save_settings,
    save_template,
)
from notifications.letters import sample_body
from notifications.models import MailSettings, MailTemplate, Preference
from notifications.reminders.admin import PreviewPage
from notifications.reminders.stages import StagesInvalid, require_stages
from notifications.selectors import settings_of, templates_of
from notifications.templating import CREDIT_NOTE_PLACEHOLDERS, PLACEHOLDERS, STATEMENT_PLACEHOLDERS, sample_values
from parties.models import Company


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
    submit = "Save"
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
    list_display = ("company", "send_on_issue", "remind", "remind_at", "statement_day", "language")
    export_columns: Columns = (
        ("company", "company.name"),
        ("send_on_issue", "send_on_issue"),
        ("remind", "remind"),
        ("stages", lambda settings: ", ".join(map(str, settings.stages))),
        ("remind_at", lambda settings: f"{settings.remind_at:%H:%M}"),
        ("statement_day", "statement_day"),
        ("language", "language"),
    )
    fields = ("company", "send_on_issue", "language", "remind", "stages", "statement_day", "remind_at")

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
        return save_settings(actor=request.user, **values | {"statement_day": values["statement_day"] or 0})

    def update(
        self, request: HttpRequest, obj: MailSettings, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The settings as they were typed."""
        values["statement_day"] = values["statement_day"] or 0
        return save_settings(actor=request.user, company=obj.company, version=version, **values)


class MailTemplateForm(CommandForm):
    """What a company writes in its mails."""

    constraint_fields: ClassVar[dict[str, str]] = {"template_exists": "language"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        own = [name for name in CREDIT_NOTE_PLACEHOLDERS if name not in PLACEHOLDERS]
        known, of_notes, of_statements = (
            ", ".join(f"{{{name}}}" for name in names) for names in (PLACEHOLDERS, own, STATEMENT_PLACEHOLDERS)
        )
        self.fields["body"].help_text = (
            f"Filled in for each invoice: {known}. For each credit note also: {of_notes}. "
            f"For each statement: {of_statements}."
        )


@admin.register(MailTemplate)
class MailTemplateAdmin(OfCompanyAdmin):
    """What each company writes in its mails. Without a template the built-in texts are sent."""

    form = MailTemplateForm
    list_display = ("kind", "language", "subject", "company")
    export_columns: Columns = (
        ("company", "company.name"),
        ("kind", "get_kind_display"),
        *((name, name) for name in ("language", "subject", "body")),
    )
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
        values = sample_values(template.kind, template.language)
        return format_html(
            '<p><strong>{}</strong></p><p style="white-space: pre-wrap">{}</p>',
            filled(template.subject, values),
            sample_body(template.body, values),
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
