"""Every list in every order: pages that run to the end and back, without a gap or a repeat, and questions refused."""

import base64
import json
from datetime import date
from operator import itemgetter
from typing import Any

import pytest

from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from core.api.pagination import KeysetPagination
from credits.tests.factories import make_credit_note
from currencies.tests.factories import make_rate
from fintrack.tests.test_permissions import api_routes
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item, make_recurring
from parties.models import Company
from parties.tests.factories import make_bank_account, make_company, make_customer
from payments.services import apply_payment
from payments.tests.factories import make_credit
from reports.statement_runs.services import run_statements

pytestmark = pytest.mark.django_db

SHOWN_AS = {"number": "invoiceNumber", "createdAt": "id"}
"""Where a row shows what it is ordered by, if not under that name; ids are given in the order of creation."""
PARAMETERS = {"pageSize", "ordering", "cursor"}
FILTERS = {
    "bank-accounts": {"companyId", "currency"},
    "exchange-rates": {"companyId", "currency", "source", "dateFrom", "dateTo"},
    "statement-runs": {"companyId"},
    "invoices": {
        *("status", "customerId", "companyId", "currency", "overdue", "externalId", "search", "recurringInvoiceId"),
        *("issueDateFrom", "issueDateTo", "dueDateFrom", "dueDateTo", "totalMin", "totalMax", "vatRate", "vatCategory"),
    },
    "recurring-invoices": {"status", "customerId", "companyId"},
    "payments": {"invoiceId", "customerId", "companyId", "method", "reference", "kind", "paidAtFrom", "paidAtTo"},
    "credit-notes": {"invoiceId", "customerId", "companyId", "currency", "number", "issueDateFrom", "issueDateTo"},
    "credit-entries": {"customerId", "companyId", "currency", "kind"},
    "customers": {"companyId", "externalId", "archived", "search"},
    "users": {"companyId", "active"},
    "companies": set(),
}


def lists() -> dict[str, Any]:
    """The lists by route, each with its view."""
    views = {name: callback.cls for name, callback in api_routes().items() if callback.actions.get("get") == "list"}
    return {name: view for name, view in views.items() if issubclass(view.pagination_class or object, KeysetPagination)}


ORDERS = [
    (name, sign + order)
    for name, view in lists().items()
    for order in getattr(view, "orderings", {})
    for sign in ("", "-")
]


@pytest.fixture
def company() -> Company:
    return make_company(name="Demo Trading")


@pytest.fixture
def client(company: Company) -> Any:
    """An Admin who sees five of everything, with ties: equal names, dates and amounts, and drafts without a number."""
    user = make_user("Admin", company, email="m@example.test")
    for number, name in enumerate(("Zebra", "acme", "Acme", "acme", "Ärger")):
        user = add_role(user, make_company(name=name), "Admin")
        make_user("Viewer", company, email=f"{'zamcb'[number]}{number}@example.test")
        customer = make_customer(company, name=name)
        days = {"issue_date": date(2026, 3, 1 + number % 2), "due_date": date(2026, 4, 1 + number % 2)}
        invoice = make_issued(company, make_item(str(10 + number % 2)), customer=customer, **days)
        apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="1")
        make_credit_note(invoice, "0.5")
        make_draft(company, make_item("10"), customer=customer, **days)
        make_credit(customer)
        make_recurring(company, customer=customer, name=name)
        run_statements(actor=SYSTEM, company=company, month=date(2020, 1 + number, 1), customer_ids=[customer.pk])
        make_rate(company, day=date(2026, 3, 1 + number % 2))
        make_bank_account(company, currency=("ZAR", "EUR", "USD", "GBP", "CHF")[number])
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company, issue_date=date(2026, 3, 3)).pk)
    return api_client(user)


def rows_of(client: Any, url: str) -> tuple[list[Any], Any]:
    reply = client.get(url)
    assert reply.status_code == 200, reply.content
    return reply.json()["results"], reply.json()


def test_each_list_takes_the_filters_that_are_documented(client: Any) -> None:
    assert set(lists()) == set(FILTERS)
    for name, filters in FILTERS.items():
        refusal = client.get(f"/api/{name}?nonsense=1").json()
        assert (refusal["code"], refusal["errors"][0]["field"]) == ("unknown_parameter", "nonsense")
        known = refusal["detail"].split("known are: ")[1].rstrip(".").split(", ")
        assert set(known) == filters | PARAMETERS


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_pages_run_to_the_end_and_back_in_every_order(client: Any, name: str, order: str) -> None:
    whole, page = rows_of(client, f"/api/{name}?ordering={order}&pageSize=200")
    assert (len(whole) >= 5, page["next"], page["previous"]) == (True, None, None)
    shown = SHOWN_AS.get(order.lstrip("-"), order.lstrip("-"))
    if shown not in ("name", "customerName", "email"):  # how texts are sorted is the database's business
        values = [row[shown] or "" for row in whole]
        assert values == sorted(values, reverse=order.startswith("-"), key=lambda value: (len(str(value)), value))

    forwards, url = [], f"/api/{name}?ordering={order}&pageSize=2"
    while url:
        rows, page = rows_of(client, url)
        forwards.append(rows)
        last, url = url, page["next"]
    assert [row for rows in forwards for row in rows] == whole

    backwards, url = [], page["previous"]
    while url:
        rows, page = rows_of(client, url)
        backwards.append(rows)
        url = page["previous"]
    assert last.startswith("http")
    assert backwards == forwards[-2::-1]
    assert rows_of(client, page["next"])[0] == forwards[1]


