"""Reading the record: the timeline of an object, and what differs between two of its versions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from audit.models import Change, Recorded, history_model
from core.errors import StaleVersion
from core.model_fields import AmountField
from core.money import money_text, plain_text
from core.text import camel_case

UNREPORTED_FIELDS = frozenset({"id", "version", "change"})
History = tuple[type[Recorded], QuerySet[Any]]
"""A recorded model, and rows of its history."""
KNOWN_COMMANDS = """
WITH RECURSIVE known (action) AS (
    SELECT min(action) FROM audit_change
    UNION ALL
    SELECT (SELECT min(action) FROM audit_change WHERE action > known.action) FROM known WHERE known.action IS NOT NULL
)
SELECT action FROM known WHERE action IS NOT NULL
"""
ACTIONS = {"+": "Created", "~": "Updated", "-": "Deleted"}


@dataclass(frozen=True)
class TimelineEntry:
    """One version of one object: what changed (only the fields that differ), by whom, when and why.

    An event, such as a sign-in, has no version, and no object where it is about nobody known.
    """

    entity_type: str
    entity_id: int | None
    version: int | None
    action: str
    command: str
    old_values: Mapping[str, Any]
    new_values: Mapping[str, Any]
    entry_id: int
    performed_by: str
    performed_at: datetime
    request_id: str
    reason: str


@dataclass(frozen=True)
class TimelinePage:
    """Whole commands of a timeline, newest first, and whether there are older ones."""

    entries: list[TimelineEntry]
    has_older: bool


def public_values(model: type[Recorded], row: Any) -> dict[str, Any]:
    """The values of a live or history row of `model` under the API's names, as JSON can carry them.

    Amounts are strings with the decimals of their currency, timestamps UTC with ``Z``.
    """
    named = model.amount_currencies
    return {
        name: _public_value(field, getattr(row, field.attname), getattr(row, named.get(field.name, "currency"), None))
        for name, field in _reported_fields(model).items()
    }


def shown_names(model: type[Recorded]) -> list[str]:
    """The names of `public_values` that the API shows of a row of `model`; the others only auditors see."""
    return [name for name, field in _reported_fields(model).items() if field.name not in model.internal_fields]


@cache
def _reported_fields(model: type[Recorded]) -> dict[str, Any]:
    """The fields of the model's history that are reported, by the names that the API has for them."""
    fields = [field for field in history_model(model).tracked_fields if field.name not in UNREPORTED_FIELDS]
    return {model.api_names.get(field.name) or camel_case(field.attname): field for field in fields}


def _public_value(field: Any, value: Any, currency: str | None) -> Any:
    if isinstance(value, Decimal):
        is_amount = isinstance(getattr(field, "output_field", field), AmountField)
        return money_text(value, currency) if is_amount and currency else plain_text(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def timestamp_text(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names whose values differ, in the order of `new`."""
    return [name for name in new if old.get(name) != new[name]]


def timeline(model: type[Recorded], history: QuerySet[Any]) -> list[TimelineEntry]:
    """The entries of the history rows in `history`, newest first; old values come from the version before.

    `history` holds every version of each object in it, or else the first shown one appears without old values.
    """
    rows = list(history.select_related("change").order_by("id", "version"))
    return newest_first(_entries(model, rows))


def timeline_page(histories: Iterable[History], *, before: int | None, size: int) -> TimelinePage:
    """The commands of a timeline older than the journal entry `before` (None: from the newest on).

    About `size` rows, or all of one command that has more.
    """
    streams = [
        (model, (rows if before is None else rows.filter(change_id__lt=before)).order_by("-change_id"))
        for model, rows in histories
    ]
    newest = sorted((pk for _, rows in streams for pk in rows.values_list("change_id", flat=True)[:size]), reverse=True)
    oldest = newest[min(size, len(newest)) - 1] if newest else 0
    entries = []
    for model, rows in streams:
        page = list(rows.filter(change_id__gte=oldest).select_related("change"))
        known = {(row.id, row.version): row for row in previous_versions(model, page)}
        entries += [entry_of(model, row, known.get((row.id, row.version - 1))) for row in page]
    has_older = any(rows.filter(change_id__lt=oldest).exists() for _, rows in streams)
    return TimelinePage(newest_first(entries), has_older)


def previous_versions(model: type[Recorded], rows: Sequence[Any]) -> Iterable[Any]:
    """The history row before each of `rows`, where there is one. One statement."""
    wanted = [Q(id=row.id, version=row.version - 1) for row in rows if row.version > 1]
    return history_model(model).objects.filter(reduce(or_, wanted)) if wanted else []


def newest_first(entries: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """The entries of one or several timelines in one order: by journal entry, the newest first."""
    return sorted(entries, key=lambda entry: (-entry.entry_id, entry.entity_type, entry.entity_id or 0))


def _entries(model: type[Recorded], rows: Iterable[Any]) -> Iterator[TimelineEntry]:
    before: Any = None
    for row in rows:
        yield entry_of(model, row, before if before is not None and before.id == row.id else None)
        before = row


def entry_of(model: type[Recorded], row: Any, before: Any | None) -> TimelineEntry:
    """The history row `row` of `model` (read with its change) beside the version before it, if there is one."""
    old = public_values(model, before) if before is not None else {}
    new = public_values(model, row) if row.history_type != "-" else {}
    names = differing(old, new) if new else list(old)
    change: Change = row.change
    return TimelineEntry(
        entity_type=model.__name__,
        entity_id=row.id,
        version=row.version,
        action=ACTIONS[row.history_type],
        command=change.action,
        old_values={name: old[name] for name in names if name in old},
        new_values={name: new[name] for name in names if name in new},
        entry_id=change.pk,
        performed_by=change.actor,
        performed_at=change.at,
        request_id=change.request_id,
        reason=change.reason,
    )


def known_commands() -> list[str]:
    """Every command that the journal knows, in the order of the alphabet: one look into the index for each of them."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_COMMANDS)
        return [command for (command,) in cursor.fetchall()]


def stale_version(row: Recorded, version: int) -> StaleVersion:
    """The error for a caller who read `version` of what is now `row`: who changed it, when, and what differs."""
    model = type(row)
    current = public_values(model, row)
    read = history_model(model).objects.filter(id=row.pk, version=version).first()
    yours = public_values(model, read) if read is not None else {}
    differences = differing(yours, current) if yours else []
    return StaleVersion(
        current_version=row.version,
        changed_by=row.change.actor,
        changed_at=timestamp_text(row.change.at),
        changes={name: (yours[name], current[name]) for name in shown_names(model) if name in differences},
    )
