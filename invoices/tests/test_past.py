"""A document can be read as it was, and a command can be tried without its effect."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from audit.models import Change
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment

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


@pytest.mark.parametrize("query", ["version=0", "version=x", "asOf=yesterday", "at=1"])
def test_a_wrong_question_about_the_past_is_a_400(client, company, query):
    assert client.get(f"/api/invoices/{make_draft(company).pk}?{query}").status_code == 400


def test_a_version_that_never_was_is_a_404(client, company):
    assert client.get(f"/api/invoices/{make_draft(company).pk}?version=2").status_code == 404


def snapshot():
    return Change.objects.count(), Invoice.history.count(), Payment.objects.count()


def test_each_command_answers_dry_as_it_does_for_real(client, company, finance):
    draft, issued, paid = make_draft(company), make_issued(company), make_issued(company)
    payment = apply_payment(actor=finance, invoice_id=paid.pk, amount="50")
    doomed, cancelled = make_draft(company), make_issued(company)
    commands = [
        ("post", "/api/customers", {"name": "Acme"}),
        (
            "post",
            "/api/invoices",
            {"customerId": draft.customer_id, "items": [{"description": "x", "qty": 1, "unitPrice": 5}]},
        ),
        ("post", "/api/invoices", {"customerName": "Beta", "amount": 5, "dueDate": "2026-01-31"}),
        ("patch", f"/api/invoices/{draft.pk}", {"version": 1, "dueDate": "2999-01-01"}),
        ("patch", f"/api/customers/{draft.customer_id}", {"version": 1, "name": "Renamed"}),
        ("post", f"/api/invoices/{draft.pk}/issue", {"version": 2}),
        ("post", f"/api/invoices/{draft.pk}/issue", {}),
        ("post", f"/api/invoices/{issued.pk}/payments", {"amount": "15", "reference": "R"}),
        ("post", f"/api/invoices/{issued.pk}/payments", {"amount": "15", "reference": "r"}),
        ("post", f"/api/invoices/{paid.pk}/refunds", {"amount": "20"}),
        ("post", f"/api/invoices/{paid.pk}/refunds", {"amount": "200"}),
        ("post", f"/api/invoices/{paid.pk}/payments/{payment.pk}/reverse", {"reason": "x"}),
        ("post", f"/api/invoices/{cancelled.pk}/cancel", {"reason": "x", "version": 1}),
        ("post", f"/api/invoices/{cancelled.pk}/cancel", {"reason": "x"}),
        ("delete", f"/api/invoices/{doomed.pk}?version=1", None),
    ]
    changing = {"id", "createdAt", "capturedAt", "requestId", "paymentId", "issuedAt"}
    ids = {"refundPaymentId", "refundPaymentIds", "reversalPaymentId", "customerId"}

    def stable(reply):
        return {
            name: value for name, value in reply.json().items() if name not in changing | ids and name != "customer"
        }

    for method, url, body in commands:
        before = snapshot()
        dry = getattr(client, method)(url + ("&" if "?" in url else "?") + "dryRun=true", body)
        assert snapshot() == before, url
        real = getattr(client, method)(url, body)
        assert dry.status_code == real.status_code, (url, dry.content, real.content)
        if real.content:
            for reply in (dry, real):
                for item in reply.json().get("items", []):
                    assert item["id"]
            assert {k: v for k, v in stable(dry).items() if k != "items"} == {
                k: v for k, v in stable(real).items() if k != "items"
            }
    assert list(faults()) == []


def test_a_dry_run_leaves_no_gap_in_the_numbers(client, company):
    first, second = make_draft(company, issue_date=date(2026, 1, 1)), make_draft(company, issue_date=date(2026, 1, 1))

    dry = client.post(f"/api/invoices/{first.pk}/issue?dryRun=true").json()
    real = client.post(f"/api/invoices/{second.pk}/issue").json()

    assert dry["invoiceNumber"] == real["invoiceNumber"] == "INV-2026-000001"


def test_a_dry_run_is_true_or_false(client, company):
    assert client.post(f"/api/invoices/{make_draft(company).pk}/issue?dryRun=perhaps").status_code == 400
