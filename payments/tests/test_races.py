"""The promise: money is neither lost nor made, whoever pays, refunds, reverses and cancels at once (M1 to M5, M9)."""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import PATIENCE_SECONDS, outcomes, race, race_rounds, start
from audit.tests.tampering import without_constraint, without_triggers
from core.errors import ConstraintBroken, DomainError
from invoices import services as invoice_services
from invoices.models import Invoice
from invoices.services import cancel_invoice, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from invoices.tests.unguarded import without_conditions, without_row_locks
from parties.models import Company
from parties.services import move_period_lock
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ROUNDS = 30
WORKERS = 8
SECONDS_OF_WORK = 2.5


@pytest.fixture
def company() -> Company:
    """A company whose invoices race."""
    return make_company()


@pytest.fixture
def invoice(company: Company) -> Invoice:
    """Issued over 115.00."""
    return make_issued(company, make_item("100"))


@pytest.fixture
def paid(invoice: Invoice) -> Payment:
    """A payment of 100.00 on that invoice."""
    return pay(invoice, "100")


def pay(invoice: Invoice, amount: str, **details: Any) -> Payment:
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **details)


def refund(invoice: Invoice, amount: str, **details: Any) -> list[Payment]:
    return refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **details)


def reverse(payment: Payment, **details: Any) -> Payment:
    return reverse_payment(actor=SYSTEM, invoice_id=payment.invoice_id, payment_id=payment.pk, **details)


def cancel(invoice: Invoice) -> Invoice:
    return cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)


def some_issued(company: Company, count: int) -> list[Invoice]:
    customer = make_customer(company)
    return [make_issued(company, make_item("100"), customer=customer) for _ in range(count)]


def found() -> list[str]:
    return [fault.message for fault in faults()]


# M1: paid is the sum of the entries


def small_amount(chance: random.Random) -> Decimal:
    return Decimal(chance.randint(1, 3000)).scaleb(-2)


def do_pay(invoice_id: int, chance: random.Random) -> None:
    reference = chance.choice(["", "", "R-1", "R-2"])
    apply_payment(actor=SYSTEM, invoice_id=invoice_id, amount=small_amount(chance), reference=reference)


def do_refund(invoice_id: int, chance: random.Random) -> None:
    refund_payment(actor=SYSTEM, invoice_id=invoice_id, amount=small_amount(chance))


def do_reverse(invoice_id: int, chance: random.Random) -> None:
    ids = Payment.objects.filter(invoice=invoice_id, kind="Payment").values_list("pk", flat=True)
    reverse_payment(actor=SYSTEM, invoice_id=invoice_id, payment_id=chance.choice([*ids, 0]))


def do_cancel(invoice_id: int, chance: random.Random) -> None:
    cancel_invoice(actor=SYSTEM, invoice_id=invoice_id)


def do_issue(invoice_id: int, chance: random.Random) -> None:
    issue_invoice(actor=SYSTEM, invoice_id=invoice_id)


def do_edit(invoice_id: int, chance: random.Random) -> None:
    items = [make_item(str(chance.randint(1, 200))) for _ in range(chance.randint(1, 3))]
    update_draft(actor=SYSTEM, invoice_id=invoice_id, items=items, version=chance.choice([None, None, 1]))


DEEDS: dict[Callable[[int, random.Random], None], int] = {
    do_pay: 10,
    do_refund: 4,
    do_reverse: 4,
    do_cancel: 1,
    do_issue: 2,
    do_edit: 4,
}


def work(hot: int, cold: list[int], seed: int) -> Counter[str]:
    """Do one thing after the other until the time is over; how often each succeeded, or how it was refused."""
    chance = random.Random(seed)  # noqa: S311  not a secret
    counts: Counter[str] = Counter()
    until = time.monotonic() + SECONDS_OF_WORK
    while time.monotonic() < until:
        [deed] = chance.choices(list(DEEDS), list(DEEDS.values()))
        try:
            deed(hot if chance.random() < 0.4 else chance.choice(cold), chance)
            counts[deed.__name__] += 1
        except DomainError as error:
            counts[error.code] += 1
    return counts


def test_eight_who_do_everything_at_once_leave_the_books_right(company: Company) -> None:
    # given: one invoice that everybody wants, and twenty others
    hot = make_issued(company, make_item("10000")).pk
    cold = [make_draft(company).pk for _ in range(14)] + [each.pk for each in some_issued(company, 6)]
    # when
    results = race([partial(work, hot, cold, seed) for seed in range(WORKERS)])
    # then: nothing went wrong but what the rules refuse, and everything was done
    assert outcomes(results) == {"done": WORKERS}
    counts = sum(results, Counter())
    assert {deed.__name__ for deed in DEEDS} <= set(counts)
    assert Invoice.objects.get(pk=hot).entry_count == Payment.objects.filter(invoice=hot).count() > 10
    assert found() == []


def test_control_read_compute_write_loses_the_money_of_seven_in_eight(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=WORKERS)
    without_conditions(monkeypatch)
    with without_triggers():
        assert outcomes(race([partial(pay, invoice, "10")] * WORKERS)) == {"done": 8}
    assert "paid is 10.0000, its entries sum to 80.0000" in found()


