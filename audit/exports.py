"""The feed as a file: read page by page, written row by row, in flat memory whatever its length.

Each page is a keyset of its own, as the feed's pages are, so that an export of hours holds no snapshot and no cursor
open. Rows never change, and newer ones stand before the first page, so the file is whole all the same.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from audit.actors import Actor
from audit.feed import FeedFilter, feed_page
from audit.selectors import TimelineEntry, timestamp_text
from audit.services import recording
from core.spreadsheets import Cell, Table
from core.text import camel_case

EXPORTED = "data.exported"
"""The command in the journal of whatever left the books as a file."""
ROWS_AT_A_TIME = 200
LINES_AT_A_TIME = 50
REASON_LENGTH = 1000
NEGATIVE_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")
COLUMNS = (
    "performedAt",
    "performedBy",
    "command",
    "reason",
    "entityType",
    "entityId",
    "version",
    "action",
    "field",
    "oldValue",
    "newValue",
    "requestId",
    "entry",
)


def record_export(
    *,
    actor: Actor,
    what: str,
    file_format: str,
    company_id: int | None,
    wanted: Mapping[str, Any],
    row_count: int | None = None,
) -> None:
    """Put on record that `actor` takes `what` out as a file, and what it was narrowed down to, before the first row.

    `row_count` is how many rows fit at that moment, where that is known.
    """
    conditions = ", ".join(f"{camel_case(name)} {value}" for name, value in wanted.items() if value not in (None, ""))
    counted = "" if row_count is None else f", {row_count} {'row' if row_count == 1 else 'rows'}"
    reason = f"{what} as {file_format}{counted}: {conditions or 'everything'}."
    with recording(actor=actor, action=EXPORTED, company_id=company_id, reason=reason[:REASON_LENGTH]):
        pass


def exported_entries(wanted: FeedFilter, company_ids: Sequence[int] | None) -> Iterator[TimelineEntry]:
    """Every entry of the feed that fits, newest first, for a reader of the companies (None: of all)."""
    position = None
    while True:
        page = feed_page(wanted, company_ids=company_ids, position=position, size=ROWS_AT_A_TIME)
        yield from (row.entry for row in page.rows)
        if not page.rows or not page.has_older:
            return
        position = page.rows[-1].position


def changes_table(entries: Iterable[TimelineEntry]) -> Table:
    """The entries as a table with a row for each field that differs; an event has one row, without a field."""
    return Table("changes", COLUMNS, (row for entry in entries for row in _rows(entry)))


def json_lines(entries: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """One JSON object a line, as the API shows it, some lines at a time."""
    rest = iter(entries)
    while some := list(islice(rest, LINES_AT_A_TIME)):
        lines = (json.dumps(entry, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n" for entry in some)
        yield "".join(lines).encode()


def _rows(entry: TimelineEntry) -> Iterator[list[Cell]]:
    known: list[Cell] = [timestamp_text(entry.performed_at), entry.performed_by, entry.command, entry.reason]
    known += [entry.entity_type, entry.entity_id, entry.version, entry.action]
    names = list(dict.fromkeys((*entry.old_values, *entry.new_values))) or [""]
    for name in names:
        values = [_cell(entry.old_values.get(name)), _cell(entry.new_values.get(name))]
        yield [*known, name, *values, entry.request_id, entry.entry_id]


def _cell(value: Any) -> Cell:
    """The value as one cell: a negative number stays a number, though it begins as a formula does."""
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return Decimal(value) if isinstance(value, str) and NEGATIVE_NUMBER.fullmatch(value) else value
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
