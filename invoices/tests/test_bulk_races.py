"""The promise: bulks and single commands at the same moment leave numbers without a gap and lose nobody's change."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import race
from core.errors import StaleVersion
from invoices import bulk
from invoices.bulk import DraftToIssue, NewInvoice, create_invoices, issue_invoices
from invoices.models import Invoice, NumberSeries
from invoices.services import issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

DAYS = (date(2026, 3, 2), date(2025, 3, 2))
COUNT = 40


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def drafts(company: Company) -> list[int]:
    """Forty drafts, of two years in turn."""
    customer = make_customer(company)
    return [make_draft(company, customer=customer, issue_date=DAYS[n % 2]).pk for n in range(COUNT)]


def issue_all(ids: list[int], version: int | None = None) -> list[Any]:
    return issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=pk, version=version) for pk in ids])


def issue_singly(ids: list[int]) -> None:
    for pk in ids:
        issue_invoice(actor=SYSTEM, invoice_id=pk)


def make_many(company: Company, customer_id: int, years: tuple[date, ...], external_id: str = "") -> list[Any]:
    row = partial(NewInvoice, company=company, customer_id=customer_id, items=[make_item()], issue=True)
    rows = [
        row(issue_date=day, external_id=f"{external_id}{n}" if external_id else None) for n, day in enumerate(years)
    ]
    return create_invoices(actor=SYSTEM, rows=rows)


def numbers(year: int) -> list[int]:
    issued = Invoice.objects.filter(number__startswith=f"INV-{year}-")
    return sorted(int(number[-6:]) for number in issued.values_list("number", flat=True))


def test_bulks_and_single_issues_at_once_leave_no_gap(company: Company, drafts: list[int]) -> None:
    customer = make_customer(company)
    deeds = [
        partial(issue_all, drafts[:15]),
        partial(issue_all, drafts[15:30][::-1]),
        partial(issue_singly, drafts[30:]),
        partial(make_many, company, customer.pk, DAYS * 10),
        partial(make_many, company, customer.pk, DAYS[::-1] * 10),
    ]

    results = race(deeds)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert numbers(2026) == numbers(2025) == list(range(1, 41))
    assert list(faults()) == []


def test_two_bulks_of_the_same_drafts_issue_each_of_them_once(drafts: list[int]) -> None:
    first, second = race([partial(issue_all, drafts), partial(issue_all, drafts[::-1])])

    for mine, theirs in zip(first, second[::-1], strict=True):
        assert isinstance(mine, Invoice) != isinstance(theirs, Invoice)
    assert numbers(2026) == numbers(2025) == list(range(1, 21))
    assert list(faults()) == []


def test_a_draft_that_is_edited_meanwhile_is_issued_as_it_is_or_is_a_409(drafts: list[int]) -> None:
    def edit() -> None:
        for pk in drafts[:10]:
            update_draft(actor=SYSTEM, invoice_id=pk, items=[make_item("7")])

    outcomes, edited = race([partial(issue_all, drafts, 1), edit])

    stale = [pk for pk, outcome in zip(drafts, outcomes, strict=True) if isinstance(outcome, StaleVersion)]
    issued = Invoice.objects.exclude(number=None)
    assert set(issued.values_list("pk", flat=True)) == set(drafts) - set(stale)
    assert set(issued.values_list("version", flat=True)) == {2}
    assert edited is None or type(edited).__name__ == "WrongStatus"
    assert list(faults()) == []


def test_two_bulks_with_the_same_external_ids_make_each_of_them_once(company: Company) -> None:
    customer = make_customer(company)
    deed = partial(make_many, company, customer.pk, DAYS[:1] * 20, "ORDER-")

    results = race([deed, deed])

    made = [outcome for result in results for outcome in result if isinstance(outcome, Invoice)]
    assert len(made) == Invoice.objects.count() == 20
    assert numbers(2026) == list(range(1, 21))
    assert list(faults()) == []


def test_control_a_block_that_is_read_before_it_is_taken_is_given_twice(
    drafts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the counter is read and written in two steps, without its lock
    issue_invoice(actor=SYSTEM, invoice_id=drafts[0])

    def unlocked(company_id: int, year: int, count: int) -> list[str]:
        series = NumberSeries.objects.filter(company_id=company_id, year=year)
        value = series.get().next_value
        connection.cursor().execute("SELECT pg_sleep(0.3)")
        series.update(next_value=value + count)
        return [f"INV-{year}-{number:06d}" for number in range(value, value + count)]

    monkeypatch.setattr(bulk, "next_numbers", unlocked)
    results = race([partial(issue_all, [pk]) for pk in drafts[2:10:2]])

    # then: only the constraint stands between two documents and one number
    codes = [getattr(result[0], "constraint_code", "issued") for result in results]
    assert "number_taken" in codes