def test_the_conditional_update_alone_lets_one_payment_through_and_tells_the_others(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: nobody locks the row
    without_row_locks(monkeypatch, rivals=WORKERS)
    # then: the condition on the version stands between eight payments and one balance
    assert outcomes(race([partial(pay, invoice, "10")] * WORKERS)) == {"done": 1, "StaleVersion": 7}
    assert Invoice.objects.get().paid == 10
    assert found() == []


def test_sixteen_small_payments_are_all_booked(invoice: Invoice) -> None:
    assert outcomes(race([partial(pay, invoice, "0.10")] * 16)) == {"done": 16}
    settled = Invoice.objects.get()
    assert (settled.paid, settled.entry_count) == (Decimal("1.60"), 16)
    assert settled.version == 2 + 16
    assert found() == []


def test_sixteen_payments_with_one_version(invoice: Invoice) -> None:
    results = race([partial(pay, invoice, "1", version=2)] * 16)
    assert outcomes(results) == {"done": 1, "StaleVersion": 15}
    assert Invoice.objects.get().version == 3
    assert found() == []


# M2: what is paid stays between zero and the total


def test_of_two_payments_that_fit_alone_but_not_together_one_is_booked(company: Company) -> None:
    # given: 115.00 to pay, and two who pay 60.00 and 70.00 at the same moment, many times
    invoices = some_issued(company, ROUNDS)
    rounds = race_rounds(
        [lambda number: pay(invoices[number], "60"), lambda number: pay(invoices[number], "70")], rounds=ROUNDS
    )
    # then: one is booked, the other is told that it is too much
    for results in rounds:
        assert outcomes(results) == {"done": 1, "PaymentExceedsOutstanding": 1}
    balances = set(Invoice.objects.values_list("paid", "status", "entry_count"))
    assert balances <= {(Decimal(60), "PartiallyPaid", 1), (Decimal(70), "PartiallyPaid", 1)}
    assert found() == []


def test_control_without_guards_both_are_booked_and_one_is_lost(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=2)
    without_conditions(monkeypatch)
    with without_triggers():
        assert outcomes(race([partial(pay, invoice, "60"), partial(pay, invoice, "70")])) == {"done": 2}
    assert sum(Payment.objects.values_list("amount", flat=True)) == Decimal(130)
    assert Invoice.objects.get().paid in (Decimal(60), Decimal(70))


def test_of_sixteen_who_pay_the_whole_at_once_one_has_paid(invoice: Invoice) -> None:
    results = race([partial(pay, invoice, "115")] * 16)
    assert outcomes(results) == {"done": 1, "WrongStatus": 15}
    assert Invoice.objects.get().status == "Paid"
    assert found() == []


# M4: money goes back once


def test_of_eight_reversals_at_once_one_succeeds(paid: Payment) -> None:
    # given: something else is paid too, so that the status would allow all eight
    pay(paid.invoice, "5")
    assert outcomes(race([partial(reverse, paid)] * 8)) == {"done": 1, "AlreadyReversed": 7}
    assert Invoice.objects.get().paid == 5
    assert found() == []


def test_where_nobody_locks_the_constraint_alone_refuses_seven_reversals(
    paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=8)
    results = race([partial(reverse, paid)] * 8)
    assert outcomes(results) == {"done": 1, "ConstraintBroken": 7}
    assert {error.constraint_code for error in results if isinstance(error, ConstraintBroken)} == {"already_reversed"}
    assert found() == []


def test_control_without_lock_and_constraint_one_payment_is_reversed_eight_times(
    paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=8)
    without_conditions(monkeypatch)
    with without_constraint(Payment, "payment_reversed_once"), without_triggers():
        assert outcomes(race([partial(reverse, paid)] * 8)) == {"done": 8}
        assert sum(Payment.objects.values_list("amount", flat=True)) == Decimal(-700)
        assert "paid is 0.0000, its entries sum to -700.0000" in found()


def test_refunds_at_once_never_give_back_more_than_is_paid(paid: Payment) -> None:
    # given: 100.00 paid, and eight who each want 30.00 back
    results = race([partial(refund, paid.invoice, "30")] * 8)
    assert outcomes(results) == {"done": 3, "RefundExceedsPaid": 5}
    assert Invoice.objects.get().paid == 10
    assert found() == []


def test_control_without_guards_refunds_give_back_more_than_is_paid(
    paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=8)
    without_conditions(monkeypatch)
    with without_triggers():
        assert outcomes(race([partial(refund, paid.invoice, "30")] * 8)) == {"done": 8}
    assert "paid is 70.0000, its entries sum to -140.0000" in found()


def test_a_refund_and_a_reversal_of_one_payment_give_it_back_once(company: Company) -> None:
    # when: one refunds 60.00 of 100.00, another reverses the payment, many times
    payments = [pay(invoice, "100") for invoice in some_issued(company, ROUNDS // 2)]
    rounds = race_rounds(
        [lambda number: refund(payments[number].invoice, "60"), lambda number: reverse(payments[number])],
        rounds=len(payments),
    )
    # then: the reversal takes back what the refund left, or the refund finds nothing
    for results in rounds:
        assert not isinstance(results[1], Exception)
        assert outcomes(results[:1]) in ({"done": 1}, {"WrongStatus": 1})
    assert set(Invoice.objects.values_list("paid", "status")) == {(Decimal(0), "Issued")}
    assert found() == []


# M5: a reference is used once

SPELLINGS = ["EFT-1", "eft-1 ", "\uff25\uff26\uff34-1", " Eft-1"] * 4


def test_of_sixteen_payments_with_one_reference_one_is_booked(invoice: Invoice) -> None:
    results = race([partial(pay, invoice, "1", reference=reference) for reference in SPELLINGS])
    assert sum(isinstance(result, Payment) for result in results) == 1
    assert {error.constraint_code for error in results if isinstance(error, Exception)} == {"duplicate_reference"}
    assert Payment.objects.count() == 1
    assert found() == []


def test_a_payment_a_refund_and_a_reversal_with_one_reference_leave_one_of_them(paid: Payment) -> None:
    other = pay(paid.invoice, "5")
    deeds = [
        partial(pay, paid.invoice, "1", reference="X"),
        partial(refund, paid.invoice, "1", payment_id=paid.pk, reference="x"),
        partial(reverse, other, reference=" X "),
    ]
    assert outcomes(race(deeds)) == {"done": 1, "ConstraintBroken": 2}
    assert Payment.objects.filter(reference_key="x").count() == 1
    assert found() == []


def test_control_without_the_constraint_all_sixteen_are_booked(invoice: Invoice) -> None:
    with without_constraint(Payment, "payment_reference_unique"):
        deeds = [partial(pay, invoice, "1", reference=reference) for reference in SPELLINGS]
        assert outcomes(race(deeds)) == {"done": 16}
        assert Payment.objects.filter(reference_key="eft-1").count() == 16


# M9: never cancelled with an entry recorded


def test_a_payment_and_a_cancellation_at_once_never_both_succeed(company: Company) -> None:
    invoices = some_issued(company, ROUNDS)
    rounds = race_rounds(
        [lambda number: pay(invoices[number], "60"), lambda number: cancel(invoices[number])], rounds=ROUNDS
    )
    for results in rounds:
        assert outcomes(results) in ({"done": 1, "HasEntries": 1}, {"done": 1, "WrongStatus": 1})
    assert not Payment.objects.filter(invoice__status="Cancelled").exists()
    assert set(Invoice.objects.values_list("status", "entry_count")) <= {("Cancelled", 0), ("PartiallyPaid", 1)}
    assert found() == []


def test_where_nobody_locks_the_constraint_alone_keeps_a_paid_invoice_from_being_cancelled(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=2)
    without_conditions(monkeypatch)
    with without_triggers():
        results = race([partial(pay, invoice, "60"), partial(cancel, invoice)])
    assert outcomes(results) == {"done": 1, "ConstraintBroken": 1}
    assert Payment.objects.filter(invoice__status="Cancelled").count() == 0


def test_control_without_any_guard_a_paid_invoice_is_cancelled(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_row_locks(monkeypatch, rivals=2)
    without_conditions(monkeypatch)
    with without_constraint(Invoice, "invoice_status_follows_money"), without_triggers():
        assert outcomes(race([partial(pay, invoice, "60"), partial(cancel, invoice)])) == {"done": 2}
        cancelled = Invoice.objects.get()
        assert (cancelled.cancelled_at is not None, cancelled.paid) == (True, Decimal(60))


# The period lock moves while money is booked

MARCH = date(2026, 3, 31)


def close_march(company: Company) -> Company:
    return move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=MARCH, reason="Year end")


def old_invoice(company: Company) -> Invoice:
    return make_issued(company, issue_date=MARCH - timedelta(days=9))


def test_a_period_is_closed_only_after_the_payment_that_is_being_booked_in_it(company: Company) -> None:
    invoice, done = old_invoice(company), []
    with transaction.atomic():
        pay(invoice, "1", paid_at=MARCH)
        thread = start(partial(close_march, company), done)
        thread.join(timeout=0.3)
        assert done == []
    thread.join(timeout=PATIENCE_SECONDS)
    assert outcomes(done) == {"done": 1}


def test_who_books_while_the_period_is_being_closed_is_told_that_it_is(company: Company) -> None:
    invoice, done = old_invoice(company), []
    with transaction.atomic():
        close_march(company)
        thread = start(partial(pay, invoice, "1", paid_at=MARCH), done)
        thread.join(timeout=0.3)
        assert done == []
    thread.join(timeout=PATIENCE_SECONDS)
    assert outcomes(done) == {"PeriodLocked": 1}


def test_control_a_company_that_is_only_read_is_closed_before_the_payment_is_committed(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice, done = old_invoice(company), []
    monkeypatch.setattr(invoice_services, "hold_company", lambda pk: Company.objects.get(pk=pk))
    with transaction.atomic():
        pay(invoice, "1", paid_at=MARCH)
        start(partial(close_march, company), done).join(timeout=PATIENCE_SECONDS)
        assert outcomes(done) == {"done": 1}
