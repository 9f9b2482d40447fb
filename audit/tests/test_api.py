"""An auditor answers "who changed this, when, from what to what" in one call."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.services import set_next_number
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, reverse_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def auditor(company):
    return api_client(make_user("Auditor", company))


def feed(client, **parameters):
    reply = client.get("/api/audit", parameters)
    assert reply.status_code == 200, reply.content
    return reply.json()["results"]


def test_a_change_is_told_with_its_old_and_new_values(auditor, company):
    finance = make_user("Finance", company, email="clerk@example.test")
    customer = make_customer(company, name="Old name")
    update_customer(actor=finance, customer_id=customer.pk, name="New name")

    newest = feed(auditor)[0]

    assert newest | {"performedAt": "", "requestId": ""} == {
        "entityType": "Customer",
        "entityId": customer.pk,
        "version": 2,
        "action": "Updated",
        "command": "customer.updated",
        "oldValues": {"name": "Old name"},
        "newValues": {"name": "New name"},
        "performedBy": "clerk@example.test",
        "performedAt": "",
        "requestId": "",
        "reason": "",
    }
    assert newest["performedAt"].endswith("Z")


def test_filters_narrow_the_feed(auditor, company):
    finance = make_user("Finance", company, email="clerk@example.test")
    client = api_client(finance)
    client.post("/api/customers", {"name": "Acme"}, headers={"X-Request-ID": "request-1"})
    invoice = make_issued(company)
    apply_payment(actor=finance, invoice_id=invoice.pk, amount="1")
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    def found(**parameters):
        return [(row["entityType"], row["command"]) for row in feed(auditor, **parameters)]

    payment = [("Invoice", "payment.applied"), ("Payment", "payment.applied")]
    assert found(performedBy="CLERK@example.test") == [*payment, ("Customer", "customer.created")]
    assert found(command="payment.applied") == payment
    assert found(command="payment.applied", entityType="Payment") == payment[1:]
    assert found(command="payment.applied", entityType="Customer") == []
    assert found(entityType="Invoice", entityId=invoice.pk) == [
        ("Invoice", "payment.applied"),
        ("Invoice", "invoice.issued"),
        ("Invoice", "invoice.created"),
    ]
    assert found(requestId="request-1") == [("Customer", "customer.created")]
    assert found(action="Deleted") == []
    assert ("Invoice", "invoice.issued") in found(action="Updated")
    assert found(to=an_hour_ago) == []
    assert len(found(**{"from": an_hour_ago})) == len(found())
    assert found(performedBy="nobody@example.test") == []


def test_pages_run_through_the_whole_feed_and_back(auditor, company):
    for _ in range(6):
        make_issued(company)
    whole = feed(auditor, pageSize=200)

    pages, url = [], "/api/audit?pageSize=7"
    while url:
        page = auditor.get(url).json()
        pages.append(page["results"])
        url, back = page["next"], page["previous"]

    assert [row for page in pages for row in page] == whole
    assert auditor.get(back).json()["results"] == pages[-2]
    ids = [(row["entityType"], row["entityId"], row["version"]) for row in whole]
    assert len(ids) == len(set(ids)) >= 24


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"command": "invoice.created"},
        {"performedBy": "SYSTEM"},
        {"from": "2000-01-01"},
        {"from": "TODAY", "to": "TODAY"},
        {"command": "invoice.issued", "entityType": "Invoice"},
        {"action": "Updated"},
    ],
)
def test_pages_of_what_is_asked_for_run_to_the_end_and_back(auditor, company, asked):
    # given: entries with more rows than a page, entries without any, and entries elsewhere in between
    for year in range(2030, 2036):
        make_issued(company, *[make_item("1")] * 5)
        set_next_number(actor=SYSTEM, company=company, year=year, next_value=7)
        make_draft(make_company())
    asked = {name: value.replace("TODAY", f"{timezone.now():%Y-%m-%d}") for name, value in asked.items()}
    whole = feed(auditor, pageSize=200, **asked)

    pages, url = [], f"/api/audit?{urlencode({'pageSize': 4, **asked})}"
    while url:
        page = auditor.get(url).json()
        pages.append(page["results"])
        url, back = page["next"], page["previous"]
    backwards = []
    while back:
        page = auditor.get(back).json()
        backwards.append(page["results"])
        back = page["previous"]

    assert [row for page in pages for row in page] == whole
    assert [row for page in backwards[::-1] for row in page] == whole[: -len(pages[-1])]
    assert len(whole) > 4


def test_what_happened_in_another_company_is_not_there(auditor, company):
    foreign = make_company()
    make_issued(foreign)
    stranger = make_user("Finance", foreign)
    both = add_role(make_user("Finance", company), foreign, "Viewer")

    rows = feed(auditor, pageSize=200)

    assert {row["entityType"] for row in rows} == {"Company", "Membership", "User"}
    users = {row["entityId"] for row in rows if row["entityType"] == "User"}
    assert stranger.pk not in users
    assert both.pk not in users
    assert auditor.get(f"/api/audit?companyId={foreign.pk}").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("Admin", 200), ("Auditor", 200), ("Finance", 403), ("Viewer", 403)])
def test_admins_and_auditors_read_the_record(company, role, status):
    assert api_client(make_user(role, company)).get("/api/audit").status_code == status


def test_an_auditor_here_reads_nothing_of_where_they_are_viewer(company):
    elsewhere = make_company()
    user = add_role(make_user("Auditor", company), elsewhere, "Viewer")
    make_draft(elsewhere)

    assert {row["entityType"] for row in feed(api_client(user), pageSize=200)} <= {"Company", "Membership", "User"}


@pytest.mark.parametrize(
    "query",
    [
        "entityType=Secret",
        "entityId=x",
        "action=Read",
        "from=yesterday",
        "cursor=x",
        "cursor=WzEsMl0=",
        "pageSize=-1",
        "x=1",
    ],
)
def test_wrong_questions_are_a_400(auditor, query):
    assert auditor.get(f"/api/audit?{query}").status_code == 400


def test_passwords_are_nowhere_in_the_record(company):
    admin = make_user("Admin", company)
    make_user("Finance", company)

    text = api_client(admin).get("/api/audit?entityType=User").content.decode()

    assert "password" not in text.replace("password_changed", "")
    assert Change.objects.exists()


@pytest.mark.parametrize(("asked", "accept"), [("csv", "*/*"), (None, "text/csv")])
def test_the_feed_is_a_table_with_a_row_for_each_field_that_differs(auditor, company, asked, accept):
    customer = make_customer(company, name="=Old()", metadata={"a": "1"})
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="-New", city="Durban")

    query = {"entityType": "Customer", "pageSize": 1} | ({"format": asked} if asked else {})
    reply = auditor.get("/api/audit", query, headers={"Accept": accept})
    rows = list(csv.DictReader(io.StringIO(b"".join(reply.streaming_content).decode())))

    assert reply["Content-Type"] == "text/csv; charset=utf-8"
    changed = [(row["field"], row["oldValue"], row["newValue"]) for row in rows if row["action"] == "Updated"]
    assert sorted(changed) == [("city", "", "Durban"), ("name", "'=Old()", "'-New")]
    created = {row["field"]: row["newValue"] for row in rows if row["action"] == "Created"}
    assert (created["name"], created["metadata"]) == ("'=Old()", '{"a": "1"}')
    assert {row["command"] for row in rows} == {"customer.created", "customer.updated"}


def test_a_negative_amount_stays_a_number(auditor, company):
    invoice = make_issued(company)
    paid = apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="30")
    reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=paid.pk, reason="Bounced")

    reply = auditor.get("/api/audit", {"entityType": "Payment", "format": "csv"})
    rows = csv.DictReader(io.StringIO(b"".join(reply.streaming_content).decode()))

    assert [Decimal(row["newValue"]) for row in rows if row["field"] == "amount"] == [Decimal("-30"), Decimal("30")]


def test_the_feed_is_lines_of_json_each_as_in_a_page(auditor, company, monkeypatch):
    monkeypatch.setattr("audit.exports.ROWS_AT_A_TIME", 7)
    for _ in range(5):
        make_issued(company)
    page = feed(auditor, pageSize=200, to=timezone.now().isoformat())

    reply = auditor.get("/api/audit", {"format": "jsonl"})
    lines = [json.loads(line) for line in b"".join(reply.streaming_content).splitlines()]

    assert reply["Content-Type"] == "application/jsonl; charset=utf-8"
    assert lines[0]["command"] == "data.exported"
    assert lines[1:] == page


def test_each_file_is_on_record_before_its_first_row_and_pages_are_not(company):
    auditor = api_client(make_user("Auditor", company, email="auditor@example.test"))
    before = Change.objects.count()
    feed(auditor)
    assert Change.objects.count() == before

    auditor.get("/api/audit", {"format": "jsonl", "entityType": "Invoice", "from": "2026-01-01"})

    entry = Change.objects.latest("id")
    assert (entry.action, entry.company_id, entry.actor) == ("data.exported", company.pk, "auditor@example.test")
    assert entry.reason == "Changes as jsonl: entityType Invoice, since 2026-01-01 00:00:00+00:00."


def test_files_are_for_readers_of_the_record_only(company):
    for role, status in (("Finance", 403), ("Viewer", 403), ("Auditor", 200)):
        assert api_client(make_user(role, company)).get("/api/audit?format=csv").status_code == status
    assert api_client(make_user("Auditor", company)).get("/api/audit?format=xlsx").status_code == 400
