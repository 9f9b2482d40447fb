"""Asking for the daily digest of a company's journal, and writing it, once for each reader and day.

Errors: NotFound, StaleVersion, and digest_wished from the constraint of that name.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Max, Min

from accounts.models import User
from audit.actors import SystemActor
from audit.services import recording, require_version
from core.database import locked
from notifications.digests.letters import digest_letter
from notifications.digests.selectors import digest_of, readers_of
from notifications.kinds import Kind
from notifications.models import DailyRun, DigestWish, Message
from notifications.services import envelope, wake_worker, write_messages
from parties.models import Company

logger = logging.getLogger(__name__)

DIGESTING = SystemActor("system:digests")
DIGEST_AT = time(6, 0)
"""By the company's clock. Hours after the day is over, so that no command of that day is still at work."""
DAYS_CAUGHT_UP = 7


def ask_for_digest(*, actor: User, company: Company) -> DigestWish:
    """The wish of `actor` to get the digest of the company, from the next day on. Whether they may is asked at each."""
    with (
        transaction.atomic(),
        recording(actor=actor, action="digest.asked_for", company_id=company.pk) as change,
    ):
        return DigestWish.objects.create(company=company, reader=actor, change=change)


def stop_digest(*, actor: User, wish_id: int, version: int | None = None) -> None:
    """Send that digest no more. Raises NotFound for the wish of somebody else."""
    with transaction.atomic():
        wish = locked(DigestWish.objects.filter(reader=actor), pk=wish_id)
        require_version(wish, version)
        with recording(actor=actor, action="digest.stopped", company_id=wish.company_id):
            wish.delete()


def prepare_due_digests(now: datetime) -> int:
    """Write the digests of the days that are over, for each company that somebody wants one of; how many."""
    companies = Company.objects.filter(pk__in=DigestWish.objects.values("company")).order_by("pk")
    return sum(prepare_digest(company, day) for company in companies for day in _days_due(company, now))


def prepare_digest(company: Company, day: date) -> int:
    """Write the digest of a day to all who want it, unless that was done; how many. An empty day brings none.

    The mark of the day and the key of each message make a second one impossible, however many do it at once.
    """
    with transaction.atomic():
        run, is_first = DailyRun.objects.get_or_create(
            company=company, kind=Kind.DIGEST, day=day, defaults={"messages": 0}
        )
        readers = readers_of(company.pk) if is_first else []
        digest = digest_of(company, day) if readers else None
        if digest is None or not digest.count:
            return 0
        subject, body = digest_letter(digest)
        write_messages(
            Message(
                company=company,
                kind=Kind.DIGEST,
                reader=reader,
                key=day.isoformat(),
                subject=subject,
                body=body,
                **envelope(DIGESTING, reader.email),
            )
            for reader in readers
        )
        DailyRun.objects.filter(pk=run.pk).update(messages=len(readers))
        wake_worker()
    return len(readers)


def _days_due(company: Company, now: datetime) -> Iterator[date]:
    """Yesterday once it is time, and what was missed before while no worker ran: up to a week, since somebody asked."""
    local = now.astimezone(company.zone)
    yesterday = local.date() - timedelta(days=1)
    if local.time() < DIGEST_AT:
        return
    done = DailyRun.objects.filter(company=company, kind=Kind.DIGEST).aggregate(latest=Max("day"))["latest"]
    asked = DigestWish.objects.filter(company=company).aggregate(first=Min("change__at"))["first"]
    first = max(yesterday - timedelta(days=DAYS_CAUGHT_UP - 1), asked.astimezone(company.zone).date())
    if done is not None:
        first = max(first, done + timedelta(days=1))
    yield from (first + timedelta(days=count) for count in range((yesterday - first).days + 1))
