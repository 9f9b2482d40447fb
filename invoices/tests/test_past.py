"""A document can be read as it was, and a command can be tried without its effect."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from accounts.tests.factories import api_client, make_user
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_company, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def finance(company):
    return make_user("Finance", company)


@pytest.fixture
def client(finance):
    return api_client(finance)


def test_every_version_is_read_as_it_was(client, company, finance):
    customer = make_customer(company, name="Old name")
    invoice = make_draft(company, make_item("10"), make_item("20"), customer=customer)
    url = f"/api/invoices/{invoice.pk}"
    documents = [client.get(url).json()]
    line = invoice.lines.first()
    client.patch(url, {"version": 1, "items": [{"id": line.pk, "description": "Kept", "qty": 2, "unitPrice": 10}]})
    documents.append(client.get(url).json())
    update_customer(actor=finance, customer_id=customer.pk, name="New name")
    update_company(actor=finance, company_id=company.pk, name="New Trading")
    client.post(f"{url}/issue")
    documents.append(client.get(url).json())
    client.post(f"{url}/payments", {"amount": "23"})
    documents.append(client.get(url).json())

    for version, expected in enumerate(documents, start=1):
        was = client.get(f"{url}?version={version}").json()
        for document in (was, expected):
            del document["allowedActions"], document["blockedActions"]
            for entry in document["payments"]:
                del entry["allowedActions"], entry["blockedActions"]
        assert was == expected
    assert [document["customerName"] for document in documents] == ["Old name", "Old name", "New name", "New name"]
    assert [document["seller"]["name"] for document in documents] == [company.name] * 2 + ["New Trading"] * 2


def test_a_document_is_read_as_of_a_moment(client, company):
    invoice = make_draft(company)
    url = f"/api/invoices/{invoice.pk}"
    created = invoice.history.get(version=1).history_date
    client.post(f"{url}/issue")

    assert client.get(url, {"asOf": created.isoformat()}).json()["status"] in ("Draft", "Issued")
    assert client.get(url, {"asOf": datetime.now(UTC).isoformat()}).json()["status"] == "Issued"
    assert client.get(url, {"asOf": (created - timedelta(seconds=1)).isoformat()}).status_code == 404
    assert client.get(url, {"asOf": company.today().isoformat()}).json()["status"] == "Issued"
    future = client.get(url, {"asOf": (datetime.now(UTC) + timedelta(hours=1)).isoformat()})
    assert (future.status_code, future.json()["code"]) == (400, "moment_in_future")


def test_a_draft_of_a_moment_shows_the_parties_of_that_moment(client, company, finance):
    customer = make_customer(company, name="First")
    url = f"/api/invoices/{make_draft(company, customer=customer).pk}"
    moments = []
    for name in ("Second", "Third"):
        update_customer(actor=finance, customer_id=customer.pk, name=name)
        update_company(actor=finance, company_id=company.pk, name=f"{name} Trading")
        moments.append(company.history.first().history_date.isoformat())

    documents = [client.get(url, {"asOf": moment}).json() for moment in moments]

    assert [document["customerName"] for document in documents] == ["Second", "Third"]
    assert [document["seller"]["name"] for document in documents] == ["Second Trading", "Third Trading"]


@pytest.mark.parametrize("query", ["version=0", "version=x", "asOf=yesterday", "at=1"])
def test_a_wrong_question_about_the_past_is_a_400(client, company, query):
    assert client.get(f"/api/invoices/{make_draft(company).pk}?{query}").status_code == 400


def test_a_version_that_never_was_is_a_404(client, company):
    assert client.get(f"/api/invoices/{make_draft(company).pk}?version=2").status_code == 404


def test_a_dry_run_leaves_no_gap_in_the_numbers(client, company):
    first, second = make_draft(company, issue_date=date(2026, 1, 1)), make_draft(company, issue_date=date(2026, 1, 1))

    dry = client.post(f"/api/invoices/{first.pk}/issue?dryRun=true").json()
    real = client.post(f"/api/invoices/{second.pk}/issue").json()

    assert dry["invoiceNumber"] == real["invoiceNumber"] == "INV-2026-000001"


def test_a_past_document_was_overdue_if_it_was_then(client, company):
    # given: a document that became due a week ago and was paid today
    week_ago = company.today() - timedelta(days=7)
    with time_machine.travel(week_ago - timedelta(days=30)):
        invoice = make_draft(company, make_item("10"), due_date=week_ago)
    url = f"/api/invoices/{invoice.pk}"
    client.post(f"{url}/issue")
    issued = client.get(url).json()
    client.post(f"{url}/payments", {"amount": issued["total"]})
    paid = client.get(url).json()
    # then
    assert (issued["isOverdue"], paid["isOverdue"]) == (True, False)
    assert client.get(f"{url}?version=2").json()["isOverdue"] is True
    assert client.get(f"{url}?version=3").json()["isOverdue"] is False


def test_a_document_that_is_overdue_today_was_not_when_it_was_made(company):
    invoice = make_issued(company, make_item("10"), due_date=company.today() + timedelta(days=1))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=30)):
        client = api_client(make_user("Viewer", company))
        url = f"/api/invoices/{invoice.pk}"
        assert client.get(url).json()["isOverdue"] is True
        assert client.get(f"{url}?version=2").json()["isOverdue"] is False
        assert client.get(f"{url}?asOf={company.today() - timedelta(days=30)}").json()["isOverdue"] is False
        assert client.get(f"{url}?asOf={company.today() - timedelta(days=1)}").json()["isOverdue"] is True
