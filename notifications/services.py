"""The verbs of mail: ask for a sending, deliver, try again; settings, templates and what was agreed; reminders.

Errors: NotFound, WrongStatus, StaleVersion, NoAddress, MessageWaiting, NotRepeatable, TemplateInvalid, TextInvalid,
StagesInvalid, LanguageInvalid, PreferenceInvalid, and template_exists from the constraint of that name.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks_db.models import DBTaskResult

from audit.actors import Actor, SystemActor
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from invoices.lifecycle import Status, WrongStatus
from invoices.models import OPEN_STATUSES, Invoice
from invoices.services import lock_invoice
from notifications.kinds import Kind, State, next_try
from notifications.letters import mail_of, new_mail_id, texts_of, written
from notifications.models import (
    BODY_LENGTH,
    SUBJECT_LENGTH,
    DailyRun,
    Delivery,
    MailSettings,
    MailTemplate,
    Message,
    Preference,
)
from notifications.reminders import require_stages
from notifications.selectors import language_of, preferences_about, reminders_due, settings_of_company
from notifications.smtp import ERROR_LENGTH, Outcome, Result, hand_over
from notifications.templating import TemplateInvalid, require_known_placeholders
from parties.models import Company, Customer

logger = logging.getLogger(__name__)

REMINDING = SystemActor("system:reminders")
MESSAGES_AT_ONCE = 20
ROWS_AT_A_TIME = 500
LEASE = timedelta(minutes=10)
"""How long a mail takes at most. Each step waits no longer than EMAIL_TIMEOUT."""
JOBS_KEPT = timedelta(days=14)
SENDABLE = (Status.ISSUED, Status.PARTIALLY_PAID, Status.PAID)
ACTIONS = {Kind.INVOICE: "invoice.sent", Kind.REMINDER: "invoice.reminded"}


class NoAddress(DomainError):
    """Nobody knows where to send it."""

    code = "no_email_address"
    title = "No e-mail address"
    default_detail = "The customer has no e-mail address."


class MessageWaiting(DomainError):
    """The last sending has not ended yet."""

    code = "message_waiting"
    title = "Already on its way"
    default_detail = "This invoice is being sent already."


class LanguageInvalid(DomainError):
    """No language is named like that."""

    code = "language_invalid"
    title = "No such language"
    default_detail = "A language is its two letters in ISO 639-1, such as en or de."


class NotRepeatable(DomainError):
    """It was sent, or is about to be."""

    code = "not_repeatable"
    title = "Nothing to repeat"
    default_detail = "Only messages that failed, or of which nobody knows, are tried again."


def request_sending(*, actor: Actor, invoice_id: int, version: int | None = None) -> Message:
    """The message that will bring the invoice to its customer, for the first time or again. A worker sends it.

    Raises WrongStatus unless the invoice is issued and not cancelled, NoAddress, MessageWaiting.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_sendable(invoice)
        earlier = invoice.messages.filter(kind=Kind.INVOICE)
        if earlier.filter(state__in=[State.WAITING, State.SENDING]).exists():
            raise MessageWaiting
        if not invoice.customer.email:
            raise NoAddress
        with recording(actor=actor, action="invoice.send_requested", company_id=invoice.company_id):
            return _write_sending(actor, invoice, number=earlier.count() + 1)


def send_when_issued(actor: Actor, invoices: Sequence[Invoice]) -> None:
    """Send newly issued invoices where their companies want that; a customer without an address is a failed message."""
    company_ids = {invoice.company_id for invoice in invoices}
    wanting = set(
        MailSettings.objects.filter(company__in=company_ids, send_on_issue=True).values_list("company_id", flat=True)
    )
    for invoice in invoices:
        if invoice.company_id in wanting:
            _write_sending(actor, invoice, number=1)


def deliver_due(*, now: datetime | None = None, limit: int = MESSAGES_AT_ONCE) -> int:
    """Send the messages that are due, one by one, up to `limit`; how many were tried. Asks for a job for the rest."""
    for tried in range(limit):
        message = _claim(now or timezone.now())
        if message is None:
            return tried
        if message.state == State.SENDING:
            _write_outcome(message, _sent(message))
    wake_worker()
    return limit


def wake_worker() -> None:
    """Let a worker look for what is due, once the transaction commits."""
    from notifications.tasks import deliver  # noqa: PLC0415  # the job calls this room's services

    default_task_backend.enqueue(deliver, [], {})


def give_up_on_lost(*, now: datetime | None = None) -> int:
    """Mark what was being sent when its process died as uncertain; how many. Nothing is ever sent twice by itself."""
    before = (now or timezone.now()) - LEASE
    lost = Message.objects.filter(state=State.SENDING, claimed_at__lt=before)
    return lost.update(
        state=State.UNCERTAIN,
        next_attempt_at=None,
        error="The worker stopped while it was being sent: it may have arrived, or not.",
    )


