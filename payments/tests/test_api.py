"""What the REST API promises about payments."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import add_role, api_client, make_user
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company
from payments.models import Payment

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


def pay(client, invoice, amount="10", **fields):
    return client.post(f"/api/invoices/{invoice.pk}/payments", {"amount": amount, **fields})


def test_an_invoice_is_paid_in_parts_until_it_is_paid(client, company, finance):
    invoice = make_issued(company, make_item("200"))

    first = pay(client, invoice, "100", method="Card", reference="REF-1", version=2)
    second = pay(client, invoice, 130)

    assert first.status_code == second.status_code == 201
    assert first.json() == {
        "paymentId": first.json()["paymentId"],
        "id": invoice.pk,
        "invoiceNumber": "INV-" + str(invoice.issue_date.year) + "-000001",
        "status": "PartiallyPaid",
        "currency": "ZAR",
        "total": "230.00",
        "paid": "100.00",
        "outstanding": "130.00",
        "version": 3,
    }
    assert first["ETag"] == '"3"'
    assert (second.json()["status"], second.json()["outstanding"]) == ("Paid", "0.00")
    entries = client.get(f"/api/invoices/{invoice.pk}").json()["payments"]
    assert [(entry["amount"], entry["method"], entry["reference"]) for entry in entries] == [
        ("130.00", "EFT", ""),
        ("100.00", "Card", "REF-1"),
    ]
    assert entries[0]["capturedBy"] == finance.email
    assert entries[0]["isRefund"] is False
    assert entries[0]["reversedPaymentId"] is None


def test_a_payment_never_exceeds_what_is_outstanding(client, company):
    invoice = make_issued(company, make_item("100"))

    reply = pay(client, invoice, "115.01")

    assert (reply.status_code, reply.json()["code"]) == (400, "payment_exceeds_outstanding")
    assert reply.json()["detail"] == "Payment exceeds outstanding amount."
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "payment_invalid"),
        ("-0", "payment_invalid"),
        ("-5", "payment_invalid"),
        ("0.005", "amount_too_precise"),
        ("1e1", "amount_invalid"),
        ("NaN", "amount_invalid"),
        ("Infinity", "amount_invalid"),
        ("1_000", "amount_invalid"),
        ("1,000", "amount_invalid"),
        ("\uff11\uff12", "amount_invalid"),
        ("", "amount_invalid"),
        ([], "amount_invalid"),
        (True, "amount_invalid"),
        (None, "null"),
        ("100000000000", "amount_too_large"),
        ("1234567890.123456", "amount_too_large"),
        ("9" * 2000, "amount_too_large"),
    ],
)
def test_an_amount_is_exact_or_refused(client, company, amount, code):
    invoice = make_issued(company)

    reply = pay(client, invoice, amount)

    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert Invoice.objects.get().paid == 0


@pytest.mark.parametrize(("currency", "good", "bad"), [("JPY", "5", "0.5"), ("KWD", "0.001", "0.0001")])
def test_the_currency_decides_the_decimals(client, company, currency, good, bad):
    invoice = make_issued(company, currency=currency)

    assert pay(client, invoice, bad).json()["code"] == "amount_too_precise"
    assert pay(client, invoice, good).json()["paid"] == good


@pytest.mark.parametrize("again", ["INV-1", "inv-1 ", "\uff29\uff2e\uff36-\uff11"])
def test_a_reference_is_used_once_on_an_invoice(client, company, again):
    invoice, other = make_issued(company), make_issued(company)
    pay(client, invoice, "1", reference="INV-1")

    reply = pay(client, invoice, "1", reference=again)

    assert (reply.status_code, reply.json()["code"]) == (400, "duplicate_reference")
    assert pay(client, other, "1", reference=again).status_code == 201
    assert Invoice.objects.get(pk=invoice.pk).paid == 1


def test_only_issued_invoices_are_paid(client, company):
    draft, paid = make_draft(company), make_issued(company, make_item("0"))

    assert [pay(client, invoice).json()["code"] for invoice in (draft, paid)] == ["wrong_status"] * 2


def test_a_stale_version_is_a_409_and_books_nothing(client, company):
    invoice = make_issued(company)
    pay(client, invoice, "1", version=2)

    reply = pay(client, invoice, "1", version=2)

    problem = reply.json()
    assert (reply.status_code, problem["code"], problem["currentVersion"]) == (409, "stale_version", 3)
    assert problem["changes"] == {
        "status": ["Issued", "PartiallyPaid"],
        "paid": ["0.00", "1.00"],
        "outstanding": ["115.00", "114.00"],
    }
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("version", [0, "x", -1, 99])
def test_a_version_that_never_was_books_nothing(client, company, version):
    assert pay(client, make_issued(company), "1", version=version).status_code in (400, 409)
    assert not Payment.objects.exists()


def test_paid_at_may_be_a_date_which_starts_where_the_company_is(client, company):
    invoice = make_issued(company)

    pay(client, invoice, "1", paidAt="2026-02-28")

    (entry,) = client.get("/api/payments").json()["results"]
    assert entry["paidAt"] == "2026-02-27T22:00:00Z"
    assert entry["capturedAt"] > entry["paidAt"]


def test_paid_at_is_never_in_the_future(client, company):
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()

    reply = pay(client, make_issued(company), "1", paidAt=tomorrow)

    assert (reply.status_code, reply.json()["code"]) == (400, "paid_in_future")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"paidAt": "2026-02-30"}, "paidAt"),
        ({"paidAt": 5}, "paidAt"),
        ({"paidAt": "0001-01-01T00:00:00+14:00"}, "paidAt"),
        ({"paidAt": "9999-12-31T23:59:59-14:00"}, "paidAt"),
        ({"method": "Bitcoin"}, "method"),
        ({"reference": "x" * 201}, "reference"),
        ({"reference": "a\u0000b"}, "reference"),
        ({"kind": "Refund"}, "kind"),
        ({"paid": "1"}, "paid"),
    ],
)
def test_bad_fields_are_named(client, company, fields, field):
    reply = pay(client, make_issued(company), "1", **fields)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert not Payment.objects.exists()


def test_the_ledger_is_listed_and_filtered(client, company):
    invoice, other = make_issued(company), make_issued(company)
    pay(client, invoice, "1", reference="A", paidAt="2026-02-28")
    pay(client, other, "2", method="Cash")

    def amounts(query=""):
        return [row["amount"] for row in client.get(f"/api/payments{query}").json()["results"]]

    assert amounts() == ["2.00", "1.00"]
    assert amounts(f"?invoiceId={invoice.pk}") == amounts("?reference=A") == amounts("?method=EFT") == ["1.00"]
    assert amounts("?paidAtTo=2026-03-01T00:00:00Z") == amounts(f"?customerId={invoice.customer_id}") == ["1.00"]
    assert amounts("?kind=Refund") == []


def test_an_entry_of_another_company_does_not_exist(client):
    foreign = make_company()
    invoice = make_issued(foreign)
    pay(api_client(make_user("Finance", foreign)), invoice, "1")

    assert client.get(f"/api/payments/{Payment.objects.get().pk}").status_code == 404
    assert client.get("/api/payments").json()["results"] == []
    assert pay(client, invoice).status_code == 404


def test_a_day_of_payments_is_a_day_of_each_company_s_own_calendar():
    # given: a company in Johannesburg (UTC+2) and one in Auckland (UTC+13 in summer), and one member of both
    here, there = make_company(time_zone="Africa/Johannesburg"), make_company(time_zone="Pacific/Auckland")
    user = add_role(make_user("Finance", here), there, "Finance")
    moments = {
        "eve": (here, "2026-02-28T21:59:59Z"),
        "first second": (here, "2026-02-28T22:00:00Z"),
        "last second": (here, "2026-03-01T21:59:59Z"),
        "morrow": (here, "2026-03-01T22:00:00Z"),
        "Auckland's": (there, "2026-02-28T11:00:00Z"),
        "Auckland's morrow": (there, "2026-03-01T11:00:00Z"),
    }
    for reference, (company, moment) in moments.items():
        invoice = make_issued(company, issue_date=date(2026, 1, 1))
        assert pay(api_client(user), invoice, 1, reference=reference, paidAt=moment).status_code == 201
    # when
    asked = {"paidAtFrom": "2026-03-01", "paidAtTo": "2026-03-01"}
    found = api_client(user).get("/api/payments", asked).json()["results"]
    # then
    assert {entry["reference"] for entry in found} == {"first second", "last second", "Auckland's"}
    exact = {"paidAtFrom": "2026-02-28T22:00:00Z", "paidAtTo": "2026-02-28T22:00:00Z"}
    [entry] = api_client(user).get("/api/payments", exact).json()["results"]
    assert entry["reference"] == "first second"
    superuser = User.objects.create_superuser("root@example.test", "a-long-enough-password")
    assert len(api_client(superuser).get("/api/payments", asked).json()["results"]) == 3
