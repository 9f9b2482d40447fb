"""The events of a company: the entries of its journal in one order that never changes, numbered without a gap.

Ids are given before a command commits, so that a reader who remembers the last id it saw misses what commits late. Here
each entry writes a waiting row with itself, and whoever reads or works in the background moves those that are visible
behind the last event: in the order of their ids, under a lock of the company's that no command waits for. Two commands
on one row never run together, so that the events of each document keep its order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audit.models import Change, Recorded, SequencedEntry, UnsequencedEntry, history_model, recorded_models
from audit.selectors import public_values, shown_names
from core.text import snake_case

LOCKS = 0x5EC0
"""The first half of the keys that sequencers of PostgreSQL agree to hold; the second is the company."""
ENTRIES_AT_A_TIME = 20_000
PEOPLE = frozenset({"accounts"})
"""Rooms whose rows are about people: an event names them, and tells no more."""

WAITING = """
    SELECT change_id FROM audit_unsequencedentry WHERE company_id = %(company_id)s ORDER BY change_id LIMIT %(size)s
"""
APPEND = f"""
    INSERT INTO audit_sequencedentry (company_id, sequence, change_id)
    SELECT %(company_id)s, last.sequence + row_number() OVER (ORDER BY change_id), change_id
    FROM ({WAITING}) AS waiting CROSS JOIN (
        SELECT coalesce(max(sequence), 0) AS sequence FROM audit_sequencedentry WHERE company_id = %(company_id)s
    ) AS last
"""  # noqa: S608  # nobody's words
CLEAR = """
    DELETE FROM audit_unsequencedentry WHERE company_id = %(company_id)s
    AND EXISTS (SELECT 1 FROM audit_sequencedentry AS event WHERE event.change_id = audit_unsequencedentry.change_id)
"""


@dataclass(frozen=True)
class Event:
    """What a command did, in the order of its company: `data` is the row it was about, as the command left it.

    A command that changed no row, such as an export, is about nothing; of what is about people the data stay here.
    """

    sequence: int
    action: str
    entity_type: str
    entity_id: int | None
    performed_by: str
    performed_at: datetime
    request_id: str
    data: Mapping[str, Any]


def sequence_entries(company_id: int) -> int:
    """Give the entries of the company that wait their places; how many there were."""
    total = 0
    while UnsequencedEntry.objects.filter(company_id=company_id).exists():
        moved = _sequence_some(company_id)
        total += moved
        if moved < ENTRIES_AT_A_TIME:
            break
    return total


def sequence_all() -> int:
    """Do so for every company; how many entries there were."""
    companies = UnsequencedEntry.objects.order_by().values_list("company_id", flat=True).distinct()
    return sum(sequence_entries(company_id) for company_id in list(companies))


def _sequence_some(company_id: int) -> int:
    values = {"company_id": company_id, "size": ENTRIES_AT_A_TIME}
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A statement of its own, so that the next one sees what the sequencer before this one has done.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCKS, company_id % 2**31])
        cursor.execute(APPEND, values)
        moved = int(cursor.rowcount)
        cursor.execute(CLEAR, values)
    return moved


def events_after(company_id: int, sequence: int, *, size: int) -> list[Event]:
    """Up to `size` events of the company that follow the one numbered `sequence` (0: from the first on)."""
    sequence_entries(company_id)
    places = SequencedEntry.objects.filter(company_id=company_id, sequence__gt=sequence).select_related("change")
    page = list(places.order_by("sequence")[:size])
    subjects = _subjects([place.change for place in page])
    return [_event(place, subjects.get(place.change_id)) for place in page]


def _event(place: SequencedEntry, subject: tuple[type[Recorded], Any] | None) -> Event:
    model, row = subject or (None, None)
    return Event(
        sequence=place.sequence,
        action=place.change.action,
        entity_type=model.__name__ if model else "",
        entity_id=row.id if row else None,
        performed_by=place.change.actor,
        performed_at=place.change.at,
        request_id=place.change.request_id,
        data=_data(model, row) if model else {},
    )


def _data(model: type[Recorded], row: Any) -> dict[str, Any]:
    if model._meta.app_label in PEOPLE:
        return {}
    values = public_values(model, row)
    return {"version": row.version} | {name: values[name] for name in shown_names(model)}


def _subjects(changes: Sequence[Change]) -> dict[int, tuple[type[Recorded], Any]]:
    """What each entry is about, by its id: the row of the model that its action names, or else the first it changed."""
    by_name = {snake_case(model.__name__): model for model in recorded_models()}
    named: defaultdict[type[Recorded], list[int]] = defaultdict(list)
    for change in changes:
        if model := by_name.get(change.action.partition(".")[0]):
            named[model].append(change.pk)
    found = _first_rows((model, ids) for model, ids in named.items())
    others = [change.pk for change in changes if change.pk not in found]
    return found | _first_rows((model, others) for model in reversed(recorded_models()))


def _first_rows(
    wanted: Iterable[tuple[type[Recorded], Collection[int]]],
) -> dict[int, tuple[type[Recorded], Any]]:
    """Of each entry, by its id, the first row that it changed of the last of the models that has one."""
    found: dict[int, tuple[type[Recorded], Any]] = {}
    for model, ids in wanted:
        if ids:
            rows = history_model(model).objects.filter(change__in=ids).order_by("-id")
            found |= {row.change_id: (model, row) for row in rows}
    return found
