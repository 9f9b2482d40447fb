"""Credit and write-offs at the desk: two buttons on an invoice, for those who may."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.models import Company
from parties.tests.factories import make_company
from payments.accounts.models import CustomerAccount
from payments.tests.factories import make_credit

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def invoice(company: Company) -> Invoice:
    """Over 115.00."""
    return make_issued(company)


def signed_in(company: Company, role: str = "Finance") -> Client:
    client = Client()
    client.force_login(make_user(role, company))
    return client


def address(invoice: Invoice, page: str = "change") -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/{page}/"


def given(client: Client, invoice: Invoice, page: str, **values: str) -> Any:
    version = str(Invoice.objects.get(pk=invoice.pk).version)
    return client.post(address(invoice, page), {"version": version, **values}, follow=True)


def test_credit_is_offered_where_the_customer_has_some_and_pays_the_invoice(company: Company, invoice: Invoice) -> None:
    client = signed_in(company)
    assert "Use credit" not in client.get(address(invoice)).content.decode()
    make_credit(invoice.customer, "40")

    assert "Use credit" in client.get(address(invoice)).content.decode()
    form = client.get(address(invoice, "use-credit")).content.decode()
    page = given(client, invoice, "use-credit", amount="40").content.decode()

    assert "The customer has ZAR 40.00 of credit." in form
    assert 'value="40.00"' in form
    assert "75.00 outstanding" in page
    assert Invoice.objects.get(pk=invoice.pk).paid == 40
    assert CustomerAccount.objects.get().balance == 0


def test_more_credit_than_there_is_is_said_beside_the_amount_and_nothing_is_booked(
    company: Company, invoice: Invoice
) -> None:
    make_credit(invoice.customer, "40")
    page = given(signed_in(company), invoice, "use-credit", amount="41").content.decode()

    assert "does not have that much credit" in page
    assert Invoice.objects.get(pk=invoice.pk).paid == 0


def test_a_rest_is_written_off_with_a_reason(company: Company, invoice: Invoice) -> None:
    client = signed_in(company)

    refused = given(client, invoice, "write-off", amount="115", reason="").content.decode()
    done = given(client, invoice, "write-off", amount="115", reason="Gone out of business").content.decode()

    assert "This field is required" in refused
    assert "115.00 written off" in done
    written_off = Invoice.objects.get(pk=invoice.pk)
    assert (written_off.status, written_off.paid, written_off.credited) == ("Paid", 0, 115)


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
@pytest.mark.parametrize("page", ["use-credit", "write-off"])
def test_who_only_reads_has_no_such_page(company: Company, invoice: Invoice, role: str, page: str) -> None:
    make_credit(invoice.customer, "40")
    assert signed_in(company, role).get(address(invoice, page)).status_code in (403, 404)
