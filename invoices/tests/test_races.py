"""The promise: numbers without a gap (M10) and issued documents that stay as they are (M8), whoever works at once."""

import random
from collections.abc import Callable
from datetime import date
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.guards import Dialect
from audit.services import recording
from audit.tests.races import PATIENCE_SECONDS, outcomes, race, race_rounds
from audit.triggers import install_triggers, postgresql
from invoices import services
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.services import SeriesInUse, issue_invoice, set_next_number
from invoices.tests.factories import make_draft
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

THREADS = 8
DRAFTS_EACH = 5
ROUNDS = 12


YEARS = (2025, 2026)
FIRST_NUMBERS = {2025: 700, 2026: 1}


@pytest.fixture
def company() -> Company:
    """A company whose numbers of 2025 go on where another program ended."""
    company = make_company()
    set_next_number(actor=SYSTEM, company=company, year=2025, next_value=FIRST_NUMBERS[2025])
    return company


@pytest.fixture
def drafts(company: Company) -> list[Invoice]:
    """Forty drafts of one company, of two years in turn."""
    customer = make_customer(company)
    days = [date(YEARS[number % 2], 5, 5) for number in range(THREADS * DRAFTS_EACH)]
    return [make_draft(company, customer=customer, issue_date=day) for day in days]


def found() -> list[str]:
    return [fault.message for fault in faults()]


def issue_some(ids: list[int], seed: int) -> None:
    """Issue all; one in ten goes wrong after its number was given, and is tried again."""
    chance = random.Random(seed)  # noqa: S311  not a secret
    for pk in ids:
        while True:
            with transaction.atomic():
                issue_invoice(actor=SYSTEM, invoice_id=pk)
                goes_wrong = chance.random() < 0.1
                transaction.set_rollback(goes_wrong)
            if not goes_wrong:
                break


def issue_all(drafts: list[Invoice]) -> list[Any]:
    shares = [[draft.pk for draft in drafts[start::THREADS]] for start in range(THREADS)]
    return race([partial(issue_some, share, seed) for seed, share in enumerate(shares)])


def given_numbers(year: int) -> list[int]:
    """How far each number of the year is from the first of its series, in order."""
    numbers = Invoice.objects.filter(number__startswith=f"INV-{year}-").values_list("number", flat=True)
    return sorted(int(number[-6:]) - FIRST_NUMBERS[year] for number in numbers)


def test_eight_who_issue_at_once_leave_no_gap_though_one_in_ten_is_rolled_back(drafts: list[Invoice]) -> None:
    assert outcomes(issue_all(drafts)) == {"done": 8}
    assert {year: given_numbers(year) for year in YEARS} == {year: list(range(20)) for year in YEARS}
    assert set(NumberSeries.objects.values_list("year", "next_value")) == {(2025, 720), (2026, 21)}
    assert found() == []


def test_the_first_number_of_a_series_is_given_once(drafts: list[Invoice]) -> None:
    # when: eight at once, while the series' row of their year does not exist yet
    deeds = [partial(issue_invoice, actor=SYSTEM, invoice_id=draft.pk) for draft in drafts[1::2][:THREADS]]
    assert outcomes(race(deeds)) == {"done": 8}
    assert given_numbers(2026) == list(range(8))


def test_a_series_is_set_before_its_first_number_or_not_at_all(company: Company) -> None:
    # given: in each round a year without numbers, in which one sets the series while another issues
    years = range(1990, 1990 + ROUNDS)
    customer = make_customer(company)
    drafts = [make_draft(company, customer=customer, issue_date=date(year, 5, 5)) for year in years]
    rounds = race_rounds(
        [
            lambda round_: set_next_number(actor=SYSTEM, company=company, year=years[round_], next_value=500),
            lambda round_: issue_invoice(actor=SYSTEM, invoice_id=drafts[round_].pk).number[-6:],
        ],
        rounds=ROUNDS,
    )
    # then
    for set_first, number in rounds:
        assert number == ("000001" if isinstance(set_first, SeriesInUse) else "000500")
    assert found() == []


def test_one_draft_is_issued_once(drafts: list[Invoice]) -> None:
    deeds = [partial(issue_invoice, actor=SYSTEM, invoice_id=drafts[0].pk)] * THREADS
    assert outcomes(race(deeds)) == {"done": 1, "WrongStatus": 7}
    assert given_numbers(2025) == [0]
    assert found() == []


