"""What a day brought to a company's journal, and who wants to read it by mail."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet

from accounts.models import User, people_of
from audit.models import Change, history_model, recorded_models
from notifications.models import DigestWish
from parties.models import Company

READING = "audit.view_change"
SHOWN_AT_MOST = 50
IMPORTANT = (
    "role.",
    "user.",
    "users.",
    "bank_account.",
    "company.",
    "series.",
    "mail_settings.",
    "invoice.cancelled",
    "payment.refunded",
    "payment.reversed",
    "customer.deleted",
    "customer.address_confirmed",
)
"""How the commands begin that are shown one by one: who may do what, where money goes, and what is taken back."""


@dataclass(frozen=True)
class Entry:
    """An important entry of the journal, and what it changed, in words."""

    change: Change
    things: tuple[str, ...]


@dataclass(frozen=True)
class Digest:
    """The journal of a company on one of its days: how many entries, of which commands, and the important ones."""

    company: Company
    day: date
    count: int
    counts: list[tuple[str, int]]
    entries: list[Entry]
    important_count: int


def wishes_of(user: User) -> QuerySet[DigestWish]:
    """The digests that the user gets."""
    return DigestWish.objects.filter(reader=user.pk).select_related("company", "reader")


def wants_digest(reader_id: int | None, company_id: int) -> bool:
    """Whether the user wants the company's digest, and may read its journal now."""
    wish = DigestWish.objects.filter(reader=reader_id, company=company_id).select_related("reader").first()
    return wish is not None and wish.reader.may(READING, company_id)


def readers_of(company_id: int) -> list[User]:
    """Who wants the company's digest, and may read its journal now."""
    wishes = DigestWish.objects.filter(company=company_id).select_related("reader").order_by("reader_id")
    return [wish.reader for wish in wishes if wish.reader.may(READING, company_id)]


def day_in_journal(company: Company, day: date) -> tuple[datetime, datetime]:
    """When the company's day begins, and when it is over."""
    start, end = (datetime.combine(moment, time.min, tzinfo=company.zone) for moment in (day, day + timedelta(days=1)))
    return start, end


def digest_of(company: Company, day: date) -> Digest:
    """The journal of that day, the oldest entry first. Entries of no company count where they are about its people."""
    entries = _entries_of(company, day)
    by_command = entries.order_by().values("action").annotate(entries=Count("pk")).order_by("-entries", "action")
    counts = list(by_command.values_list("action", "entries"))
    is_important = reduce(or_, (Q(action__startswith=beginning) for beginning in IMPORTANT))
    important = entries.filter(is_important).order_by("id")
    shown = list(important[:SHOWN_AT_MOST])
    things = _things_under(shown)
    return Digest(
        company=company,
        day=day,
        count=sum(count for _, count in counts),
        counts=counts,
        entries=[Entry(change, tuple(things[change.pk])) for change in shown],
        important_count=important.count() if len(shown) == SHOWN_AT_MOST else len(shown),
    )


def _entries_of(company: Company, day: date) -> QuerySet[Change]:
    start, end = day_in_journal(company, day)
    people = people_of([company.pk]).values("pk")
    about_them = history_model(User).objects.filter(id__in=people, history_date__gte=start, history_date__lt=end)
    of_people = Q(company_id=None) & (Q(actor_id__in=people) | Q(pk__in=about_them.values("change_id")))
    return Change.objects.filter(Q(company_id=company.pk) | of_people, at__gte=start, at__lt=end)


def _things_under(changes: Sequence[Change]) -> dict[int, list[str]]:
    """Entry -> what it changed; one statement for each recorded table."""
    things: dict[int, list[str]] = defaultdict(list)
    for model in recorded_models() if changes else ():
        rows: QuerySet[Any] = history_model(model).objects.filter(change__in=[change.pk for change in changes])
        for row in rows.order_by("history_id"):
            things[row.change_id].append(f"{model._meta.verbose_name} {row.instance}")
    return things
