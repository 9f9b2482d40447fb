"""The promise: no column of no table is forgotten, whatever rows there are: all columns of a row are filled here.

A full row is none that the program would write. Checks and references do not hold in these tests, so that nothing but
the triggers stands in the way; everything is taken back.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from audit.actors import SYSTEM
from audit.books import seals_hold
from audit.guards import AppendOnly, FrozenSince
from audit.models import Change, history_model, recorded_models
from audit.services import recording, recording_each
from audit.tests.tampering import ON_SQLITE, closed_entry, execute
from audit.triggers.tables import RecordedTable, recorded_table
from core.testing.rollback import taken_back

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("model", recorded_models())]

ID = 7
VALUES: dict[str, tuple[Any, Any]] = {
    "BinaryField": (b"\x01", b"\x02"),
    "BooleanField": (True, False),
    "CharField": ("a", "b"),
    "EmailField": ("a", "b"),
    "TextField": ("a", "b"),
    "DateField": ("2026-01-31", "2026-02-28"),
    "DateTimeField": ("2026-01-31 10:00:00.000000", "2026-02-28 11:00:00.000000"),
    "TimeField": ("10:00:00", "11:00:00"),
    "JSONField": ('{"a": 1}', '{"b": 2}'),
}
NUMBERS = (3, 4)


@pytest.fixture
def table(model: Any) -> Iterator[RecordedTable]:
    """The table of the model, without its checks. Nothing stays of what is done to it."""
    table = recorded_table(model)
    with taken_back():
        if ON_SQLITE:
            execute("PRAGMA ignore_check_constraints = ON")
        for name in [] if ON_SQLITE else checks(table.table):
            execute(f'ALTER TABLE {table.table} DROP CONSTRAINT "{name}"')
        try:
            yield table
        finally:
            if ON_SQLITE:
                execute("PRAGMA ignore_check_constraints = OFF")


def checks(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table])
        return [name for (name,) in cursor.fetchall()]


def values(table: RecordedTable, change: Change, which: int = 0, **others: Any) -> dict[str, Any]:
    """A value for every column."""
    filled = {
        field.column: VALUES.get(field.get_internal_type(), NUMBERS)[which]
        for field in table.model._meta.concrete_fields
        if not field.generated
    }
    return filled | {"id": ID, "version": which + 1, "change_id": change.pk} | others


def insert(table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(["%s"] * len(row))
    execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def update(table: RecordedTable, row: dict[str, Any]) -> None:
    sets = ", ".join(f"{column} = %s" for column in row)
    execute(f"UPDATE {table.table} SET {sets} WHERE id = {ID}", list(row.values()))


def rows(table: str, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE id = {ID} ORDER BY version DESC")
        return list(cursor.fetchall())


def own_columns(table: RecordedTable) -> list[str]:
    """The columns whose values are the row's and not the record's."""
    return [column for column in table.data_columns if column != "id"]


def open_values(table: RecordedTable) -> dict[str, None]:
    """What must be empty for a row to be changed and deleted."""
    return {guard.since: None for guard in table.guards if isinstance(guard, FrozenSince)}


def is_ledger(table: RecordedTable) -> bool:
    return any(isinstance(guard, AppendOnly) for guard in table.guards)


def entry() -> Any:
    return recording(actor=SYSTEM, action="test")


def test_a_full_row_is_copied_and_sealed_whole_when_it_comes(table: RecordedTable) -> None:
    with entry() as change:
        insert(table.table, values(table, change))

    [live], [version] = rows(table.table, table.columns), rows(table.history, table.columns)
    assert version == live
    assert None not in live
    assert list(seals_hold()) == []


def test_a_full_row_is_copied_and_sealed_whole_when_it_changes_and_goes(table: RecordedTable) -> None:
    with entry() as change:
        insert(table.table, values(table, change, **open_values(table)))
    if is_ledger(table):
        refuses_every_change(table)
        return
    with entry() as change:
        update(table, values(table, change, 1, **open_values(table)))
    [live] = rows(table.table, table.columns)
    assert rows(table.history, table.columns)[0] == live

    before = rows(table.table, table.data_columns)
    with entry() as change:
        execute(f"DELETE FROM {table.table} WHERE id = {ID}")

    assert rows(table.history, table.data_columns)[0] == before[0]
    assert rows(table.history, ("version", "change_id", "history_type"))[0] == (3, change.pk, "-")
    assert list(seals_hold()) == []


def refuses_every_change(table: RecordedTable) -> None:
    [guard] = [guard for guard in table.guards if isinstance(guard, AppendOnly)]
    with entry() as change:
        with pytest.raises(IntegrityError, match=guard.message), transaction.atomic():
            update(table, values(table, change, 1))
        with pytest.raises(IntegrityError, match=guard.message), transaction.atomic():
            execute(f"DELETE FROM {table.table} WHERE id = {ID}")


def test_no_column_changes_unless_the_version_rises(table: RecordedTable) -> None:
    with entry() as change:
        insert(table.table, values(table, change, **open_values(table)))
    with entry() as change:
        changed = values(table, change, 1)
        for column in (*own_columns(table), "change_id"):
            with pytest.raises(IntegrityError, match="the version must rise by one"), transaction.atomic():
                update(table, {column: changed[column]})


def test_what_is_frozen_is_frozen_column_by_column(table: RecordedTable) -> None:
    for guard in [guard for guard in table.guards if isinstance(guard, FrozenSince)]:
        with taken_back():
            with entry() as change:  # no other guard stands in the way
                insert(
                    table.table, values(table, change, **open_values(table) | {guard.since: VALUES["DateTimeField"][0]})
                )
            with entry() as change:
                changed = values(table, change, 1)
                for name in (guard.since, *guard.fields):
                    column = table.model._meta.get_field(name).column
                    write = {column: changed[column], "version": 2, "change_id": change.pk}
                    with pytest.raises(IntegrityError, match=guard.message), transaction.atomic():
                        update(table, write)


FIRST_ROWS = {
    "no journal entry is open": {},
    "change is not the open journal entry": {},
    "the first version is 1": {"version": 2},
    **({"ids start at 1": {"id": 0}} if ON_SQLITE else {}),  # where a key that is still to come is -1
}


@pytest.mark.parametrize("reason", FIRST_ROWS)
def test_no_row_comes_where(table: RecordedTable, reason: str) -> None:
    closed = closed_entry()
    if reason == "no journal entry is open":
        with pytest.raises(IntegrityError, match=reason), transaction.atomic():
            insert(table.table, values(table, closed))
        return
    with entry() as change, pytest.raises(IntegrityError, match=reason), transaction.atomic():
        insert(table.table, values(table, closed if reason.startswith("change") else change, **FIRST_ROWS[reason]))


def test_no_row_goes_while_several_entries_are_open(table: RecordedTable) -> None:
    with entry() as change:
        insert(table.table, values(table, change, **open_values(table)))
    with (
        recording_each(actor=SYSTEM, action="test", company_ids=[None, None]),
        pytest.raises(IntegrityError, match="a deletion names none"),
        transaction.atomic(),
    ):
        execute(f"DELETE FROM {table.table} WHERE id = {ID}")


@pytest.mark.skipif(not ON_SQLITE, reason="PostgreSQL lets only triggers write history, whatever the values")
def test_a_version_that_no_trigger_wrote_is_believed_only_if_it_is_the_row_itself(table: RecordedTable) -> None:
    # given: a full row that was written while the trigger that records it was away
    history = history_model(table.model)._meta.db_table
    execute(f"DROP TRIGGER fintrack_insert_{table.table}")
    with entry() as change:
        insert(table.table, values(table, change))
        changed = values(table, change, 1, id=ID + 1)
        like_it = {column: values(table, change)[column] for column in table.columns}
        like_it |= {"history_date": "2026-01-31 10:00:00.000000", "history_type": "+", "seal": "x"}
        # then
        for column in (*own_columns(table), "id"):
            with pytest.raises(IntegrityError, match="only the triggers write history"), transaction.atomic():
                insert(history, like_it | {column: changed[column]})
        insert(history, like_it)  # the control: but for that column it would have been believed


def test_control_every_column_is_filled_in_two_ways(model: models.Model) -> None:
    table, change = recorded_table(model), Change(pk=1)
    first, second = values(table, change), values(table, change, 1)
    assert set(first) >= set(table.columns)
    assert [column for column in own_columns(table) if first[column] == second[column]] == []
