"""The promise: every change of a recorded row is a version, in its journal entry, or does not happen (A1, A2, O1)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import User
from accounts.tests.factories import make_user
from audit.actors import SYSTEM, SystemActor
from audit.books import faults
from audit.models import Change
from audit.services import UnnamedActor, recording, require_version, write_version
from audit.tests.tampering import ON_SQLITE, closed_entry, entry_open_as, execute, versions_of, without_triggers
from core.errors import ConstraintBroken, NotFound, StaleVersion
from core.request_context import RequestIdMiddleware
from invoices.services import delete_draft
from invoices.tests.factories import make_draft
from parties.models import Company, Customer
from parties.services import create_customer, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    """A customer named Acme, at version 1."""
    return make_customer(make_company(), name="Acme")


def new_customer(customer: Customer, change: Change, **values: Any) -> Customer:
    return Customer(company_id=customer.company_id, change=change, **{"name": "New", **values})


# Every way to write. Each renames the customer (or deletes it, or adds one named New) as the next version.


def by_save(customer: Customer, change: Change) -> None:
    customer.name, customer.version, customer.change = "Renamed", 2, change
    customer.save()


def by_queryset_update(customer: Customer, change: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="Renamed", version=2, change=change)


def by_f_expressions(customer: Customer, change: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(name="Renamed", version=F("version") + 1, change=change)


def by_bulk_update(customer: Customer, change: Change) -> None:
    customer.name, customer.version, customer.change = "Renamed", 2, change
    Customer.objects.bulk_update([customer], ["name", "version", "change"])


def by_raw_update(customer: Customer, change: Change) -> None:
    execute(
        "UPDATE parties_customer SET name = 'Renamed', version = version + 1, change_id = %s WHERE id = %s",
        [change.pk, customer.pk],
    )


def by_write_version(customer: Customer, change: Change) -> None:
    write_version(customer, change=change, name="Renamed")


UPDATES = [by_save, by_queryset_update, by_f_expressions, by_bulk_update, by_raw_update, by_write_version]


def by_instance_delete(customer: Customer, change: Change) -> None:
    Customer.objects.get(pk=customer.pk).delete()


def by_queryset_delete(customer: Customer, change: Change) -> None:
    Customer.objects.filter(pk=customer.pk).delete()


def by_raw_delete(customer: Customer, change: Change) -> None:
    execute("DELETE FROM parties_customer WHERE id = %s", [customer.pk])


DELETES = [by_instance_delete, by_queryset_delete, by_raw_delete]


def by_create(customer: Customer, change: Change) -> None:
    new_customer(customer, change).save()


def by_bulk_create(customer: Customer, change: Change) -> None:
    Customer.objects.bulk_create([new_customer(customer, change)])


def by_bulk_create_ignoring_conflicts(customer: Customer, change: Change) -> None:
    Customer.objects.bulk_create([new_customer(customer, change)], ignore_conflicts=True)


def by_insert_from_select(customer: Customer, change: Change) -> None:
    columns = [
        field.column for field in Customer._meta.concrete_fields if field.column not in ("id", "name", "change_id")
    ]
    listed = ", ".join(columns)
    execute(
        f"INSERT INTO parties_customer ({listed}, name, change_id) "
        f"SELECT {listed}, 'New', %s FROM parties_customer WHERE id = %s",
        [change.pk, customer.pk],
    )


INSERTS = [by_create, by_bulk_create, by_bulk_create_ignoring_conflicts, by_insert_from_select]
WRITES = UPDATES + DELETES + INSERTS
Write = Callable[[Customer, Change], None]


def changed_rows() -> list[tuple[int, int]]:
    """(id, version) of all customers, as a fingerprint of the table."""
    return list(Customer.objects.order_by("id").values_list("id", "version"))


# A1: exactly one history row for each change, in the same transaction


@pytest.mark.parametrize("write", UPDATES)
def test_each_way_to_update_makes_one_version(customer: Customer, write: Write) -> None:
    with recording(actor=SYSTEM, action="customer.renamed") as change:
        write(customer, change)
    assert versions_of(customer) == [(1, "+"), (2, "~")]
    newest = Customer.history.get(version=2)
    assert (newest.id, newest.name, newest.change_id) == (customer.pk, "Renamed", change.pk)
    assert newest.history_date == change.at
    assert Customer.history.get(version=1).name == "Acme"


@pytest.mark.parametrize("write", DELETES)
def test_each_way_to_delete_makes_a_last_version_with_the_last_values(customer: Customer, write: Write) -> None:
    with recording(actor=SYSTEM, action="customer.deleted") as change:
        write(customer, change)
    assert versions_of(customer) == [(1, "+"), (2, "-")]
    assert Customer.history.get(version=2).name == "Acme"
    assert Customer.history.get(version=2).change_id == change.pk
    assert not Customer.objects.exists()


@pytest.mark.parametrize("write", INSERTS)
def test_each_way_to_insert_makes_the_first_version(customer: Customer, write: Write) -> None:
    with recording(actor=SYSTEM, action="customer.created") as change:
        write(customer, change)
    added = Customer.objects.get(name="New")
    assert versions_of(added) == [(1, "+")]
    assert Customer.history.get(id=added.pk).change_id == change.pk


def test_an_upsert_is_recorded_as_the_insert_or_the_update_that_it_is() -> None:
    # given: one of two addresses is known
    known = make_user(role=None, email="known@example.test")
    # when: both are upserted (the conflicting row at the version that follows)
    with recording(actor=SYSTEM, action="users.imported") as change:
        User.objects.bulk_create(
            [User(email="known@example.test", full_name="Known", version=2, change=change)],
            update_conflicts=True,
            unique_fields=["email"],
            update_fields=["full_name", "version", "change"],
        )
        User.objects.bulk_create([User(email="new@example.test", change=change)], ignore_conflicts=True)
    # then
    assert versions_of(known) == [(1, "+"), (2, "~")]
    assert versions_of(User.objects.get(email="new@example.test")) == [(1, "+")]


@pytest.mark.skipif(not ON_SQLITE, reason="REPLACE is SQLite's")
def test_insert_or_replace_over_another_unique_column_records_the_row_that_it_removes() -> None:
    known = make_user(role=None, email="known@example.test")
    with recording(actor=SYSTEM, action="users.imported") as change:
        execute(
            "INSERT OR REPLACE INTO accounts_user (email, password, full_name, is_active, is_superuser, version, "
            "change_id) VALUES ('known@example.test', '', '', 1, 0, 1, %s)",
            [change.pk],
        )
    assert versions_of(known) == [(1, "+"), (2, "-")]
    assert versions_of(User.objects.get(email="known@example.test")) == [(1, "+")]
    assert list(faults()) == []


@pytest.mark.skipif(not ON_SQLITE, reason="REPLACE is SQLite's")
def test_update_or_replace_over_another_unique_column_records_the_row_that_it_removes() -> None:
    known, other = make_user(role=None, email="known@example.test"), make_user(role=None)
    with recording(actor=SYSTEM, action="users.imported") as change:
        execute(
            "UPDATE OR REPLACE accounts_user SET email = 'known@example.test', version = 2, change_id = %s "
            "WHERE id = %s",
            [change.pk, other.pk],
        )
    assert versions_of(known) == [(1, "+"), (2, "-")]
    assert versions_of(other) == [(1, "+"), (2, "~")]
    assert list(faults()) == []


def test_a_cascade_of_djangos_records_each_row_that_goes() -> None:
    draft = make_draft(make_company())
    line = draft.lines.get()
    delete_draft(actor=SYSTEM, invoice_id=draft.pk)
    assert versions_of(draft) == [(1, "+"), (2, "-")]
    assert versions_of(line) == [(1, "+"), (2, "-")]


@pytest.mark.skipif(ON_SQLITE, reason="SQLite cannot alter a foreign key; see the file database in test_triggers")
def test_a_cascade_of_the_databases_own_records_each_row_that_goes() -> None:
    # given: a foreign key that somebody turned into a cascading one
    draft = make_draft(make_company())
    line = draft.lines.get()
    connection.check_constraints()
    execute(
        "ALTER TABLE invoices_invoiceline ADD FOREIGN KEY (invoice_id) REFERENCES invoices_invoice ON DELETE CASCADE"
    )
    # when
    with recording(actor=SYSTEM, action="invoice.deleted"):
        execute("DELETE FROM invoices_invoice")
    # then
    assert versions_of(draft) == versions_of(line) == [(1, "+"), (2, "-")]


def write_and_fail(write: Write, customer: Customer, change: Change) -> None:
    write(customer, change)
    raise ZeroDivisionError


@pytest.mark.parametrize("write", WRITES)
def test_a_rollback_leaves_neither_change_nor_version_nor_entry(customer: Customer, write: Write) -> None:
    before = (changed_rows(), versions_of(customer), Customer.history.count(), Change.objects.count())
    with pytest.raises(ZeroDivisionError), transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        write_and_fail(write, customer, change)
    assert (changed_rows(), versions_of(customer), Customer.history.count(), Change.objects.count()) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_savepoint_rolled_back_inside_an_entry_leaves_nothing_of_its_own(customer: Customer, write: Write) -> None:
    before = (changed_rows(), Customer.history.count())
    with recording(actor=SYSTEM, action="test") as change:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            write_and_fail(write, customer, change)
        assert (changed_rows(), Customer.history.count()) == before
        # the entry is still open, and the same change may come again
        customer.refresh_from_db()
        write(customer, change)
    assert Customer.history.count() == before[1] + 1


@pytest.mark.parametrize("write", WRITES)
def test_control_without_triggers_every_write_is_lost_to_history(customer: Customer, write: Write) -> None:
    change = closed_entry()
    before = changed_rows()
    with without_triggers():
        write(customer, change)
    assert changed_rows() != before
    assert Customer.history.count() == 1
    assert list(faults()) != []


# A2: versions 1..n, each with its entry


def test_an_entry_says_who_when_in_which_request_and_why() -> None:
    # given: a request with an id, and a user
    user = make_user(role=None, email="ann@example.test")

    def view(request: Any) -> dict:
        with recording(actor=user, action="company.created", company_id=7, reason="Because.") as change:
            Company.objects.create(name="C", currency="ZAR", change=change)
        return {}

    # when
    request = type("Request", (), {"headers": {"X-Request-ID": "request-0001"}})()
    RequestIdMiddleware(view)(request)
    # then
    change = Company.history.get().change
    assert (change.actor_id, change.actor, change.action) == (user.pk, "ann@example.test", "company.created")
    assert (change.company_id, change.request_id, change.reason) == (7, "request-0001", "Because.")
    assert Company.history.get().history_date == change.at


def test_versions_run_from_one_without_a_gap(customer: Customer) -> None:
    for number in range(2, 6):
        update_customer(actor=SYSTEM, customer_id=customer.pk, name=f"Name {number}")
    assert versions_of(customer) == [(1, "+"), (2, "~"), (3, "~"), (4, "~"), (5, "~")]
    entries = list(Customer.history.order_by("version").values_list("change_id", flat=True))
    assert entries == sorted(set(entries))


@pytest.mark.parametrize("actor", [None, SystemActor(""), User()])
def test_a_command_that_nobody_gives_is_refused(actor: Any) -> None:
    with pytest.raises(UnnamedActor), recording(actor=actor, action="test"):
        pytest.fail("the block was entered")
    assert not Change.objects.exists()


def test_an_inner_recording_joins_the_outer_entry(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="outer") as outer:
        second = create_customer(actor=SYSTEM, company=customer.company, name="Second")
        update_customer(actor=SYSTEM, customer_id=customer.pk, name="First")
    assert Customer.history.get(id=second.pk).change_id == outer.pk
    assert Customer.history.get(id=customer.pk, version=2).change_id == outer.pk


def refuse(write: Write, customer: Customer, change: Change, reason: str | None = None) -> None:
    """The write is refused, and nothing of it stays."""
    before = (changed_rows(), Customer.history.count())
    with pytest.raises(IntegrityError, match=reason or "FinTrack"), transaction.atomic():
        write(customer, change)
    assert (changed_rows(), Customer.history.count()) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_write_outside_any_entry_is_refused(customer: Customer, write: Write) -> None:
    refuse(write, customer, closed_entry(), "no journal entry is open")


@pytest.mark.parametrize("write", WRITES)
def test_a_write_after_the_block_is_refused_although_the_outer_transaction_goes_on(
    customer: Customer, write: Write
) -> None:
    with transaction.atomic():
        with recording(actor=SYSTEM, action="test") as change:
            pass
        refuse(write, customer, change, "no journal entry is open")


@pytest.mark.parametrize("write", UPDATES + INSERTS)
def test_a_write_that_names_another_entry_than_the_open_one_is_refused(customer: Customer, write: Write) -> None:
    other = closed_entry()
    with recording(actor=SYSTEM, action="test"):
        refuse(write, customer, other, "change is not the open journal entry")


@pytest.mark.parametrize("write", UPDATES + DELETES)
def test_a_write_under_an_entry_older_than_the_last_change_is_refused(customer: Customer, write: Write) -> None:
    # given: journal first, lock later; meanwhile somebody else's entry changes the row
    first = closed_entry("opened first")
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="By the second")
    customer.refresh_from_db()
    before = (changed_rows(), Customer.history.count())
    # then
    rewrite = {by_save: by_save_version_3, by_queryset_update: by_update_version_3, by_bulk_update: by_bulk_version_3}
    with (
        pytest.raises(IntegrityError, match="not newer than the last change"),
        transaction.atomic(),
        entry_open_as(first.pk),
    ):
        rewrite.get(write, write)(customer, first)
    assert (changed_rows(), Customer.history.count()) == before


def by_save_version_3(customer: Customer, change: Change) -> None:
    customer.version, customer.change = 3, change
    customer.save()


def by_update_version_3(customer: Customer, change: Change) -> None:
    Customer.objects.filter(pk=customer.pk).update(version=3, change=change)


def by_bulk_version_3(customer: Customer, change: Change) -> None:
    customer.version, customer.change = 3, change
    Customer.objects.bulk_update([customer], ["version", "change"])


def test_control_without_triggers_the_older_entry_gets_the_newer_version(customer: Customer) -> None:
    first = closed_entry("opened first")
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="By the second")
    with without_triggers():
        by_update_version_3(customer, first)
    row = Customer.objects.get(pk=customer.pk)
    assert row.version == 3
    assert row.change_id < Customer.history.get(version=2).change_id


@pytest.mark.parametrize("version", [0, 1, 3, 9])
def test_a_version_that_does_not_follow_is_refused(customer: Customer, version: int) -> None:
    with recording(actor=SYSTEM, action="test") as change:
        refuse(
            lambda row, entry: Customer.objects.filter(pk=row.pk).update(name="X", version=version, change=entry),
            customer,
            change,
            "the version must rise by one",
        )


def test_a_first_version_other_than_one_is_refused(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test") as change:
        refuse(
            lambda row, entry: new_customer(row, entry, version=2).save(), customer, change, "the first version is 1"
        )


def test_an_id_does_not_change(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test") as change:
        refuse(
            lambda row, entry: execute(
                "UPDATE parties_customer SET id = id + 1000, version = 2, change_id = %s", [entry.pk]
            ),
            customer,
            change,
            "an id does not change",
        )


def test_the_id_of_a_deleted_row_is_not_used_again(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test"):
        customer.delete()
    with recording(actor=SYSTEM, action="test") as change, pytest.raises(DatabaseError), transaction.atomic():
        new_customer(customer, change, id=Customer.history.first().id).save(force_insert=True)
    assert not Customer.objects.exists()


def test_a_row_changes_once_within_an_entry(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test") as change:
        write_version(customer, change=change, name="Once")
        with pytest.raises(IntegrityError, match="not newer than the last change"), transaction.atomic():
            write_version(Customer.objects.get(pk=customer.pk), change=change, name="Twice")
    assert versions_of(customer) == [(1, "+"), (2, "~")]


@pytest.mark.skipif(ON_SQLITE, reason="TRUNCATE is PostgreSQL's")
def test_truncate_is_refused_even_inside_an_entry(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test") as change:
        connection.check_constraints()
        refuse(by_truncate, customer, change, "TRUNCATE of parties_customer is refused")


@pytest.mark.skipif(ON_SQLITE, reason="TRUNCATE is PostgreSQL's")
def test_control_without_triggers_truncate_empties_the_table(customer: Customer) -> None:
    with without_triggers():
        by_truncate(customer, customer.change)
    assert not Customer.objects.exists()
    assert versions_of(customer) == [(1, "+")]


def by_truncate(customer: Customer, change: Change) -> None:
    execute("TRUNCATE parties_customer CASCADE")


def test_a_second_entry_while_one_is_open_is_refused(customer: Customer) -> None:
    with recording(actor=SYSTEM, action="test"):
        with pytest.raises(IntegrityError, match="another journal entry is open"), transaction.atomic():
            Change.objects.create(action="slipped in", actor="nobody")
        assert Change.objects.filter(action="slipped in").count() == 0


def test_an_entry_that_was_rolled_back_is_not_open(customer: Customer) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        raise ZeroDivisionError
    refuse(by_raw_delete, customer, change, "no journal entry is open")
    with (
        pytest.raises(IntegrityError, match="no journal entry is open"),
        transaction.atomic(),
        entry_open_as(change.pk),
    ):
        by_raw_delete(customer, change)
    assert versions_of(customer) == [(1, "+")]


def test_the_time_of_an_entry_is_that_of_the_clock() -> None:
    with pytest.raises(IntegrityError, match="the time is that of the clock"), transaction.atomic():
        Change.objects.create(action="long ago", actor="nobody", at="2020-01-01T00:00:00Z")
    assert not Change.objects.exists()


def test_a_refusal_of_the_database_keeps_the_drivers_own_error(customer: Customer) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), recording(actor=SYSTEM, action="test"):
        execute("UPDATE parties_customer SET name = 'X'")
    assert refusal.value.__cause__ is not refusal.value
    assert type(refusal.value.__cause__).__module__.split(".")[0] in ("sqlite3", "psycopg")


def test_a_broken_constraint_is_the_error_of_the_domain() -> None:
    with (
        pytest.raises(ConstraintBroken) as broken,
        transaction.atomic(),
        recording(actor=SYSTEM, action="test") as change,
    ):
        Company.objects.create(name="C", currency="ZAR", default_vat_rate=2, change=change)
    assert broken.value.constraint_code == "vat_rate_invalid"


def test_an_exempt_column_changes_without_an_entry_and_without_a_version() -> None:
    user = make_user(role=None)
    User.objects.filter(pk=user.pk).update(last_login="2026-01-01T00:00:00Z", password="!")
    assert versions_of(user) == [(1, "+")]
    assert not {"password", "last_login"} & {field.name for field in User.history.model._meta.fields}


def test_an_exempt_column_takes_no_recorded_one_along() -> None:
    user = make_user(role=None)
    with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(password="!", is_superuser=True)


# O1: a stale version changes nothing


def test_a_stale_version_changes_nothing_and_says_what_happened_meanwhile(customer: Customer) -> None:
    ann = make_user(role=None, email="ann@example.test")
    update_customer(actor=ann, customer_id=customer.pk, version=1, name="Ann's")
    # when: somebody else still holds version 1
    with pytest.raises(StaleVersion) as stale:
        update_customer(actor=SYSTEM, customer_id=customer.pk, version=1, name="Mine")
    # then
    assert (stale.value.current_version, stale.value.changed_by) == (2, "ann@example.test")
    assert stale.value.changes == {"name": ("Acme", "Ann's")}
    assert versions_of(customer) == [(1, "+"), (2, "~")]
    assert Customer.objects.get(pk=customer.pk).name == "Ann's"


def test_the_conditional_update_itself_refuses_a_stale_row(customer: Customer) -> None:
    mine, theirs = (Customer.objects.get(pk=customer.pk) for _ in range(2))
    with recording(actor=SYSTEM, action="test") as change:
        write_version(theirs, change=change, name="Theirs")
    with pytest.raises(StaleVersion), transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        write_version(mine, change=change, name="Mine")
    assert Customer.objects.get(pk=customer.pk).name == "Theirs"


def test_a_row_that_is_gone_meanwhile_is_not_found(customer: Customer) -> None:
    mine = Customer.objects.get(pk=customer.pk)
    with recording(actor=SYSTEM, action="test"):
        Customer.objects.get(pk=customer.pk).delete()
    with pytest.raises(NotFound), transaction.atomic(), recording(actor=SYSTEM, action="test") as change:
        write_version(mine, change=change, name="Mine")


def test_control_a_plain_update_of_a_stale_row_is_refused_by_the_database(customer: Customer) -> None:
    # given: two copies of version 1, and a writer who does not look at the version before writing
    mine, theirs = (Customer.objects.get(pk=customer.pk) for _ in range(2))
    update_customer(actor=SYSTEM, customer_id=theirs.pk, name="Theirs")

    def overwrite(row: Customer, change: Change) -> None:
        Customer.objects.filter(pk=row.pk).update(name="Mine", version=row.version + 1, change=change)

    with recording(actor=SYSTEM, action="test") as change:
        refuse(overwrite, mine, change, "the version must rise by one")
    # and without the triggers it would have been lost
    with without_triggers():
        overwrite(mine, change)
    assert Customer.objects.get(pk=customer.pk).name == "Mine"


def test_no_version_asked_for_is_no_check(customer: Customer) -> None:
    require_version(customer, None)
    require_version(customer, 1)
    with pytest.raises(StaleVersion):
        require_version(customer, 2)


def test_what_was_written_is_on_the_instance_too(customer: Customer) -> None:
    with transaction.atomic(), recording(actor=SYSTEM, action="test.renamed") as change:
        write_version(customer, change=change, name="Renamed")
    assert (customer.name, customer.version, customer.change) == ("Renamed", 2, change)


def test_a_stale_write_says_what_was_changed_since_the_version_that_was_read(customer: Customer) -> None:
    stale = Customer.objects.get(pk=customer.pk)
    with transaction.atomic(), recording(actor=SYSTEM, action="test.renamed") as change:
        write_version(customer, change=change, name="Renamed")
    with (
        pytest.raises(StaleVersion) as refusal,
        transaction.atomic(),
        recording(actor=SYSTEM, action="test.renamed") as change,
    ):
        write_version(stale, change=change, name="Another")
    assert refusal.value.current_version == 2
    assert {name: list(pair) for name, pair in refusal.value.changes.items()} == {"name": ["Acme", "Renamed"]}
