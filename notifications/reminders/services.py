"""Writing the reminders that a day brings, each once, for a worker to send.

Errors: none of its own; a company whose reminders cannot be written is logged and stops no other.
"""

import logging
from datetime import date, datetime
from functools import cache

from django.db import transaction
from django.db.models import F

from audit.actors import SystemActor
from notifications.kinds import Kind
from notifications.letters import texts_of
from notifications.models import DailyRun, MailSettings, Message
from notifications.reminders.selectors import reminders_due
from notifications.selectors import language_of
from notifications.services import ROWS_AT_A_TIME, links_named, new_message, wake_worker

logger = logging.getLogger(__name__)

REMINDING = SystemActor("system:reminders")


def prepare_due_reminders(now: datetime) -> int:
    """Write the reminders of each company whose time of day has come, once a day; how many."""
    written_messages = 0
    for settings in MailSettings.objects.filter(remind=True).select_related("company").order_by("company_id"):
        local = now.astimezone(settings.company.zone)
        is_done = DailyRun.objects.filter(company=settings.company_id, kind=Kind.REMINDER, day=local.date()).exists()
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
        texts_in = cache(lambda language: texts_of(settings.company, Kind.REMINDER, language))
        texts = {row.invoice.pk: texts_in(language_of(row.invoice, settings)) for row in reminders}
        links = links_named(REMINDING, texts)
        Message.objects.bulk_create(
            [
                new_message(
                    REMINDING,
                    invoice,
                    Kind.REMINDER,
                    key=str(stage),
                    texts=texts[invoice.pk],
                    link=links.get(invoice.pk, ""),
                )
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
        company_id=settings.company_id, kind=Kind.REMINDER, day=day, defaults={"messages": count}
    )
    if not is_first:
        DailyRun.objects.filter(pk=run.pk).update(messages=F("messages") + count)
