"""The promise: 0 <= paid <= total, and paid is the sum of the entries, whoever pays at once (M1, M2, M5)."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import outcomes, race
from audit.triggers import drop_triggers, install_triggers
from invoices.models import Invoice
from invoices.tests.factories import make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company
from payments.models import Payment
from payments.services import apply_payment

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

# PostgreSQL checks the joins of a locked row again when a rival changed it meanwhile, with the joined rows as they were
# before: lock_invoice joins `change`, so who had to wait gets InvoiceNotFound. It must join `company` only.

ROUNDS = 25


@pytest.fixture
def company() -> Company:
    """A company whose invoices race."""
    return make_company()


def pay(invoice: Invoice, amount: str, reference: str = "", version: int | None = None) -> Payment:
    return apply_payment(
        actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), reference=reference, version=version
    )


def test_two_payments_that_fit_alone_but_not_together(company: Company) -> None:
    for _ in range(ROUNDS):
        # given: 115.00 to pay, and two who pay 60.00 and 70.00 at the same moment
        invoice = make_issued(company, make_item("100"))
        results = race([partial(pay, invoice, "60"), partial(pay, invoice, "70")])
        # then: one is booked, the other is told that it is too much
        assert outcomes(results) == {"done": 1, "PaymentExceedsOutstanding": 1}
        settled = Invoice.objects.get(pk=invoice.pk)
        assert settled.paid in (Decimal(60), Decimal(70))
        assert (settled.status, settled.entry_count) == ("PartiallyPaid", 1)
    assert list(faults()) == []


def test_sixteen_who_pay_the_whole_at_once(company: Company) -> None:
    invoice = make_issued(company, make_item("100"))
    results = race([partial(pay, invoice, "115")] * 16)
    assert outcomes(results) == {"done": 1, "WrongStatus": 15}
    assert Invoice.objects.get().status == "Paid"
    assert list(faults()) == []


def test_sixteen_small_payments_are_all_booked(company: Company) -> None:
    invoice = make_issued(company, make_item("100"))
    assert outcomes(race([partial(pay, invoice, "0.10")] * 16)) == {"done": 16}
    settled = Invoice.objects.get()
    assert (settled.paid, settled.entry_count) == (Decimal("1.60"), 16)
    assert settled.version == 2 + 16
    assert list(faults()) == []


def test_sixteen_payments_with_one_version(company: Company) -> None:
    invoice = make_issued(company, make_item("100"))
    results = race([partial(pay, invoice, "1", version=2)] * 16)
    assert outcomes(results) == {"done": 1, "StaleVersion": 15}
    assert Invoice.objects.get().version == 3
    assert list(faults()) == []


def test_sixteen_payments_with_one_reference(company: Company) -> None:
    invoice = make_issued(company, make_item("100"))
    spellings = ["EFT-1", "eft-1 ", "\uff25\uff26\uff34-1", " Eft-1"] * 4
    results = race([partial(pay, invoice, "1", reference) for reference in spellings])
    assert sum(isinstance(result, Payment) for result in results) == 1
    assert {error.constraint_code for error in results if isinstance(error, Exception)} == {"duplicate_reference"}
    assert Payment.objects.count() == 1
    assert list(faults()) == []


def unlocked_payment(invoice_id: int, amount: Decimal) -> None:
    """The same payment as one would write it without a lock and without a condition: read, compute, write."""
    invoice = Invoice.objects.get(pk=invoice_id)
    connection.cursor().execute("SELECT pg_sleep(0.05)")
    if invoice.paid + amount > invoice.total:
        raise ValueError("too much")
    Payment.objects.create(
        company_id=invoice.company_id,
        invoice=invoice,
        amount=amount,
        currency=invoice.currency,
        paid_at=invoice.issued_at,
        change_id=invoice.change_id,
    )
    Invoice.objects.filter(pk=invoice_id).update(
        paid=invoice.paid + amount, entry_count=invoice.entry_count + 1, status="PartiallyPaid"
    )


def test_control_without_lock_condition_and_triggers_both_are_booked_and_one_is_lost(company: Company) -> None:
    invoice = make_issued(company, make_item("100"))
    drop_triggers(connection)
    try:
        results = race([partial(unlocked_payment, invoice.pk, Decimal(amount)) for amount in ("60", "70")])
    finally:
        install_triggers(connection)
    assert outcomes(results) == {"done": 2}
    assert sum(Payment.objects.values_list("amount", flat=True)) == Decimal(130)
    assert Invoice.objects.get().paid in (Decimal(60), Decimal(70))
    assert any("its entries sum to 130.0000" in fault.message for fault in faults())
