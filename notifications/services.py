"""The verbs of mail: ask for a sending, deliver, try again.

Errors: NotFound, WrongStatus, StaleVersion, NoAddress, MessageWaiting, NotRepeatable.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, prefetch_related_objects
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks_db.models import DBTaskResult

from accounts.models import User
from audit.actors import Actor
from audit.services import recording, require_version
from core.database import locked
from core.errors import DomainError, PermissionDenied
from core.outages import outlast
from invoices.lifecycle import Status, WrongStatus
from invoices.models import OPEN_STATUSES, Invoice
from invoices.recurring.run import RECURRING
from invoices.services import lock_invoice
from notifications.bounces.selectors import refusal_of
from notifications.digests.selectors import wants_digest
from notifications.kinds import REPEATABLE, Kind, State, next_try
from notifications.letters import mail_of, names_link, new_mail_id, texts_of, written
from notifications.models import Delivery, MailSettings, Message
from notifications.selectors import language_of, preferences_about, settings_of_company
from notifications.smtp import ERROR_LENGTH, Outcome, Result, hand_over
from notifications.templating import Texts
from parties.models import Company
from portal.selectors import address_of, names_page, with_address
from portal.services import links_for

logger = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 20
ROWS_AT_A_TIME = 500
LEASE = timedelta(minutes=10)
"""How long a mail takes at most. Each step waits no longer than EMAIL_TIMEOUT."""
OUTCOME_PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 16, 32)
"""Together a minute, far less than the lease."""
JOBS_KEPT = timedelta(days=14)
SENDABLE = (Status.ISSUED, Status.PARTIALLY_PAID, Status.PAID)
UNDER_WAY = Q(kind=Kind.INVOICE, state__in=[State.WAITING, State.SENDING])
IS_MAIL_UNDER_WAY = Exists(Message.objects.filter(UNDER_WAY, invoice=OuterRef("pk")))
ACTIONS = {
    Kind.INVOICE: "invoice.sent",
    Kind.REMINDER: "invoice.reminded",
    Kind.CREDIT_NOTE: "credit_note.sent",
    Kind.STATEMENT: "statement.sent",
    Kind.DIGEST: "digest.sent",
}

Row = TypeVar("Row")


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


class NotRepeatable(DomainError):
    """It was sent, or is about to be."""

    code = "not_repeatable"
    title = "Nothing to repeat"
    default_detail = "Only messages that failed, came back, are held back, or of which nobody knows, are tried again."


def request_sending(*, actor: Actor, invoice_id: int, version: int | None = None) -> Message:
    """The message that will bring the invoice to its customer, for the first time or again. A worker sends it.

    Raises WrongStatus unless the invoice is issued and not cancelled, NoAddress, MessageWaiting.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_sendable(invoice)
        require_reachable(invoice)
        earlier = invoice.messages.filter(kind=Kind.INVOICE)
        with recording(actor=actor, action="invoice.send_requested", company_id=invoice.company_id):
            earlier.filter(state=State.HELD).update(state=State.NEEDLESS, error="Somebody sent it by hand.")
            [message] = _write_sendings(actor, [invoice], number=earlier.count() + 1, is_automatic=False)
    return message


def require_reachable(invoice: Invoice) -> None:
    """Raise MessageWaiting while an earlier sending is under way, NoAddress where nobody knows where to send it."""
    is_under_way = getattr(invoice, "is_mail_under_way", None)  # known where the whole document was read
    if invoice.messages.filter(UNDER_WAY).exists() if is_under_way is None else is_under_way:
        raise MessageWaiting
    if not invoice.customer.email:
        raise NoAddress


def obstacle_to_sending(invoice: Invoice, user: User) -> str | None:
    """The code in which a sending would end now for this user; None where it would succeed."""
    if not user.may("notifications.send_message", invoice.company_id):
        return PermissionDenied.code
    try:
        require_sendable(invoice)
        require_reachable(invoice)
    except DomainError as refusal:
        return refusal.code
    return None


