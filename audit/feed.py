"""The audit feed: every version of everything, newest first, page by page, with its old and new values.

A page is a keyset over the history tables on (journal entry, model, id). Journal entries that change no row, such as a
sign-in, are events; the rooms that write them register them here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import F, OrderBy, Q, QuerySet
from django.db.models.functions import Coalesce

from audit.models import Change, Recorded, history_model, recorded_models
from audit.selectors import ACTIONS, TimelineEntry, entry_of, previous_versions
from core.database import among

EVENT = "Event"
MOST_DAYS = 366
MOST_ENTRIES = 5_000
HISTORY_TYPES = {action: history_type for history_type, action in ACTIONS.items()}


@dataclass(frozen=True)
class Position:
    """Where a page starts: behind this row, towards older rows, or towards newer ones when reading `back`."""

    entry_id: int
    stream: int
    object_id: int
    back: bool = False


@dataclass(frozen=True)
class FeedFilter:
    """What a reader looks for; None leaves a condition out. `since` and `until` are moments, both inclusive."""

    entity_type: str | None = None
    entity_id: int | None = None
    action: str | None = None
    command: str | None = None
    performed_by: str | None = None
    request_id: str | None = None
    company_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_about_entries_only(self) -> bool:
        """Whether nothing is asked about what an entry changed."""
        return self.entity_type is None and self.entity_id is None and self.action is None

    @property
    def is_of_few_days(self) -> bool:
        """Whether the entries asked for are from a span of up to MOST_DAYS."""
        return self.since is not None and self.until is not None and (self.until - self.since).days < MOST_DAYS


@dataclass(frozen=True)
class FeedRow:
    """An entry of the feed and its place in it."""

    position: Position
    entry: TimelineEntry


@dataclass(frozen=True)
class Page:
    """Rows, newest first, and whether there are older and newer ones."""

    rows: Sequence[FeedRow]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True)
class Event:
    """A kind of journal entry that changes no row: on what it is shown, and who may see it."""

    entity_type: str
    scope: Callable[[Sequence[int]], Q]


_events: dict[str, Event] = {}


def register_event(action: str, *, entity_type: str, scope: Callable[[Sequence[int]], Q]) -> None:
    """Let entries with this `action` appear as events of the user who acted.

    `scope` gives the condition on Change for the readers of some companies.
    """
    _events[action] = Event(entity_type, scope)


def feed_page(wanted: FeedFilter, *, company_ids: Sequence[int] | None, position: Position | None, size: int) -> Page:
    """A page of the feed for a reader of the companies (None: of all), beginning behind `position`."""
    back = position is not None and position.back
    found = _found(wanted, company_ids, position, size + 1)
    found.sort(key=lambda pair: _sort_key(pair[0]), reverse=back)
    has_more = len(found) > size
    page = found[:size]
    if back:
        page.reverse()
    return Page(
        rows=_with_values(page),
        has_older=has_more if not back else True,
        has_newer=has_more if back else position is not None,
    )


def _found(
    wanted: FeedFilter, company_ids: Sequence[int] | None, position: Position | None, size: int
) -> list[tuple[Position, Any]]:
    """The first `size` rows of all streams together, among others and in any order."""
    found: list[tuple[Position, Any]] = []
    of_entries = []
    for stream, rows in enumerate(_streams(wanted, company_ids)):
        if rows is None:
            continue
        if wanted.is_about_entries_only and _goes_with_its_entry(stream):
            of_entries.append((stream, rows))
        else:
            found += _placed(_narrowed(rows, wanted, stream, position, size), stream, position, size)
    if of_entries:
        entries = _entries(wanted, company_ids, back=position is not None and position.back)
        found += _found_by_entries(of_entries, entries, position, size)
    return found


def _found_by_entries(
    streams: Sequence[tuple[int, QuerySet[Any]]], entries: QuerySet[Change], position: Position | None, size: int
) -> list[tuple[Position, Any]]:
    """The first `size` rows of the streams, by way of the entries, which come in the order of the page.

    A stream on its own is read to its end where none of its rows has an entry like those asked for.
    """
    found: list[tuple[Position, Any]] = []
    back = position is not None and position.back
    several = size
    first_id = None if position is None else position.entry_id
    while len(found) < size:
        some = entries if first_id is None else entries.filter(**{f"id__{'gte' if back else 'lte'}": first_id})
        entry_ids = list(some.values_list("id", flat=True)[:several])
        touched = touched_tables([rows.model for _, rows in streams], entry_ids) if entry_ids else set()
        for stream, rows in ((stream, rows) for stream, rows in streams if rows.model in touched):
            found += _placed(rows.filter(change__in=entry_ids), stream, position, size)
        if len(entry_ids) < several:
            break
        first_id = entry_ids[-1] + (1 if back else -1)
        several = min(several * 4, MOST_ENTRIES)
    return found


def touched_tables(models: Sequence[Any], entry_ids: Sequence[int]) -> set[Any]:
    """Those of the history tables in which one of the entries changed something: a few, found by one statement."""
    ids = among(entry_ids)
    part = f"SELECT {{}} WHERE EXISTS (SELECT 1 FROM {{}} WHERE change_id IN ({ids.sql}))"  # noqa: S608  # names of models
    parts = [part.format(place, model._meta.db_table) for place, model in enumerate(models)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [*ids.params] * len(models))
        return {models[place] for (place,) in cursor.fetchall()}


def _entries(wanted: FeedFilter, company_ids: Sequence[int] | None, *, back: bool) -> QuerySet[Change]:
    """The entries that fit what is asked about them, but for those that change no row.

    Of a span of days all are looked at: going by the ids, and skipping other days, takes the longer the older they are.
    """
    entries = Change.objects.filter(_conditions(wanted, "")).exclude(action__in=list(_events))
    if company_ids is not None:
        entries = entries.filter(company_id__in=company_ids)
    column: Any = Coalesce(F("id"), F("id")) if wanted.is_of_few_days else F("id")
    return entries.order_by(OrderBy(column, descending=not back))


def _goes_with_its_entry(stream: int) -> bool:
    """Whether who may see the entry sees the rows of the stream: so it is, unless their model says otherwise."""
    models = recorded_models()
    return stream < len(models) and "audit_scope" not in vars(models[stream])


def _streams(wanted: FeedFilter, company_ids: Sequence[int] | None) -> list[QuerySet[Any] | None]:
    """One queryset for each recorded model, and one for the events; None where the filter leaves all of it out."""
    streams: list[QuerySet[Any] | None] = [
        _versions(model, wanted, company_ids) if wanted.entity_type in (None, model.__name__) else None
        for model in recorded_models()
    ]
    return [*streams, _event_entries(wanted, company_ids)]


def _versions(model: type[Recorded], wanted: FeedFilter, company_ids: Sequence[int] | None) -> QuerySet[Any] | None:
    if wanted.action == EVENT:
        return None
    rows: QuerySet[Any] = history_model(model).objects.select_related("change")
    rows = rows.filter(_conditions(wanted, "change__"))
    if company_ids is not None:
        rows = rows.filter(model.audit_scope(company_ids))
    if wanted.entity_id is not None:
        rows = rows.filter(id=wanted.entity_id)
    if wanted.action is not None:
        rows = rows.filter(history_type=HISTORY_TYPES[wanted.action])
    return rows


def _event_entries(wanted: FeedFilter, company_ids: Sequence[int] | None) -> QuerySet[Any] | None:
    kinds = {action: event for action, event in _events.items() if wanted.entity_type in (None, event.entity_type)}
    if not kinds or wanted.action not in (None, EVENT):
        return None
    entries = Change.objects.filter(_conditions(wanted, ""), action__in=list(kinds))
    if wanted.entity_id is not None:
        entries = entries.filter(actor_id=wanted.entity_id)
    if company_ids is not None:
        scopes = [Q(action=action) & event.scope(company_ids) for action, event in kinds.items()]
        entries = entries.filter(reduce(or_, scopes))
    return entries


def _conditions(wanted: FeedFilter, path: str) -> Q:
    conditions = {
        "actor__iexact": wanted.performed_by,
        "action": wanted.command,
        "request_id": wanted.request_id,
        "company_id": wanted.company_id,
        "at__gte": wanted.since,
        "at__lte": wanted.until,
    }
    return Q(**{f"{path}{name}": value for name, value in conditions.items() if value is not None})


def _narrowed(
    rows: QuerySet[Any], wanted: FeedFilter, stream: int, position: Position | None, size: int
) -> QuerySet[Any]:
    """The rows, or where a command is asked for, few of them: those that the page shows, and others behind them.

    A command may never have changed such an object: PostgreSQL learns it from two indexes alone if it is asked for keys
    only, and else reads every entry of the command.
    """
    if wanted.command is None or rows.model is Change:
        return rows
    keys = list(_slice(rows, stream, position, size).values_list("change_id", "id"))
    return rows.filter(change__in={change_id for change_id, _ in keys}, id__in={row_id for _, row_id in keys})


def _placed(rows: QuerySet[Any], stream: int, position: Position | None, size: int) -> list[tuple[Position, Any]]:
    """The first `size` rows of one stream behind the position, each with its place."""
    return [(_position(stream, row), row) for row in _slice(rows, stream, position, size)]


def _slice(rows: QuerySet[Any], stream: int, position: Position | None, size: int) -> QuerySet[Any]:
    """The first `size` rows of one stream behind the position."""
    is_event = rows.model is Change
    entry, row_id = ("id", "id") if is_event else ("change_id", "id")
    back = position is not None and position.back
    sign = "" if back else "-"
    if position is not None:
        rows = rows.filter(_beyond(entry, row_id, stream, position, is_event))
    ordering = [f"{sign}{entry}"] if is_event else [f"{sign}{entry}", f"{sign}{row_id}"]
    return rows.order_by(*ordering)[:size]


def _beyond(entry: str, row_id: str, stream: int, position: Position, is_event: bool) -> Q:
    side = "gt" if position.back else "lt"
    condition = Q(**{f"{entry}__{side}": position.entry_id})
    later_stream = stream < position.stream if position.back else stream > position.stream
    if later_stream:
        condition |= Q(**{entry: position.entry_id})
    elif stream == position.stream and not is_event:
        condition |= Q(**{entry: position.entry_id, f"{row_id}__{side}": position.object_id})
    return condition


def _position(stream: int, row: Any) -> Position:
    if isinstance(row, Change):
        return Position(row.pk, stream, row.pk)
    return Position(row.change_id, stream, row.id)


def _sort_key(position: Position) -> tuple[int, int, int]:
    """Newest entry first; within it the models in their order, and the highest id first."""
    return -position.entry_id, position.stream, -position.object_id


def _with_values(page: Iterable[tuple[Position, Any]]) -> list[FeedRow]:
    """The rows of a page with old and new values: one statement for each model in it."""
    pairs = list(page)
    models = recorded_models()
    before: dict[tuple[int, int, int], Any] = {}
    for stream in {position.stream for position, row in pairs if not isinstance(row, Change)}:
        rows = [row for position, row in pairs if position.stream == stream]
        before |= {(stream, row.id, row.version): row for row in previous_versions(models[stream], rows)}
    return [FeedRow(position, _entry(position, row, models, before)) for position, row in pairs]


def _entry(
    position: Position, row: Any, models: Sequence[type[Recorded]], before: Mapping[tuple[int, int, int], Any]
) -> TimelineEntry:
    if isinstance(row, Change):
        return _event_entry(row)
    return entry_of(models[position.stream], row, before.get((position.stream, row.id, row.version - 1)))


def _event_entry(change: Change) -> TimelineEntry:
    return TimelineEntry(
        entity_type=_events[change.action].entity_type,
        entity_id=change.actor_id,
        version=None,
        action=EVENT,
        command=change.action,
        old_values={},
        new_values={},
        entry_id=change.pk,
        performed_by=change.actor,
        performed_at=change.at,
        request_id=change.request_id,
        reason=change.reason,
    )
