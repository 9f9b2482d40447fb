"""The customer's page: what it owes, what is open, what happened last."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from core.testing.statements import counted_statements
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company, Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment
from reports.accounts import account_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def customer(company: Company) -> Customer:
    return make_customer(company, name="Blue Lagoon")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, customer: Customer) -> Any:
    return client.get(f"/admin/parties/customer/{customer.pk}/change/")


def test_balances_are_by_currency_and_of_what_is_open(company: Company, customer: Customer) -> None:
    late = make_issued(company, customer=customer, issue_date=date(2026, 1, 1), due_date=date(2026, 1, 2))
    part = make_issued(company, make_item("0.1"), customer=customer)
    euro = make_issued(company, make_item("200"), customer=customer, currency="EUR")
    paid = make_issued(company, customer=customer, currency="USD")
    payment = apply_payment(actor=SYSTEM, invoice_id=part.pk, amount=Decimal("0.01"))
    last = apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount=Decimal(115))
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company, customer=customer).pk, reason="Twice")
    make_draft(company, customer=customer)
    make_issued(company)

    account = account_of(customer)

    assert [(row.currency, row.count, row.outstanding, row.overdue) for row in account.balances] == [
        ("EUR", 1, Decimal(230), Decimal(0)),
        ("ZAR", 2, Decimal("115.11"), Decimal(115)),
    ]
    assert account.open_invoices[0] == late
    assert set(account.open_invoices) == {late, part, euro}
    assert account.open_count == 3
    assert account.payments == [last, payment]
    assert [change.action for change in account.changes] == ["customer.created"]


def test_a_customer_without_invoices_has_an_empty_account(customer: Customer) -> None:
    account = account_of(customer)

    assert (account.balances, account.open_invoices, account.payments) == ([], [], [])


def test_the_page_shows_it_and_leads_on(company: Company, customer: Customer) -> None:
    invoice = make_issued(company, customer=customer)

    page = page_of(signed_in(make_user("Finance", company)), customer).content.decode()

    for text in (
        f"/admin/invoices/invoice/add/?customer={customer.pk}",
        f"/admin/payments/payment/add/?invoice={invoice.pk}",
        f"/admin/invoices/invoice/?customer__id__exact={customer.pk}&amp;open=1",
        f"/admin/parties/customer/{customer.pk}/statement/",
        "115.00",
    ):
        assert text in page


def test_a_new_invoice_for_the_customer_has_it_chosen(company: Company, customer: Customer) -> None:
    client = signed_in(make_user("Finance", company))

    page = client.get(f"/admin/invoices/invoice/add/?customer={customer.pk}").content.decode()

    assert f'<option value="{customer.pk}" selected>Blue Lagoon</option>' in page


def test_readers_see_the_account_and_are_offered_nothing(company: Company, customer: Customer) -> None:
    make_issued(company, customer=customer)

    page = page_of(signed_in(make_user("Viewer", company)), customer).content.decode()

    assert "Outstanding in ZAR" in page
    assert "New invoice" not in page
    assert "Pay…" not in page


def test_an_archived_customer_gets_no_new_invoice(company: Company, customer: Customer) -> None:
    update_customer(actor=SYSTEM, customer_id=customer.pk, archived=True)

    assert "New invoice" not in page_of(signed_in(make_user("Finance", company)), customer).content.decode()


def test_more_invoices_take_no_more_statements(company: Company, customer: Customer) -> None:
    client = signed_in(make_user("Finance", company))

    def count() -> int:
        with counted_statements() as statements:
            page_of(client, customer)
        return len(statements)

    apply_payment(actor=SYSTEM, invoice_id=make_issued(company, customer=customer).pk, amount=Decimal(1))
    few = count()
    for _ in range(5):
        apply_payment(actor=SYSTEM, invoice_id=make_issued(company, customer=customer).pk, amount=Decimal(1))

    assert count() == few


@pytest.mark.parametrize("term", ["blue lag", "ACCOUNTS@lagoon", "4410", "BLUE"])
def test_customers_are_found_by_name_mail_or_vat_number(company: Company, term: str) -> None:
    found = make_customer(company, name="Blue Lagoon", email="accounts@lagoon.test", vat_number="4410987654")
    make_customer(company, name="Green Hill")

    page = signed_in(make_user("Finance", company)).get("/admin/parties/customer/", {"q": term})

    assert list(page.context["cl"].result_list) == [found]
