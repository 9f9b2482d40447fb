"""Pages of invoices of several companies and of spans of days are those of one list, cut into pieces."""

from collections.abc import Sequence
from datetime import date
from operator import itemgetter
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from invoices import pages
from invoices.api import InvoiceRowSerializer, listed
from invoices.selectors import invoice_rows
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

DAYS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 5, 1))
SPAN = "issueDateFrom=2026-03-01&issueDateTo=2026-03-31"


@pytest.fixture
def companies() -> list[Company]:
    """Three companies with the caller, who have invoices in turn, and one of somebody else."""
    companies = [make_company(name=name) for name in ("One", "Two", "Three", "Foreign")]
    for number in range(15):
        company = companies[number % 4]
        customer = make_customer(company, name=f"Customer {number % 3}")
        day, make = DAYS[number % 3], make_issued if number % 2 else make_draft
        make(company, make_item(str(10 + number % 5)), customer=customer, issue_date=day, due_date=date(2026, 6, 1))
    return companies


@pytest.fixture
def client(companies: Sequence[Company]) -> Any:
    user = make_user("Viewer", companies[0])
    for company in companies[1:3]:
        user = add_role(user, company, "Viewer")
    return api_client(user)


def whole(client: Any, query: str) -> list[Any]:
    """The list, read in pages of two, forwards; it is checked that the way back is the same."""
    url, sheets, last = f"/api/invoices?{query}&pageSize=2", [], None
    while url:
        reply = client.get(url)
        assert reply.status_code == 200, reply.content
        last = reply.json()
        sheets.append(last["results"])
        url = last["next"]
    backwards, url = [sheets[-1]], last["previous"]
    while url:
        page = client.get(url).json()
        backwards.append(page["results"])
        url = page["previous"]
    assert backwards == sheets[::-1]
    return [row for sheet in sheets for row in sheet]


@pytest.mark.parametrize("order", ["createdAt", "total", "customerName", "issueDate", "number"])
def test_pages_of_several_companies_are_one_list(client: Any, companies: Sequence[Company], order: str) -> None:
    up, down = whole(client, f"ordering={order}"), whole(client, f"ordering=-{order}")

    shown = {"createdAt": "id", "number": "invoiceNumber"}.get(order, order)
    values = [row[shown] or "" for row in up]
    assert values == sorted(values)
    assert up == down[::-1]
    assert {row["companyId"] for row in up} == {company.pk for company in companies[:3]}
    assert len({row["id"] for row in up}) == len(up) == 12


def test_pages_of_a_superuser_hold_every_company(companies: Sequence[Company]) -> None:
    client = api_client(User.objects.create_superuser("root@example.test", "a-long-enough-password"))

    rows = whole(client, "ordering=total")

    assert ({row["companyId"] for row in rows}, len(rows)) == ({company.pk for company in companies}, 15)


def test_more_companies_than_are_read_one_by_one_are_one_list_too(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = whole(client, "ordering=total")

    monkeypatch.setattr(pages, "MOST_COMPANIES", 2)

    assert whole(client, "ordering=total") == one_by_one


@pytest.mark.parametrize("order", ["createdAt", "-createdAt", "total"])
def test_pages_of_a_span_of_days_are_in_the_order_asked_for(client: Any, order: str) -> None:
    rows = whole(client, f"{SPAN}&ordering={order}")

    expected = [row for row in whole(client, f"ordering={order}") if row["issueDate"] < "2026-04-01"]
    assert rows == expected
    assert 0 < len(rows) < 12


def test_pages_of_a_span_and_of_one_company_newest_first(client: Any, companies: Sequence[Company]) -> None:
    rows = whole(client, f"{SPAN}&companyId={companies[1].pk}&status=Draft")

    assert rows == sorted(rows, key=itemgetter("id"), reverse=True)
    assert all((row["companyId"], row["status"]) == (companies[1].pk, "Draft") for row in rows)


@pytest.mark.parametrize(
    ("span", "days"),
    [
        ("issueDateFrom=2026-03-02", DAYS[1:]),
        ("issueDateTo=2026-03-02", DAYS[:2]),
        ("dueDateFrom=2026-06-01&dueDateTo=2026-06-01", DAYS),
        ("dueDateFrom=2026-01-01&dueDateTo=2026-05-31", ()),
        ("issueDateFrom=2000-01-01&issueDateTo=2026-03-01", DAYS[:1]),
    ],
)
def test_spans_short_long_and_open_hold_their_days(client: Any, span: str, days: Sequence[date]) -> None:
    rows = client.get(f"/api/invoices?{span}").json()["results"]

    assert {row["issueDate"] for row in rows} == {day.isoformat() for day in days}


def test_a_listed_invoice_is_what_its_serializer_says(companies: Sequence[Company]) -> None:
    issued = make_issued(companies[1], issue_date=date(2020, 1, 1), due_date=date(2020, 2, 1))
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1")
    cancel_invoice(actor=SYSTEM, invoice_id=make_draft(companies[2]).pk)

    rows = [listed(invoice) for invoice in invoice_rows()]

    assert rows == [dict(InvoiceRowSerializer(invoice).data) for invoice in invoice_rows()]
    assert {row["status"] for row in rows} == {"Draft", "Issued", "PartiallyPaid", "Cancelled"}
    assert {row["isOverdue"] for row in rows} == {True, False}
