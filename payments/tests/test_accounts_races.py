"""The promise: credit is neither used twice nor lost, whoever uses it at once."""

from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording
from audit.tests.races import PATIENCE_SECONDS, outcomes, race
from invoices.tests.factories import make_issued
from parties.tests.factories import make_company, make_customer
from payments.accounts import services
from payments.accounts.models import CustomerAccount
from payments.accounts.services import allocate_credit
from payments.models import Payment
from payments.tests.factories import make_credit

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RIVALS = 4


def rivals_for_credit() -> list[Any]:
    """So many invoices of one customer, each of which would take all of the credit."""
    company = make_company()
    customer = make_customer(company)
    make_credit(customer, "50")
    invoices = [make_issued(company, customer=customer) for _ in range(RIVALS)]
    return [partial(allocate_credit, actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(50)) for invoice in invoices]


def test_the_same_credit_is_used_once() -> None:
    results = race(rivals_for_credit())
    assert sum(isinstance(result, Payment) for result in results) == 1, outcomes(results)
    assert CustomerAccount.objects.get().balance == 0
    assert list(faults()) == []


def test_without_the_lock_the_version_refuses_what_the_balance_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = rivals_for_credit()
    everybody_has_read = Barrier(RIVALS, timeout=PATIENCE_SECONDS)

    def read_without_lock(customer: Any, currency: str) -> CustomerAccount:
        return CustomerAccount.objects.get(customer_id=customer.pk, currency=currency)

    def late_recording(**details: Any) -> Any:
        everybody_has_read.wait()
        return recording(**details)

    monkeypatch.setattr(services, "lock_account", read_without_lock)
    monkeypatch.setattr(services, "recording", late_recording)
    results = race(rivals)
    assert sum(isinstance(result, Payment) for result in results) <= 1
    assert any(getattr(result, "code", "") == "stale_version" for result in results), outcomes(results)


def test_the_first_money_of_a_customer_opens_one_account() -> None:
    customer = make_customer(make_company())
    results = race([partial(make_credit, customer, "10")] * RIVALS)
    assert CustomerAccount.objects.get().balance == 10 * RIVALS, results
    assert list(faults()) == []
