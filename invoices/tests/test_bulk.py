"""The promise: many invoices at once end exactly as one by one: documents, lines, numbers, history and refusals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from inspect import signature
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from core.errors import DomainError
from invoices import bulk
from invoices.bulk import MAXIMUM_ROWS, DraftToIssue, NewInvoice, TooManyRows, create_invoices, issue_invoices
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.services import Item, create_draft, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company, Customer
from parties.services import move_period_lock, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

NEVER = 2**63
DAY = date(2026, 3, 2)


def new(customer: Customer, *items: Item, **details: Any) -> NewInvoice:
    """A row: a draft of the given lines (one of 100.00, where none is given) on the second of March."""
    return NewInvoice(
        company=customer.company,
        customer_id=customer.pk,
        items=items or (make_item(),),
        **{"issue_date": DAY, "due_date": date(2026, 4, 1), **details},
    )


def codes(outcomes: Sequence[Any]) -> list[str]:
    """What became of each row: the code of its refusal, its number, or its status."""
    return [
        getattr(outcome, "constraint_code", outcome.code)
        if isinstance(outcome, DomainError)
        else outcome.number or outcome.status
        for outcome in outcomes
    ]


@pytest.fixture
def customer() -> Customer:
    """A customer of a company with VAT at 15 %."""
    return make_customer(make_company())


# One by one and all at once


NAMES = ("unchanged", "archived", "foreign", "never")
AMOUNTS = st.decimals(min_value=Decimal("-1"), max_value=Decimal("99999"), places=2)
ITEMS = st.builds(
    Item,
    description=st.sampled_from(["Work", "Bücher", " ", "x" * 1001, "tab\tand\nline"]),
    quantity=st.decimals(min_value=Decimal("-0.5"), max_value=Decimal(1000), places=3),
    unit_price=AMOUNTS | st.just(Decimal(999_999_999)),
    vat_rate=st.none() | st.sampled_from([Decimal(0), Decimal("0.15"), Decimal("0.0725"), Decimal(2)]),
    vat_category=st.none() | st.sampled_from(["S", "Z", "E", "??"]),
    id=st.none() | st.just(1),
    discount_percent=st.sampled_from([Decimal(0), Decimal(0), Decimal("12.5"), Decimal(101)]),
    discount_amount=st.sampled_from([Decimal(0), Decimal(0), Decimal("0.05")]),
)
LIKELY_ITEMS = st.builds(
    Item,
    description=st.sampled_from(["Work", "Bücher"]),
    quantity=st.decimals(min_value=Decimal("0.001"), max_value=Decimal(1000), places=3),
    unit_price=st.decimals(min_value=Decimal(0), max_value=Decimal(99999), places=4),
    vat_rate=st.none() | st.sampled_from([Decimal(0), Decimal("0.15"), Decimal("0.0725")]),
    discount_percent=st.sampled_from([Decimal(0), Decimal("12.5")]),
)
ROWS = st.fixed_dictionaries(
    {
        "customer": st.sampled_from(("unchanged", "unchanged", "unchanged", *NAMES)),
        "items": st.lists(LIKELY_ITEMS, max_size=4) | st.lists(ITEMS, max_size=2),
        "issue": st.booleans(),
    },
    optional={
        "issue_date": st.sampled_from([date(2025, 6, 1), DAY, date(2024, 1, 1), date(1066, 10, 14)]),
        "due_date": st.sampled_from([date(2026, 4, 1), date(2025, 1, 1), date(9999, 1, 1)]),
        "currency": st.sampled_from(["ZAR", "JPY", "KWD", "XXX"]),
        "prices_include_vat": st.booleans(),
        "discount_percent": st.sampled_from([Decimal(5), Decimal("33.3333"), Decimal(-1)]),
        "discount_amount": st.sampled_from([Decimal("0.01"), Decimal(10), Decimal("0.001")]),
        "external_id": st.sampled_from(["", "A", " A ", "B", "\x00"]),
        "metadata": st.sampled_from([{"order": "7"}, {"order": 7}, {"": "x"}]),
    },
)


def world(name: str) -> tuple[Company, dict[str, int]]:
    """A company whose books are closed to the end of 2024, and its customers; both worlds are alike."""
    company = make_company(name=name, vat_number="4123456789")
    customers = {
        "unchanged": make_customer(company, name="Müller & Söhne", email="m@example.test").pk,
        "archived": make_customer(company, name="Gone", archived=True).pk,
        "foreign": make_customer(make_company()).pk,
        "never": NEVER,
    }
    make_draft(company, customer=Customer.objects.get(pk=customers["unchanged"]), external_id="B")
    return close(company, date(2024, 12, 31)), customers


def close(company: Company, through: date) -> Company:
    return move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=through, reason="Year end")


def one_by_one(company: Company, customers: dict[str, int], rows: list[dict[str, Any]]) -> list[Any]:
    outcomes: list[Any] = []
    for row in rows:
        details = {name: value for name, value in row.items() if name not in ("customer", "issue")}
        try:
            with transaction.atomic():
                made = create_draft(actor=SYSTEM, company=company, customer_id=customers[row["customer"]], **details)
                outcomes.append(issue_invoice(actor=SYSTEM, invoice_id=made.pk) if row["issue"] else made)
        except DomainError as refusal:
            outcomes.append(refusal)
    return outcomes


def all_at_once(company: Company, customers: dict[str, int], rows: list[dict[str, Any]]) -> list[Any]:
    asked = []
    for row in rows:
        details = {name: value for name, value in row.items() if name != "customer"}
        asked.append(NewInvoice(company=company, customer_id=customers[row["customer"]], **details))
    return create_invoices(actor=SYSTEM, rows=asked)


OWN = {"id", "company", "company_id", "customer", "customer_id", "change", "change_id", "invoice", "invoice_id", "seal"}
MOMENTS = {"created_at", "issued_at", "history_id", "history_date"}


def columns(row: Any) -> dict[str, Any]:
    """What must agree: not whose it is, and not when to the millisecond."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    moments = {name: values[name] is not None for name in MOMENTS & set(values)}
    return {name: value for name, value in values.items() if name not in OWN | MOMENTS} | moments