def beat(*, now: datetime | None = None) -> None:
    """What every worker does several times a minute: find work that is due, and what died with a process.

    Any number of workers may do it at once.
    """
    moment = now or timezone.now()
    give_up_on_lost(now=moment)
    _clear_jobs(moment)
    prepare_due_reminders(now=moment)
    is_due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=moment).exists()
    if is_due and not DBTaskResult.objects.ready().exists():
        wake_worker()


def _clear_jobs(now: datetime) -> None:
    """Forget old jobs, and those whose process died: no loss, since the next one does whatever is due."""
    running = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
    running.filter(started_at__lt=now - LEASE * MESSAGES_AT_ONCE).update(
        status=TaskResultStatus.FAILED, finished_at=now, traceback="The worker that ran it stopped."
    )
    DBTaskResult.objects.finished().filter(finished_at__lt=now - JOBS_KEPT).delete()


def require_sendable(invoice: Invoice) -> None:
    """Raise WrongStatus unless the invoice is issued and not cancelled."""
    if invoice.status not in SENDABLE:
        raise WrongStatus(f"Only issued invoices are sent; this invoice is {invoice.get_status_display().lower()}.")


def require_remindable(invoice: Invoice) -> None:
    """Raise WrongStatus unless the invoice is issued and something of it is open."""
    if invoice.status not in OPEN_STATUSES:
        raise WrongStatus(
            f"Only open invoices are reminded of; this invoice is {invoice.get_status_display().lower()}."
        )


def _message(actor: Actor, invoice: Invoice, kind: Kind, *, key: str, texts: tuple[str, str]) -> Message:
    """The message, not stored yet: to be sent now; or failed, where there is no address."""
    subject, body = written(invoice, texts)
    recipient = invoice.customer.email
    start: dict[str, Any] = (
        {"state": State.WAITING, "next_attempt_at": timezone.now()}
        if recipient
        else {"state": State.FAILED, "error": NoAddress.default_detail}
    )
    return Message(
        company_id=invoice.company_id,
        kind=kind,
        invoice=invoice,
        key=key,
        recipient=recipient,
        subject=subject,
        body=body,
        mail_id=new_mail_id(),
        requested_by_id=actor.actor_id,
        requested_by=actor.actor_name,
        **start,
    )


def _write_sending(actor: Actor, invoice: Invoice, *, number: int) -> Message:
    """The message that brings the invoice for the first time, or again; a worker is woken."""
    texts = texts_of(invoice.company, Kind.INVOICE, language_of(invoice, settings_of_company(invoice.company_id)))
    message = _message(actor, invoice, Kind.INVOICE, key=str(number), texts=texts)
    message.save(force_insert=True)
    wake_worker()
    return message


def _claim(now: datetime) -> Message | None:
    """The next message that is due, marked as being sent before anybody hears of it; None where there is none."""
    due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    with transaction.atomic(durable=True):
        message = due.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        message.error = _needless(message)
        message.state = State.NEEDLESS if message.error else State.SENDING
        message.claimed_at, message.attempts = now, message.attempts + 1
        message.save(update_fields=["state", "error", "claimed_at", "attempts"])
    return message


def _sent(message: Message) -> Outcome:
    """What became of the message."""
    try:
        mail = mail_of(message)
    except ValueError as error:
        return Outcome(Result.PERMANENT, f"This mail cannot be written: {error}"[:ERROR_LENGTH])
    except Exception as error:
        logger.exception("Message %s could not be made into a mail.", message.pk)
        return Outcome(Result.TEMPORARY, f"This mail could not be made: {error}"[:ERROR_LENGTH])
    return hand_over(mail)


def _write_outcome(message: Message, outcome: Outcome) -> None:
    """Keep what became of this attempt, unless a person has started another one since."""
    now = timezone.now()
    values = {
        Result.SENT: {"state": State.SENT, "sent_at": now},
        Result.TEMPORARY: _next_attempt(message.attempts, now),
        Result.PERMANENT: {"state": State.FAILED},
        Result.UNCERTAIN: {"state": State.UNCERTAIN},
    }[outcome.result]
    with transaction.atomic(durable=True):
        current = Message.objects.filter(
            pk=message.pk, attempts=message.attempts, state__in=[State.SENDING, State.UNCERTAIN]
        )
        if (
            current.update(**{"next_attempt_at": None, "error": outcome.error, **values})
            and outcome.result is Result.SENT
        ):
            _record_delivery(message)


def _next_attempt(attempts: int, now: datetime) -> dict[str, Any]:
    wait = next_try(attempts)
    return {"state": State.FAILED} if wait is None else {"state": State.WAITING, "next_attempt_at": now + wait}


