"""Clocks: years and days end where the company is, days of 23 and 25 hours, and a clock that is set back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from audit.tests.tampering import execute
from invoices.history import past_invoice
from invoices.models import Invoice
from invoices.selectors import filtered_invoices, invoice_timeline
from invoices.services import cancel_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment
from reports import sums
from reports.periods import Days, days_between
from reports.selectors import revenue

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "number"),
    [
        ("Pacific/Kiritimati", "2026-12-31 09:59:59", "INV-2026-000001"),
        ("Pacific/Kiritimati", "2026-12-31 10:00:00", "INV-2027-000001"),
        ("Africa/Johannesburg", "2026-12-31 21:59:59", "INV-2026-000001"),
        ("Africa/Johannesburg", "2026-12-31 22:00:00", "INV-2027-000001"),
        ("America/Sao_Paulo", "2027-01-01 02:59:59", "INV-2026-000001"),
    ],
)
def test_the_year_of_a_number_ends_where_the_company_is(zone: str, moment: str, number: str) -> None:
    with time_machine.travel(at(moment), tick=False):
        assert make_issued(make_company(time_zone=zone)).number == number


LAST_MOMENTS = [
    ("Europe/Berlin", date(2026, 3, 29), "2026-03-29 21:59:59", 23),
    ("Europe/Berlin", date(2026, 10, 25), "2026-10-25 22:59:59", 25),
    ("America/Sao_Paulo", date(2018, 11, 3), "2018-11-04 02:59:59", 24),
    ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-05 01:59:59", 23),
    ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-18 02:59:59", 25),
    ("Pacific/Kiritimati", date(2026, 12, 31), "2026-12-31 09:59:59", 24),
]
"""A zone, a day there, its last second in UTC, and how many hours it has. 2018-11-04 has no midnight in Sao Paulo."""


@pytest.mark.parametrize(("zone", "day", "last_second", "hours"), LAST_MOMENTS)
def test_an_invoice_is_overdue_from_the_end_of_its_day(zone: str, day: date, last_second: str, hours: int) -> None:
    with time_machine.travel(at(last_second), tick=False) as clock:
        invoice = make_issued(make_company(time_zone=zone), issue_date=day, due_date=day)
        assert not invoice.is_overdue
        assert not filtered_invoices(Invoice.objects.all(), overdue=True).exists()
        clock.shift(1)
        assert invoice.is_overdue
        assert filtered_invoices(Invoice.objects.all(), overdue=True).get() == invoice


@pytest.mark.parametrize(("zone", "day", "last_second", "hours"), LAST_MOMENTS)
def test_a_report_of_a_day_has_what_came_between_its_first_and_its_last_second(
    zone: str, day: date, last_second: str, hours: int
) -> None:
    assert received_on(day, make_company(time_zone=zone), at(last_second), hours) == Decimal("70")
    assert list(faults()) == []


def received_on(day: date, company: Company, last: datetime, hours: int) -> Decimal:
    """What a report of the day received: 10 in its first moment, 20, and 40 in its last; 101 came before and after."""
    with time_machine.travel(last + timedelta(days=2), tick=False):
        invoice = make_issued(company, make_item("1000"), issue_date=day)
        first = last - timedelta(hours=hours) + timedelta(seconds=1)
        for moment, amount in [
            (first - timedelta(seconds=1), "1"),
            (first, "10"),
            (day, "20"),
            (last, "40"),
            (last + timedelta(seconds=1), "100"),
        ]:
            apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), paid_at=moment)
        [found] = revenue(days_between([company], day, day))
    return found.received


@pytest.fixture
def calendar_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is off: every company's day is that of UTC."""
    monkeypatch.setattr(Company, "zone", ZoneInfo("UTC"))


@pytest.mark.usefixtures("calendar_of_utc")
def test_control_by_the_calendar_of_utc_year_due_date_and_report_are_wrong() -> None:
    with time_machine.travel(at("2026-12-31 10:00:00"), tick=False):
        assert make_issued(make_company(time_zone="Pacific/Kiritimati")).number == "INV-2026-000001"
    for zone, day, last_second, hours in LAST_MOMENTS:
        company = make_company(time_zone=zone)
        with time_machine.travel(at(last_second), tick=False) as clock:
            invoice = make_issued(company, issue_date=day, due_date=day)
            was_overdue = invoice.is_overdue
            clock.shift(1)
            assert (was_overdue, invoice.is_overdue) != (False, True)
        assert received_on(day, company, at(last_second), hours) != Decimal("70")