def test_ties_are_told_apart_by_age_in_both_directions(client: Any) -> None:
    up, down = (rows_of(client, f"/api/invoices?ordering={sign}issueDate&pageSize=200")[0] for sign in ("", "-"))

    assert list(map(itemgetter("issueDate", "id"), up)) == sorted(map(itemgetter("issueDate", "id"), up))
    assert up == down[::-1]


@pytest.mark.parametrize(("size", "expected"), [("1", 1), ("3", 3), ("200", 11), ("201", 11), ("999999999", 11)])
def test_a_page_has_the_size_that_was_asked_for_and_at_most_200(client: Any, size: str, expected: int) -> None:
    assert len(rows_of(client, f"/api/invoices?pageSize={size}")[0]) == expected


def test_fifty_rows_are_a_page_and_more_than_200_are_taken_as_200(company: Company) -> None:
    client = api_client(make_user("Viewer", company))
    for _ in range(202):
        make_customer(company)

    assert len(rows_of(client, "/api/customers")[0]) == 50
    assert len(rows_of(client, "/api/customers?pageSize=201")[0]) == 200


@pytest.mark.parametrize("name", [*FILTERS, "audit"])
@pytest.mark.parametrize("size", ["0", "-1", "abc", "1.0", "", "1e1", "٣", "9" * 30])
def test_a_page_size_is_a_whole_number_from_one(client: Any, name: str, size: str) -> None:
    reply = client.get(f"/api/{name}", {"pageSize": size})

    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_parameter")
    assert reply.json()["errors"][0]["field"] == "pageSize"


NO_VALUES = [
    *(None, 1, 1.5, True, [], {}, "", "x", "\0", "\ud800", "NaN", "Infinity", "1e999", "9" * 400),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "2026-01-01T00:00:00"),
]


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_a_cursor_that_was_tampered_with_breaks_nothing(client: Any, name: str, order: str) -> None:
    for value in NO_VALUES:
        for row_id in (1, -1, 2**64, "1", None):
            for payload in ([order, value, row_id, False], [order, value, row_id], {"ordering": order}):
                cursor = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode()
                reply = client.get(f"/api/{name}", {"ordering": order, "cursor": cursor})
                assert reply.status_code in (200, 400), (payload, reply.content)
                assert reply.status_code == 200 or reply.json()["code"] == "invalid_parameter"


@pytest.mark.parametrize("name", FILTERS)
def test_a_cursor_of_another_order_or_of_nothing_is_refused(client: Any, name: str) -> None:
    _, page = rows_of(client, f"/api/{name}?pageSize=1")
    order = next(iter(lists()[name].orderings))

    replies = [
        client.get(page["next"].replace("pageSize=1", f"ordering={order if name == 'invoices' else 'nothing'}")),
        client.get(f"/api/{name}?cursor=nonsense"),
        client.get(f"/api/{name}?ordering=nonsense"),
        client.get(f"/api/{name}?ordering=--{order}"),
    ]

    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(400, "invalid_parameter")] * 4


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("status=Issued", []),
        ("status=PartiallyPaid&issueDateFrom=2026-03-02", [2, 4]),
        ("status=PartiallyPaid&issueDateTo=2026-03-01", [1, 3, 5]),
        ("dueDateFrom=2026-04-02&dueDateTo=2026-04-02&overdue=true", [2, 4]),
        ("overdue=true&totalMax=11.50", [1, 3, 5]),
        ("overdue=true&totalMin=11.51&totalMax=12.65", [2, 4]),
        ("status=PartiallyPaid&totalMin=12.66", []),
        ("status=Cancelled", [6]),
        ("totalMin=100", [6]),
        ("currency=ZAR&status=PartiallyPaid", [1, 2, 3, 4, 5]),
        ("currency=EUR", []),
        ("search=inv-2026-00000&issueDateFrom=2026-03-02", [2, 4, 6]),
    ],
)
def test_filters_of_invoices_work_together(client: Any, query: str, numbers: list[int]) -> None:
    rows, _ = rows_of(client, f"/api/invoices?{query}&ordering=createdAt")

    assert [int(row["invoiceNumber"][-6:]) for row in rows] == numbers
