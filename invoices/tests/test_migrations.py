"""The promise: an installation with data moves to the present columns, and back, without losing a row of its record."""

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.triggers import trigger_differences
from core.indexes import ExtensionRefused, require_extension
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued
from parties.services import update_customer
from parties.tests.factories import make_company
from payments.services import apply_payment


def outstanding_in(table, order):
    """What the column holds, read without the models, which are always those of today."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT outstanding FROM {table} ORDER BY {order}")
        return [int(amount) for (amount,) in cursor.fetchall()]


def make_documents():
    """A draft, one paid in part, one cancelled after its issue and one before, 115.00 each."""
    company = make_company()
    make_draft(company)
    apply_payment(actor=SYSTEM, invoice_id=make_issued(company).pk, amount="15")
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company).pk)
    cancel_invoice(actor=SYSTEM, invoice_id=make_draft(company).pk)
    return company


def indexes_of(table):
    """The names of its indexes that the database would use."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = %s", [table])
        else:
            cursor.execute(
                "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
                "WHERE indrelid = %s::regclass AND indisvalid",
                [table],
            )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
def test_drafts_of_customers_renamed_long_ago_show_their_present_names():
    draft = make_draft(make_company())
    update_customer(actor=SYSTEM, customer_id=draft.customer_id, name="Zeta")
    Invoice.objects.update(present_customer_name=None, search_text="as it was")
    assert len(list(faults())) == 1

    call_command("migrate", "invoices", "0004", verbosity=0)
    call_command("migrate", verbosity=0)

    assert Invoice.objects.get().buyer_name == "Zeta"
    assert (list(faults()), trigger_differences(connection)) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_indexes_come_and_go_with_their_migrations_and_a_half_built_one_is_built_again():
    before = indexes_of("invoices_invoice")
    assert {"invoice_company_customer_name", "invoice_issue_days"} <= before
    assert ("invoice_search" in before) == (connection.vendor == "postgresql")

    call_command("migrate", "invoices", "0006", verbosity=0)
    assert not {"invoice_company_customer_name", "invoice_issue_days", "invoice_search"} & indexes_of(
        "invoices_invoice"
    )
    with connection.cursor() as cursor:  # what an interrupted build leaves, if nothing worse
        if connection.vendor == "postgresql":
            cursor.execute("CREATE INDEX invoice_search ON invoices_invoice (id)")
            cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invoice_search'::regclass")
    call_command("migrate", verbosity=0)

    assert indexes_of("invoices_invoice") == before


def test_who_may_not_create_the_extension_is_told_what_to_do():
    class Refusing:
        def quote_name(self, name):
            return name

        def execute(self, statement):
            raise ProgrammingError("permission denied to create extension")

    with pytest.raises(ExtensionRefused, match="CREATE EXTENSION pg_trgm"):
        require_extension(Refusing(), "pg_trgm")


@pytest.mark.django_db(transaction=True)
def test_what_is_owed_on_cancelled_invoices_becomes_nothing_on_live_rows_and_in_their_history():
    company = make_documents()
    history = (Invoice.history.model._meta.db_table, "id, version")

    call_command("migrate", "invoices", "0002_seals", verbosity=0)
    before = outstanding_in("invoices_invoice", "id"), outstanding_in(*history)
    call_command("migrate", verbosity=0)
    after = outstanding_in("invoices_invoice", "id"), outstanding_in(*history)

    assert before == ([115, 100, 115, 115], [115, 115, 115, 100, 115, 115, 115, 115, 115])
    assert after == ([115, 100, 0, 0], [115, 115, 115, 100, 115, 115, 0, 115, 0])
    assert (list(faults()), trigger_differences(connection)) == ([], [])
    assert cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company).pk).version == 3