def test_control_a_number_read_before_it_is_taken_is_given_twice(
    drafts: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the counter is read and written in two steps, without its lock
    issue_invoice(actor=SYSTEM, invoice_id=drafts[0].pk)

    def unlocked(company_id: int, year: int) -> str:
        series = NumberSeries.objects.filter(company_id=company_id, year=year)
        value = series.get().next_value
        connection.cursor().execute("SELECT pg_sleep(0.05)")
        series.update(next_value=value + 1)
        return f"INV-{year}-{value:06d}"

    monkeypatch.setattr(services, "_next_number", unlocked)
    deeds = [partial(issue_invoice, actor=SYSTEM, invoice_id=draft.pk) for draft in drafts[1:9]]
    # then: only the constraint stands between two documents and one number
    assert outcomes(race(deeds)).get("ConstraintBroken", 0) > 0


def test_control_a_number_taken_outside_the_transaction_leaves_gaps(
    drafts: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: numbers from a sequence, as databases offer them: a rollback does not give them back
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE invoice_numbers")

    def from_sequence(company_id: int, year: int) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('invoice_numbers')")
            return f"INV-{year}-{cursor.fetchone()[0]:06d}"

    monkeypatch.setattr(services, "_next_number", from_sequence)
    try:
        assert outcomes(issue_all(drafts)) == {"done": 8}
    finally:
        connection.cursor().execute("DROP SEQUENCE invoice_numbers")
    assert Invoice.objects.filter(number=None).count() == 0
    assert given_numbers(2026) != list(range(20))
    assert any("is in the place of number" in message for message in found())


# A line that comes while the document is being issued


def slip_in_a_line(invoice: Invoice, done: list[Any]) -> None:
    """Somebody adds a line without locking the document, as raw SQL would."""
    try:
        with recording(actor=SYSTEM, action="test") as change:
            line = InvoiceLine.objects.get(invoice=invoice)
            line.pk, line.position, line.version, line.change = None, 2, 1, change
            line.save(force_insert=True)
        done.append("slipped in")
    except IntegrityError as error:
        done.append(str(error))
    finally:
        connection.close()


def while_it_is_being_issued(invoice: Invoice, rival: Callable[[], Any]) -> None:
    """The rival starts after the UPDATE that issues and before its commit."""
    with transaction.atomic():
        issue_invoice(actor=SYSTEM, invoice_id=invoice.pk)
        thread = Thread(target=rival)
        thread.start()
        thread.join(timeout=0.5)
    thread.join(timeout=PATIENCE_SECONDS)


def test_no_line_slips_into_a_document_while_it_is_being_issued(drafts: list[Invoice]) -> None:
    done: list[Any] = []
    while_it_is_being_issued(drafts[0], partial(slip_in_a_line, drafts[0], done))
    assert len(done) == 1
    assert "the lines of an issued document do not change" in done[0]
    assert InvoiceLine.objects.filter(invoice=drafts[0]).count() == 1
    assert found() == []


def test_who_issues_waits_for_a_line_that_is_being_written(drafts: list[Invoice]) -> None:
    invoice, written, issued = drafts[0], Event(), []

    def issue() -> None:
        written.wait(PATIENCE_SECONDS)
        issue_invoice(actor=SYSTEM, invoice_id=invoice.pk)
        issued.append(True)
        connection.close()

    thread = Thread(target=issue)
    thread.start()
    with recording(actor=SYSTEM, action="test") as change:
        line = InvoiceLine.objects.get(invoice=invoice)
        InvoiceLine.objects.filter(pk=line.pk).update(description="Corrected", version=2, change=change)
        written.set()
        thread.join(timeout=0.3)
        assert issued == []
    thread.join(timeout=PATIENCE_SECONDS)
    assert issued == [True]


def test_control_where_the_guard_does_not_lock_the_document_the_line_slips_in(
    drafts: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a guard that only looks whether the document is issued
    done: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(postgresql, "POSTGRESQL", Dialect(distinct="IS DISTINCT FROM", row_lock=""))
        install_triggers(connection)
    try:
        while_it_is_being_issued(drafts[0], partial(slip_in_a_line, drafts[0], done))
    finally:
        install_triggers(connection)
    # then: an issued document has got a line that nobody summed
    assert done == ["slipped in"]
    assert InvoiceLine.objects.filter(invoice=drafts[0]).count() == 2
    assert "the sum of line totals: 200.0000; stored is 100.0000" in found()