def _record_delivery(message: Message) -> None:
    with recording(actor=message, action=ACTIONS[Kind(message.kind)], company_id=message.company_id) as change:
        Delivery.objects.create(
            company_id=message.company_id,
            invoice_id=message.invoice_id,
            message=message,
            kind=message.kind,
            recipient=message.recipient,
            subject=message.subject,
            mail_id=message.mail_id,
            change=change,
        )


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
) -> MailSettings:
    """What the company sends by itself, with what is given changed (None leaves it)."""
    given = {
        "send_on_issue": send_on_issue,
        "remind": remind,
        "stages": None if stages is None else require_stages(stages),
        "remind_at": remind_at,
        "language": None if language is None else _language(language),
    }
    values = {name: value for name, value in given.items() if value is not None}
    with transaction.atomic():
        settings = MailSettings.objects.select_for_update().filter(company=company).first()
        if settings is not None:
            require_version(settings, version)
        with recording(actor=actor, action="mail_settings.saved", company_id=company.pk) as change:
            if settings is None:
                return MailSettings.objects.create(company=company, change=change, **values)
            write_version(settings, change=change, **values)
    return settings


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
        "subject": _template_text(subject, max_length=SUBJECT_LENGTH, field="subject"),
        "body": _template_text(body, max_length=BODY_LENGTH, field="body"),
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


def prepare_due_reminders(*, now: datetime) -> int:
    """Write the reminders of each company whose time of day has come, once a day; how many."""
    written_messages = 0
    for settings in MailSettings.objects.filter(remind=True).select_related("company").order_by("company_id"):
        local = now.astimezone(settings.company.zone)
        is_done = DailyRun.objects.filter(company=settings.company_id, day=local.date()).exists()
        if local.time() >= settings.remind_at and not is_done:
            written_messages += _prepared(settings, local.date())
    return written_messages


def _prepared(settings: MailSettings, day: date) -> int:
    """How many reminders were written; none where that failed, which stops no other company's."""
    try:
        return prepare_reminders(settings=settings, day=day)
    except Exception:
        logger.exception("The reminders of company %s could not be written.", settings.company_id)
        return 0


def prepare_reminders(*, settings: MailSettings, day: date) -> int:
    """Write the reminders of a company that are due on `day`, for a worker to send; how many.

    Any number of schedulers may do it at once, again, or with a clock that was set back: they take turns at the
    company's settings, and the key of a message (invoice and stage) makes a second one impossible.
    """
    with transaction.atomic():
        _take_turns(settings)
        reminders = [reminder for reminder in reminders_due(settings, day) if not reminder.obstacle]
        texts = cache(lambda language: texts_of(settings.company, Kind.REMINDER, language))
        Message.objects.bulk_create(
            [
                _message(REMINDING, invoice, Kind.REMINDER, key=str(stage), texts=texts(language_of(invoice, settings)))
                for invoice, stage in ((reminder.invoice, reminder.stage) for reminder in reminders)
            ],
            batch_size=ROWS_AT_A_TIME,
        )
        if reminders:
            wake_worker()
        _mark_done(settings, day, len(reminders))
    return len(reminders)


def _take_turns(settings: MailSettings) -> None:
    """Wait for other schedulers that write the company's reminders, and let those who come wait."""
    MailSettings.objects.select_for_update().get(pk=settings.pk)


def _mark_done(settings: MailSettings, day: date, count: int) -> None:
    """Note that the day's reminders are written; more may come to them by hand."""
    run, is_first = DailyRun.objects.get_or_create(
        company_id=settings.company_id, day=day, defaults={"messages": count}
    )
    if not is_first:
        DailyRun.objects.filter(pk=run.pk).update(messages=F("messages") + count)


def retry_message(*, actor: Actor, message_id: int) -> Message:
    """Send a message that failed, or of which nobody knows, once more, to the address that the customer has now.

    Raises NotRepeatable for any other, NoAddress.
    """
    with transaction.atomic():
        message = locked(Message.objects.all(), pk=message_id)
        if message.state not in (State.FAILED, State.UNCERTAIN):
            raise NotRepeatable
        message.recipient = message.invoice.customer.email
        if not message.recipient:
            raise NoAddress
        with recording(actor=actor, action="message.retried", company_id=message.company_id):
            message.state, message.next_attempt_at, message.error = State.WAITING, timezone.now(), ""
            message.requested_by_id, message.requested_by = actor.actor_id, actor.actor_name
            message.save()
            wake_worker()
    return message


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


def _template_text(text: str, *, max_length: int, field: str) -> str:
    cleaned = clean_text(text, max_length=max_length, field=field)
    if not cleaned:
        raise TemplateInvalid("Write something here.", field=field)
    require_known_placeholders(cleaned, field=field)
    return cleaned


def _needless(message: Message) -> str:
    """Why the message is not to be sent any more; empty where it is."""
    invoice = message.invoice
    if invoice.cancelled_at:
        return "The invoice was cancelled."
    if message.kind != Kind.REMINDER:
        return ""
    if invoice.status not in OPEN_STATUSES:
        return "The invoice was paid."
    today = invoice.company.today()
    if any(row.silences(today) for row in preferences_about(invoice)):
        return "It was agreed not to remind of it now."
    return ""
