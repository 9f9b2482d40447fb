"""The promise: of many who write at once each is served in turn; nobody overwrites what they did not read (O1, A2)."""

from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from audit.services import recording, write_version
from audit.tests.races import PATIENCE_SECONDS, outcomes, race
from audit.tests.tampering import execute, without_triggers
from parties.models import Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

WRITERS = 16


@pytest.fixture
def customer() -> Customer:
    """A customer named Acme, at version 1."""
    return make_customer(make_company(), name="Acme")


def names_and_versions(customer: Customer) -> list[tuple[int, str]]:
    return list(Customer.history.filter(id=customer.pk).order_by("version").values_list("version", "name"))


def test_of_sixteen_writers_with_one_version_one_wins(customer: Customer) -> None:
    # when: sixteen people who all read version 1 rename the customer at the same moment
    deeds = [
        partial(update_customer, actor=SYSTEM, customer_id=customer.pk, version=1, name=f"Writer {number}")
        for number in range(WRITERS)
    ]
    results = race(deeds)
    # then
    assert outcomes(results) == {"done": 1, "StaleVersion": 15}
    winner = next(result for result in results if isinstance(result, Customer))
    assert names_and_versions(customer) == [(1, "Acme"), (2, winner.name)]
    assert Customer.objects.get().version == 2
    assert {error.current_version for error in results if isinstance(error, Exception)} == {2}
    assert list(faults()) == []


def test_the_conditional_update_alone_lets_one_win_without_any_lock(customer: Customer) -> None:
    def rename(number: int) -> None:
        row = Customer(pk=customer.pk, version=1)
        with recording(actor=SYSTEM, action="test") as change:
            write_version(row, change=change, name=f"Writer {number}")

    assert outcomes(race([partial(rename, number) for number in range(WRITERS)])) == {"done": 1, "StaleVersion": 15}
    assert [version for version, _ in names_and_versions(customer)] == [1, 2]
    assert list(faults()) == []


def overwrite(customer: Customer, number: int) -> None:
    """What write_version would be without its condition on the version."""
    with recording(actor=SYSTEM, action="test") as change:
        Customer.objects.filter(pk=customer.pk).update(name=f"Writer {number}", version=2, change=change)


def test_a_plain_update_in_place_of_the_conditional_one_is_refused_by_the_triggers(customer: Customer) -> None:
    results = race([partial(overwrite, customer, number) for number in range(WRITERS)])
    assert outcomes(results) == {"done": 1, "IntegrityError": 15}
    assert [version for version, _ in names_and_versions(customer)] == [1, 2]


def test_control_a_plain_update_without_triggers_loses_fifteen_of_sixteen(customer: Customer) -> None:
    def overwrite_unrecorded(number: int) -> None:
        Customer.objects.filter(pk=customer.pk).update(name=f"Writer {number}", version=2)

    with without_triggers():
        results = race([partial(overwrite_unrecorded, number) for number in range(WRITERS)])
    assert outcomes(results) == {"done": 16}
    assert Customer.objects.get().version == 2
    assert len(list(faults())) > 0


def test_writers_who_lock_first_are_all_served_in_turn(customer: Customer) -> None:
    deeds = [partial(update_customer, actor=SYSTEM, customer_id=customer.pk, name=f"W{n}") for n in range(WRITERS)]
    assert outcomes(race(deeds)) == {"done": 16}
    entries = list(Customer.history.filter(id=customer.pk).order_by("version").values_list("change_id", flat=True))
    assert len(entries) == 17
    assert entries == sorted(entries)
    assert list(faults()) == []


def rival(deed: Callable[..., Any], **details: Any) -> None:
    """Somebody else's whole transaction, begun and ended now."""
    thread = Thread(target=lambda: (deed(**details), connection.close()))
    thread.start()
    thread.join(timeout=PATIENCE_SECONDS)


def with_a_rival(first: Callable[[], Any], deed: Callable[[], Any], then: Callable[[], Any]) -> None:
    """`first` and `then` in one transaction, between them a rival's whole transaction."""
    with transaction.atomic():
        first()
        rival(deed)
        then()


def test_who_opens_the_entry_before_locking_the_row_is_refused_instead_of_lying(customer: Customer) -> None:
    # given: an entry opened first, then a rival with a newer entry, then the write of the first
    def journal_first() -> None:
        with recording(actor=SYSTEM, action="early") as change:
            rival(update_customer, actor=SYSTEM, customer_id=customer.pk, name="Rival")
            row = Customer.objects.select_for_update().get(pk=customer.pk)
            write_version(row, change=change, name="Early")

    with pytest.raises(IntegrityError, match="not newer than the last change"):
        journal_first()
    assert names_and_versions(customer) == [(1, "Acme"), (2, "Rival")]
    assert list(faults()) == []


def test_control_without_triggers_journal_first_puts_the_newer_version_under_the_older_entry(
    customer: Customer,
) -> None:
    with recording(actor=SYSTEM, action="early") as early:
        pass
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="Rival")
    with without_triggers():
        Customer.objects.filter(pk=customer.pk).update(name="Early", version=3, change=early)
    row = Customer.objects.get(pk=customer.pk)
    assert row.version == 3
    assert row.change_id < Customer.history.get(version=2).change_id


def test_nobody_writes_under_an_entry_that_another_transaction_has_open(customer: Customer) -> None:
    # given: an entry that is open and not committed, and its id known to a rival
    refused, opened, tried = [], Event(), Event()
    ids: list[int] = []

    def claim() -> None:
        opened.wait(PATIENCE_SECONDS)
        try:
            with transaction.atomic():
                execute("SELECT set_config('fintrack.change', %s, true)", [str(ids[0])])
                Customer.objects.filter(pk=customer.pk).update(name="Rival", version=2, change_id=ids[0])
        except IntegrityError as error:
            refused.append(str(error))
        finally:
            tried.set()
            connection.close()

    thread = Thread(target=claim)
    thread.start()
    with recording(actor=SYSTEM, action="open") as change:
        ids.append(change.pk)
        opened.set()
        tried.wait(PATIENCE_SECONDS)
    thread.join(PATIENCE_SECONDS)
    assert len(refused) == 1
    assert "no journal entry is open" in refused[0]
    assert Customer.objects.get(pk=customer.pk).version == 1


def test_an_entry_committed_by_a_rival_after_we_began_is_still_not_ours(customer: Customer) -> None:
    # given: our transaction has an id of its own before the rival's begins
    ids: list[int] = []

    def open_an_entry() -> None:
        with recording(actor=SYSTEM, action="rival") as change:
            ids.append(change.pk)

    def claim() -> None:
        execute("SELECT set_config('fintrack.change', %s, true)", [str(ids[0])])
        with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
            Customer.objects.filter(pk=customer.pk).update(name="Claimed", version=2, change_id=ids[0])

    with_a_rival(partial(execute, "SELECT pg_current_xact_id()"), open_an_entry, claim)
    assert Customer.objects.get(pk=customer.pk).name == "Acme"
    assert Change.objects.filter(action="rival").exists()
