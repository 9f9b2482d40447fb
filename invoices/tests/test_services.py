"""Discounts on documents, the number series, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.services import SeriesInUse, set_next_number
from invoices.tests.factories import make_issued
from parties.services import PartyInvalid, move_period_lock
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def client(company):
    return api_client(make_user("Finance", company))


def create(client, company, **fields):
    return client.post("/api/invoices", {"customerId": make_customer(company).pk, **fields})


ITEM = {"description": "x", "qty": 1, "unitPrice": 100}


def test_discounts_of_lines_and_document_are_worked_out_and_shown(client, company):
    items = [ITEM | {"discountPercent": 10}, ITEM | {"discountAmount": "20", "vatRate": 0}]

    body = create(client, company, items=items, discountPercent="10").json()

    assert [body[name] for name in ("linesTotal", "discountTotal", "subtotal", "vatTotal", "total")] == [
        "170.00",
        "17.00",
        "153.00",
        "12.15",
        "165.15",
    ]
    assert [(row["taxableAmount"], row["vatAmount"]) for row in body["vatBreakdown"]] == [
        ("81.00", "12.15"),
        ("72.00", "0.00"),
    ]
    assert [(item["lineTotal"], item["discountPercent"], item["discountAmount"]) for item in body["items"]] == [
        ("90.00", "10", "0.00"),
        ("80.00", "0", "20.00"),
    ]


def test_each_rounding_is_explained(client, company):
    invoice = create(client, company, items=[ITEM | {"qty": "3", "unitPrice": "0.335"}]).json()

    body = client.get(f"/api/invoices/{invoice['id']}/explain").json()

    assert body["steps"] == [
        {"what": "line 1", "how": "3 x 0.335", "result": "1.01"},
        {"what": "VAT on S 15 %", "how": "1.01 x 0.15", "result": "0.15"},
    ]
    assert (body["total"], body["vatRounding"]) == ("1.16", "document")


def test_a_company_may_round_vat_on_each_line():
    company = make_company(vat_rounding="line")
    client = api_client(make_user("Finance", company))

    body = create(client, company, items=[ITEM | {"unitPrice": "0.10"}] * 3).json()

    assert (body["vatTotal"], body["vatRounding"]) == ("0.06", "line")


def test_prices_that_include_vat_show_gross_and_net(client, company):
    items = [ITEM | {"unitPrice": "115"}]

    body = create(client, company, items=items, pricesIncludeVat=True, discountAmount="11.50").json()

    assert [body[name] for name in ("linesTotal", "discountTotal", "subtotal", "vatTotal", "total")] == [
        "100.00",
        "10.00",
        "90.00",
        "13.50",
        "103.50",
    ]
    assert (body["items"][0]["lineGross"], body["items"][0]["lineTotal"]) == ("115.00", "100.00")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"discountPercent": 101}, "discountPercent", "discount_invalid"),
        ({"discountPercent": -1}, "discountPercent", "discount_invalid"),
        ({"discountAmount": "100.01"}, "discountAmount", "discount_invalid"),
        ({"discountAmount": -1}, "discountAmount", "discount_invalid"),
        ({"discountAmount": "0.001"}, "discountAmount", "amount_too_precise"),
        ({"discountAmount": 1, "discountPercent": 1}, "discountAmount", "discount_invalid"),
        ({"items": [ITEM | {"discountAmount": "100.01"}]}, "items.0.discountAmount", "discount_invalid"),
        ({"items": [ITEM | {"discountAmount": 1, "discountPercent": 1}]}, "items.0.discountAmount", "discount_invalid"),
        ({"items": [ITEM | {"vatCategory": "E", "vatRate": "0.15"}]}, "items.0.vatCategory", "item_invalid"),
        ({"items": [ITEM | {"vatCategory": "S", "vatRate": 0}]}, "items.0.vatCategory", "item_invalid"),
        ({"items": [ITEM | {"qty": 999_999_999, "unitPrice": 999_999_999}]}, "items", "amount_too_large"),
        ({"items": [ITEM] * 1001}, "items", "item_invalid"),
    ],
)
def test_impossible_discounts_and_lines_are_refused(client, company, fields, field, code):
    reply = create(client, company, **{"items": [ITEM]} | fields)

    assert reply.status_code == 400
    assert (reply.json()["errors"][0]["field"], reply.json()["errors"][0]["code"]) == (field, code)


@pytest.mark.parametrize("category", ["Z", "E", "AE", "K", "G", "O"])
def test_the_categories_without_vat_have_rate_zero(client, company, category):
    body = create(client, company, items=[ITEM | {"vatCategory": category}]).json()

    assert (body["total"], body["vatBreakdown"][0]["vatCategory"]) == ("100.00", category)


def test_a_company_without_a_vat_number_bills_outside_vat():
    company = make_company(vat_number="")
    client = api_client(make_user("Finance", company))

    body = create(client, company, items=[ITEM]).json()

    assert body["vatBreakdown"] == [
        {"vatCategory": "O", "vatRate": "0", "taxableAmount": "100.00", "vatAmount": "0.00"}
    ]


def test_an_edit_puts_one_kind_of_discount_in_the_place_of_the_other(client, company):
    invoice = create(client, company, items=[ITEM], discountPercent=10).json()
    url = f"/api/invoices/{invoice['id']}"

    untouched = client.patch(url, {"version": 1, "dueDate": "2999-01-01"}).json()
    replaced = client.patch(url, {"version": 2, "discountAmount": "1"}).json()
    removed = client.patch(url, {"version": 3, "discountAmount": 0}).json()

    assert [body["discountTotal"] for body in (untouched, replaced, removed)] == ["10.00", "1.00", "0.00"]


def test_a_change_of_currency_works_everything_out_again(client, company):
    invoice = create(client, company, items=[ITEM | {"unitPrice": "10.55"}]).json()

    body = client.patch(f"/api/invoices/{invoice['id']}", {"version": 1, "currency": "JPY"}).json()

    assert (body["total"], body["items"][0]["lineTotal"]) == ("13", "11")


def test_the_year_of_a_number_is_that_of_the_issue_date_and_each_year_starts_anew(company):
    numbers = [make_issued(company, issue_date=date(year, 5, 5)).number for year in (2025, 2026, 2025)]

    assert numbers == ["INV-2025-000001", "INV-2026-000001", "INV-2025-000002"]
    assert make_issued(make_company(), issue_date=date(2025, 5, 5)).number == "INV-2025-000001"


def test_a_series_may_start_where_the_last_program_ended_until_its_first_use(company):
    set_next_number(actor=SYSTEM, company=company, year=2026, next_value=1200)
    set_next_number(actor=SYSTEM, company=company, year=2026, next_value=1000)

    again = set_next_number(actor=SYSTEM, company=company, year=2026, next_value=1000)
    assert again.next_value == 1000

    first = make_issued(company, issue_date=date(2026, 5, 5))

    assert first.number == "INV-2026-001000"
    with pytest.raises(SeriesInUse):
        set_next_number(actor=SYSTEM, company=company, year=2026, next_value=5)
    assert Change.objects.filter(action="series.start_set").count() == 2


def test_moving_the_period_lock_needs_a_reason_and_is_recorded(company):
    with pytest.raises(PartyInvalid):
        move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 31), reason=" ")

    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 31), reason="Year end")

    entry = Change.objects.latest("id")
    assert (entry.action, entry.reason, entry.company_id) == ("company.period_lock_moved", "Year end", company.pk)
    assert company.history.first().locked_through == date(2026, 1, 31)


def test_amounts_keep_their_value_in_the_database(client, company):
    body = create(client, company, items=[ITEM | {"qty": "0.333333", "unitPrice": "1234.567891"}]).json()

    assert body["items"][0]["qty"] == "0.333333"
    assert Decimal(body["items"][0]["unitPrice"]) == Decimal("1234.567891")
    assert body["items"][0]["lineTotal"] == "411.52"
