"""The promise: an installation with data moves to the present columns, and back, without losing a row of its record."""

import pytest
from django.core.management import call_command
from django.db import connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.triggers import trigger_differences
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued
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
