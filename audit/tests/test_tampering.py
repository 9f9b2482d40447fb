"""The promise: whatever value somebody changes in the database, in whatever row, verify_books names the row."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.apps import after_migrate, before_migrate
from audit.books import faults
from audit.models import Change, history_model, recorded_models
from audit.seals import sealing
from audit.tests.tampering import ON_SQLITE, execute, without_triggers, write_everywhere
from invoices.models import Invoice
from invoices.services import cancel_invoice, delete_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

# What of a live row is not on record, and why nobody proves it
EXEMPT = {
    "accounts_user": {"password", "last_login"},  # a secret; noise
    "invoices_invoice": {
        "search_text",  # follows from the number, the customer and the references
        "present_customer_name",  # follows from the customer; a check of its own proves it
    },
    "parties_customer": {"search_text"},  # follows from the name
    "imports_importfile": {"rows_total", "rows_read", "good_count", "bad_count", "worked_at"},  # how far the work is
}


@pytest.fixture
def books() -> None:
    """Every kind of recorded row; a document paid in part, one cancelled, one deleted; rows of several versions."""
    company = make_company()
    make_user(company=company)
    customer = make_customer(company, name="Acme")
    update_customer(actor=SYSTEM, customer_id=customer.pk, city="Durban")
    invoice = make_issued(company, make_item("200"), customer=customer)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=invoice.total / 2, reference="EFT-1")
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company, customer=customer).pk, reason="twice")
    delete_draft(actor=SYSTEM, invoice_id=make_draft(company, customer=customer).pk)
    write_everywhere(invoice)


def stored_columns(model: type[models.Model]) -> Iterator[models.Field]:
    """The columns that somebody could change: all but keys and generated ones."""
    exempt = EXEMPT.get(model._meta.db_table, set())
    for field in model._meta.concrete_fields:
        if not field.generated and not field.primary_key and field.column not in exempt:
            yield field


ANOTHER_VALUE = {
    "BinaryField": "x'00'" if ON_SQLITE else "'\\x00'::bytea",
    "BooleanField": "NOT {0}",
    "DateField": "'1999-12-31'",
    "DateTimeField": "'1999-12-31 00:00:00+00:00'",
    "JSONField": """'{{"name": "Forged"}}'""",
    "CharField": "substr('#' || coalesce({0}, ''), 1, {1})",
    "EmailField": "substr('#' || coalesce({0}, ''), 1, {1})",
    "TimeField": "'00:00:01'",
    "DecimalField": "coalesce({0}, 0) + 1",
    "TextField": "'#' || {0}",
}


def another_value(field: models.Field) -> str:
    """The SQL of a value that the column does not have yet."""
    kind = field.get_internal_type()
    return ANOTHER_VALUE.get(kind, "coalesce({0}, 0) + 1000").format(field.column, field.max_length)


def tables() -> list[type[models.Model]]:
    live = recorded_models()
    return [Change, *live, *map(history_model, live)]


@contextmanager
def owner_of_the_database(model: type[models.Model]) -> Iterator[None]:
    """Neither triggers nor constraints stand in the way."""
    with without_triggers():
        if ON_SQLITE:
            execute("PRAGMA ignore_check_constraints = ON")
        else:
            drop_constraints(model._meta.db_table)
        yield
        if ON_SQLITE:
            execute("PRAGMA ignore_check_constraints = OFF")


def drop_constraints(table: str) -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
    for name, parts in constraints.items():
        if parts["check"] or parts["foreign_key"] or (parts["unique"] and not parts["primary_key"]):
            execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}"')


@pytest.mark.parametrize("model", tables(), ids=lambda model: model._meta.db_table)
def test_every_value_of_every_row_is_proven(books: None, model: type[models.Model]) -> None:
    # given: a table, and its first row, one in the middle, and its last
    every = list(model._default_manager.values_list("pk", "id").order_by("pk"))
    keys = {every[0], every[len(every) // 2], every[-1]}
    # when: one value of one row is another one
    with owner_of_the_database(model):
        named = {
            (field.column, key, object_id): named_after(model, field, key)
            for field in stored_columns(model)
            for key, object_id in keys
        }
    # then: a fault names the object that the row is of
    assert [tampered for tampered, ids in named.items() if tampered[2] not in ids] == []


def named_after(model: type[models.Model], field: models.Field, key: int) -> set[Any]:
    """The ids that verify_books names after the value was changed; the change is taken back."""
    name = model.__name__.removeprefix("Historical")
    with transaction.atomic():
        execute(
            f"UPDATE {model._meta.db_table} SET {field.column} = {another_value(field)} "
            f"WHERE {model._meta.pk.column} = %s",
            [key],
        )
        named = {fault.id for fault in faults() if fault.model == name}
        transaction.set_rollback(True)
    return named


def test_control_books_that_nobody_touched_have_no_fault(books: None) -> None:
    assert list(faults()) == []
    assert Invoice.objects.count() == 2


@pytest.mark.skipif(not ON_SQLITE, reason="PostgreSQL stores no such number")
def test_a_value_that_cannot_even_be_read_is_named_and_the_other_checks_go_on(books: None) -> None:
    with without_triggers():
        execute("PRAGMA ignore_check_constraints = ON")
        execute("UPDATE invoices_invoiceline SET vat_rate = 1e30 WHERE id = 1")
        execute("UPDATE payments_payment SET amount = 1")
        execute("PRAGMA ignore_check_constraints = OFF")
    named = [(fault.model, fault.message) for fault in faults()]
    assert ("InvoiceLine", "version 1 vat_rate differs from the newest version") in named
    assert any(model == "Check" and "cannot be finished" in message for model, message in named)
    assert any("its entries sum to 1" in message for _, message in named)


def test_what_was_written_before_there_were_seals_is_sealed_by_the_migration(books: None) -> None:
    # given: books of a program that knew no seals
    sealed = [model for model in tables() if model not in recorded_models()]
    with without_triggers():
        for model in sealed:
            execute(f"UPDATE {model._meta.db_table} SET seal = ''")
    assert len(list(faults())) == sum(model._default_manager.count() for model in sealed)
    # when: the program is brought up to date
    before_migrate(using="default")
    for model in sealed:
        sealing(model._meta.app_label, model.__name__).code(apps, SimpleNamespace(connection=connection))
    after_migrate(using="default")
    # then
    assert list(faults()) == []
