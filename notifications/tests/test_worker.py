"""The worker: a process that does what is due, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from invoices.services import issue_invoice
from notifications import services
from notifications.letters import mail_of
from notifications.models import Delivery, Message
from notifications.schedule import beat
from notifications.services import LEASE, deliver_due, give_up_on_lost, request_sending
from notifications.smtp import Outcome, hand_over
from notifications.tests.factories import make_mailable_draft, make_sendable, make_sending_company

pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    """Let a worker do what there is to do."""
    call_command("db_worker", batch=True, startup_delay=False, interval=0, verbosity=0)


def test_an_issued_invoice_reaches_its_customer_through_the_worker(postbox):
    company = make_sending_company()
    invoice = issue_invoice(actor=make_user("Finance", company), invoice_id=make_mailable_draft(company).pk)

    work()
    work()

    assert [mail["Subject"] for mail in postbox.mails] == [f"Invoice {invoice.number} from {company.name}"]
    assert Message.objects.get(invoice=invoice).state == "sent"


def test_what_nobody_asked_a_worker_to_do_is_found_by_the_clock(postbox):
    invoice = make_sendable()
    request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    DBTaskResult.objects.all().delete()

    work()

    assert len(postbox.mails) == 1


PATIENCE_SECONDS = 30


def until(happened: Callable[[], bool]) -> None:
    """Wait until it has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def database_url() -> str:
    """The database of the tests (PostgreSQL)."""
    database = connection.settings_dict
    server = f"{database['USER']}:{database['PASSWORD']}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}"
    return f"postgres://{server}/{database['NAME']}"


@contextmanager
def worker_process(mail_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as operators run it, on the database of the tests (PostgreSQL), with the mail server of the test."""
    environment = os.environ | {
        "DEBUG": "on",
        "DJANGO_SETTINGS_MODULE": "fintrack.settings",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
    }
    command = [sys.executable, "manage.py", "db_worker", "--no-startup-delay", "--interval", "0.1"]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.postgresql
def test_a_worker_killed_while_it_sends_leaves_one_message_uncertain_and_the_others_are_sent_once(
    postbox: Any,
) -> None:
    # given: three messages, and a mail server that takes the first mail and then keeps its answer back
    messages = [request_sending(actor=SYSTEM, invoice_id=make_sendable().pk) for _ in range(3)]
    postbox.holds_answer = True
    # when: the worker is killed while it waits for that answer, and another one starts
    with worker_process(settings.EMAIL_PORT) as process:
        until(lambda: len(postbox.mails) == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    postbox.holds_answer = False
    with worker_process(settings.EMAIL_PORT) as process:
        until(lambda: Message.objects.filter(state="sent").count() == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    # then: each mail was taken once, and of the first one a person is asked
    give_up_on_lost(now=timezone.now() + LEASE)
    deliver_due(now=timezone.now() + timedelta(days=30))
    assert sorted(Message.objects.values_list("state", flat=True)) == ["sent", "sent", "uncertain"]
    assert sorted(mail["Message-ID"] for mail in postbox.mails) == sorted(message.mail_id for message in messages)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands wait a tenth of a second for a lock."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c lock_timeout=100")
    yield
    connection.close()


def states() -> list[str]:
    return list(Message.objects.values_list("state", flat=True))


@contextmanager
def locked_for(invoice_id: int, seconds: float) -> Iterator[None]:
    """Somebody holds the invoice from the beginning of the block, for so long."""
    with psycopg.connect(database_url()) as other, ThreadPoolExecutor() as pool:
        other.execute("SELECT 1 FROM invoices_invoice WHERE id = %s FOR UPDATE", [invoice_id])

        def release() -> None:
            time.sleep(seconds)
            other.rollback()

        released = pool.submit(release)
        yield
        released.result()


@pytest.mark.postgresql
@pytest.mark.parametrize(("pauses_seconds", "state"), [(services.OUTCOME_PAUSES_SECONDS, "sent"), ((), "sending")])
def test_a_mail_that_left_while_its_invoice_was_locked_is_recorded_once_the_lock_is_gone(
    postbox: Any, soon: None, monkeypatch: pytest.MonkeyPatch, pauses_seconds: tuple[float, ...], state: str
) -> None:
    # the second case is the control: without patience, nobody ever knows of a mail that has arrived
    monkeypatch.setattr(services, "OUTCOME_PAUSES_SECONDS", pauses_seconds)
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    mail_of(message)  # makes the PDF, so that only the outcome wants the lock

    with locked_for(message.invoice_id, seconds=1), suppress(OperationalError):
        deliver_due()

    assert len(postbox.mails) == 1
    assert states() == [state]
    assert Delivery.objects.count() == (state == "sent")


@pytest.mark.postgresql
def test_a_mail_that_left_just_as_the_database_went_away_is_recorded_once_it_is_back(
    postbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off_after(mail: Any) -> Outcome:
        outcome = hand_over(mail)
        with connection.cursor() as cursor, suppress(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return outcome

    monkeypatch.setattr(services, "hand_over", cut_off_after)
    request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)

    deliver_due()

    assert len(postbox.mails) == Delivery.objects.count() == 1
    assert states() == ["sent"]


@pytest.mark.postgresql
def test_three_workers_send_each_of_many_messages_once(postbox: Any) -> None:
    company = make_sending_company()
    for _ in range(30):
        issue_invoice(actor=SYSTEM, invoice_id=make_mailable_draft(company).pk)

    with (
        worker_process(settings.EMAIL_PORT),
        worker_process(settings.EMAIL_PORT),
        worker_process(settings.EMAIL_PORT),
    ):
        until(lambda: Message.objects.filter(state="sent").count() == 30)

    assert len(postbox.mails) == len({mail["Message-ID"] for mail in postbox.mails}) == 30


def test_a_job_whose_process_died_is_given_up_and_another_does_its_work(postbox: Any) -> None:
    request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    long_ago = timezone.now() - timedelta(days=1)
    DBTaskResult.objects.update(status="RUNNING", started_at=long_ago)

    beat()
    work()

    assert sorted(DBTaskResult.objects.values_list("status", flat=True)) == ["FAILED", "SUCCESSFUL"]
    assert len(postbox.mails) == 1


def test_finished_jobs_are_forgotten_after_two_weeks() -> None:
    request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    work()
    assert DBTaskResult.objects.count() == 1

    beat(now=timezone.now() + timedelta(days=15))

    assert not DBTaskResult.objects.exists()
