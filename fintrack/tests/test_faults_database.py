"""The database that cannot: each of its excuses is a 503 that says when to come back, and nothing is half done."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client

from accounts.models import User
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.books import faults
from audit.tests.races import PATIENCE_SECONDS, race
from core.models import IdempotencyKey
from invoices.models import Invoice
from invoices.services import lock_invoice, settle_invoice
from invoices.tests.factories import make_issued
from parties.models import Company
from parties.tests.factories import make_company
from payments import services
from payments.models import Payment

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

BUSY = {"40001": "serialization", "40P01": "deadlock", "55P03": "lock timeout", "57014": "statement timeout"}
AWAY = {
    "08006": "connection failure",
    "53200": "out of memory",
    "53300": "too many connections",
    "57P01": "shutdown by the administrator",
    "57P02": "shutdown after a crash",
    "57P03": "starting up",
    "58030": "input or output error",
}


@pytest.fixture
def company() -> Company:
    """A company whose database has a bad day."""
    return make_company()


@pytest.fixture
def user(company: Company) -> User:
    """Who pays there."""
    return make_user("Finance", company)


@pytest.fixture
def invoice(company: Company) -> Invoice:
    """Issued over 115.00."""
    return make_issued(company)


def pay(user: User, invoice: Invoice, key: str = "a-key", amount: str = "10") -> Any:
    path = f"/api/invoices/{invoice.pk}/payments"
    return api_client(user).post(path, {"amount": amount}, HTTP_IDEMPOTENCY_KEY=key)


def told(reply: Any) -> tuple[int, str, str, str]:
    return (reply.status_code, reply.json()["code"], reply["Retry-After"], reply["Content-Type"])


def nothing_is_written(invoice: Invoice) -> bool:
    left = Payment.objects.count() + IdempotencyKey.objects.count()
    return left == 0 and Invoice.objects.get(pk=invoice.pk).version == 2 and not list(faults())


def raise_in_database(sqlstate: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections wait one second for a lock, in place of five."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c lock_timeout=1000")


def before_settling(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], None]) -> None:
    """Let `deed` happen in the middle of the command: the entry is written, the balance is not."""

    def late(**details: Any) -> None:
        deed()
        settle_invoice(**details)

    monkeypatch.setattr(services, "settle_invoice", late)


CODES = {**dict.fromkeys(BUSY, ("busy", "5")), **dict.fromkeys(AWAY, ("database_unavailable", "5"))}
CODES["53100"] = ("storage_full", "60")


@pytest.mark.parametrize("sqlstate", CODES)
def test_each_excuse_of_the_database_is_a_503_and_the_repeat_is_booked_once(
    sqlstate: str, user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        before_settling(patched, partial(raise_in_database, sqlstate))
        refused = pay(user, invoice)
    code, wait = CODES[sqlstate]
    assert told(refused) == (503, code, wait, "application/problem+json")
    assert nothing_is_written(invoice)

    assert pay(user, invoice).status_code == 201
    assert Invoice.objects.get().paid == 10


def test_control_a_defect_of_ours_is_no_excuse_of_the_database(
    user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_settling(monkeypatch, partial(raise_in_database, "42P01"))
    client = api_client(user)
    client.raise_request_exception = False
    assert client.post(f"/api/invoices/{invoice.pk}/payments", {"amount": "10"}).status_code == 500


def test_a_key_claimed_while_the_database_goes_away_is_not_called_busy(
    user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> bool:
        raise_in_database("57P01")
        return True

    monkeypatch.setattr("core.api.idempotency._fingerprint", gone)
    assert told(pay(user, invoice))[:2] == (503, "database_unavailable")


def crossed(invoices: list[Invoice], both_hold_one: Barrier) -> Callable[[int], Invoice]:
    """A `lock_invoice` that takes the other invoice first, as no command does."""

    def lock(invoice_id: int) -> Invoice:
        lock_invoice(next(each.pk for each in invoices if each.pk != invoice_id))
        both_hold_one.wait()
        return lock_invoice(invoice_id)

    return lock


def test_of_two_commands_that_lock_in_opposite_order_one_is_done_and_one_is_told_to_repeat(
    company: Company, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoices = [make_issued(company), make_issued(company)]
    with monkeypatch.context() as patched:
        patched.setattr(services, "lock_invoice", crossed(invoices, Barrier(2, timeout=PATIENCE_SECONDS)))
        replies = race([partial(pay, user, invoice, f"key-{invoice.pk}") for invoice in invoices])

    assert sorted(reply.status_code for reply in replies) == [201, 503]
    assert told(next(reply for reply in replies if reply.status_code == 503))[1:3] == ("busy", "5")
    again = [pay(user, invoice, f"key-{invoice.pk}") for invoice in invoices]
    assert [reply.status_code for reply in again] == [201, 201]
    assert set(Invoice.objects.values_list("paid", "entry_count")) == {(10, 1)}
    assert list(faults()) == []


def end_own_connection() -> None:
    """The administrator ends our connection; the statement after it finds out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [own] = cursor.fetchone()
    settings = connection.settings_dict
    where = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(**where, password=settings["PASSWORD"], autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [own])


