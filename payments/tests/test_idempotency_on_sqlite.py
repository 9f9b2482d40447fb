"""A key that is repeated while its first request runs, on SQLite: a file, several connections, one writer at a time.

The database of the tests is in memory and has one connection; here it is copied to a file.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from audit.tests.races import PATIENCE_SECONDS, start
from core.api import idempotency
from invoices.models import Invoice
from invoices.services import settle_invoice
from invoices.tests.factories import make_issued
from parties.tests.factories import make_company
from payments import services
from payments.models import Payment

pytestmark = [
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's are in test_idempotency.py"),
    pytest.mark.django_db(transaction=True),
]

ELSEWHERE = """
import sys
from core.running import running_alone

with running_alone(sys.argv[1], beside=sys.argv[2], patience_seconds=1):
    print("running", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file with the database of the test; who waits for its writer waits a second."""
    path = tmp_path / "books.sqlite3"
    connection.ensure_connection()
    copy = sqlite3.connect(path)
    connection.connection.backup(copy)
    copy.close()
    in_memory = connections["default"]
    monkeypatch.setitem(in_memory.settings_dict, "NAME", str(path))
    monkeypatch.setitem(in_memory.settings_dict["OPTIONS"], "timeout", 1)
    connections["default"] = connections.create_connection("default")
    yield path
    connections["default"].close()
    connections["default"] = in_memory


class Payer:
    """Somebody who pays 10.00 on an invoice, again and again with one key."""

    def __init__(self) -> None:
        company = make_company()
        self.user = make_user("Finance", company)
        self.client = api_client(self.user)
        self.invoice = make_issued(company)

    def pay(self, key: str = "order-4711") -> Any:
        """The reply."""
        path = f"/api/invoices/{self.invoice.pk}/payments"
        return self.client.post(path, {"amount": "10"}, HTTP_IDEMPOTENCY_KEY=key)

    def in_the_middle(self, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], Callable[[], None]]:
        """A first request that has begun to write, in a thread: where its reply will be, and what lets it end."""
        written, may_end = Event(), Event()

        def held(**details: Any) -> None:
            written.set()
            assert may_end.wait(PATIENCE_SECONDS)
            settle_invoice(**details)

        done: list[Any] = []
        with monkeypatch.context() as patched:
            patched.setattr(services, "settle_invoice", held)
            thread = start(self.pay, done)
            assert written.wait(PATIENCE_SECONDS)

        def end() -> None:
            may_end.set()
            thread.join()

        return done, end


@pytest.fixture
def payer(file: Path) -> Payer:
    return Payer()


def told(reply: Any) -> tuple[int, str, str]:
    return (reply.status_code, reply.json()["code"], reply["Retry-After"])


def test_a_first_request_that_does_not_end_is_a_409_and_its_reply_comes_when_it_has(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, end = payer.in_the_middle(monkeypatch)

    repeated = payer.pay()

    assert told(repeated) == (409, "idempotency_key_busy", "5")
    end()
    again = payer.pay()
    assert (done[0].status_code, again.status_code, again.json()) == (201, 201, done[0].json())
    assert again["Idempotent-Replayed"] == "true"
    assert (Payment.objects.count(), list(faults())) == (1, [])


def test_another_request_that_does_not_end_is_a_503(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    _, end = payer.in_the_middle(monkeypatch)

    other = payer.pay(key="order-4712")

    assert told(other) == (503, "busy", "5")
    end()
    assert Payment.objects.count() == 1


def test_control_without_the_mark_a_repeat_cannot_know_who_is_writing(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "running_alone", lambda *_, **__: nullcontext())
    _, end = payer.in_the_middle(monkeypatch)

    assert told(payer.pay())[:2] == (503, "busy")
    end()


def test_another_program_that_writes_is_a_503_and_nothing_is_changed(payer: Payer, file: Path) -> None:
    rival = sqlite3.connect(file, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")

    refused = payer.pay()

    assert told(refused) == (503, "busy", "5")
    rival.execute("ROLLBACK")
    rival.close()
    accepted = payer.pay()
    assert (accepted.status_code, "Idempotent-Replayed" in accepted) == (201, False)
    assert Invoice.objects.get().paid == 10


def test_a_repeat_waits_for_the_first_and_gets_its_reply(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    done, end = payer.in_the_middle(monkeypatch)
    waiting = start(payer.pay, done)

    end()
    waiting.join()

    assert [reply.status_code for reply in done] == [201, 201]
    assert sorted(reply.get("Idempotent-Replayed", "") for reply in done) == ["", "true"]
    assert Payment.objects.count() == 1


def test_the_first_request_may_run_in_another_process_and_die_there(payer: Payer, file: Path) -> None:
    name = idempotency.name_of(payer.user.pk, payer.invoice.company_id, "order-4711")
    command = [sys.executable, "-c", ELSEWHERE, name, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=dict(os.environ), **pipes) as elsewhere:
        assert elsewhere.stdout.readline() == "running\n"

        refused = payer.pay()
        elsewhere.kill()
        elsewhere.wait()

    assert told(refused) == (409, "idempotency_key_busy", "5")
    assert payer.pay().status_code == 201


def test_a_key_is_free_once_its_request_was_refused(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise services.PaymentExceedsOutstanding

    with monkeypatch.context() as patched:
        patched.setattr(services, "settle_invoice", refuse)
        assert payer.pay().status_code == 400
    assert payer.pay().status_code == 201
