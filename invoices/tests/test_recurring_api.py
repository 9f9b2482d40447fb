"""Recurring invoices over REST: made, changed, paused, run and ended, and the invoices that name them."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from invoices.models import Invoice
from invoices.tests.factories import make_item, make_recurring
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

ITEM = {"description": "Rent, {month} {year}", "qty": 1, "unitPrice": "100.00"}


@pytest.fixture(autouse=True)
def today() -> Any:
    """The first of April 2026, at noon. Access tokens are made then, too."""
    with time_machine.travel(datetime(2026, 4, 1, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def client(company: Company) -> Any:
    return api_client(make_user("Finance", company))


def created(client: Any, company: Company, **body: Any) -> Any:
    customer = make_customer(company, name="Acme")
    reply = client.post("/api/recurring-invoices", {"customerId": customer.pk, "name": "Rent", "items": [ITEM], **body})
    assert reply.status_code == 201, reply.content
    return reply


def test_one_is_made_with_defaults_and_shows_what_is_to_come(client: Any, company: Company) -> None:
    reply = created(client, company)
    body = reply.json()

    assert reply["Location"] == f"/api/recurring-invoices/{body['id']}"
    assert reply["ETag"] == '"1"'
    assert client.get(reply["Location"]).json() == body
    assert {name: body[name] for name in ("status", "interval", "intervalCount", "onRun", "currency", "paused")} == {
        "status": "Active",
        "interval": "month",
        "intervalCount": 1,
        "onRun": "draft",
        "currency": "ZAR",
        "paused": False,
    }
    assert (body["startDate"], body["nextDate"], body["endDate"], body["doneThrough"]) == (
        "2026-04-01",
        "2026-04-01",
        None,
        None,
    )
    assert body["nextDates"] == [f"2026-{month:02d}-01" for month in range(4, 10)]
    assert (body["nextTotal"], body["customerName"], body["problem"]) == ("115.00", "Acme", "")
    assert body["items"] == [
        {
            "id": body["items"][0]["id"],
            "description": "Rent, {month} {year}",
            "qty": "1",
            "unitPrice": "100",
            "vatCategory": None,
            "vatRate": None,
            "discountPercent": "0",
            "discountAmount": "0.00",
        }
    ]


def test_run_makes_what_is_due_and_the_invoices_name_where_they_come_from(client: Any, company: Company) -> None:
    body = created(client, company, startDate="2026-01-31", onRun="issue", paymentDays=7).json()
    url = f"/api/recurring-invoices/{body['id']}"

    reply = client.post(f"{url}/run", {"version": 1}).json()

    assert [row["invoiceNumber"] for row in reply["invoices"]] == [f"INV-2026-{number:06d}" for number in (1, 2, 3)]
    assert (reply["nextDate"], reply["doneThrough"]) == ("2026-04-30", "2026-03-31")
    rows = client.get(f"/api/invoices?recurringInvoiceId={body['id']}&ordering=issueDate").json()["results"]
    assert [row["issueDate"] for row in rows] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    invoice = client.get(f"/api/invoices/{rows[1]['id']}").json()
    assert (invoice["recurringInvoiceId"], invoice["recurringPeriod"]) == (body["id"], "2026-02-28")
    assert (invoice["items"][0]["description"], invoice["dueDate"]) == ("Rent, February 2026", "2026-03-07")
    assert client.post(f"{url}/run", {}).json()["invoices"] == []
    assert list(faults()) == []


def test_a_dry_run_tells_and_makes_nothing(client: Any, company: Company) -> None:
    body = created(client, company, onRun="issue").json()

    reply = client.post(f"/api/recurring-invoices/{body['id']}/run?dryRun=true", {}).json()

    assert reply["invoices"][0]["total"] == "115.00"
    assert not Invoice.objects.exists()


def test_a_key_makes_a_run_once(client: Any, company: Company) -> None:
    body = created(client, company, interval="day", startDate="2026-03-30").json()
    url = f"/api/recurring-invoices/{body['id']}/run"

    first, again = (client.post(url, {}, headers={"Idempotency-Key": "run-1"}) for _ in range(2))

    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Invoice.objects.count() == 3


def test_edits_ask_for_the_version_and_null_takes_an_end_away(client: Any, company: Company) -> None:
    body = created(client, company, endDate="2026-06-30").json()
    url = f"/api/recurring-invoices/{body['id']}"

    assert client.patch(url, {"name": "Lease"}).status_code == 428
    assert client.patch(url, {"endDate": None, "interval": "quarter", "version": 1}).json()["nextDates"][:2] == [
        "2026-04-01",
        "2026-07-01",
    ]
    stale = client.patch(url, {"name": "Lease", "version": 1})
    assert (stale.status_code, stale.json()["changes"]) == (
        409,
        {"interval": ["month", "quarter"], "endDate": ["2026-06-30", None]},
    )
    assert client.patch(url, {"name": "Lease"}, headers={"If-Match": '"1"'}).status_code == 412
    kept = client.patch(url, {"items": [ITEM | {"id": body["items"][0]["id"], "qty": 2}], "version": 2}).json()
    assert (kept["items"][0]["id"], kept["nextTotal"], kept["version"]) == (body["items"][0]["id"], "230.00", 3)


def test_pause_resume_end_and_delete(client: Any, company: Company) -> None:
    body = created(client, company).json()
    url = f"/api/recurring-invoices/{body['id']}"

    assert client.post(f"{url}/pause", {"version": 1}).json()["status"] == "Paused"
    refused = client.post(f"{url}/pause", {})
    assert (refused.status_code, refused.json()["code"]) == (400, "wrong_status")
    assert client.post(f"{url}/run", {}).json()["code"] == "wrong_status"
    assert client.post(f"{url}/resume", {}).json()["status"] == "Active"
    ended = client.post(f"{url}/end", {}).json()
    assert (ended["status"], ended["nextDate"], ended["nextDates"], ended["nextTotal"]) == ("Ended", None, [], None)
    assert client.delete(f"{url}?version=4").status_code == 204
    assert client.get(url).status_code == 404

    used = created(client, company).json()
    client.post(f"/api/recurring-invoices/{used['id']}/run", {})
    refused = client.delete(f"/api/recurring-invoices/{used['id']}?version=2")
    assert (refused.status_code, refused.json()["code"]) == (400, "recurring_in_use")


def test_what_stands_against_a_run_is_the_reply_and_nothing_is_made(client: Any, company: Company) -> None:
    recurring = make_recurring(company, start_date=date(2026, 4, 1), on_run="issue")
    update_customer(actor=make_user("Finance", company), customer_id=recurring.customer_id, archived=True)

    refused = client.post(f"/api/recurring-invoices/{recurring.pk}/run", {})

    assert (refused.status_code, refused.json()["code"]) == (400, "customer_archived")
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"items": []}, "item_invalid", "items"),
        ({"items": [ITEM | {"description": "{monat}"}]}, "placeholder_unknown", "items.0.description"),
        ({"items": [ITEM | {"qty": 0}]}, "item_invalid", "items.0.qty"),
        ({"name": ""}, None, "name"),
        ({"interval": "fortnight"}, None, "interval"),
        ({"intervalCount": 0}, "recurring_invalid", "intervalCount"),
        ({"endDate": "2026-03-31"}, "recurring_invalid", "endDate"),
        ({"interval": "day", "startDate": "2025-01-01"}, "too_many_due", "startDate"),
        ({"currency": "XXY"}, "unknown_currency", None),
        ({"paused": True}, None, "paused"),
    ],
)
def test_what_cannot_be_is_named(
    client: Any, company: Company, body: dict[str, Any], code: str | None, field: str | None
) -> None:
    good = {"customerId": make_customer(company).pk, "name": "Rent", "items": [ITEM]}

    reply = client.post("/api/recurring-invoices", good | body)

    assert reply.status_code == 400
    assert code in (None, reply.json()["code"])
    assert field in (None, reply.json()["errors"][0]["field"])


def test_lists_are_filtered_by_status_customer_and_company(client: Any, company: Company) -> None:
    rows = {name: make_recurring(company, name=name, start_date=date(2026, 4, 1)) for name in ("on", "off", "over")}
    make_recurring(make_company())
    client.post(f"/api/recurring-invoices/{rows['off'].pk}/pause", {})
    client.post(f"/api/recurring-invoices/{rows['over'].pk}/end", {})

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/api/recurring-invoices?{query}").json()["results"]]

    assert names("") == ["over", "off", "on"]
    assert names("ordering=name") == ["off", "on", "over"]
    assert [names(f"status={status}") for status in ("Active", "Paused", "Ended", "Failed")] == [
        ["on"],
        ["off"],
        ["over"],
        [],
    ]
    assert names(f"customerId={rows['on'].customer_id}") == ["on"]
    assert client.get("/api/recurring-invoices?status=active").status_code == 400


def test_the_history_tells_of_lines_too(client: Any, company: Company) -> None:
    body = created(client, company).json()
    client.patch(f"/api/recurring-invoices/{body['id']}", {"items": [ITEM, ITEM], "version": 1})

    entries = client.get(f"/api/recurring-invoices/{body['id']}/history").json()["results"]

    assert [(row["entityType"], row["action"]) for row in entries] == [
        ("RecurringInvoice", "Updated"),
        ("RecurringInvoiceLine", "Deleted"),
        ("RecurringInvoiceLine", "Created"),
        ("RecurringInvoiceLine", "Created"),
        ("RecurringInvoice", "Created"),
        ("RecurringInvoiceLine", "Created"),
    ]
    assert entries[5]["newValues"]["unitPrice"] == "100"


def test_a_past_invoice_still_names_where_it_comes_from(client: Any, company: Company) -> None:
    recurring = make_recurring(company, make_item("10"), start_date=date(2026, 4, 1), on_run="issue")
    [made] = client.post(f"/api/recurring-invoices/{recurring.pk}/run", {}).json()["invoices"]

    past = client.get(f"/api/invoices/{made['id']}?version=1").json()

    assert (past["status"], past["recurringInvoiceId"]) == ("Draft", recurring.pk)
