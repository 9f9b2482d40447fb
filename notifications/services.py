"""The verbs of mail: ask for a sending, deliver, try again; settings, templates and what was agreed; reminders.

Errors: NotFound, WrongStatus, StaleVersion, NoAddress, MessageWaiting, NotRepeatable, TemplateInvalid, TextInvalid,
StagesInvalid, LanguageInvalid, PreferenceInvalid, and template_exists from the constraint of that name.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks_db.models import DBTaskResult

from audit.actors import Actor
from audit.services import recording, require_version, write_version
from core.errors import DomainError
from invoices.lifecycle import Status, WrongStatus
from invoices.models import Invoice
from invoices.services import lock_invoice
from notifications.kinds import Kind, State, next_try
from notifications.letters import mail_of, new_mail_id, texts_of, written
from notifications.models import Delivery, MailSettings, Message
from notifications.reminders import require_stages
from notifications.smtp import Outcome, Result, hand_over
from parties.models import Company

logger = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 20
LEASE = timedelta(minutes=10)
"""How long a mail takes at most. Each step waits no longer than EMAIL_TIMEOUT."""
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


def request_sending(*, actor: Actor, invoice_id: int) -> Message:
    """The message that will bring the invoice to its customer, for the first time or again. A worker sends it.

    Raises WrongStatus unless the invoice is issued and not cancelled, NoAddress, MessageWaiting.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        _require_sendable(invoice)
        earlier = invoice.messages.filter(kind=Kind.INVOICE)
        if earlier.filter(state__in=[State.WAITING, State.SENDING]).exists():
            raise MessageWaiting
        if not invoice.customer.email:
            raise NoAddress
        with recording(actor=actor, action="invoice.send_requested", company_id=invoice.company_id):
            return _write_message(actor, invoice, Kind.INVOICE, key=str(earlier.count() + 1))


def send_when_issued(actor: Actor, invoice: Invoice) -> None:
    """Send a newly issued invoice where its company wants that; a customer without an address is a failed message."""
    if MailSettings.objects.filter(company_id=invoice.company_id, send_on_issue=True).exists():
        _write_message(actor, invoice, Kind.INVOICE, key="1")


def deliver_due(*, now: datetime | None = None, limit: int = MESSAGES_AT_ONCE) -> int:
    """Send the messages that are due, one by one, up to `limit`; how many were tried. Asks for a job for the rest."""
    for tried in range(limit):
        message = _claim(now or timezone.now())
        if message is None:
            return tried
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
        state=State.UNCERTAIN, error="The worker stopped while it was being sent: it may have arrived, or not."
    )


def beat(*, now: datetime | None = None) -> None:
    """What every worker does several times a minute: find work that is due, and what died with a process.

    Any number of workers may do it at once.
    """
    moment = now or timezone.now()
    give_up_on_lost(now=moment)
    _give_up_on_lost_jobs(moment)
    prepare_due_reminders(now=moment)
    is_due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=moment).exists()
    if is_due and not DBTaskResult.objects.ready().exists():
        wake_worker()


def _give_up_on_lost_jobs(now: datetime) -> None:
    """Jobs whose process died: they are no loss, since each does whatever is due, and the next one does."""
    running = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
    running.filter(started_at__lt=now - LEASE * MESSAGES_AT_ONCE).update(
        status=TaskResultStatus.FAILED, finished_at=now, traceback="The worker that ran it stopped."
    )


def _require_sendable(invoice: Invoice) -> None:
    if invoice.status not in SENDABLE:
        raise WrongStatus(f"Only issued invoices are sent; this invoice is {invoice.get_status_display().lower()}.")


def _write_message(actor: Actor, invoice: Invoice, kind: Kind, *, key: str) -> Message:
    """The message, to be sent now; or failed, where there is no address."""
    settings = MailSettings.objects.filter(company_id=invoice.company_id).first() or MailSettings()
    subject, body = written(invoice, texts_of(invoice.company, kind, settings.language))
    recipient = invoice.customer.email
    start: dict[str, Any] = (
        {"state": State.WAITING, "next_attempt_at": timezone.now()}
        if recipient
        else {"state": State.FAILED, "error": NoAddress.default_detail}
    )
    message = Message.objects.create(
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
    if recipient:
        wake_worker()
    return message


def _claim(now: datetime) -> Message | None:
    """The next message that is due, marked as being sent before anybody hears of it; None where there is none."""
    due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    with transaction.atomic(durable=True):
        message = due.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        message.state, message.claimed_at, message.attempts = State.SENDING, now, message.attempts + 1
        message.save(update_fields=["state", "claimed_at", "attempts"])
    return message


def _sent(message: Message) -> Outcome:
    """What became of the message."""
    try:
        mail = mail_of(message)
    except ValueError as error:
        return Outcome(Result.PERMANENT, f"This mail cannot be written: {error}")
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
        if current.update(error=outcome.error, **values) and outcome.result is Result.SENT:
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


def prepare_due_reminders(*, now: datetime) -> None:
    """Nothing yet."""