def told(outcome: Any) -> Any:
    """An outcome as it must be the same: the refusal in every word, or all that the database has of the document."""
    if isinstance(outcome, DomainError):
        return type(outcome), getattr(outcome, "constraint_code", outcome.code), outcome.detail, outcome.field
    stored = Invoice.objects.get(pk=outcome.pk)
    assert columns(outcome) | {"outstanding": 0} == columns(stored) | {"outstanding": 0}
    lines = list(InvoiceLine.objects.filter(invoice=stored))
    past = [*Invoice.history.filter(id=stored.pk), *InvoiceLine.history.filter(invoice_id=stored.pk)]
    assert stored.change_id == Invoice.history.get(id=stored.pk, version=stored.version).change_id
    entries = [
        (entry.action, entry.actor, entry.company_id == stored.company_id, entry.reason)
        for entry in Change.objects.filter(pk__in={row.change_id for row in past}).order_by("pk")
    ]
    seller = {**(stored.seller or {}), "name": ""}
    return (
        columns(stored) | {"seller": seller},
        [columns(line) for line in lines],
        sorted(str(columns(row) | {"seller": seller}) for row in past),
        entries,
    )


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=8))
def test_many_at_once_end_as_one_by_one(rows: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        single = [told(outcome) for outcome in one_by_one(*world("One by one"), rows)]
        together = [told(outcome) for outcome in all_at_once(*world("All at once"), rows)]
        assert together == single
        assert [fault.message for fault in faults()] == []
        transaction.set_rollback(True)


ISSUES = st.lists(
    st.tuples(st.integers(0, 6), st.none() | st.integers(1, 3)),
    min_size=1,
    max_size=10,
)


def drafts_of_all_kinds(name: str) -> list[int]:
    """An ordinary draft, an edited one, one without lines, one of an archived customer, one too early, one issued."""
    company = make_company(name=name)
    acme, gone = make_customer(company, name="Acme"), make_customer(company, name="Gone")
    edited = make_draft(company, customer=acme, issue_date=DAY)
    update_draft(actor=SYSTEM, invoice_id=edited.pk, items=[make_item("7"), make_item("8")])
    drafts = [
        make_draft(company, customer=acme, issue_date=DAY),
        edited,
        create_draft(actor=SYSTEM, company=company, customer_id=acme.pk, issue_date=DAY),
        make_draft(company, customer=gone, issue_date=DAY),
        make_draft(company, customer=acme, issue_date=date(2024, 5, 5)),
        make_issued(company, customer=acme, issue_date=DAY),
    ]
    update_customer(actor=SYSTEM, customer_id=gone.pk, archived=True)
    close(company, date(2024, 12, 31))
    return [*(draft.pk for draft in drafts), NEVER]


@settings(max_examples=25, deadline=None)
@given(rows=ISSUES)
def test_many_are_issued_at_once_as_one_by_one(rows: list[tuple[int, int | None]]) -> None:
    with transaction.atomic():
        single, ids = [], drafts_of_all_kinds("One by one")
        for place, version in rows:
            try:
                single.append(issue_invoice(actor=SYSTEM, invoice_id=ids[place], version=version))
            except DomainError as refusal:
                single.append(refusal)
        own = drafts_of_all_kinds("All at once")
        asked = [DraftToIssue(invoice_id=own[place], version=version) for place, version in rows]
        together = issue_invoices(actor=SYSTEM, rows=asked)
        assert [told(outcome) for outcome in together] == [told(outcome) for outcome in single]
        assert [fault.message for fault in faults()] == []
        transaction.set_rollback(True)


# What is to be said of single cases


def test_each_document_is_an_entry_and_a_number_follows_the_order_of_the_rows(customer: Customer) -> None:
    rows = [new(customer, issue=issue) for issue in (True, False, True, True)]
    before = Change.objects.count()

    outcomes = create_invoices(actor=SYSTEM, rows=rows)

    assert codes(outcomes) == ["INV-2026-000001", "Draft", "INV-2026-000002", "INV-2026-000003"]
    actions = Change.objects.order_by("pk").values_list("action", flat=True)[before:]
    assert list(actions) == ["invoice.created"] * 4 + ["invoice.issued"] * 3
    assert list(faults()) == []


def test_a_row_that_cannot_be_issued_is_not_made_either(customer: Customer) -> None:
    close(customer.company, DAY)
    rows = [new(customer, issue=True), new(customer), new(customer, issue=True, issue_date=date(2026, 3, 3))]

    outcomes = create_invoices(actor=SYSTEM, rows=rows)

    assert codes(outcomes) == ["period_locked", "Draft", "INV-2026-000001"]
    assert Invoice.objects.count() == 2


def test_rows_of_several_companies_and_years_each_take_the_number_of_their_series() -> None:
    one, two = make_customer(make_company()), make_customer(make_company())
    old = {"issue_date": date(2025, 5, 5), "due_date": date(2025, 6, 5)}
    rows = [new(two, issue=True), new(one, issue=True), new(two, issue=True, **old), new(two, issue=True)]

    outcomes = create_invoices(actor=SYSTEM, rows=rows)

    assert codes(outcomes) == ["INV-2026-000001", "INV-2026-000001", "INV-2025-000001", "INV-2026-000002"]
    assert NumberSeries.objects.count() == 3
    assert list(faults()) == []


def test_a_customer_of_another_company_is_that_row_s_error(customer: Customer) -> None:
    foreign = make_customer(make_company())
    rows = [new(customer), replace(new(customer), customer_id=foreign.pk), new(customer)]

    assert codes(create_invoices(actor=SYSTEM, rows=rows)) == ["Draft", "customer_unknown", "Draft"]


def test_an_external_id_is_taken_once(customer: Customer) -> None:
    make_draft(customer.company, external_id="known")
    rows = [new(customer, external_id=text) for text in ("known", "new", " new ", "known")]

    taken = "external_id_taken"
    assert codes(create_invoices(actor=SYSTEM, rows=rows)) == [taken, "Draft", taken, taken]


def test_an_external_id_that_no_text_can_have_is_the_error_of_its_row(customer: Customer) -> None:
    rows = [new(customer, external_id=text) for text in ("\x00", "A")]

    assert codes(create_invoices(actor=SYSTEM, rows=rows)) == ["text_invalid", "Draft"]


@pytest.mark.parametrize("place", [0, 3, 6])
def test_what_only_the_database_refuses_is_the_error_of_its_row_and_the_others_are_written(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    # given: an external id that somebody takes after we looked
    make_draft(customer.company, external_id="rival")
    monkeypatch.setattr(bulk, "_taken_external_ids", lambda rows: set())
    rows = [new(customer, issue=True, external_id="rival" if index == place else None) for index in range(7)]

    outcomes = create_invoices(actor=SYSTEM, rows=rows)

    numbers = [f"INV-2026-{number:06d}" for number in range(1, 7)]
    assert codes(outcomes) == [*numbers[:place], "external_id_taken", *numbers[place:]]
    assert Invoice.objects.count() == 7
    assert Change.objects.filter(action="invoice.issued").count() == 6
    assert list(faults()) == []


def test_a_draft_that_was_changed_meanwhile_is_a_409_and_the_others_are_issued(customer: Customer) -> None:
    drafts = [make_draft(customer.company, issue_date=DAY) for _ in range(3)]
    update_draft(actor=SYSTEM, invoice_id=drafts[1].pk, items=[make_item("5")])

    outcomes = issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=draft.pk, version=1) for draft in drafts])

    assert codes(outcomes) == ["INV-2026-000001", "stale_version", "INV-2026-000002"]
    assert [outcome.status for outcome in outcomes] == ["Issued", 409, "Issued"]
    assert list(faults()) == []


