"""What the adversary of the record does: raw SQL, entries at the wrong moment, triggers taken away (for controls)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model

from audit.actors import SYSTEM
from audit.models import Change, Recorded, history_model
from audit.services import recording
from audit.triggers import drop_triggers, install_triggers
from credits.tests.factories import make_printed_credit_note
from currencies.tests.factories import make_rate
from imports.columns import Kind
from imports.services import bring_file
from invoices.models import Invoice
from invoices.tests.factories import make_recurring
from notifications.tests.factories import write_to
from parties.services import update_company
from parties.tests.factories import make_bank_account, png_image
from payments.tests.factories import make_credit
from portal.services import create_link

ON_SQLITE = connection.vendor == "sqlite"


def execute(sql: str, parameters: list[Any] | None = None) -> int:
    """Run raw SQL and return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def closed_entry(action: str = "test.closed") -> Change:
    """A journal entry that was opened and closed again, of this transaction."""
    with recording(actor=SYSTEM, action=action) as change:
        return change


@contextmanager
def entry_open_as(change_id: int) -> Iterator[None]:
    """Make the database believe that this entry is the open one, as a program might that forges it."""
    _believe(change_id)
    try:
        yield
    except BaseException:  # PostgreSQL forgets it with the savepoint
        connection.open_entry_id = None
        raise
    _believe(None)


def _believe(change_id: int | None) -> None:
    if ON_SQLITE:
        connection.open_entry_id = change_id
    else:
        execute("SELECT set_config('fintrack.change', %s, true)", [str(change_id or "")])


@contextmanager
def without_triggers() -> Iterator[None]:
    """The guard is off in the block: what a negative control shows must then go wrong."""
    connection.check_constraints()  # PostgreSQL alters no table with checks still to come
    drop_triggers(connection)
    try:
        yield
    finally:
        connection.check_constraints()
        install_triggers(connection)


@contextmanager
def without_checks(table: str, constraint: str) -> Iterator[None]:
    """The CHECK does not hold in the block (on PostgreSQL: until the test's transaction is rolled back)."""
    if ON_SQLITE:
        execute("PRAGMA ignore_check_constraints = ON")
    else:
        connection.check_constraints()
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    try:
        yield
    finally:
        if ON_SQLITE:
            execute("PRAGMA ignore_check_constraints = OFF")


def versions_of(row: Recorded) -> list[tuple[int, str]]:
    """(version, kind) of each history row of an object, the oldest first."""
    history = history_model(type(row)).objects.filter(id=row.pk).order_by("version")
    return list(history.values_list("version", "history_type"))


@contextmanager
def without_constraint(model: type[Model], name: str) -> Iterator[None]:
    """The constraint does not hold in the block. The table is emptied before it is put back (PostgreSQL only)."""
    constraint = next(constraint for constraint in model._meta.constraints if constraint.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        with without_triggers():
            execute(f"TRUNCATE {model._meta.db_table} CASCADE")
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


def write_everywhere(invoice: Invoice) -> None:
    """Rows of the tables that a bill and its payment leave empty: how the company prints and is paid, mail, a link."""
    update_company(actor=SYSTEM, company_id=invoice.company_id, logo=png_image())
    make_bank_account(invoice.company)
    make_rate(invoice.company)
    make_recurring(invoice.company)
    write_to(invoice)
    make_printed_credit_note(invoice, "0.1")
    make_credit(invoice.customer)
    create_link(actor=SYSTEM, invoice_id=invoice.pk)
    bring_file(
        actor=SYSTEM,
        company=invoice.company,
        kind=Kind.CUSTOMERS,
        file_name="people.csv",
        content=b"Name\nRed\n",
    )
