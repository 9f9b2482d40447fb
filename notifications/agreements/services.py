"""What companies and customers want of mail: settings, templates, and what was agreed with a customer.

Errors: NotFound, WrongStatus, StaleVersion, TemplateInvalid, TextInvalid, StagesInvalid, LanguageInvalid,
PreferenceInvalid, and template_exists from the constraint of that name.
"""

from collections.abc import Sequence
from datetime import date, time
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from invoices.lifecycle import WrongStatus
from invoices.models import OPEN_STATUSES, Invoice
from invoices.services import lock_invoice
from notifications.models import BODY_LENGTH, LAST_STATEMENT_DAY, SUBJECT_LENGTH, MailSettings, MailTemplate, Preference
from notifications.reminders.stages import StagesInvalid, require_stages
from notifications.templating import TemplateInvalid, require_known_placeholders
from parties.models import Company, Customer


class LanguageInvalid(DomainError):
    """No language is named like that."""

    code = "language_invalid"
    title = "No such language"
    default_detail = "A language is its two letters in ISO 639-1, such as en or de."


def save_settings(
    *,
    actor: Actor,
    company: Company,
    version: int | None = None,
    send_on_issue: bool | None = None,
    remind: bool | None = None,
    stages: Sequence[int] | None = None,
    remind_at: time | None = None,
    language: str | None = None,
    statement_day: int | None = None,
) -> MailSettings:
    """What the company sends by itself, with what is given changed (None leaves it; 0 is no day for statements)."""
    given = {
        "send_on_issue": send_on_issue,
        "remind": remind,
        "stages": None if stages is None else require_stages(stages),
        "remind_at": remind_at,
        "language": None if language is None else _language(language),
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if statement_day is not None:
        values["statement_day"] = _statement_day(statement_day)
    with transaction.atomic():
        settings = MailSettings.objects.select_for_update().filter(company=company).first()
        if settings is not None:
            require_version(settings, version)
        with recording(actor=actor, action="mail_settings.saved", company_id=company.pk) as change:
            if settings is None:
                return MailSettings.objects.create(company=company, change=change, **values)
            write_version(settings, change=change, **values)
    return settings


def _statement_day(day: int) -> int | None:
    if not 0 <= day <= LAST_STATEMENT_DAY:
        raise StagesInvalid(f"Choose a day from 1 to {LAST_STATEMENT_DAY}, or none.", field="statement_day")
    return day or None


def _language(code: str) -> str:
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise LanguageInvalid(field="language")
    return code.lower()


def save_template(
    *, actor: Actor, company: Company, kind: str, language: str, subject: str, body: str, version: int | None = None
) -> MailTemplate:
    """The company's own texts for a kind of message in a language: new, or changed where a version is given.

    Raises TemplateInvalid where a placeholder is none, or one of the texts is empty.
    """
    values = {
        "subject": _template_text(subject, kind, max_length=SUBJECT_LENGTH, field="subject"),
        "body": _template_text(body, kind, max_length=BODY_LENGTH, field="body"),
    }
    language = _language(language)
    if "\n" in values["subject"]:
        raise TemplateInvalid("A subject is one line.", field="subject")
    with transaction.atomic():
        if version is None:
            with recording(actor=actor, action="mail_template.created", company_id=company.pk) as change:
                return MailTemplate.objects.create(
                    company=company, kind=kind, language=language, change=change, **values
                )
        template = locked(MailTemplate.objects.all(), company=company, kind=kind, language=language)
        require_version(template, version)
        with recording(actor=actor, action="mail_template.updated", company_id=company.pk) as change:
            write_version(template, change=change, **values)
    return template


def delete_template(*, actor: Actor, template_id: int, version: int | None = None) -> None:
    """Give up a company's own texts: the built-in ones are sent again."""
    with transaction.atomic():
        template = locked(MailTemplate.objects.all(), pk=template_id)
        require_version(template, version)
        with recording(actor=actor, action="mail_template.deleted", company_id=template.company_id):
            template.delete()


def require_remindable(invoice: Invoice) -> None:
    """Raise WrongStatus unless the invoice is issued and something of it is open."""
    if invoice.status not in OPEN_STATUSES:
        raise WrongStatus(
            f"Only open invoices are reminded of; this invoice is {invoice.get_status_display().lower()}."
        )


def agree_about_invoice(
    *, actor: Actor, invoice_id: int, version: int | None = None, do_not_remind: bool, promised_on: date | None
) -> Preference:
    """What was agreed about reminders of an issued invoice. Raises WrongStatus unless something is open."""
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_remindable(invoice)
        return _save_preference(
            actor,
            invoice.company_id,
            {"invoice": invoice},
            version,
            {"do_not_remind": do_not_remind, "promised_on": promised_on},
        )


def agree_with_customer(
    *,
    actor: Actor,
    customer_id: int,
    version: int | None = None,
    do_not_remind: bool,
    promised_on: date | None = None,
    language: str = "",
) -> Preference:
    """What was agreed with a customer about mail: no reminders, or none up to a day; and in which language."""
    language = _language(language) if language else ""
    with transaction.atomic():
        customer = locked(Customer.objects.all(), pk=customer_id)
        return _save_preference(
            actor,
            customer.company_id,
            {"customer": customer},
            version,
            {"do_not_remind": do_not_remind, "promised_on": promised_on, "language": language},
        )


def _save_preference(
    actor: Actor, company_id: int, about: dict[str, Any], version: int | None, values: dict[str, Any]
) -> Preference:
    """The row about the (locked) customer or invoice, new or changed."""
    preference = Preference.objects.filter(**about).first()
    if preference is not None:
        require_version(preference, version)
    with recording(actor=actor, action="preference.saved", company_id=company_id) as change:
        if preference is None:
            return Preference.objects.create(company_id=company_id, change=change, **about, **values)
        write_version(preference, change=change, **values)
    return preference


def _template_text(text: str, kind: str, *, max_length: int, field: str) -> str:
    cleaned = clean_text(text, max_length=max_length, field=field)
    if not cleaned:
        raise TemplateInvalid("Write something here.", field=field)
    require_known_placeholders(cleaned, kind=kind, field=field)
    return cleaned