def test_a_draft_that_is_named_twice_is_issued_once(customer: Customer) -> None:
    draft = make_draft(customer.company, issue_date=DAY)
    asked = [DraftToIssue(invoice_id=draft.pk, version=version) for version in (7, None, None, 1, 2)]

    outcomes = issue_invoices(actor=SYSTEM, rows=asked)

    assert codes(outcomes) == ["stale_version", "INV-2026-000001", "wrong_status", "stale_version", "wrong_status"]
    assert NumberSeries.objects.get().next_value == 2


def test_nothing_is_done_where_there_is_nothing_to_do() -> None:
    assert create_invoices(actor=SYSTEM, rows=[]) == issue_invoices(actor=SYSTEM, rows=[]) == []
    assert not Change.objects.exists()


def test_more_rows_than_are_written_at_once_are_refused(customer: Customer) -> None:
    with pytest.raises(TooManyRows):
        create_invoices(actor=SYSTEM, rows=[new(customer)] * (MAXIMUM_ROWS + 1))
    with pytest.raises(TooManyRows):
        issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=1)] * (MAXIMUM_ROWS + 1))
    assert not Invoice.objects.exists()


def test_as_many_rows_as_possible_are_written(customer: Customer) -> None:
    outcomes = create_invoices(actor=SYSTEM, rows=[new(customer, issue=True)] * MAXIMUM_ROWS)

    assert codes(outcomes) == [f"INV-2026-{number:06d}" for number in range(1, MAXIMUM_ROWS + 1)]
    assert list(faults()) == []


def test_what_a_single_draft_is_told_a_row_is_told() -> None:
    told_one = set(signature(create_draft).parameters) - {"actor"}
    of_issue = {"issue", "number", "occurrence", "exchange_rate"}
    assert set(vars(NewInvoice(company=None, customer_id=1))) == told_one | of_issue  # type: ignore[arg-type]
