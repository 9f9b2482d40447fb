"""The promise: what is on record stays as it is; nobody adds, changes or removes a line of it (A3)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.forms.models import model_to_dict

from audit.actors import SYSTEM
from audit.models import Change, history_model, recorded_models
from audit.services import recording
from audit.tests.tampering import ON_SQLITE, execute, versions_of, without_triggers
from parties.models import Customer
from parties.services import delete_customer, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

HistoricalCustomer: Any = history_model(Customer)


@pytest.fixture
def customer() -> Customer:
    """A customer with two versions: Acme, then Acme Ltd."""
    customer = make_customer(make_company(), name="Acme")
    return update_customer(actor=SYSTEM, customer_id=customer.pk, name="Acme Ltd")


def contents(model: type[Model]) -> list[dict]:
    return list(model._default_manager.order_by("pk").values())


# The statements; each changes what is on record. Only the last row is meant where it matters.


def orm_update(model: type[Model]) -> None:
    field = "actor" if model is Change else "name"
    model._default_manager.update(**{field: "Forged"})


def orm_save(model: type[Model]) -> None:
    row = model._default_manager.order_by("pk").last()
    setattr(row, "actor" if model is Change else "name", "Forged")
    row.save()


def orm_delete(model: type[Model]) -> None:
    model._default_manager.filter(pk=model._default_manager.order_by("pk").last().pk)._raw_delete("default")


def raw_update(model: type[Model]) -> None:
    column = "actor" if model is Change else "name"
    execute(f"UPDATE {model._meta.db_table} SET {column} = 'Forged'")


def raw_delete(model: type[Model]) -> None:
    execute(f"DELETE FROM {model._meta.db_table}")


def upsert(model: type[Model]) -> None:
    key = model._meta.pk.column
    column = "actor" if model is Change else "name"
    columns = ", ".join(field.column for field in model._meta.concrete_fields)
    execute(
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {columns} FROM {model._meta.db_table} "
        f"WHERE true ON CONFLICT ({key}) DO UPDATE SET {column} = 'Forged'"
    )


def truncate_or_replace(model: type[Model]) -> None:
    if not ON_SQLITE:
        connection.check_constraints()
        execute(f"TRUNCATE {model._meta.db_table} CASCADE")
        return
    column = "actor" if model is Change else "name"
    columns = ", ".join(field.column for field in model._meta.concrete_fields if field.column != column)
    execute(
        f"INSERT OR REPLACE INTO {model._meta.db_table} ({columns}, {column}) "
        f"SELECT {columns}, 'Forged' FROM {model._meta.db_table}"
    )


STATEMENTS = [orm_update, orm_save, orm_delete, raw_update, raw_delete, upsert, truncate_or_replace]
Statement = Callable[[type[Model]], None]


@pytest.mark.parametrize("model", [HistoricalCustomer, Change])
@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("entry_is_open", [False, True])
def test_history_and_journal_never_change(
    customer: Customer, statement: Statement, model: type[Model], entry_is_open: bool
) -> None:
    before = contents(model)
    if entry_is_open:
        with recording(actor=SYSTEM, action="test") as change:
            before = contents(model)
            with pytest.raises(IntegrityError, match="FinTrack"), transaction.atomic():
                statement(model)
            assert contents(model) == before
        assert change.pk
    else:
        with pytest.raises(IntegrityError, match="FinTrack"), transaction.atomic():
            statement(model)
        assert contents(model) == before


@pytest.mark.parametrize(
    ("statement", "model"),
    [
        *((statement, HistoricalCustomer) for statement in STATEMENTS),
        # a plain DELETE of entries would still be refused by the foreign keys of their versions
        *((statement, Change) for statement in STATEMENTS if statement not in (orm_delete, raw_delete)),
    ],
)
def test_control_without_triggers_each_statement_falsifies_the_record(
    customer: Customer, statement: Statement, model: type[Model]
) -> None:
    before = contents(model)
    with without_triggers():
        statement(model)
        after = contents(model)
    assert after != before


@pytest.mark.parametrize("model", recorded_models())
def test_every_history_table_refuses_update_and_delete(model: Any) -> None:
    installed = _trigger_names(history_model(model)._meta.db_table)
    expected = (
        {"fintrack_no_update_{0}", "fintrack_no_delete_{0}", "fintrack_existing_{0}", "fintrack_forged_{0}"}
        if ON_SQLITE
        else {"fintrack_refuse", "fintrack_truncate", "fintrack_forged", "fintrack_seal"}
    )
    assert installed == {name.format(history_model(model)._meta.db_table) for name in expected}


def _trigger_names(table: str) -> set[str]:
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
        if ON_SQLITE
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [table])
        return {name for (name,) in cursor.fetchall()}


# Forged versions


def forge(customer: Customer, change: Change, **values: Any) -> None:
    """A history row as the triggers would write it, but for `values`."""
    newest = HistoricalCustomer.objects.filter(id=customer.pk).order_by("version").last()
    fields = {field.attname: getattr(newest, field.attname) for field in newest._meta.concrete_fields}
    fields |= {"history_id": None, "change_id": change.pk, "history_date": change.at}
    HistoricalCustomer.objects.bulk_create([HistoricalCustomer(**fields | values)])


FORGERIES: dict[str, dict[str, Any]] = {
    "the next version": {"version": 3, "history_type": "~"},
    "the same version again": {"version": 2, "history_type": "~"},
    "a version of long ago": {"version": 0, "history_type": "+"},
    "a version far ahead": {"version": 99, "history_type": "~"},
    "a deletion of what is there": {"version": 3, "history_type": "-"},
    "a creation of what never was": {"id": 4711, "version": 1, "history_type": "+"},
    "a deletion of what never was": {"id": 4711, "version": 1, "history_type": "-"},
    "a version of no kind": {"version": 3, "history_type": "?"},
    "a version below all keys": {"history_id": -5, "version": 3, "history_type": "~"},
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("entry_is_open", [False, True])
def test_only_the_triggers_write_history(customer: Customer, name: str, entry_is_open: bool) -> None:
    entry = customer.change
    if entry_is_open:
        with recording(actor=SYSTEM, action="test") as entry:
            _forgery_is_refused(customer, entry, FORGERIES[name])
    else:
        _forgery_is_refused(customer, entry, FORGERIES[name])
    assert versions_of(customer) == [(1, "+"), (2, "~")]


def _forgery_is_refused(customer: Customer, entry: Change, values: dict[str, Any]) -> None:
    count = HistoricalCustomer.objects.count()
    with pytest.raises(IntegrityError, match="only the triggers write history"), transaction.atomic():
        forge(customer, entry, **values)
    assert HistoricalCustomer.objects.count() == count


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["+", "~", "-"])
def test_a_deleted_object_gets_no_further_version(customer: Customer, version: int, kind: str) -> None:
    delete_customer(actor=SYSTEM, customer_id=customer.pk)
    with recording(actor=SYSTEM, action="test") as change:
        _forgery_is_refused(customer, change, {"version": version, "history_type": kind})
    assert versions_of(customer) == [(1, "+"), (2, "~"), (3, "-")]


def test_control_without_triggers_a_version_is_forged(customer: Customer) -> None:
    with without_triggers():
        forge(customer, Change.objects.earliest("id"), version=3)
    assert versions_of(customer) == [(1, "+"), (2, "~"), (3, "~")]


# The shape of the history


@pytest.mark.parametrize("model", recorded_models())
def test_every_recorded_model_has_a_history_of_all_its_columns(model: Any) -> None:
    history = history_model(model)
    live = {field.column for field in model._meta.concrete_fields}
    kept = {field.column for field in history._meta.concrete_fields}
    assert kept - live == {"history_id", "history_date", "history_type", "seal"}
    exempt = {("User", "password"), ("User", "last_login"), ("Invoice", "search_text"), ("Customer", "search_text")}
    exempt |= {
        ("CompanyLogo", "content"),
        ("StoredDocument", "content"),
        ("StoredCreditNote", "content"),
    }  # their hashes are on record
    exempt.add(("Invoice", "present_customer_name"))
    counters = ("rows_total", "rows_read", "good_count", "bad_count", "worked_at")
    exempt |= {
        ("ImportFile", column) for column in ("content", *counters)
    }  # the hash is on record; the rest is progress
    assert {(model.__name__, column) for column in live - kept} <= exempt


@pytest.mark.parametrize("model", recorded_models())
def test_every_history_is_unique_by_version_and_by_entry(model: Any) -> None:
    constraints = {tuple(constraint.fields) for constraint in history_model(model)._meta.constraints}
    assert constraints == {("id", "version"), ("change", "id")}


def test_the_latest_version_is_the_highest_even_where_the_times_are_equal(customer: Customer) -> None:
    # given: all versions at the same moment
    with without_triggers():
        HistoricalCustomer.objects.update(history_date=customer.change.at)
    latest = Customer.history.latest_of_each().filter(id=customer.pk)
    assert [(row.version, row.name) for row in latest] == [(2, "Acme Ltd")]


def test_a_row_can_be_read_as_it_was(customer: Customer) -> None:
    first = HistoricalCustomer.objects.get(id=customer.pk, version=1)
    assert [row.name for row in Customer.history.as_of(first.history_date) if row.pk == customer.pk] == ["Acme"]
    assert model_to_dict(first.instance)["name"] == "Acme"
    assert (first.history_user, first.history_change_reason) == ("system", "")
