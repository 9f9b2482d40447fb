"""The promise: each period once, whoever runs, how many at once, and whatever dies in the middle."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import race
from core.errors import ConstraintBroken, StaleVersion
from invoices.models import Invoice
from invoices.recurring import run
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.run import Tally, run_all_due, run_company, run_recurring
from invoices.recurring.services import pause_recurring, update_recurring
from invoices.tests.factories import make_recurring
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 4)
MOMENT = datetime(2026, 1, 4, 12, tzinfo=UTC)
COUNT = 20


@pytest.fixture
def company() -> Company:
    """A company with twenty recurring invoices, of each of which four are due."""
    company = make_company(time_zone="UTC")
    customer = make_customer(company)
    for number in range(COUNT):
        make_recurring(
            company,
            customer=customer,
            name=str(number),
            interval="day",
            start_date=FIRST,
            end_date=LAST,
            on_run="issue",
        )
    return company


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of the constraints that refuse invoices in the test."""
    found = []

    def watched(**options: Any) -> Any:
        outcomes = create_invoices(**options)
        found.extend(outcome.constraint_code for outcome in outcomes if isinstance(outcome, ConstraintBroken))
        return outcomes

    create_invoices = run.create_invoices
    monkeypatch.setattr(run, "create_invoices", watched)
    return found


def periods() -> list[tuple[int, date]]:
    return list(
        Invoice.objects.order_by("recurring_invoice", "recurring_period").values_list(
            "recurring_invoice", "recurring_period"
        )
    )


def every_period() -> list[tuple[int, date]]:
    ids = RecurringInvoice.objects.order_by("pk").values_list("pk", flat=True)
    return [(pk, date(2026, 1, day)) for pk in ids for day in range(1, 5)]


def assert_each_once() -> None:
    assert periods() == every_period()
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == [f"INV-2026-{number:06d}" for number in range(1, COUNT * 4 + 1)]
    assert list(faults()) == []


def test_three_schedulers_at_once_make_each_period_once(
    company: Company, refusals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROWS_AT_A_TIME", 3)  # so that their parts come between each other

    results = race([partial(run_all_due, now=MOMENT)] * 3)
    while (done := run_all_due(now=MOMENT)) != Tally():  # those that came while others had all that was due
        results.append(done)

    assert sum(results, Tally()) == Tally(made=COUNT * 4)
    assert refusals == []
    assert_each_once()


def test_control_without_their_locks_they_run_into_each_other(
    company: Company, refusals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: nobody locks what is due; all have read it before one of them writes
    def unlocked(company_id: int, day: date, ids: Any) -> list[RecurringInvoice]:
        rows = list(run.due_recurring(company_id, day).filter(pk__in=ids).order_by("pk"))
        connection.cursor().execute("SELECT pg_sleep(0.5)")
        return rows

    monkeypatch.setattr(run, "_lock_due", unlocked)
    race([partial(run_company, company_id=company.pk, day=FIRST)] * 3)

    # then: only the constraint stands between two invoices and one period
    assert "period_invoiced" in refusals
    assert periods() == [(pk, day) for pk, day in every_period() if day == FIRST]


def test_a_person_and_the_scheduler_at_once_make_each_period_once(company: Company) -> None:
    ids = list(RecurringInvoice.objects.order_by("pk").values_list("pk", flat=True))

    def by_hand() -> None:
        for pk in ids:
            run_recurring(actor=SYSTEM, recurring_id=pk)

    results = race([partial(run_all_due, now=MOMENT), by_hand, by_hand])
    run_all_due(now=MOMENT)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert_each_once()


def test_what_is_edited_or_paused_meanwhile_is_made_before_or_after_but_once(company: Company) -> None:
    rows = list(RecurringInvoice.objects.order_by("pk"))

    def edit() -> list[Any]:
        return [_tried(update_recurring, row.pk, name="New") for row in rows[:10]]

    def pause() -> list[Any]:
        return [_tried(pause_recurring, row.pk) for row in rows[10:]]

    results = race([partial(run_all_due, now=MOMENT), edit, pause])
    run_all_due(now=MOMENT)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert len(periods()) == len(set(periods()))
    edited = {row.pk for row in rows[:10]}
    assert [row for row in periods() if row[0] in edited] == [row for row in every_period() if row[0] in edited]
    assert list(faults()) == []


def _tried(verb: Any, pk: int, **values: Any) -> Any:
    """Whether it was done, in the version that was read first; a 409 is an answer."""
    try:
        return verb(actor=SYSTEM, recurring_id=pk, version=1, **values).version
    except StaleVersion:
        return None


KILLED = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "fintrack.settings"
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from datetime import UTC, datetime
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
from invoices.recurring import run
run.ROWS_AT_A_TIME = 5
print("ready", flush=True)
run.run_all_due(now=datetime(2026, 1, 4, 12, tzinfo=UTC))
"""


def test_a_run_that_is_killed_again_and_again_goes_on_where_it_was(company: Company) -> None:
    name = connection.settings_dict["NAME"]
    kills = 0
    for attempt in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, name], cwd=settings.BASE_DIR, env=dict(os.environ), stdout=subprocess.PIPE
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
            before = Invoice.objects.count()
            _wait_for_progress(before, worker)
            time.sleep(0.01 * attempt)
            worker.send_signal(signal.SIGKILL)
            kills += worker.wait() == -signal.SIGKILL
        # nothing half done: what is there is whole, part by part
        assert Invoice.objects.count() % 5 == 0
        assert len(periods()) == len(set(periods()))

    assert kills >= 1
    run_all_due(now=MOMENT)
    assert_each_once()


def _wait_for_progress(before: int, worker: Any) -> None:
    """Return once the worker has committed something, or ended."""
    until = time.monotonic() + 20
    while Invoice.objects.count() == before and worker.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)
