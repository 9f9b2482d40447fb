"""Recurring invoices: each period once, what was missed is caught up, what fails is set aside and stops no other."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording, write_version
from audit.tests.tampering import execute, without_triggers
from core.errors import ConstraintBroken, DomainError, StaleVersion
from invoices import bulk
from invoices.lifecycle import Status, WrongStatus
from invoices.models import Invoice
from invoices.recurring import run
from invoices.recurring.models import RecurringInvoice, RecurringStatus
from invoices.recurring.rules import MAXIMUM_DUE, RecurringInvalid, TooManyDue
from invoices.recurring.run import Tally, run_all_due, run_company, run_recurring
from invoices.recurring.selectors import next_dates, next_total, recurring_timeline
from invoices.recurring.services import (
    RecurringInUse,
    create_recurring,
    delete_recurring,
    end_recurring,
    pause_recurring,
    resume_recurring,
    update_recurring,
)
from invoices.recurring.texts import PlaceholderUnknown
from invoices.services import (
    CustomerArchived,
    CustomerUnknown,
    DateInvalid,
    ItemInvalid,
    delete_draft,
    issue_invoice,
)
from invoices.tests.factories import make_item, make_recurring
from parties.models import Company
from parties.services import move_period_lock, update_company, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

START = date(2026, 1, 31)
TODAY = date(2026, 2, 1)


@pytest.fixture(autouse=True)
def today() -> Any:
    """The first of February, at noon."""
    with time_machine.travel(datetime(2026, 2, 1, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def company() -> Company:
    return make_company()


def made_from(recurring: RecurringInvoice) -> list[Invoice]:
    return list(recurring.invoices.order_by("recurring_period"))


def stored(recurring: RecurringInvoice) -> RecurringInvoice:
    return RecurringInvoice.objects.get(pk=recurring.pk)


def test_a_draft_is_made_on_its_day_as_it_would_be_by_hand(company: Company) -> None:
    line = make_item("100", description="Rent {month} {year}", discount_percent=Decimal(10))
    recurring = make_recurring(company, line, payment_days=7, prices_include_vat=True, discount_amount=Decimal(5))
    assert recurring.next_date == START

    assert run_company(company_id=company.pk, day=date(2026, 1, 30)) == Tally()
    assert run_company(company_id=company.pk, day=START) == Tally(made=1)

    [invoice] = made_from(recurring)
    assert (invoice.status, invoice.number, invoice.recurring_period) == (Status.DRAFT, None, START)
    assert (invoice.issue_date, invoice.due_date) == (START, date(2026, 2, 7))
    assert (invoice.total, invoice.prices_include_vat, invoice.customer) == (85, True, recurring.customer)
    assert invoice.lines.get().description == "Rent January 2026"
    assert stored(recurring).next_date == date(2026, 2, 28)
    # one entry for the draft, under which the recurring invoice goes on
    assert stored(recurring).change == invoice.change
    assert (invoice.change.action, invoice.change.actor) == ("invoice.created", "system:recurring")
    assert list(faults()) == []


def test_an_issued_one_has_its_number_and_both_entries(company: Company) -> None:
    recurring = make_recurring(company, on_run="issue")

    run_company(company_id=company.pk, day=TODAY)

    [invoice] = made_from(recurring)
    assert (invoice.status, invoice.number, invoice.total) == (Status.ISSUED, "INV-2026-000001", 115)
    actions = [row.change.action for row in invoice.history.order_by("version")]
    assert actions == ["invoice.created", "invoice.issued"]
    assert list(faults()) == []


def test_a_period_is_made_once_however_often_the_run_is(company: Company) -> None:
    recurring = make_recurring(company)

    assert [run_company(company_id=company.pk, day=TODAY).made for _ in range(3)] == [1, 0, 0]

    assert len(made_from(recurring)) == 1


def test_what_was_missed_is_caught_up_each_with_its_own_date(company: Company, today: Any) -> None:
    weekly = make_recurring(company, make_item(description="{period}"), interval="week", on_run="issue")
    monthly = make_recurring(company)
    today.move_to(datetime(2026, 4, 1, tzinfo=UTC))

    assert run_company(company_id=company.pk, day=date(2026, 3, 31)) == Tally(made=9 + 3)

    assert [row.issue_date.isoformat() for row in made_from(monthly)] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    weeks = made_from(weekly)
    assert [row.issue_date for row in weeks] == weekly.series.next_days(None, 9)
    assert [row.number for row in weeks] == [f"INV-2026-{number:06d}" for number in range(1, 10)]
    assert weeks[1].lines.get().description == "7\u201313 Feb 2026"
    assert list(faults()) == []


def test_the_constraint_refuses_a_second_invoice_of_a_period(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    # given: a program that forgot that it is done
    done = stored(recurring)
    done.next_date = START

    [outcome] = bulk.create_invoices(actor=SYSTEM, rows=[run.next_invoice(done)])

    assert getattr(outcome, "constraint_code", None) == "period_invoiced"
    assert len(made_from(recurring)) == 1
    assert stored(recurring).version == done.version


def test_a_deleted_draft_is_not_made_again(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    delete_draft(actor=SYSTEM, invoice_id=made_from(recurring)[0].pk)

    assert run_company(company_id=company.pk, day=TODAY) == Tally()
    assert list(faults()) == []


def test_the_last_date_ends_it_and_a_later_end_lets_it_go_on(company: Company, today: Any) -> None:
    recurring = make_recurring(company, end_date=date(2026, 2, 28))
    today.move_to(datetime(2026, 4, 1, tzinfo=UTC))

    assert run_company(company_id=company.pk, day=date(2026, 4, 1)).made == 2
    ended = stored(recurring)
    assert (ended.status, ended.next_date, next_dates(ended)) == (RecurringStatus.ENDED, None, [])

    update_recurring(actor=SYSTEM, recurring_id=recurring.pk, end_date=None)
    assert run_company(company_id=company.pk, day=date(2026, 4, 1)).made == 1


def test_what_comes_due_while_paused_is_left_out(company: Company, today: Any) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    today.move_to(datetime(2026, 4, 30, 12, tzinfo=UTC))
    assert run_company(company_id=company.pk, day=company.today()) == Tally()

    resumed = resume_recurring(actor=SYSTEM, recurring_id=recurring.pk)

    assert (resumed.next_date, resumed.done_through) == (date(2026, 4, 30), date(2026, 4, 29))
    assert run_company(company_id=company.pk, day=company.today()).made == 1
    assert [row.issue_date for row in made_from(recurring)] == [START, date(2026, 4, 30)]
    # and no change of its days brings them back
    update_recurring(actor=SYSTEM, recurring_id=recurring.pk, start_date=date(2026, 1, 15), interval="week")
    assert stored(recurring).next_date == date(2026, 5, 7)
    assert list(faults()) == []


def test_a_short_pause_leaves_nothing_out(company: Company) -> None:
    recurring = make_recurring(company, start_date=TODAY)
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)

    assert resume_recurring(actor=SYSTEM, recurring_id=recurring.pk).next_date == TODAY


def test_resuming_after_the_end_ends_it(company: Company, today: Any) -> None:
    recurring = make_recurring(company, start_date=date(2026, 2, 10), end_date=date(2026, 2, 20))
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    today.move_to(datetime(2026, 3, 1, tzinfo=UTC))

    assert resume_recurring(actor=SYSTEM, recurring_id=recurring.pk).status == RecurringStatus.ENDED


def test_one_that_fails_is_set_aside_and_stops_no_other(company: Company) -> None:
    archived = make_recurring(company, on_run="issue")
    update_customer(actor=SYSTEM, customer_id=archived.customer_id, archived=True)
    late = make_recurring(company, start_date=date(2026, 1, 30), on_run="issue")
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 30), reason="VAT is filed")
    good = make_recurring(company, on_run="issue")

    assert run_company(company_id=company.pk, day=TODAY) == Tally(made=1, set_aside=2)

    failed = stored(archived)
    assert (failed.status, failed.problem) == (RecurringStatus.FAILED, CustomerArchived.default_detail)
    assert (failed.change.action, failed.change.reason) == ("recurring_invoice.set_aside", failed.problem)
    assert stored(late).problem == "The books are closed up to 2026-01-30; 2026-01-30 is not after it."
    assert len(made_from(good)) == 1
    # it is not tried again, until somebody has done something about it
    assert run_company(company_id=company.pk, day=TODAY) == Tally()
    update_customer(actor=SYSTEM, customer_id=archived.customer_id, archived=False)
    [invoice] = run_recurring(actor=SYSTEM, recurring_id=archived.pk)
    assert (invoice.number, stored(archived).problem) == ("INV-2026-000002", "")
    update_recurring(actor=SYSTEM, recurring_id=late.pk, on_run="draft")
    assert run_company(company_id=company.pk, day=TODAY) == Tally(made=1)
    assert list(faults()) == []


def test_something_unforeseen_about_one_stops_no_other(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make_recurring(company, name=name) for name in ("A", "B", "C")]

    def breaks(recurring: RecurringInvoice) -> Any:
        if recurring.name == "B":
            raise ZeroDivisionError
        return next_invoice(recurring)

    next_invoice = run.next_invoice
    monkeypatch.setattr(run, "next_invoice", breaks)

    assert run_company(company_id=company.pk, day=TODAY) == Tally(made=2, set_aside=1)

    assert [len(made_from(row)) for row in rows] == [1, 0, 1]
    assert "ZeroDivisionError" in stored(rows[1]).problem


def test_more_than_is_caught_up_is_refused_or_set_aside(company: Company, today: Any) -> None:
    with pytest.raises(TooManyDue, match="398 invoices are due since 2024-12-31; at most 100"):
        make_recurring(company, interval="day", start_date=date(2024, 12, 31))
    daily = make_recurring(company, interval="day")
    today.move_to(datetime(2026, 5, 15, tzinfo=UTC))

    assert run_company(company_id=company.pk, day=company.today()) == Tally(set_aside=1)
    assert stored(daily).problem.startswith("105 invoices are due since 2026-01-31; at most 100 are caught up.")
    with pytest.raises(TooManyDue):
        run_recurring(actor=SYSTEM, recurring_id=daily.pk)

    # as it says: pause and resume
    pause_recurring(actor=SYSTEM, recurring_id=daily.pk)
    resume_recurring(actor=SYSTEM, recurring_id=daily.pk)
    assert run_company(company_id=company.pk, day=company.today()) == Tally(made=1)


def test_just_as_many_as_are_caught_up_are_made(company: Company, today: Any) -> None:
    make_recurring(company, interval="day")
    today.move_to(datetime(2026, 5, 10, tzinfo=UTC))

    assert run_company(company_id=company.pk, day=company.today()) == Tally(made=MAXIMUM_DUE)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Pacific/Auckland", 1), ("Africa/Johannesburg", 0), ("America/Los_Angeles", 0)],
)
def test_the_company_s_own_calendar_says_what_is_due(zone: str, expected: int) -> None:
    # 13:30 UTC on the 1st is 02:30 on the 2nd in Auckland
    make_recurring(make_company(time_zone=zone), start_date=date(2026, 2, 2))

    assert run_all_due(now=datetime(2026, 2, 1, 13, 30, tzinfo=UTC)).made == expected


def test_a_night_with_an_hour_more_or_less_changes_nothing(today: Any) -> None:
    # Berlin: the hour from 2 to 3 is left out on 29 March 2026 and comes twice on 25 October 2026
    company = make_company(time_zone="Europe/Berlin")
    daily = make_recurring(company, interval="day", start_date=date(2026, 3, 28), end_date=date(2026, 3, 30))
    again = make_recurring(company, interval="day", start_date=date(2026, 10, 24), end_date=date(2026, 10, 26))
    for month, first in ((3, 27), (10, 23)):
        for hour in range(24 * 5):
            moment = datetime(2026, month, first + hour // 24, hour % 24, tzinfo=UTC)
            today.move_to(moment)
            run_all_due(now=moment)

    assert [row.issue_date.day for row in made_from(daily)] == [28, 29, 30]
    assert [row.issue_date.day for row in made_from(again)] == [24, 25, 26]


def test_a_company_that_fails_stops_no_other(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    make_recurring(company)
    other = make_recurring(make_company())

    def breaks(**options: Any) -> Tally:
        if options["company_id"] == company.pk:
            raise ZeroDivisionError
        return run_company(**options)

    monkeypatch.setattr(run, "run_company", breaks)

    assert run_all_due(now=datetime(2026, 2, 1, 12, tzinfo=UTC)).made == 1
    assert len(made_from(other)) == 1


def test_a_rate_that_is_left_open_is_the_company_s_of_that_day(company: Company) -> None:
    recurring = make_recurring(company, make_item("100"), make_item("100", vat_rate="0.15"))
    assert next_total(recurring) == 230
    update_company(actor=SYSTEM, company_id=company.pk, default_vat_rate=Decimal("0.2"))

    run_company(company_id=company.pk, day=TODAY)

    assert made_from(recurring)[0].total == 235
    open_line, fixed = recurring.lines.all()
    assert (open_line.vat_rate, open_line.vat_category) == (None, None)
    assert (fixed.vat_rate, fixed.vat_category) == (Decimal("0.15"), None)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1\u201331 Mar 2026, March, Q1, 2026, 1 March 2026"),
        ("de", "1.\u201331. März 2026, März, Q1, 2026, 1. März 2026"),
        ("fr", "1\u201331 mars 2026, mars, T1, 2026, 1 mars 2026"),
        ("af", "1\u201331 Mrt. 2026, Maart, K1, 2026, 01 Maart 2026"),
    ],
)
def test_placeholders_are_filled_in_the_customer_s_language(company: Company, language: str, text: str) -> None:
    customer = make_customer(company, language=language)
    line = make_item(description="{period}, {month}, {quarter}, {year}, {date}")
    recurring = make_recurring(company, line, customer=customer, start_date=date(2026, 3, 1))

    run_company(company_id=company.pk, day=date(2026, 3, 1))

    assert made_from(recurring)[0].lines.get().description == text


def test_a_period_over_two_years_and_the_company_s_language(company: Company) -> None:
    update_company(actor=SYSTEM, company_id=company.pk, language="de")
    recurring = make_recurring(company, make_item(description="{period}"), start_date=date(2025, 12, 15))

    run_company(company_id=company.pk, day=date(2025, 12, 15))

    assert made_from(recurring)[0].lines.get().description == "15. Dez. 2025 \u2013 14. Jan. 2026"


@pytest.mark.parametrize("text", ["Rent {mnth}", "Rent {", "Rent }", "{}", "{{month}}"])
def test_a_placeholder_that_is_none_is_refused_when_typed(company: Company, text: str) -> None:
    with pytest.raises(PlaceholderUnknown, match="is not filled in by anything; known are") as refusal:
        make_recurring(company, make_item(), make_item(description=text))
    assert refusal.value.field == "items.1.description"


@pytest.mark.parametrize(
    ("details", "error", "field"),
    [
        ({"name": " "}, RecurringInvalid, "name"),
        ({"interval": "fortnight"}, RecurringInvalid, "interval"),
        ({"interval_count": 0}, RecurringInvalid, "interval_count"),
        ({"interval_count": 1001}, RecurringInvalid, "interval_count"),
        ({"payment_days": -1}, RecurringInvalid, "payment_days"),
        ({"on_run": "pay"}, RecurringInvalid, "on_run"),
        ({"end_date": date(2026, 1, 30)}, RecurringInvalid, "end_date"),
        ({"start_date": date(1899, 12, 31)}, DateInvalid, "start_date"),
        ({"end_date": date(3000, 1, 1)}, DateInvalid, "end_date"),
        ({"paused": True}, RecurringInvalid, "paused"),
    ],
)
def test_what_cannot_be_is_refused_and_named(
    company: Company, details: dict[str, Any], error: type[DomainError], field: str
) -> None:
    with pytest.raises(error) as refusal:
        make_recurring(company, **details)
    assert refusal.value.field == field
    assert not RecurringInvoice.objects.exists()


def test_lines_are_checked_as_those_of_drafts(company: Company) -> None:
    with pytest.raises(ItemInvalid, match="Add at least one line"):
        create_recurring(actor=SYSTEM, company=company, customer_id=make_customer(company).pk, name="Rent", items=[])
    with pytest.raises(ItemInvalid, match="above zero"):
        make_recurring(company, make_item(quantity="0"))
    with pytest.raises(CustomerUnknown):
        make_recurring(company, customer=make_customer(make_company()))


def test_editing_keeps_lines_that_are_named_and_raises_one_version(company: Company) -> None:
    recurring = make_recurring(company, make_item("100"), make_item("50", description="Water"))
    first, second = recurring.lines.all()

    update_recurring(
        actor=SYSTEM,
        recurring_id=recurring.pk,
        version=1,
        items=[make_item("60", description="Water", id=second.pk), make_item("10", description="Light")],
        discount_percent=Decimal(5),
    )

    rows = list(recurring.lines.values_list("pk", "description", "unit_price", "version"))
    assert rows[0] == (second.pk, "Water", 60, 2)
    assert rows[1][1:] == ("Light", 10, 1)
    assert first.pk not in [row[0] for row in rows]
    assert stored(recurring).version == 2
    with pytest.raises(StaleVersion):
        update_recurring(actor=SYSTEM, recurring_id=recurring.pk, version=1, name="Lease")
    with pytest.raises(ItemInvalid, match="no such line"):
        update_recurring(actor=SYSTEM, recurring_id=recurring.pk, items=[make_item(id=first.pk)])
    # a discount of one kind takes the place of the other
    changed = update_recurring(actor=SYSTEM, recurring_id=recurring.pk, discount_amount=Decimal(3))
    assert (changed.discount_percent, changed.discount_amount) == (0, 3)
    assert list(faults()) == []


def test_new_days_begin_after_what_was_done(company: Company, today: Any) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)

    moved = update_recurring(actor=SYSTEM, recurring_id=recurring.pk, start_date=date(2026, 1, 15))
    assert moved.next_date == date(2026, 2, 15)
    yearly = update_recurring(actor=SYSTEM, recurring_id=recurring.pk, interval="year")
    assert yearly.next_date == date(2027, 1, 15)


def test_running_by_hand_makes_all_that_is_due_or_nothing(company: Company, today: Any) -> None:
    recurring = make_recurring(company, on_run="issue")
    today.move_to(datetime(2026, 3, 31, 12, tzinfo=UTC))
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 2, 28), reason="VAT is filed")

    with pytest.raises(DomainError, match="The books are closed"):
        run_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    assert (made_from(recurring), stored(recurring).version) == ([], 1)

    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=None, reason="Opened again")
    with pytest.raises(StaleVersion):
        run_recurring(actor=SYSTEM, recurring_id=recurring.pk, version=2)
    invoices = run_recurring(actor=SYSTEM, recurring_id=recurring.pk, version=1)
    assert [row.number for row in invoices] == ["INV-2026-000001", "INV-2026-000002", "INV-2026-000003"]
    assert run_recurring(actor=SYSTEM, recurring_id=recurring.pk) == []


def test_pause_resume_end_and_delete_know_when_they_are_possible(company: Company) -> None:
    recurring = make_recurring(company)
    with pytest.raises(WrongStatus, match="not paused"):
        resume_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    for verb in (pause_recurring, run_recurring):
        with pytest.raises(WrongStatus, match="is paused"):
            verb(actor=SYSTEM, recurring_id=recurring.pk)
    ended = end_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    # its date is due, and is not made any more
    assert (ended.status, ended.end_date) == (RecurringStatus.ENDED, date(2026, 1, 30))
    with pytest.raises(WrongStatus, match="has ended"):
        end_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    delete_recurring(actor=SYSTEM, recurring_id=recurring.pk, version=3)
    assert not RecurringInvoice.objects.exists()
    assert list(faults()) == []


def test_what_invoices_were_made_from_stays(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)

    with pytest.raises(RecurringInUse):
        delete_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    assert end_recurring(actor=SYSTEM, recurring_id=recurring.pk).end_date == TODAY


def test_the_timeline_tells_what_happened(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)

    entries = [(row.entity_type, row.command) for row in recurring_timeline(recurring)]

    assert entries == [
        ("RecurringInvoice", "recurring_invoice.paused"),
        ("RecurringInvoice", "invoice.created"),
        ("RecurringInvoice", "recurring_invoice.created"),
        ("RecurringInvoiceLine", "recurring_invoice.created"),
    ]


def test_a_draft_that_was_made_is_edited_and_issued_as_any_other(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)

    issued = issue_invoice(actor=SYSTEM, invoice_id=made_from(recurring)[0].pk)

    assert (issued.recurring_invoice_id, issued.recurring_period) == (recurring.pk, START)
    assert list(faults()) == []


def test_the_database_lets_nothing_that_was_done_be_done_again(company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    row = stored(recurring)

    for done_through in (date(2026, 1, 30), date(1999, 1, 1)):
        with (
            pytest.raises(IntegrityError, match="a period that was done is not done again"),
            transaction.atomic(),
            recording(actor=SYSTEM, action="test") as change,
        ):
            write_version(row, change=change, done_through=done_through)


def test_an_issued_invoice_keeps_the_period_it_was_made_for(company: Company) -> None:
    recurring = make_recurring(company, on_run="issue")
    run_company(company_id=company.pk, day=TODAY)
    [invoice] = made_from(recurring)

    for values in ({"recurring_period": TODAY}, {"recurring_invoice": None, "recurring_period": None}):
        with (
            pytest.raises(IntegrityError, match="an issued document does not change"),
            transaction.atomic(),
            recording(actor=SYSTEM, action="test") as change,
        ):
            write_version(invoice, change=change, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"next_date": date(2026, 3, 31)}, "comes next on 2026-03-31; by its days it is 2026-02-28"),
        ({"next_date": None}, "comes next on None; by its days it is 2026-02-28"),
        (
            {"done_through": date(2026, 1, 30), "next_date": START},
            "has an invoice of 2026-01-31, and is done through 2026-01-30",
        ),
        ({"done_through": None, "next_date": START}, "has an invoice of 2026-01-31, and is done through nothing"),
    ],
)
def test_verify_books_finds_dates_that_were_moved_by_hand(
    company: Company, values: dict[str, Any], message: str
) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    assert list(faults()) == []

    with without_triggers():
        RecurringInvoice.objects.update(**values)

    assert f"RecurringInvoice {recurring.pk} Rent: {message}" in [str(fault) for fault in faults()]


def test_verify_books_finds_a_period_with_two_invoices(company: Company) -> None:
    recurring = make_recurring(company, interval="day")
    run_company(company_id=company.pk, day=TODAY)
    assert len(made_from(recurring)) == 2

    with without_triggers():
        execute("DROP INDEX invoice_recurring_period_unique")
        Invoice.objects.update(recurring_period=START)

    assert f"RecurringInvoice {recurring.pk}: has 2 invoices of 2026-01-31" in [str(fault) for fault in faults()]


def test_an_invoice_has_a_recurring_one_and_a_period_or_neither(company: Company) -> None:
    make_recurring(company)
    run_company(company_id=company.pk, day=TODAY)
    draft = Invoice.objects.get()

    with pytest.raises(ConstraintBroken) as refusal, recording(actor=SYSTEM, action="test") as change:
        write_version(draft, change=change, recurring_period=None)
    assert refusal.value.constraint_code == "period_missing"
