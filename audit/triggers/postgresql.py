"""The recording triggers for PostgreSQL.

The open entry is the transaction-local setting ``fintrack.change``; inserting into the journal sets it, without a round
trip of its own. One statement that inserts several entries opens them together ("first-last"); a row then goes by the
one that it names. Errors carry SQLSTATE 23000, so that Django raises IntegrityError on both databases.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from audit.guards import POSTGRESQL
from audit.models import Change, history_model
from audit.seals import CREATE_SEAL_FUNCTION, SEAL_FUNCTION, left_out_columns
from audit.triggers.tables import HISTORY_ONLY_COLUMNS, FurtherTriggers, RecordedTable

JOURNAL, EVENTS = "audit_change", "audit_sequencedentry"
PREFIX = "fintrack_"

# Ids rise within a session, so those of this transaction from the first to the last of a statement are the statement's.
PUBLISH = """
DECLARE
  first bigint;
  last bigint;
  has_other_time boolean;
BEGIN
  SELECT min(id), max(id), bool_or(at IS DISTINCT FROM statement_timestamp())
    INTO first, last, has_other_time FROM entries;
  IF first IS NULL THEN RETURN NULL; END IF;
  IF NULLIF(current_setting('fintrack.change', true), '') IS NOT NULL THEN
    RAISE EXCEPTION 'FinTrack: INSERT of % is refused: another journal entry is open', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF has_other_time THEN
    RAISE EXCEPTION 'FinTrack: INSERT of % is refused: the time is that of the clock', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO audit_unsequencedentry (change_id, company_id)
    SELECT id, company_id FROM entries WHERE company_id IS NOT NULL;
  PERFORM set_config('fintrack.change', CASE WHEN first = last THEN first::text ELSE first || '-' || last END, true);
  RETURN NULL;
END
"""

REFUSE = """
BEGIN
  RAISE EXCEPTION 'FinTrack: % of % is refused: what is on record is never changed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END
"""

REFUSE_FORGED = """
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'FinTrack: INSERT into % is refused: only the triggers write history', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
"""

SEAL_ROW = """
BEGIN
  NEW.seal := fintrack_seal(NEW, TG_ARGV[0]::text[]);
  RETURN NEW;
END
"""

REFUSE_TRUNCATE = """
BEGIN
  RAISE EXCEPTION 'FinTrack: TRUNCATE of % is refused: rows go one by one, on the record', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END
"""

# The setting alone could be set to anybody's entry: only one that this transaction itself has written counts. It is the
# only kind of row that is visible while its inserting (sub)transaction is in progress; `age` counts back from ours.
# Of several that are open it is the one that the row names.
OPEN_ENTRY = f"""  opened := string_to_array(NULLIF(current_setting('fintrack.change', true), ''), '-')::bigint[];
  SELECT id, at INTO entry, entry_time FROM {JOURNAL}
    WHERE id = CASE WHEN NEW.change_id BETWEEN opened[1] AND opened[2] THEN NEW.change_id ELSE opened[1] END
      AND CASE WHEN age(xmin) <= 0
        THEN pg_xact_status((pg_current_xact_id()::text::bigint - age(xmin))::text::xid8) = 'in progress' END;