@pytest.mark.parametrize(("zone", "day", "last_second", "hours"), [row for row in LAST_MOMENTS if row[3] != 24])
def test_control_a_day_of_24_hours_everywhere_makes_a_wrong_report(
    zone: str, day: date, last_second: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "is_of_one_zone", lambda days: False)  # read from the rows, which the sums go by, too
    monkeypatch.setattr(Days, "end", property(lambda days: days.start.astimezone(UTC) + timedelta(hours=24)))
    assert received_on(day, make_company(time_zone=zone), at(last_second), hours) != Decimal("70")


# The database's clock is set back an hour between two commands


@contextmanager
def database_clock(shift: str) -> Iterator[None]:
    """Let the database's clock differ from the true time by `shift` ("-1 hour"), for whoever asks it in the block.

    Undone with the test's transaction.
    """
    execute("CREATE SCHEMA IF NOT EXISTS skewed")
    execute(
        "CREATE OR REPLACE FUNCTION skewed.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE "
        f"AS $$ SELECT pg_catalog.statement_timestamp() + interval '{shift}' $$"
    )
    execute("SET LOCAL search_path = public, skewed, pg_catalog")
    execute("ALTER TABLE audit_change ALTER COLUMN at SET DEFAULT skewed.statement_timestamp()")
    yield
    connection.check_constraints()
    execute("ALTER TABLE audit_change ALTER COLUMN at SET DEFAULT pg_catalog.statement_timestamp()")
    execute("SET LOCAL search_path = public")


@pytest.mark.postgresql
def test_the_books_are_proven_although_the_clock_was_set_back_between_two_commands() -> None:
    # given: a draft, and an edit an hour before it, by the database's clock
    draft = make_draft(make_company())
    connection.check_constraints()
    with database_clock("-1 hour"):
        update_draft(actor=SYSTEM, invoice_id=draft.pk, items=[make_item("7")])
    cancel_invoice(actor=SYSTEM, invoice_id=draft.pk)
    created, edited, cancelled = Invoice.history.filter(id=draft.pk).order_by("version")
    assert edited.history_date < created.history_date < cancelled.history_date
    # then: versions, and not the clock, say what came after what
    assert list(faults()) == []
    versions = [entry.version for entry in invoice_timeline(draft) if entry.entity_type == "Invoice"]
    assert versions == [3, 2, 1]
    # and of a time that the clock showed twice, the later state counts
    assert past_invoice(draft, as_of=edited.history_date).total == edited.total
    assert past_invoice(draft, as_of=created.history_date).total == edited.total
    assert past_invoice(draft, as_of=cancelled.history_date).status == "Cancelled"


@pytest.mark.postgresql
def test_control_an_entry_that_is_backdated_by_hand_is_refused() -> None:
    with pytest.raises(IntegrityError, match="the time is that of the clock"):
        Change.objects.create(action="test", actor="test", at=at("2026-01-01 00:00:00"))


# The clocks of two web servers differ, or one was set back


def paid_an_hour_ahead(company: Company) -> Payment:
    """A payment booked by a web server whose clock is an hour ahead of the others."""
    invoice = make_issued(company)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(100))


def test_a_refund_of_now_is_not_before_the_payment_that_another_clock_booked() -> None:
    payment = paid_an_hour_ahead(make_company())
    [refund] = refund_payment(actor=SYSTEM, invoice_id=payment.invoice_id, amount=Decimal(10))
    assert refund.paid_at == payment.paid_at
    assert list(faults()) == []


def test_a_reversal_of_now_is_not_before_the_payment_that_another_clock_booked() -> None:
    payment = paid_an_hour_ahead(make_company())
    reversal = reverse_payment(actor=SYSTEM, invoice_id=payment.invoice_id, payment_id=payment.pk)
    assert reversal.paid_at == payment.paid_at
    assert list(faults()) == []