def send_when_issued(actor: Actor, invoices: Sequence[Invoice]) -> None:
    """Send newly issued invoices where their companies, or the recurring ones they come from, want that.

    A customer without an address is a failed message.
    """
    company_ids = {invoice.company_id for invoice in invoices}
    wanting = set(
        MailSettings.objects.filter(company__in=company_ids, send_on_issue=True).values_list("company_id", flat=True)
    )
    chosen = [invoice for invoice in invoices if invoice.company_id in wanting or invoice.is_sent_when_issued]
    if chosen:
        _write_sendings(actor, chosen, number=1, is_automatic=True)


def deliver_due(*, now: datetime | None = None, limit: int = MESSAGES_AT_ONCE) -> int:
    """Send the messages that are due, one by one, up to `limit`; how many were tried. Asks for a job for the rest."""
    for tried in range(limit):
        message = _claim(now or timezone.now())
        if message is None:
            return tried
        if message.state == State.SENDING:
            _keep_outcome(message, _sent(message))
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


def clear_jobs(now: datetime) -> None:
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


def new_message(
    actor: Actor,
    invoice: Invoice,
    kind: Kind,
    *,
    key: str,
    texts: Texts,
    link: str = "",
    further: Mapping[str, str] | None = None,
) -> Message:
    """The message about an invoice, not stored yet: to be sent now; or failed, where there is no address.

    `further` is what placeholders stand for that are not about the invoice.
    """
    subject, body = written(invoice, texts, link=link, further=further)
    return Message(
        company_id=invoice.company_id,
        kind=kind,
        invoice=invoice,
        customer=invoice.customer,
        key=key,
        subject=subject,
        body=body,
        **envelope(actor, invoice.customer.email),
    )


def envelope(actor: Actor, recipient: str) -> dict[str, Any]:
    """The values of a new message that goes to `recipient` at the request of `actor`: it waits, or has failed."""
    start: dict[str, Any] = (
        {"state": State.WAITING, "next_attempt_at": timezone.now()}
        if recipient
        else {"state": State.FAILED, "error": NoAddress.default_detail}
    )
    return {
        "recipient": recipient,
        "mail_id": new_mail_id(),
        "requested_by_id": actor.actor_id,
        "requested_by": actor.actor_name,
        **start,
    }


def write_messages(messages: Iterable[Message]) -> None:
    """Store new messages, some hundreds at a time; those whose key is taken, now or by a rival, are left out."""
    for batch in batched(messages, ROWS_AT_A_TIME):
        Message.objects.bulk_create(batch, ignore_conflicts=True)


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """The rows in lists of up to `size`."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def _write_sendings(actor: Actor, invoices: Sequence[Invoice], *, number: int, is_automatic: bool) -> list[Message]:
    """The messages that bring the invoices for the first time, or again; a worker is woken."""
    prefetch_related_objects([invoice.customer for invoice in invoices], "preference")
    settings = {pk: settings_of_company(pk) for pk in {invoice.company_id for invoice in invoices}}
    texts_in = cache(lambda company, language: texts_of(company, Kind.INVOICE, language))
    texts = {
        invoice.pk: texts_in(invoice.company, language_of(invoice, settings[invoice.company_id]))
        for invoice in invoices
    }
    links = links_named(actor, texts)
    messages = [
        new_message(
            actor,
            invoice,
            Kind.INVOICE,
            key=str(number),
            texts=texts[invoice.pk],
            link=links.get(invoice.pk, ""),
        )
        for invoice in invoices
    ]
    for message, invoice in zip(messages, invoices, strict=True):
        message.is_automatic = is_automatic
        if actor == RECURRING and message.state == State.WAITING:
            message.next_attempt_at = _time_of_day(invoice.company, settings[invoice.company_id])
    Message.objects.bulk_create(messages, batch_size=ROWS_AT_A_TIME)
    wake_worker()
    return messages


def _time_of_day(company: Company, settings: MailSettings) -> datetime:
    """When mail that nobody asked for may leave: now, but not before the company's time of day."""
    return max(timezone.now(), datetime.combine(company.today(), settings.remind_at, tzinfo=company.zone))


def links_named(actor: Actor, texts: Mapping[int, Texts]) -> dict[int, str]:
    """The addresses of the customers' pages, by invoice, for those whose texts (by invoice) name them."""
    links = links_for(actor=actor, invoice_ids=[invoice_id for invoice_id, own in texts.items() if names_link(own)])
    return {invoice_id: address_of(link) for invoice_id, link in links.items()}


