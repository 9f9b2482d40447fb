"""Imports whose worker or server died: the clock of the workers takes them up again, and nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.tests.factories import make_user
from audit.books import faults
from imports.columns import Kind
from imports.models import ImportFile, Mode, State
from imports.services import ABANDONED_AFTER, bring_file, do_work, start_import
from notifications.schedule import beat
from parties.models import Company, Customer
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

ROWS = 3_000
DYING = """
import django
django.setup()
from imports import services
written = services.write
def stop_after_the_first(file, plans):
    written(file, plans)
    if plans[0].rows[0] > 2:
        print("in the second slice", flush=True)
        import time
        time.sleep(60)
services.write = stop_after_the_first
services.do_work({file_id})
"""


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme")


def brought(company: Company, rows: int = 5) -> ImportFile:
    """A file that waits to be let in."""
    text = "Name\n" + "".join(f"Customer {number}\n" for number in range(rows))
    clerk = make_user("Finance", company)
    file = bring_file(
        actor=clerk, company=company, kind=Kind.CUSTOMERS, file_name="a.csv", content=text.encode(), mode=Mode.GOOD
    )
    do_work(file.pk)
    return start_import(actor=clerk, file_id=file.pk)


def let_workers_work() -> None:
    call_command("db_worker", batch=True, startup_delay=False, interval=0, verbosity=0)


@pytest.mark.django_db(transaction=True)  # a worker closes its connection
def test_an_import_that_nobody_works_on_any_more_is_taken_up_again(company: Company) -> None:
    file = brought(company)

    beat(now=timezone.now() + ABANDONED_AFTER + timedelta(seconds=1))
    let_workers_work()

    file.refresh_from_db()
    assert (file.state, file.good_count) == (State.DONE, 5)
    assert list(faults()) == []


def test_an_import_that_somebody_works_on_is_left_alone(company: Company) -> None:
    brought(company)

    beat(now=timezone.now() + ABANDONED_AFTER - timedelta(minutes=1))

    assert not DBTaskResult.objects.exists()


def test_it_is_taken_up_once_however_many_workers_look_at_the_clock(company: Company) -> None:
    brought(company)
    later = timezone.now() + ABANDONED_AFTER + timedelta(seconds=1)

    for _ in range(3):
        beat(now=later)

    assert DBTaskResult.objects.count() == 1


def test_an_import_that_still_waits_for_a_worker_gets_no_second_job(company: Company) -> None:
    brought(company)
    later = timezone.now() + ABANDONED_AFTER + timedelta(seconds=1)

    beat(now=later)
    beat(now=later + 2 * ABANDONED_AFTER)

    assert DBTaskResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the tests' database in memory has one process")
def test_an_import_whose_process_is_killed_goes_on_after_the_rows_that_were_written(company: Company) -> None:
    file = brought(company, rows=ROWS)
    settings: dict[str, Any] = connection.settings_dict
    host = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{host}/{settings['NAME']}",
        "DJANGO_SETTINGS_MODULE": "fintrack.settings",
        "DEBUG": "on",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", DYING.format(file_id=file.pk)],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "in the second slice"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    written_before = Customer.objects.count()

    deadline = time.monotonic() + 30
    while not DBTaskResult.objects.exists() and time.monotonic() < deadline:
        beat(now=timezone.now() + ABANDONED_AFTER + timedelta(seconds=1))
        time.sleep(0.2)
    let_workers_work()

    file.refresh_from_db()
    assert 0 < written_before < ROWS
    assert (file.state, file.good_count, Customer.objects.count()) == (State.DONE, ROWS, ROWS)
    assert list(faults()) == []
