"""The promise: the triggers stand, are those that the models ask for, and without them the program does not go on."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from audit.actors import SYSTEM
from audit.apps import after_migrate, before_migrate
from audit.models import Change, Recorded, history_model, recorded_models
from audit.seals import seal_of
from audit.services import recording
from audit.tests.tampering import ON_SQLITE, execute
from audit.triggers import install_triggers, require_current_triggers, trigger_differences
from invoices.tests.factories import make_draft
from parties.models import Company, Customer
from parties.services import delete_customer
from parties.tests.factories import make_company, make_customer

only_sqlite = pytest.mark.skipif(not ON_SQLITE, reason="of SQLite")
only_postgresql = pytest.mark.skipif(ON_SQLITE, reason="of PostgreSQL")


# Generated = installed, or no start


@pytest.mark.django_db
def test_the_installed_triggers_are_those_of_the_models() -> None:
    assert trigger_differences(connection) == []


@pytest.mark.django_db
def test_installing_again_changes_nothing() -> None:
    install_triggers(connection)
    assert trigger_differences(connection) == []


@pytest.fixture
def first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just started: nobody has looked at the triggers yet."""
    monkeypatch.setattr("audit.triggers._checked_databases", set())


POSTGRESQL_DAMAGE = {
    "missing": ["DROP TRIGGER fintrack_record ON parties_customer"],
    "missing on history": ["DROP TRIGGER fintrack_forged ON parties_historicalcustomer"],
    "missing on the journal": ["DROP TRIGGER fintrack_publish ON audit_change"],
    "disabled": ["ALTER TABLE parties_customer DISABLE TRIGGER fintrack_record"],
    "for replicas only": ["ALTER TABLE parties_customer ENABLE REPLICA TRIGGER fintrack_record"],
    "made conditional": [
        "DROP TRIGGER fintrack_record ON parties_customer",
        "CREATE TRIGGER fintrack_record AFTER INSERT OR UPDATE OR DELETE ON parties_customer FOR EACH ROW "
        "WHEN (false) EXECUTE FUNCTION fintrack_record_parties_customer()",
    ],
    "without deletions": [
        "CREATE OR REPLACE TRIGGER fintrack_record AFTER INSERT OR UPDATE ON parties_customer FOR EACH ROW "
        "EXECUTE FUNCTION fintrack_record_parties_customer()",
    ],
    "of another function": [
        "CREATE OR REPLACE TRIGGER fintrack_refuse BEFORE UPDATE OR DELETE ON audit_change FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
    "gutted": [
        "CREATE OR REPLACE FUNCTION fintrack_record_parties_customer() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NULL; END'",
    ],
    "sealing anything alike": [
        "CREATE OR REPLACE FUNCTION fintrack_seal(sealed anyelement, left_out text[]) RETURNS text LANGUAGE sql "
        "AS $$ SELECT 'sealed' $$",
    ],
    "one too many": [
        "CREATE TRIGGER fintrack_other BEFORE INSERT ON parties_customer "
        "FOR EACH ROW EXECUTE FUNCTION fintrack_refuse()"
    ],
}
SQLITE_DAMAGE = {
    "missing": ["DROP TRIGGER fintrack_update_parties_customer"],
    "missing on history": ["DROP TRIGGER fintrack_forged_parties_historicalcustomer"],
    "missing on the journal": ["DROP TRIGGER fintrack_no_update_audit_change"],
    "gutted": [
        "DROP TRIGGER fintrack_update_parties_customer",
        "CREATE TRIGGER fintrack_update_parties_customer AFTER UPDATE ON parties_customer BEGIN SELECT 1; END",
    ],
    "one too many": ["CREATE TRIGGER fintrack_other BEFORE INSERT ON parties_customer BEGIN SELECT 1; END"],
}
DAMAGE = SQLITE_DAMAGE if ON_SQLITE else POSTGRESQL_DAMAGE


@pytest.mark.django_db
@pytest.mark.parametrize("name", DAMAGE)
def test_the_program_refuses_to_go_on_where_a_trigger_is(name: str, first_look: None) -> None:
    # given
    for statement in DAMAGE[name]:
        execute(statement)
    # then: neither the check at start nor a command goes on
    assert len(trigger_differences(connection)) == 1
    with pytest.raises(ImproperlyConfigured, match=r"does not record changes .* python manage\.py migrate"):
        require_current_triggers()
    with pytest.raises(ImproperlyConfigured):
        make_company()
    assert not Change.objects.exists()
    # and after the migrate that the message asks for, it does
    after_migrate(using="default")
    make_company()


@pytest.mark.django_db
def test_control_triggers_as_they_should_be_pass_the_check(first_look: None) -> None:
    require_current_triggers()
    make_company()


@pytest.mark.django_db
def test_triggers_that_were_good_are_not_looked_at_again(
    first_look: None, django_assert_num_queries: Callable[[int], Any]
) -> None:
    require_current_triggers()
    with django_assert_num_queries(0):
        require_current_triggers()


# Migrations


def test_the_migrations_are_those_of_the_models() -> None:
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    assert changes == {}


def operations() -> Iterator[tuple[str, Any]]:
    """(migration, operation) of our own rooms."""
    rooms = {model._meta.app_label for model in recorded_models()} | {"audit", "core"}
    for (room, name), migration in MigrationLoader(None).disk_migrations.items():
        if room in rooms:
            yield from ((f"{room}.{name}", operation) for operation in migration.operations)


def mentions(operation: Any) -> set[str]:
    """The recorded tables and models that a data migration names."""
    words: set[str] = set()
    for code in (getattr(operation, "code", None), getattr(operation, "reverse_code", None)):
        if code is not None:
            words |= {str(constant) for constant in code.__code__.co_consts} | set(code.__code__.co_names)
    words |= set(str(getattr(operation, "sql", "")).replace('"', " ").replace("(", " ").split())
    recorded = {model.__name__ for model in recorded_models()} | {model._meta.db_table for model in recorded_models()}
    return words & recorded


WRITES_NOTHING_ON_RECORD = {"invoices.0006_present_names_of_drafts", "notifications.0003_customers_of_messages"}
"""The first writes present_customer_name and search_text, which no version keeps; the other only reads invoices."""


def test_no_data_migration_touches_a_recorded_table() -> None:
    # refused on PostgreSQL, silently unrecorded on SQLite, where the triggers are away while it migrates
    data_migrations = [
        (name, operation) for name, operation in operations() if type(operation).__name__ in ("RunPython", "RunSQL")
    ]
    assert {name for name, operation in data_migrations if mentions(operation)} == WRITES_NOTHING_ON_RECORD


def test_control_a_data_migration_that_does_is_noticed() -> None:
    def rename(apps: Any, schema_editor: Any) -> None:
        apps.get_model("parties", "Customer").objects.update(name="X")

    operation = type("RunPython", (), {"code": staticmethod(rename)})()
    assert mentions(operation) == {"Customer"}
    assert mentions(type("RunSQL", (), {"sql": 'UPDATE "parties_company" SET name = 1'})()) == {"parties_company"}


@only_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_highest_id_that_was_deleted_never_comes_back_after_a_table_was_rebuilt() -> None:
    # given: the newest customer is deleted
    company = make_company()
    kept, gone = make_customer(company), make_customer(company)
    delete_customer(actor=SYSTEM, customer_id=gone.pk)
    # when: a migration rebuilds the table, and SQLite forgets how far it had counted
    rebuild(Customer)
    assert sequence("parties_customer") == kept.pk
    after_migrate(using="default")
    # then
    assert make_customer(company).pk == gone.pk + 1
    assert sequence("parties_customer") == gone.pk + 1


@only_sqlite
@pytest.mark.django_db(transaction=True)
def test_ids_do_not_come_back_even_where_the_rebuilt_table_is_empty() -> None:
    company = make_company()
    gone = make_customer(company)
    delete_customer(actor=SYSTEM, customer_id=gone.pk)
    rebuild(Customer)
    assert not sequence("parties_customer")
    after_migrate(using="default")
    assert make_customer(company).pk == gone.pk + 1


@only_sqlite
@pytest.mark.django_db(transaction=True)
def test_control_with_the_count_forgotten_no_customer_can_be_made_at_all() -> None:
    company = make_company()
    gone = make_customer(company)
    delete_customer(actor=SYSTEM, customer_id=gone.pk)
    execute("UPDATE sqlite_sequence SET seq = %s WHERE name = 'parties_customer'", [gone.pk - 1])
    with pytest.raises(IntegrityError, match="only the triggers write history"):
        make_customer(company)


def rebuild(model: Any) -> None:
    """What many a migration does on SQLite."""
    before_migrate(using="default")
    with connection.schema_editor() as editor:
        editor._remake_table(model)


def sequence(table: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
    return row[0] if row else None


# A program of somebody else's that opens the file


@pytest.fixture
def foreign(transactional_db: None, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The books as a file, open in a plain program: one customer (Acme), one draft with one line."""
    company = make_company()
    make_draft(company, customer=make_customer(company, name="Acme"))
    with sqlite3.connect(tmp_path / "copy.sqlite3") as copy:
        connection.connection.backup(copy)
    copy.close()
    program = sqlite3.connect(tmp_path / "copy.sqlite3")
    yield program
    program.close()


CUSTOMER_COLUMNS = ", ".join(field.column for field in Customer._meta.concrete_fields if field.column != "name")
FOREIGN_WRITES = {
    "an update": "UPDATE parties_customer SET name = 'U'",
    "a well-formed update": (
        "UPDATE parties_customer SET name = 'X', version = 2, change_id = (SELECT max(id) FROM audit_change)"
    ),
    "an update that ignores errors": "UPDATE OR IGNORE parties_customer SET name = 'X'",
    "an insert": f"INSERT INTO parties_customer ({CUSTOMER_COLUMNS}, name) SELECT NULL, {CUSTOMER_COLUMNS[4:]}, 'X' "
    "FROM parties_customer",
    "a replace": f"REPLACE INTO parties_customer ({CUSTOMER_COLUMNS}, name) SELECT {CUSTOMER_COLUMNS}, 'X' "
    "FROM parties_customer",
    "an upsert": f"INSERT INTO parties_customer ({CUSTOMER_COLUMNS}, name) SELECT {CUSTOMER_COLUMNS}, 'X' "
    "FROM parties_customer WHERE true ON CONFLICT (id) DO UPDATE SET name = 'X'",
    "a delete": "DELETE FROM invoices_invoiceline",
    "an update of history": "UPDATE parties_historicalcustomer SET name = 'X'",
    "a delete of history": "DELETE FROM parties_historicalcustomer",
    "a replace of history": "REPLACE INTO parties_historicalcustomer SELECT * FROM parties_historicalcustomer",
    "a forged version": "INSERT INTO parties_historicalcustomer SELECT NULL, * FROM (SELECT * FROM parties_customer)",
    "an update of the journal": "UPDATE audit_change SET actor = 'X'",
    "a delete from the journal": "DELETE FROM audit_change",
    "a replace in the journal": "REPLACE INTO audit_change SELECT * FROM audit_change",
    "a forged entry": "INSERT INTO audit_change (action, actor, at, request_id, reason) VALUES ('a', 'b', 'c', '', '')",
    "a forged entry with the time of the clock": (
        "INSERT INTO audit_change (action, actor, at, request_id, reason) "
        "VALUES ('a', 'b', strftime('%Y-%m-%d %H:%M:%f000', 'now'), '', '')"
    ),
    "an entry below all keys": (
        "INSERT INTO audit_change (id, action, actor, at, request_id, reason) VALUES (-9, 'a', 'b', 'c', '', '')"
    ),
}


def dump(program: sqlite3.Connection) -> list[str]:
    return [line for line in program.iterdump() if line.startswith("INSERT")]


@only_sqlite
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("name", FOREIGN_WRITES)
def test_a_foreign_program_writes_nothing(foreign: sqlite3.Connection, name: str, recursive: str) -> None:
    foreign.execute(f"PRAGMA recursive_triggers = {recursive}")
    before = dump(foreign)
    with pytest.raises(sqlite3.Error):
        foreign.execute(FOREIGN_WRITES[name])
    assert dump(foreign) == before


@only_sqlite
def test_control_without_triggers_the_foreign_program_writes_what_it_likes(foreign: sqlite3.Connection) -> None:
    for (name,) in foreign.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        foreign.execute(f"DROP TRIGGER {name}")
    for name in (
        "an update",
        "a replace",
        "a delete",
        "an update of history",
        "an update of the journal",
        "a forged entry",
    ):
        before = dump(foreign)
        foreign.execute(FOREIGN_WRITES[name])
        assert dump(foreign) != before


@only_sqlite
def test_a_cascade_of_sqlites_own_records_each_row_that_goes(foreign: sqlite3.Connection) -> None:
    # given: a program that keeps the journal, and a foreign key that somebody turned into a cascading one
    open_entry = []
    foreign.create_function("fintrack_seal", -1, seal_of, deterministic=True)
    foreign.create_function("fintrack_entry", -1, lambda *_: open_entry[0] if open_entry else None)
    foreign.execute("PRAGMA writable_schema = ON")
    foreign.execute(
        'UPDATE sqlite_master SET sql = replace(sql, \'REFERENCES "invoices_invoice" ("id")\', '
        "'REFERENCES \"invoices_invoice\" (\"id\") ON DELETE CASCADE') WHERE name = 'invoices_invoiceline'"
    )
    foreign.commit()
    foreign.execute("PRAGMA writable_schema = RESET")
    foreign.execute("PRAGMA foreign_keys = ON")
    # when
    entry = foreign.execute(FOREIGN_WRITES["a forged entry with the time of the clock"]).lastrowid
    open_entry.append(entry)
    foreign.execute("DELETE FROM invoices_invoice")
    # then
    for table in ("invoices_historicalinvoice", "invoices_historicalinvoiceline"):
        kinds = foreign.execute(f"SELECT version, history_type, change_id FROM {table} ORDER BY version").fetchall()
        assert kinds[1:] == [(2, "-", entry)]


@only_sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("key", [0, -7])
def test_no_row_has_a_key_that_replace_could_take(key: int) -> None:
    with (
        pytest.raises(IntegrityError, match="ids start at 1"),
        transaction.atomic(),
        recording(actor=SYSTEM, action="test") as change,
    ):
        Company.objects.create(id=key, name="C", currency="ZAR", change=change)
    with pytest.raises(IntegrityError, match="ids start at 1"), transaction.atomic():
        Change.objects.create(id=key, action="a", actor="b")


# Who holds the setting on PostgreSQL


@only_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_local", [True, False])
def test_an_entry_of_another_transaction_counts_for_nothing(is_local: bool) -> None:
    # given: somebody's entry of a minute ago, and a transaction that claims it
    company = make_company()
    entry = company.change_id
    with transaction.atomic():
        execute("SELECT set_config('fintrack.change', %s, %s)", [str(entry), is_local])
        with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
            Company.objects.create(name="Slipped in", currency="ZAR", change_id=entry)
    execute("SELECT set_config('fintrack.change', '', false)")
    assert Company.objects.count() == 1


@only_postgresql
@pytest.mark.django_db
def test_an_entry_opened_in_a_savepoint_counts_for_the_whole_transaction() -> None:
    with transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        with transaction.atomic(), transaction.atomic():
            Company.objects.create(name="Deep", currency="ZAR", change=change)
        Company.objects.create(name="Less deep", currency="ZAR", change=change)
    assert Company.history.filter(change=change).count() == 2


# Nobody else writes


def test_every_recorded_model_has_a_history() -> None:
    assert recorded_models()
    for model in recorded_models():
        assert issubclass(model, Recorded)
        assert history_model(model)._meta.db_table.startswith(model._meta.app_label)