def _claim(now: datetime) -> Message | None:
    """The next message that is due, marked as being sent before anybody hears of it; None where there is none."""
    due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    with transaction.atomic(durable=True):
        message = due.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        message.state, message.error = _standing(message)
        message.claimed_at, message.attempts = now, message.attempts + 1
        message.save(update_fields=["state", "error", "claimed_at", "attempts"])
    return message


def _sent(message: Message) -> Outcome:
    """What became of the message."""
    try:
        mail = mail_of(message)
    except (ValueError, DomainError) as error:
        return Outcome(Result.PERMANENT, f"This mail cannot be written: {error}"[:ERROR_LENGTH])
    except Exception as error:
        logger.exception("Message %s could not be made into a mail.", message.pk)
        return Outcome(Result.TEMPORARY, f"This mail could not be made: {error}"[:ERROR_LENGTH])
    return hand_over(mail)


def _keep_outcome(message: Message, outcome: Outcome) -> None:
    """Write the outcome, however long the invoice is locked or the database away: a mail that left is known to be."""
    outlast(partial(_write_outcome, message, outcome), pauses_seconds=OUTCOME_PAUSES_SECONDS)


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
            customer_id=message.customer_id,
            message=message,
            kind=message.kind,
            recipient=message.recipient,
            subject=message.subject,
            mail_id=message.mail_id,
            change=change,
        )


def retry_message(*, actor: Actor, message_id: int) -> Message:
    """Send a message that did not arrive, as far as is known, once more, to the address that is known now.

    Where it names the customer's page and that link is dead, it names a new one. Raises NotRepeatable for any other
    message, NoAddress.
    """
    with transaction.atomic():
        page = _page_named(actor, message_id)  # before the message is locked: invoices are locked first everywhere
        message = locked(Message.objects.all(), pk=message_id)
        if message.state not in REPEATABLE:
            raise NotRepeatable
        receiver = message.customer or message.reader
        message.recipient = receiver.email if receiver else ""
        if not message.recipient:
            raise NoAddress
        with recording(actor=actor, action="message.retried", company_id=message.company_id):
            message.state, message.next_attempt_at, message.error = State.WAITING, timezone.now(), ""
            message.requested_by_id, message.requested_by = actor.actor_id, actor.actor_name
            message.is_automatic = False
            if page:
                message.subject, message.body = with_address(message.subject, page), with_address(message.body, page)
            message.save()
            wake_worker()
    return message


def _page_named(actor: Actor, message_id: int) -> str:
    """Where the customer's page is that the message names, made anew where it was closed; "" where it names none."""
    message = Message.objects.only("subject", "body", "invoice_id").filter(pk=message_id).first()
    if message is None or message.invoice_id is None or not names_page(f"{message.subject} {message.body}"):
        return ""
    return address_of(links_for(actor=actor, invoice_ids=[message.invoice_id])[message.invoice_id])


def _standing(message: Message) -> tuple[State, str]:
    """How a message that is due goes on, and why not."""
    if needless := _needless(message):
        return State.NEEDLESS, needless
    refused = refusal_of(message.customer_id, message.recipient) if message.is_automatic else None
    if refused is not None:
        return State.HELD, f"Mail to this address came back on {refused.refused_at:%Y-%m-%d}: confirm or change it."
    return State.SENDING, ""


def _needless(message: Message) -> str:
    """Why the message is not to be sent any more; empty where it is."""
    if message.kind == Kind.DIGEST:
        return "" if wants_digest(message.reader_id, message.company_id) else "Its reader may or will not read it."
    if message.invoice is None:
        return ""
    if message.invoice.cancelled_at:
        return "The invoice was cancelled."
    return _needless_reminder(message.invoice) if message.kind == Kind.REMINDER else ""


def _needless_reminder(invoice: Invoice) -> str:
    if invoice.status not in OPEN_STATUSES:
        return "The invoice was paid."
    today = invoice.company.today()
    is_silenced = any(row.silences(today) for row in preferences_about(invoice))
    return "It was agreed not to remind of it now." if is_silenced else ""
