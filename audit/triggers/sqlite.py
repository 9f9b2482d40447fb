"""The recording triggers for SQLite.

The open entry is ``fintrack_entry()``, a function that each connection of this program defines (see ``audit.apps``): a
program that opens the file without it cannot write a recorded table at all, and a rollback leaves nothing open. Where
several are open, ``fintrack_entry(change_id)`` is the one that the row names, and ``fintrack_entry()`` is NULL.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from audit.guards import SQLITE
from audit.models import Change, history_model
from audit.seals import seal_expression, seal_of_values, sealed_columns
from audit.triggers.tables import HISTORY_ONLY_COLUMNS, FurtherTriggers, RecordedTable

JOURNAL, EVENTS = "audit_change", "audit_sequencedentry"
NAMED_ENTRY = "fintrack_entry(NEW.change_id)"
ONLY_ENTRY = "fintrack_entry()"
CLOCK = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def open_entry(database: Any, *named: int | None) -> int | None:
    """``fintrack_entry()``: the open journal entry, None where there is none or there are several.

    With a `named` one: of several the one that is named, or else the first.
    """
    several: frozenset[int] = getattr(database, "open_entry_ids", frozenset())
    if not several:
        only: int | None = getattr(database, "open_entry_id", None)
        return only
    if not named:
        return None
    return named[0] if named[0] in several else min(several)


def _refuse(condition: str, message: str) -> str:
    return f"  SELECT RAISE(ABORT, 'FinTrack: {message}') WHERE {condition};\n"


def _copy(table: RecordedTable, row: str, version: str, history_type: str, entry: str) -> str:
    names = [*table.data_columns, "version", "change_id", *HISTORY_ONLY_COLUMNS]
    values = [
        *(f"{row}.{column}" for column in table.data_columns),
        version,
        entry,
        f"(SELECT at FROM {JOURNAL} WHERE id = {entry})",
        f"'{history_type}'",
    ]
    value_of = dict(zip(names, values, strict=True))
    columns = sealed_columns(history_model(table.model))
    seal = seal_of_values(columns, [value_of[column] for column in columns])
    return f"  INSERT INTO {table.history} ({', '.join(names)}, seal) VALUES ({', '.join(values)}, {seal});\n"


def _trigger(name: str, timing: str, table: str, body: str, when: str = "") -> tuple[str, str]:
    condition = f"\nWHEN {when}" if when else ""
    return name, f"CREATE TRIGGER {name} {timing} ON {table} FOR EACH ROW{condition}\nBEGIN\n{body}END"


def _live_triggers(table: RecordedTable) -> list[tuple[str, str]]:
    guards = [(guard, guard.conditions(table.model, SQLITE)) for guard in table.guards]

    def guarded(event: str) -> str:
        return "".join(
            _refuse(conditions[event], f"{event} of {table.table}: {guard.message}")
            for guard, conditions in guards
            if event in conditions
        )

    name = table.table
    unopened = "no journal entry is open"
    several_entries = "several journal entries are open, and a deletion names none"
    is_unopened = f"NOT EXISTS (SELECT 1 FROM {JOURNAL} WHERE id = {NAMED_ENTRY})"
    other_entry = "change is not the open journal entry"
    older_entry = "the open journal entry is not newer than the last change of the row"
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in table.columns)
    insert = (
        _refuse(is_unopened, f"INSERT of {name}: {unopened}")
        + _refuse("NEW.id <= 0", f"INSERT of {name}: ids start at 1")
        + _refuse(f"NEW.change_id IS NOT {NAMED_ENTRY}", f"INSERT of {name}: {other_entry}")
        + _refuse("NEW.version IS NOT 1", f"INSERT of {name}: the first version is 1")
        + guarded("INSERT")
        + _copy(table, "NEW", "1", "+", NAMED_ENTRY)
    )
    update = (
        _refuse(is_unopened, f"UPDATE of {name}: {unopened}")
        + _refuse("NEW.id IS NOT OLD.id", f"UPDATE of {name}: an id does not change")
        + _refuse("NEW.version IS NOT OLD.version + 1", f"UPDATE of {name}: the version must rise by one")
        + _refuse(f"NEW.change_id IS NOT {NAMED_ENTRY}", f"UPDATE of {name}: {other_entry}")
        + _refuse(f"{NAMED_ENTRY} <= OLD.change_id", f"UPDATE of {name}: {older_entry}")
        + guarded("UPDATE")
        + _copy(table, "NEW", "NEW.version", "~", NAMED_ENTRY)
    )
    delete = (
        _refuse("fintrack_entry(0) IS NULL", f"DELETE of {name}: {unopened}")
        + _refuse(f"{ONLY_ENTRY} IS NULL", f"DELETE of {name}: {several_entries}")
        + _refuse(f"NOT EXISTS (SELECT 1 FROM {JOURNAL} WHERE id = {ONLY_ENTRY})", f"DELETE of {name}: {unopened}")
        + _refuse(f"{ONLY_ENTRY} <= OLD.change_id", f"DELETE of {name}: {older_entry}")
        + guarded("DELETE")
        + _copy(table, "OLD", "OLD.version + 1", "-", ONLY_ENTRY)
    )
    return [
        _existing_id_trigger(name, "id"),
        _trigger(f"fintrack_insert_{name}", "AFTER INSERT", name, insert),
        _trigger(f"fintrack_update_{name}", "AFTER UPDATE", name, update, changed if table.has_exempt_columns else ""),
        _trigger(f"fintrack_delete_{name}", "AFTER DELETE", name, delete),
    ]


def _existing_id_trigger(table: str, key: str) -> tuple[str, str]:
    """INSERT OR REPLACE must not take the place of a row; a key that SQLite is still to give is -1 here."""
    existing = f"NEW.{key} > 0 AND EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
    return _trigger(
        f"fintrack_existing_{table}", "BEFORE INSERT", table, _refuse(existing, f"INSERT of {table}: the id exists")
    )


def _refusing_triggers(table: str, update_when: str = "") -> list[tuple[str, str]]:
    message = f"{table} is never changed: journal and history are append-only"
    refuse = f"  SELECT RAISE(ABORT, 'FinTrack: {message}');\n"
    return [
        _trigger(f"fintrack_no_update_{table}", "BEFORE UPDATE", table, refuse, update_when),
        _trigger(f"fintrack_no_delete_{table}", "BEFORE DELETE", table, refuse),
    ]


def _journal_triggers() -> list[tuple[str, str]]:
    """Entries come while none is open, at the time of the clock, from a program that knows which entries are.

    SQLite cannot change a row before it is written, so an entry is sealed by the one update that it allows.
    """
    entry = (
        _refuse("fintrack_entry(0) IS NOT NULL", f"INSERT of {JOURNAL}: another journal entry is open")
        + _refuse("NEW.id <= 0", f"INSERT of {JOURNAL}: ids start at 1")
        + _refuse(f"NEW.at IS NOT {CLOCK}", f"INSERT of {JOURNAL}: the time is that of the clock")
        + f"  UPDATE {JOURNAL} SET seal = {seal_expression('sqlite', Change, 'NEW')} WHERE id = NEW.id;\n"
        "  INSERT INTO audit_unsequencedentry (change_id, company_id) "
        "SELECT NEW.id, NEW.company_id WHERE NEW.company_id IS NOT NULL;\n"
    )
    return [
        *_refusing_triggers(JOURNAL, update_when="OLD.seal <> ''"),
        *_refusing_triggers(EVENTS),
        _existing_id_trigger(JOURNAL, "id"),
        _trigger(f"fintrack_entry_{JOURNAL}", "AFTER INSERT", JOURNAL, entry),
    ]


def _history_triggers(table: RecordedTable) -> list[tuple[str, str]]:
    """A history row is believed only where the live row stands behind it and no row has its place yet."""
    history, live = table.history, table.table
    same = " AND ".join(f"live.{column} IS NEW.{column}" for column in table.columns)
    written = f"NEW.history_type IN ('+', '~') AND EXISTS (SELECT 1 FROM {live} live WHERE {same})"
    deleted = (
        f"NEW.history_type = '-' AND NOT EXISTS (SELECT 1 FROM {live} WHERE id = NEW.id) "
        f"AND EXISTS (SELECT 1 FROM {history} WHERE id = NEW.id AND version = NEW.version - 1 AND history_type <> '-')"
    )
    taken = f"EXISTS (SELECT 1 FROM {history} WHERE id = NEW.id AND version = NEW.version)"
    return [
        *_refusing_triggers(history),
        _existing_id_trigger(history, "history_id"),
        _trigger(
            f"fintrack_forged_{history}",
            "BEFORE INSERT",
            history,
            _refuse(
                f"{taken} OR NEW.change_id IS NOT {NAMED_ENTRY} OR NOT (({written}) OR ({deleted}))",
                f"INSERT of {history}: only the triggers write history",
            ),
        ),
    ]


def triggers(tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> dict[str, str]:
    """All triggers, name -> SQL."""
    result = dict(_journal_triggers())
    for table in tables:
        result.update(_live_triggers(table))
        result.update(_history_triggers(table))
    for own in further:
        result.update(own.sqlite)
    return result


def columns_by_table(cursor: Any) -> dict[str, set[str]]:
    """The tables that there are, each with the names of its columns."""
    cursor.execute(
        "SELECT found.name, columns.name FROM sqlite_master AS found JOIN pragma_table_xinfo(found.name) AS columns "
        "WHERE found.type = 'table'"
    )
    by_table: defaultdict[str, set[str]] = defaultdict(set)
    for table, column in cursor.fetchall():
        by_table[table].add(column)
    return by_table


def install(cursor: Any, tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> None:
    """Drop what is there and create what the models ask for; keep the ids of deleted rows from coming back."""
    drop(cursor)
    for sql in triggers(tables, further).values():
        cursor.execute(sql)
    for table in tables:
        cursor.execute(
            f"UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(id), 0) FROM {table.history})) "
            "WHERE name = %s",
            [table.table],
        )
        cursor.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT %s, highest "
            f"FROM (SELECT max(id) AS highest FROM {table.history}) "
            "WHERE highest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = %s)",
            [table.table, table.table],
        )


def drop(cursor: Any) -> None:
    """Remove all triggers."""
    for name in _installed(cursor):
        cursor.execute(f"DROP TRIGGER {name}")


def differences(cursor: Any, tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> list[str]:
    """What the database has other than the models ask for, one sentence each."""
    installed, wanted = _installed(cursor), triggers(tables, further)
    return [
        *(f"trigger {name} is missing or different" for name, sql in wanted.items() if installed.get(name) != sql),
        *(f"trigger {name} is unknown" for name in set(installed) - set(wanted)),
    ]


def _installed(cursor: Any) -> dict[str, str]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'fintrack!_%%' ESCAPE '!'")
    return dict(cursor.fetchall())
