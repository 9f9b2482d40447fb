"""The promise: several entries may be open together, and each row is recorded under its own, as strictly as ever."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.actors import SYSTEM, SystemActor
from audit.books import faults
from audit.models import Change
from audit.services import ENTRIES_AT_ONCE, UnnamedActor, insert_rows, recording, recording_each, write_versions
from audit.tests.races import race
from audit.tests.tampering import closed_entry, execute, versions_of, without_triggers
from core.errors import ConstraintBroken, NotFound, StaleVersion
from parties.models import Company, Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def customers() -> list[Customer]:
    """Three customers of one company, each at version 1."""
    company = make_company()
    return [make_customer(company, name=name) for name in ("Ada", "Bert", "Cleo")]


def rename(customers: Sequence[Customer], changes: Sequence[Change]) -> None:
    write_versions(customers, [{"name": f"{customer.name} & Co"} for customer in customers], changes)


def rename_and_fail(customers: Sequence[Customer], changes: Sequence[Change]) -> None:
    rename(customers, changes)
    raise ZeroDivisionError


def recorded(count: int = 3, action: str = "customer.renamed") -> Any:
    return recording_each(actor=SYSTEM, action=action, company_ids=[None] * count)


def table() -> list[tuple[Any, ...]]:
    return list(Customer.objects.order_by("id").values_list("id", "version", "name", "change_id"))


def test_each_row_is_a_version_of_its_own_entry(customers: list[Customer]) -> None:
    company = customers[0].company
    with recording_each(actor=SYSTEM, action="test", company_ids=[company.pk, None, company.pk]) as changes:
        rename(customers, changes)

    assert [change.company_id for change in changes] == [company.pk, None, company.pk]
    assert sorted({change.pk for change in changes}) == [change.pk for change in changes]
    for customer, change in zip(customers, changes, strict=True):
        newest = Customer.history.get(id=customer.pk, version=2)
        assert versions_of(customer) == [(1, "+"), (2, "~")]
        assert (newest.name, newest.change_id, newest.history_date) == (customer.name, change.pk, change.at)
        assert (customer.version, customer.change) == (2, change)
        assert Customer.objects.get(pk=customer.pk).name == customer.name
    assert list(faults()) == []


def test_rows_inserted_together_get_their_ids_and_what_the_database_gives_in_their_order() -> None:
    company = make_company()
    with recorded() as changes:
        rows = [Customer(company=company, name=f"C {n}", change=change) for n, change in enumerate(changes)]
        insert_rows(rows)

    for row in rows:
        stored = Customer.objects.get(pk=row.pk)
        assert {name: getattr(stored, name) for name in stored.__dict__ if name != "_state"} == {
            name: getattr(row, name) for name in stored.__dict__ if name != "_state"
        }
    assert [row.name for row in Customer.objects.order_by("pk")] == ["C 0", "C 1", "C 2"]
    assert list(faults()) == []


def test_an_unchanged_row_leaves_its_entry_empty_and_the_entries_are_still_in_order(customers: list[Customer]) -> None:
    with recorded() as changes:
        rename(customers[:2], changes[:2])
    update_customer(actor=SYSTEM, customer_id=customers[2].pk, name="Later")
    assert versions_of(customers[2]) == [(1, "+"), (2, "~")]
    assert list(faults()) == []


# What is refused, while several entries are open, as it is while one is


Attack = Callable[[Customer, list[Change], Change], Any]


def another_entry(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="X", version=2, change=closed)


def an_entry_that_never_was(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="X", version=2, change_id=changes[-1].pk + 1)


def no_entry_named(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="X", version=2)


def a_version_left_out(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="X", version=3, change=changes[0])


def the_same_version(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="X", change=changes[0])


def two_versions_in_one_entry(customer: Customer, changes: list[Change], closed: Change) -> None:
    for version in (2, 3):
        Customer.objects.filter(pk=customer.pk).update(name="X", version=version, change=changes[0])


def back_to_an_older_entry(customer: Customer, changes: list[Change], closed: Change) -> None:
    for version, change in ((2, changes[1]), (3, changes[0])):
        Customer.objects.filter(pk=customer.pk).update(name="X", version=version, change=change)


def a_row_of_another_entry(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.create(company_id=customer.company_id, name="X", change=closed)


def a_deletion(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.objects.filter(pk=customer.pk).delete()


def a_further_entry(customer: Customer, changes: list[Change], closed: Change) -> None:
    Change.objects.create(action="test", actor="system")


def an_inner_recording(customer: Customer, changes: list[Change], closed: Change) -> None:
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="X")


def a_forged_version(customer: Customer, changes: list[Change], closed: Change) -> None:
    Customer.history.create(
        id=customer.pk,
        company_id=customer.company_id,
        name="X",
        version=2,
        change=changes[0],
        history_date=changes[0].at,
        history_type="~",
    )


ATTACKS = {
    another_entry: "change is not the open journal entry",
    an_entry_that_never_was: "change is not the open journal entry",
    no_entry_named: "change is not the open journal entry",
    a_version_left_out: "the version must rise by one",
    the_same_version: "the version must rise by one",
    two_versions_in_one_entry: "not newer than the last change",
    back_to_an_older_entry: "not newer than the last change",
    a_row_of_another_entry: "change is not the open journal entry",
    a_deletion: "a deletion names none",
    a_further_entry: "another journal entry is open",
    an_inner_recording: "another journal entry is open",
    a_forged_version: "only the triggers write history",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_guard_is_weaker_while_several_entries_are_open(customers: list[Customer], attack: Attack) -> None:
    closed, before = closed_entry(), table()
    with recorded() as changes:
        with pytest.raises(IntegrityError, match=ATTACKS[attack]), transaction.atomic():
            attack(customers[0], changes, closed)
        assert table() == before
    assert Customer.history.count() == 3


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a is not a_further_entry], ids=lambda a: a.__name__)
def test_control_without_triggers_each_of_them_comes_through(customers: list[Customer], attack: Attack) -> None:
    closed, before = closed_entry(), (table(), Customer.history.count())
    with recorded() as changes:
        pass
    with without_triggers():
        later = Change.objects.create(action="later", actor="system")  # the id that never was is one
        attack(customers[0], changes, closed)
    assert (table(), Customer.history.count()) != before
    assert later.pk == changes[-1].pk + 1


def test_after_the_block_nothing_is_open(customers: list[Customer]) -> None:
    before = table()
    with transaction.atomic():
        with recorded() as changes:
            pass
        with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
            rename(customers, changes)
    assert table() == before


def test_after_an_error_nothing_is_open_and_nothing_stays(customers: list[Customer]) -> None:
    before, entries = table(), Change.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic(), recorded() as changes:
        rename_and_fail(customers, changes)
    assert (table(), Change.objects.count()) == (before, entries)
    update_customer(actor=SYSTEM, customer_id=customers[0].pk, name="Alone")
    assert versions_of(customers[0]) == [(1, "+"), (2, "~")]


def test_a_constraint_is_told_by_its_name(customers: list[Customer]) -> None:
    with pytest.raises(ConstraintBroken) as refused, transaction.atomic(), recorded() as changes:
        write_versions(customers, [{"external_id": "crm-1"}] * 3, changes)
    assert refused.value.constraint_code == "external_id_taken"


@pytest.mark.parametrize("count", [0, ENTRIES_AT_ONCE + 1])
def test_entries_are_opened_together_up_to_a_limit(count: int) -> None:
    with pytest.raises(RuntimeError, match="Entries are opened together"), recorded(count):
        pytest.fail("the block was entered")
    assert not Change.objects.exists()


def test_as_many_as_the_limit_are_one_statement() -> None:
    with recorded(ENTRIES_AT_ONCE) as changes:
        pass
    assert Change.objects.count() == ENTRIES_AT_ONCE
    assert [change.pk for change in changes] == list(Change.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("outer", [1, 2])
def test_entries_are_not_opened_together_inside_another(outer: int) -> None:
    with recorded(outer), pytest.raises(RuntimeError, match="no other is open"), recorded(2):
        pytest.fail("the block was entered")


def test_nobody_s_command_opens_no_entries() -> None:
    with pytest.raises(UnnamedActor), recording_each(actor=SystemActor(""), action="test", company_ids=[None]):
        pytest.fail("the block was entered")
    assert not Change.objects.exists()


def test_one_of_many_rows_that_moved_on_is_a_stale_version_and_nothing_is_written(customers: list[Customer]) -> None:
    update_customer(actor=SYSTEM, customer_id=customers[1].pk, name="Rival")
    before = table()
    with pytest.raises(StaleVersion) as stale, transaction.atomic(), recorded() as changes:
        rename(customers, changes)
    assert table() == before
    assert (stale.value.current_version, stale.value.changes) == (2, {"name": ("Bert", "Rival")})


def test_a_single_row_that_moved_on_is_a_stale_version_too(customers: list[Customer]) -> None:
    update_customer(actor=SYSTEM, customer_id=customers[0].pk, name="Rival")
    with pytest.raises(StaleVersion), transaction.atomic(), recorded(count=1) as changes:
        rename(customers[:1], changes)


def test_one_of_many_rows_that_is_gone_is_not_found_and_nothing_is_written(customers: list[Customer]) -> None:
    with recording(actor=SYSTEM, action="customer.deleted"):
        Customer.objects.filter(pk=customers[1].pk).delete()
    before = table()
    with pytest.raises(NotFound), transaction.atomic(), recorded() as changes:
        rename(customers, changes)
    assert table() == before


# On PostgreSQL, where others write at the same time


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_entry_of_somebody_else_between_the_first_and_the_last_is_none_of_ours() -> None:
    # given: a committed entry, and a transaction whose open entries are said to run from it
    company = make_company()
    old = company.change_id
    with recorded(2) as changes:
        execute("SELECT set_config('fintrack.change', %s, true)", [f"{old}-{changes[-1].pk}"])
        with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
            Company.objects.create(name="Slipped in", currency="ZAR", change_id=old)
    assert Company.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_rows_at_once_in_many_threads_leave_books_without_faults() -> None:
    company = make_company()

    def work() -> None:
        for _ in range(5):
            with recorded(20) as changes:
                rows = [Customer(company_id=company.pk, name="New", change=change) for change in changes]
                insert_rows(rows)
            with recorded(20) as changes:
                rename(rows, changes)

    assert race([work] * 4) == [None] * 4
    assert Customer.history.count() == 4 * 5 * 20 * 2
    assert list(faults()) == []


def test_the_connection_says_which_entries_are_open() -> None:
    with recorded(2) as changes:
        assert connection.open_entry_ids == {change.pk for change in changes}
        assert connection.open_entry is None
    assert connection.open_entry_ids == frozenset()