def test_a_connection_that_ends_in_the_middle_leaves_nothing_and_the_repeat_is_booked_once(
    user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # when: the crash comes between the claim of the key and the commit
    with monkeypatch.context() as patched:
        before_settling(patched, end_own_connection)
        [refused] = race([partial(pay, user, invoice)])
    assert told(refused)[:3] == (503, "database_unavailable", "5")
    assert nothing_is_written(invoice)
    # then: the client repeats, with another token than before
    first, again = pay(user, invoice), pay(user, invoice)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert (again["Idempotent-Replayed"], Payment.objects.count()) == ("true", 1)


def test_a_database_that_nobody_reaches(user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise psycopg.OperationalError("connection refused")

    def from_outside() -> Any:
        connection.close()
        with monkeypatch.context() as patched:
            patched.setattr(DatabaseWrapper, "get_new_connection", refused)
            return pay(user, invoice), Client().get("/admin/login/", HTTP_COOKIE="sessionid=anything")

    api, page = from_outside()
    assert told(api)[:3] == (503, "database_unavailable", "5")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "database" in page.content.decode()


@pytest.mark.usefixtures("impatient")
def test_a_lock_held_for_long_is_a_clear_503_in_time_and_harms_nobody_else(
    company: Company, user: User, invoice: Invoice
) -> None:
    other = make_issued(company)
    with transaction.atomic():
        Invoice.objects.select_for_update().get(pk=invoice.pk)
        # given: somebody holds the invoice for as long as everybody has patience
        started = time.monotonic()
        replies = race([*[partial(pay, user, invoice, f"k{n}") for n in range(4)], partial(pay, user, other, "other")])
        seconds = time.monotonic() - started
    assert {told(reply)[:3] for reply in replies[:4]} == {(503, "busy", "5")}
    assert replies[4].status_code == 201
    # who queues behind another waits once for their turn and once for the lock
    assert seconds < 2 * 1 + 2
    assert (Payment.objects.count(), Invoice.objects.get(pk=invoice.pk).version) == (1, 2)
    # then: as soon as it is let go, the repeats are booked
    assert [pay(user, invoice, f"k{n}").status_code for n in range(4)] == [201] * 4
    assert list(faults()) == []


def test_control_without_a_lock_timeout_the_command_waits_as_long_as_the_lock_is_held(
    user: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c lock_timeout=0")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(pk=invoice.pk)
            waiting = pool.submit(race, [partial(pay, user, invoice)])
            assert wait([waiting], timeout=2).not_done
        [reply] = waiting.result()
    assert reply.status_code == 201


@pytest.mark.usefixtures("impatient")
def test_a_page_of_the_admin_that_waits_for_a_lock_says_so(invoice: Invoice) -> None:
    client = Client()
    root = User.objects.create_superuser("root@example.test", PASSWORD)
    client.force_login(root)

    def cancel() -> Any:
        return client.post(f"/admin/invoices/invoice/{invoice.pk}/cancel/", {"version": 2, "reason": "Sent twice"})

    with transaction.atomic():
        Invoice.objects.select_for_update().get(pk=invoice.pk)
        [page] = race([cancel])
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert Invoice.objects.get().status == "Issued"


def test_the_lock_timeout_is_what_the_settings_say() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("5s",)