"""

SHARED_FUNCTIONS = {
    "fintrack_publish_entry": PUBLISH,
    "fintrack_refuse": REFUSE,
    "fintrack_refuse_forged": REFUSE_FORGED,
    "fintrack_refuse_truncate": REFUSE_TRUNCATE,
    "fintrack_seal_row": SEAL_ROW,
}


def _refuse(condition: str, message: str, row: str = "NEW") -> str:
    return (
        f"    IF {condition} THEN\n"
        f"      RAISE EXCEPTION 'FinTrack: % of % %: {message}', TG_OP, TG_TABLE_NAME, {row}.id\n"
        "        USING ERRCODE = 'integrity_constraint_violation';\n"
        "    END IF;\n"
    )


def _copy(table: RecordedTable, row: str, version: str, history_type: str) -> str:
    columns = ", ".join([*table.data_columns, "version", "change_id", *HISTORY_ONLY_COLUMNS])
    values = ", ".join(
        [
            *(f"{row}.{column}" for column in table.data_columns),
            version,
            "entry",
            "entry_time",
            f"'{history_type}'",
        ]
    )
    return f"    INSERT INTO {table.history} ({columns})\n    VALUES ({values});\n"


def recording_function(table: RecordedTable) -> str:
    """The body of the function that checks and records every write of one row."""
    guards = [guard.conditions(table.model, POSTGRESQL) for guard in table.guards]

    def guarded(event: str, row: str) -> str:
        return "".join(
            _refuse(conditions[event], guard.message, row)
            for guard, conditions in zip(table.guards, guards, strict=True)
            if event in conditions
        )

    unchanged = " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in table.columns)
    skip_exempt = (
        f"  IF TG_OP = 'UPDATE' THEN\n    IF {unchanged} THEN RETURN NULL; END IF;\n  END IF;\n"
        if table.has_exempt_columns
        else ""
    )
    unopened = "no journal entry is open"
    other_entry = "change is not the open journal entry"
    older_entry = "the open journal entry is not newer than the last change of the row"
    several_entries = "several journal entries are open, and a deletion names none"
    return (
        "\nDECLARE\n"
        "  opened bigint[];\n"
        "  entry bigint;\n"
        "  entry_time timestamptz;\n"
        "BEGIN\n"
        + skip_exempt
        + OPEN_ENTRY
        + "  IF TG_OP = 'INSERT' THEN\n"
        + _refuse("entry IS NULL", unopened)
        + _refuse("NEW.change_id IS DISTINCT FROM entry", other_entry)
        + _refuse("NEW.version IS DISTINCT FROM 1", "the first version is 1")
        + guarded("INSERT", "NEW")
        + _copy(table, "NEW", "1", "+")
        + "  ELSIF TG_OP = 'UPDATE' THEN\n"
        + _refuse("entry IS NULL", unopened)
        + _refuse("NEW.id IS DISTINCT FROM OLD.id", "an id does not change")
        + _refuse("NEW.version IS DISTINCT FROM OLD.version + 1", "the version must rise by one")
        + _refuse("NEW.change_id IS DISTINCT FROM entry", other_entry)
        + _refuse("entry <= OLD.change_id", older_entry)
        + guarded("UPDATE", "NEW")
        + _copy(table, "NEW", "NEW.version", "~")
        + "  ELSE\n"
        + _refuse("entry IS NULL", unopened, "OLD")
        + _refuse("opened[2] IS NOT NULL", several_entries, "OLD")
        + _refuse("entry <= OLD.change_id", older_entry, "OLD")
        + guarded("DELETE", "OLD")
        + _copy(table, "OLD", "OLD.version + 1", "-")
        + "  END IF;\n"
        "  RETURN NULL;\n"
        "END\n"
    )


def functions(tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> dict[str, str]:
    """The bodies of all trigger functions, by name."""
    recording = {f"{PREFIX}record_{table.table}": recording_function(table) for table in tables}
    return {**SHARED_FUNCTIONS, **recording, **{name: body for own in further for name, body in own.functions.items()}}


def triggers(tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> dict[tuple[str, str], str]:
    """(table, trigger) -> what follows ``CREATE OR REPLACE TRIGGER name``."""
    refuse_row = "BEFORE UPDATE OR DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION fintrack_refuse()"
    refuse_truncate = "BEFORE TRUNCATE ON {0} FOR EACH STATEMENT EXECUTE FUNCTION fintrack_refuse_truncate()"
    result = {
        (JOURNAL, "fintrack_publish"): (
            f"AFTER INSERT ON {JOURNAL} REFERENCING NEW TABLE AS entries "
            "FOR EACH STATEMENT EXECUTE FUNCTION fintrack_publish_entry()"
        ),
        (JOURNAL, "fintrack_refuse"): refuse_row.format(JOURNAL),
        (JOURNAL, "fintrack_seal"): _seal_trigger(Change),
        (JOURNAL, "fintrack_truncate"): refuse_truncate.format(JOURNAL),
        (EVENTS, "fintrack_refuse"): refuse_row.format(EVENTS),
        (EVENTS, "fintrack_truncate"): refuse_truncate.format(EVENTS),
    }
    for table in tables:
        result[table.table, "fintrack_record"] = (
            f"AFTER INSERT OR UPDATE OR DELETE ON {table.table} FOR EACH ROW "
            f"EXECUTE FUNCTION {PREFIX}record_{table.table}()"
        )
        result[table.table, "fintrack_truncate"] = refuse_truncate.format(table.table)
        result[table.history, "fintrack_refuse"] = refuse_row.format(table.history)
        result[table.history, "fintrack_truncate"] = refuse_truncate.format(table.history)
        result[table.history, "fintrack_forged"] = (
            f"BEFORE INSERT ON {table.history} FOR EACH ROW EXECUTE FUNCTION fintrack_refuse_forged()"
        )
        result[table.history, "fintrack_seal"] = _seal_trigger(history_model(table.model))
    for own in further:
        result.update(own.postgresql)
    return result


def _seal_trigger(model: type[Model]) -> str:
    """Fires after "fintrack_forged": PostgreSQL goes by the names."""
    arguments = f"'{left_out_columns(model)}'"
    return f"BEFORE INSERT ON {model._meta.db_table} FOR EACH ROW EXECUTE FUNCTION fintrack_seal_row({arguments})"


def columns_by_table(cursor: Any) -> dict[str, set[str]]:
    """The tables that there are, each with the names of its columns."""
    cursor.execute(
        "SELECT relname, array_agg(attname::text) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
        "WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped "
        "AND relnamespace = current_schema()::regnamespace GROUP BY relname"
    )
    return {table: set(columns) for table, columns in cursor.fetchall()}


def install(cursor: Any, tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> None:
    """Create or replace all functions and triggers; remove those of tables that are recorded no longer."""
    cursor.execute(CREATE_SEAL_FUNCTION)
    for name, body in functions(tables, further).items():
        cursor.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body${body}$body$")
    wanted = triggers(tables, further)
    for (_, name), definition in wanted.items():
        cursor.execute(f"CREATE OR REPLACE TRIGGER {name} {definition}")
    for table, name in set(_installed_triggers(cursor)) - set(wanted):
        cursor.execute(f"DROP TRIGGER {name} ON {table}")


def drop(cursor: Any) -> None:
    """Remove all triggers (the functions stay; they do nothing by themselves)."""
    for table, name in _installed_triggers(cursor):
        cursor.execute(f"DROP TRIGGER {name} ON {table}")


def differences(cursor: Any, tables: list[RecordedTable], further: Sequence[FurtherTriggers] = ()) -> list[str]:
    """What the database has other than the models ask for, one sentence each."""
    cursor.execute(
        "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'fintrack\\_%%' "
        "AND pronamespace = current_schema()::regnamespace"
    )
    installed_functions = dict(cursor.fetchall())
    wanted_functions = {"fintrack_seal": SEAL_FUNCTION, **functions(tables, further)}
    found = [
        f"function {name} differs" for name, body in wanted_functions.items() if installed_functions.get(name) != body
    ]
    installed, wanted = _installed_triggers(cursor), triggers(tables, further)
    for key, definition in wanted.items():
        if _normal(installed.get(key, "")) != _normal(definition):
            found.append(f"trigger {key[1]} on {key[0]} is missing, disabled or different")
    found += [f"trigger {name} on {table} is unknown" for table, name in set(installed) - set(wanted)]
    return found


def _installed_triggers(cursor: Any) -> dict[tuple[str, str], str]:
    """(table, trigger) -> definition, with "DISABLED" in place of the definition of one that does not fire."""
    cursor.execute(
        "SELECT relname, tgname, CASE WHEN tgenabled = 'O' THEN pg_get_triggerdef(pg_trigger.oid) ELSE 'DISABLED' END "
        "FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal AND tgname LIKE 'fintrack\\_%%' AND relnamespace = current_schema()::regnamespace"
    )
    return {(table, name): definition for table, name, definition in cursor.fetchall()}


def _normal(definition: str) -> tuple[str, ...]:
    """A definition as a sorted bag of its words: PostgreSQL prints the events in an order of its own."""
    words = definition.removeprefix("CREATE TRIGGER ").replace("public.", "").split()
    body = words[1:] if words and words[0].startswith(PREFIX) else words
    return tuple(sorted(word for word in body if word != "OR"))
