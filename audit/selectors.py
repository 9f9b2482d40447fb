"""Reading the record: the timeline of an object, and what differs between two of its versions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import QuerySet

from audit.models import Change, Recorded, history_model
from core.errors import StaleVersion
from core.model_fields import AmountField
from core.money import money_text, plain_text
from core.text import camel_case

UNREPORTED_FIELDS = frozenset({"id", "version", "change"})
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


def public_values(model: type[Recorded], row: Any) -> dict[str, Any]:
    """The values of a live or history row of `model` under the API's names, as JSON can carry them.

    Amounts are strings with the decimals of the row's currency, timestamps UTC with ``Z``.
    """
    currency = getattr(row, "currency", None)
    return {
        name: _public_value(field, getattr(row, field.attname), currency)
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
