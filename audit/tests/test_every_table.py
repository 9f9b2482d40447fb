"""The promise: what the triggers refuse and record they refuse and record for every table, and for every column."""

from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.books import seals_hold
from audit.guards import AppendOnly
from audit.models import Change, history_model, recorded_models
from audit.services import recording
from audit.tests.tampering import ON_SQLITE, closed_entry, entry_open_as, execute, write_everywhere
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("model", recorded_models())]


@pytest.fixture
def older() -> Change:
    """An entry from before everything else."""
    return closed_entry()


@pytest.fixture
def books(older: Change) -> None:
    """Rows of every table, some of which may be deleted; nobody has changed them since."""
    company = make_company()
    make_user(company=company)
    make_customer(company)
    invoice = make_issued(company, make_item("200"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(30))
    make_draft(company)
    write_everywhere(invoice)


UPDATE = "UPDATE {table} SET version = version + 1, change_id = {entry} WHERE id = {id}"
REFUSED = {
    "a row gets another id": (
        "UPDATE {table} SET id = id + 1000, version = version + 1, change_id = {entry} WHERE id = {id}",
        "an id does not change",
    ),
    "a version is left out": (
        "UPDATE {table} SET version = version + 2, change_id = {entry} WHERE id = {id}",
        "the version must rise by one",
    ),
    "another entry is named": (
        "UPDATE {table} SET version = version + 1 WHERE id = {id}",
        "change is not the open journal entry",
    ),
}
WRITES = {"an update": UPDATE, "a deletion": "DELETE FROM {table} WHERE id = {id}"}


def write(model: Any, statement: str, entry: int) -> None:
    """Run the statement on the newest row of the table."""
    table, row = model._meta.db_table, model._base_manager.latest("pk")
    execute(statement.format(table=table, id=row.pk, entry=entry))


def refused(reason: str) -> AbstractContextManager[Any]:
    """The database must refuse, for this reason."""
    return pytest.raises(IntegrityError, match=reason)


@pytest.mark.parametrize("name", REFUSED)
def test_inside_an_entry_a_write_is_refused_where(books: None, model: Any, name: str) -> None:
    statement, reason = REFUSED[name]
    with refused(reason), transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        write(model, statement, change.pk)


@pytest.mark.parametrize("name", WRITES)
def test_outside_of_entries_nothing_is_written(books: None, model: Any, name: str) -> None:
    with refused("no journal entry is open"), transaction.atomic():
        write(model, WRITES[name], closed_entry().pk)


@pytest.mark.parametrize("name", WRITES)
def test_under_an_older_entry_nothing_is_written(older: Change, books: None, model: Any, name: str) -> None:
    with refused("not newer than the last change"), entry_open_as(older.pk), transaction.atomic():
        write(model, WRITES[name], older.pk)


@pytest.mark.parametrize("statement", ["UPDATE {table} SET version = version + 1", "DELETE FROM {table}"])
def test_no_version_is_changed_or_deleted(books: None, model: Any, statement: str) -> None:
    with refused("never changed"), transaction.atomic(), recording(actor=SYSTEM, action="test"):
        execute(statement.format(table=history_model(model)._meta.db_table))


@pytest.mark.skipif(not ON_SQLITE, reason="PostgreSQL lets only triggers write history, whatever the values")
def test_a_version_is_not_forged_in_the_entry_that_wrote_the_row(books: None, model: Any) -> None:
    history = history_model(model)
    newest = history.objects.latest("pk")
    columns = [field.column for field in history._meta.concrete_fields if not field.generated]
    copied = ", ".join(column for column in columns if column not in ("history_id", "version"))
    forged = (
        f"INSERT INTO {history._meta.db_table} ({copied}, version) "
        f"SELECT {copied}, version + 1 FROM {history._meta.db_table} WHERE history_id = {newest.pk}"
    )
    with refused("only the triggers write history"), entry_open_as(newest.change_id), transaction.atomic():
        execute(forged)


@pytest.mark.skipif(not ON_SQLITE, reason="of SQLite, which knows REPLACE")
@pytest.mark.parametrize("is_history", [False, True])
def test_no_row_takes_the_place_of_another(books: None, model: Any, is_history: bool) -> None:
    table, key = (history_model(model)._meta.db_table, "history_id") if is_history else (model._meta.db_table, "id")
    # the triggers of a history table come in no order, and both refuse
    with refused("the id exists|only the triggers write history"), transaction.atomic():
        execute(f"REPLACE INTO {table} ({key}) SELECT max({key}) FROM {table}")


def test_what_is_deleted_keeps_all_its_values_under_a_seal(books: None, model: Any) -> None:
    # given: the newest row, and what its newest version says
    history, row = history_model(model), model._base_manager.latest("pk")
    fields = [field.attname for field in history._meta.concrete_fields if not field.generated]
    own = ("history_id", "history_date", "history_type", "version", "change_id", "seal")
    kept = [name for name in fields if name not in own]
    before = history.objects.filter(id=row.pk).values(*kept, "version").latest("version")
    # when: it is deleted, whoever still refers to it
    is_ledger = any(isinstance(guard, AppendOnly) for guard in model.guards)
    with transaction.atomic():
        with (
            refused("never changed or deleted") if is_ledger else nullcontext(),
            transaction.atomic(),
            recording(actor=SYSTEM, action="test") as change,
        ):
            write(model, WRITES["a deletion"], change.pk)
        # then
        if not is_ledger:
            last = history.objects.filter(id=row.pk).values(*kept, "version").latest("version")
            assert last == before | {"version": before["version"] + 1}
            assert history.objects.get(id=row.pk, history_type="-").change_id == change.pk
            assert list(seals_hold()) == []
        transaction.set_rollback(True)
