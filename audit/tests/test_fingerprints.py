"""The promise: a fingerprint that was kept elsewhere tells when anything before it was changed, whoever changed it."""

import re
from decimal import Decimal
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.fingerprints import (
    Fingerprint,
    FingerprintInvalid,
    fingerprint_at,
    fingerprint_faults,
    last_settled_entry,
    parse_fingerprint,
)
from audit.models import Change, history_model
from audit.seals import seal_expression
from audit.services import recording
from audit.tests.tampering import execute, without_triggers
from invoices.tests.factories import make_issued
from parties.models import Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment


def forge(statement: str) -> None:
    """What the owner of the database can do: change a row, and seal it anew."""
    with without_triggers():
        execute(statement)
        for model in (Change, history_model(Customer)):
            seal = seal_expression(connection.vendor, model, model._meta.db_table)
            execute(f"UPDATE {model._meta.db_table} SET seal = {seal}")


@pytest.fixture
def kept(db: None) -> Fingerprint:
    """The fingerprint of books in which a customer moved from Acme to Acme Ltd."""
    customer = make_customer(make_company(), name="Acme")
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="Acme Ltd")
    return fingerprint_at(Change.objects.latest("id").pk)


FORGERIES = {
    "an older version": "UPDATE parties_historicalcustomer SET name = 'Other' WHERE version = 1",
    "who did it": "UPDATE audit_change SET actor = 'somebody@example.com' WHERE action = 'customer.updated'",
    "an entry without rows is gone": "DELETE FROM audit_change WHERE action = 'test.nothing'",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_was_forged_and_sealed_anew_has_another_fingerprint(forgery: str, kept: Fingerprint) -> None:
    with transaction.atomic(), recording(actor=SYSTEM, action="test.nothing") as change:
        pass
    kept = fingerprint_at(change.pk)
    forge(FORGERIES[forgery])
    assert list(faults()) == []
    assert [str(fault) for fault in fingerprint_faults(kept)] == [
        f"Fingerprint {kept.entry_id}: the books up to this entry are not those it was taken of"
    ]


def test_what_is_written_later_does_not_change_it(kept: Fingerprint) -> None:
    update_customer(actor=SYSTEM, customer_id=Customer.objects.get().pk, name="Acme & Sons")
    apply_payment(actor=SYSTEM, invoice_id=make_issued(make_company()).pk, amount=Decimal(1))
    assert list(fingerprint_faults(kept)) == []


def test_the_command_prints_it_and_proves_it(kept: Fingerprint, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_books")
    printed = re.search("Fingerprint: (.*)\n", capsys.readouterr().out)
    assert printed
    assert parse_fingerprint(printed[1]).entry_id <= kept.entry_id
    call_command("verify_books", "--fingerprint", str(kept))
    forge(FORGERIES["an older version"])
    with pytest.raises(SystemExit):
        call_command("verify_books", "--fingerprint", str(kept))
    assert "are not those it was taken of" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "12", "12:abc", "01:" + "a" * 64, "1:" + "g" * 64, "x:" + "a" * 64])
def test_what_is_no_fingerprint_is_refused(text: str, db: None) -> None:
    with pytest.raises(FingerprintInvalid):
        parse_fingerprint(text)
    with pytest.raises(CommandError, match="64 hexadecimal digits"):
        call_command("verify_books", "--fingerprint", text)


def test_empty_books_have_one_too(db: None) -> None:
    assert last_settled_entry() == 0
    assert fingerprint_at(0).entry_id == 0


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_entry_that_may_still_get_a_predecessor_is_not_covered() -> None:
    # given: a command whose entry has its number but is not committed, and another that was faster
    before = make_company().change_id
    written, may_end = Event(), Event()

    def slow_command() -> None:
        with transaction.atomic(), recording(actor=SYSTEM, action="test.slow"):
            written.set()
            may_end.wait(timeout=20)
        connection.close()

    slow = Thread(target=slow_command)
    slow.start()
    written.wait(timeout=20)
    faster = make_company().change_id
    # then: the fingerprint ends before both; once the slow one has ended it covers them
    assert last_settled_entry() == before
    may_end.set()
    slow.join()
    assert last_settled_entry() == faster
