"""A statement adds up: what was owed before, each movement, what is owed after."""

from datetime import UTC, date, datetime

import pytest
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from invoices.tests.test_pdf import text_of
from parties.tests.factories import make_bank_account, make_company, make_customer
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db

APRIL = "from=2024-04-01&to=2024-04-30"


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def customer(company):
    """Owed 115.00 in March; in April 230.00 more, 100.00 paid and 30.00 of it given back; 1,150.00 in May."""
    customer = make_customer(company, name="Table Mountain")
    first, second = (
        make_issued(company, make_item(price), customer=customer, issue_date=day, due_date=date(2024, 6, 30))
        for price, day in (("100", date(2024, 3, 10)), ("200", date(2024, 4, 10)))
    )
    make_issued(company, make_item("1000"), customer=customer, issue_date=date(2024, 5, 1))
    make_draft(company, make_item("7"), customer=customer, issue_date=date(2024, 4, 1))
    make_issued(company, make_item("9"), issue_date=date(2024, 4, 1))
    # 23:30 in Johannesburg, where the company is, is still the last day of April.
    apply_payment(
        actor=SYSTEM, invoice_id=first.pk, amount="100", reference="EFT 7", paid_at=datetime(2024, 4, 15, 8, tzinfo=UTC)
    )
    refund_payment(actor=SYSTEM, invoice_id=first.pk, amount="30", paid_at=datetime(2024, 4, 30, 21, 30, tzinfo=UTC))
    assert second.number
    return customer


def asked(company, customer, query: str = APRIL, role: str = "Viewer", **headers):
    return api_client(make_user(role, company)).get(f"/api/customers/{customer.pk}/statement?{query}", headers=headers)


def test_balances_run_from_what_was_owed_before_to_what_is_owed_after(company, customer):
    account = asked(company, customer).json()

    movements = [(row["date"], row["kind"], row["amount"], row["balance"]) for row in account["movements"]]
    assert account["openingBalance"] == "115.00"
    assert movements == [
        ("2024-04-10", "invoice", "230.00", "345.00"),
        ("2024-04-15", "payment", "-100.00", "245.00"),
        ("2024-04-30", "refund", "30.00", "275.00"),
    ]
    assert account["closingBalance"] == "275.00"


@pytest.mark.parametrize(
    ("last", "closing"), [("2024-03-09", "0.00"), ("2024-03-10", "115.00"), ("2024-05-01", "1425.00")]
)
def test_each_statement_opens_with_what_the_one_before_closed_with(company, customer, last, closing):
    before = asked(company, customer, f"from=2024-01-01&to={last}").json()
    next_day = date.fromisoformat(last).toordinal() + 1
    after = asked(company, customer, f"from={date.fromordinal(next_day)}&to=2024-12-31").json()

    assert before["closingBalance"] == after["openingBalance"] == closing


def test_a_cancelled_invoice_comes_and_goes(company):
    customer = make_customer(company)
    invoice = make_issued(company, customer=customer, issue_date=date(2024, 4, 1))
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)

    account = asked(company, customer, "from=2024-01-01&to=2099-12-31").json()

    assert [(row["kind"], row["amount"]) for row in account["movements"]] == [
        ("invoice", "115.00"),
        ("cancellation", "-115.00"),
    ]
    assert account["closingBalance"] == "0.00"


def test_each_currency_is_an_account_of_its_own(company, customer):
    make_issued(company, customer=customer, currency="EUR", issue_date=date(2024, 4, 2))

    rand, euro = (asked(company, customer, f"{APRIL}{query}").json() for query in ("", "&currency=EUR"))

    assert (rand["closingBalance"], rand["otherCurrencies"]) == ("275.00", ["EUR"])
    assert (euro["closingBalance"], euro["otherCurrencies"]) == ("115.00", ["ZAR"])


@pytest.mark.parametrize(("query", "accept"), [(f"{APRIL}&format=pdf", "*/*"), (APRIL, "application/pdf")])
def test_the_pdf_shows_every_figure(company, customer, query, accept):
    make_bank_account(company)

    reply = asked(company, customer, query, Accept=accept)

    text = text_of(reply.content)
    assert reply.headers["Content-Disposition"].endswith(f'"statement-{customer.pk}-2024-04-01-2024-04-30.pdf"')
    for shown in ("Statement", "Table Mountain", "Opening balance 115.00", "Closing balance ZAR 275.00", "62812345"):
        assert shown in text, shown
    for row in ("230.00 345.00", "EFT 7 100.00 245.00", "30.00 275.00"):
        assert row in text, row


def test_days_without_a_movement_say_so(company):
    text = text_of(asked(company, make_customer(company), f"{APRIL}&format=pdf").content)

    assert "Nothing happened in these days." in text
    assert "Closing balance ZAR 0.00" in text


def test_a_statement_too_long_to_read_is_refused(company, customer, monkeypatch):
    monkeypatch.setattr("reports.statements.MOST_MOVEMENTS", 2)

    reply = asked(company, customer)

    assert (reply.status_code, reply.json()["code"]) == (400, "statement_too_long")


@pytest.mark.parametrize(
    "query", ["from=2024-04-02&to=2024-04-01", "currency=XXQ", "format=csv", "from=yesterday", "a=b"]
)
def test_a_wrong_question_is_refused(company, customer, query):
    assert asked(company, customer, query).status_code == 400


def test_the_admin_prints_a_statement(company, customer):
    browser = Client()
    browser.force_login(make_user("Viewer", company))
    url = f"/admin/parties/customer/{customer.pk}/statement/"

    page = browser.get(url)
    form = {"version": customer.version, "first": "2024-04-01", "last": "2024-04-30", "currency": "ZAR"}
    printed = browser.post(url, form)
    refused = browser.post(url, form | {"first": "2024-05-01"})

    assert page.status_code == 200
    assert printed.headers["Content-Type"] == "application/pdf"
    assert "Closing balance ZAR 275.00" in text_of(printed.content)
    assert "from is after to" in refused.content.decode()
