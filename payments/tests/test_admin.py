from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company
from parties.tests.factories import make_company
from payments.models import Payment
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/payment/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pay_url(invoice: Invoice) -> str:
    return f"{LIST}add/?invoice={invoice.pk}"


def form(invoice: Invoice, amount: str = "115.00", **values: Any) -> dict[str, Any]:
    paid_at = invoice.company.today().isoformat()
    return {"version": invoice.version, "amount": amount, "method": "EFT", "paid_at": paid_at, **values}


def book(invoice: Invoice, amount: str, **values: Any) -> Payment:
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **values)


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def finance(company: Company) -> Client:
    return signed_in(make_user("Finance", company, email="finance@example.test"))


def test_the_form_offers_what_is_outstanding_paid_today(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    book(invoice, "15.50")

    page = finance.get(pay_url(invoice))

    shown = page.context["adminform"].form
    assert [shown[name].value() for name in ("amount", "paid_at", "version")] == ["99.50", company.today(), 3]


def test_a_payment_settles_the_invoice_and_leads_back_to_it(company: Company, finance: Client) -> None:
    invoice = make_issued(company)

    response = finance.post(pay_url(invoice), form(invoice, "15.50", reference="EFT 7", method="Card"), follow=True)

    payment = Payment.objects.get()
    invoice.refresh_from_db()
    assert response.redirect_chain == [(f"/admin/invoices/invoice/{invoice.pk}/change/", 302)]
    expected = f"Payment of ZAR 15.50 applied: {invoice.number} is partially paid, ZAR 99.50 outstanding."
    assert expected in response.content.decode()
    assert (payment.amount, payment.method, payment.reference) == (Decimal("15.50"), "Card", "EFT 7")
    assert payment.paid_at == datetime.combine(company.today(), datetime.min.time(), tzinfo=company.zone)
    assert payment.change.actor == "finance@example.test"
    assert (invoice.status, invoice.paid) == ("PartiallyPaid", Decimal("15.50"))
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"amount": "2 500,00"}, "amount", "Give a plain decimal number"),
        ({"amount": "1e2"}, "amount", "Give a plain decimal number"),
        ({"amount": "0"}, "amount", "The amount is above zero."),
        ({"amount": "-5"}, "amount", "The amount is above zero."),
        ({"amount": "0.001"}, "amount", "At most 2 decimals are possible here"),
        ({"amount": "115.01"}, "amount", "Payment exceeds outstanding amount."),
        ({"amount": ""}, "amount", "This field is required."),
        ({"paid_at": "2999-01-01"}, "paid_at", "Nothing is booked before it happened"),
        ({"paid_at": "1899-12-31"}, "paid_at", "Dates start in 1900."),
        ({"paid_at": "yesterday"}, "paid_at", "Enter a valid date."),
        ({"method": "Barter"}, "method", "Select a valid choice."),
        ({"reference": "ONE "}, "reference", "This reference is used on this invoice already."),
    ],
)
def test_what_cannot_be_booked_stands_beside_its_field_and_stays_as_typed(
    company: Company, finance: Client, values: dict[str, str], field: str, sentence: str
) -> None:
    invoice = make_issued(company)
    other = make_issued(company)
    book(other, "1", reference="one")
    target = other if field == "reference" else invoice
    target.refresh_from_db()

    response = finance.post(pay_url(target), form(target, **{"amount": "5", **values}))

    shown = response.context["adminform"].form
    assert response.status_code == 200
    assert sentence in str(shown.errors[field])
    assert shown[field].value() == values[field]
    assert Payment.objects.count() == 1


def test_a_second_click_books_nothing_and_says_so(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice, "15.50")

    finance.post(pay_url(invoice), typed)
    response = finance.post(pay_url(invoice), typed)

    page = response.content.decode()
    assert response.status_code == 200
    assert "finance@example.test changed this at " in page
    assert "payment.applied" in page
    assert Payment.objects.count() == 1
    assert Change.objects.filter(action="payment.applied").count() == 1


def test_the_second_tab_is_told_and_may_still_pay_the_rest(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice, "15.50", reference="mine")
    book(invoice, "100")

    stale = finance.post(pay_url(invoice), typed)
    version = stale.context["adminform"].form["version"].value()
    again = finance.post(pay_url(invoice), typed | {"version": version, "amount": "15"})

    assert "system changed this at " in stale.content.decode()
    assert ("paid", "0.00", "100.00") in stale.context["news"][0].changes[0].values
    assert stale.context["adminform"].form["reference"].value() == "mine"
    assert version == "3"
    assert again.status_code == 302
    invoice.refresh_from_db()
    assert (invoice.status, invoice.payments.count()) == ("Paid", 2)


def test_what_was_paid_in_full_meanwhile_takes_no_more(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice)
    book(invoice, "115")

    stale = finance.post(pay_url(invoice), typed, follow=True)
    again = finance.post(pay_url(invoice), typed | {"version": "3"})
    opened = finance.get(pay_url(invoice), follow=True)

    assert "Nothing was done." in stale.content.decode()
    assert "system changed it at " in stale.content.decode()
    for page in (stale, again, opened):
        assert "this invoice is paid." in page.content.decode()
    assert Payment.objects.count() == 1


def test_a_payment_needs_an_invoice_that_takes_one(company: Company, finance: Client) -> None:
    draft = make_draft(company)

    without = finance.get(f"{LIST}add/", follow=True)
    unissued = finance.get(pay_url(draft), follow=True)
    forced = finance.post(pay_url(draft), form(draft))

    assert "Open the invoice that was paid, then choose Apply payment." in without.content.decode()
    assert "this invoice is draft." in unissued.content.decode()
    assert "this invoice is draft." in forced.content.decode()
    assert not Payment.objects.exists()


def test_those_who_only_read_do_not_pay(company: Company) -> None:
    invoice = make_issued(company)
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))

        assert client.get(pay_url(invoice)).status_code == 403
        assert client.post(pay_url(invoice), form(invoice)).status_code == 403
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.get(LIST).status_code == 200

    assert not Payment.objects.exists()


def test_a_role_counts_where_it_is_held(company: Company) -> None:
    other = make_company()
    client = signed_in(add_role(make_user("Finance", company), other, "Viewer"))
    invoice = make_issued(other)

    assert client.post(pay_url(invoice), form(invoice)).status_code == 403
    assert not Payment.objects.exists()


def test_another_companys_invoice_and_payment_do_not_exist(finance: Client) -> None:
    invoice = make_issued(make_company())
    payment = book(invoice, "1", reference="foreign")

    for address in (
        pay_url(invoice),
        f"{LIST}add/?invoice=999999",
        f"{LIST}add/?invoice=",
        f"{LIST}add/?invoice=x",
        f"{LIST}{payment.pk}/change/",
        f"{LIST}{payment.pk}/history/",
        f"{LIST}{payment.pk + 1000}/change/",
    ):
        assert finance.get(address).status_code == 404
    assert finance.post(pay_url(invoice), form(invoice)).status_code == 404
    assert "foreign" not in finance.get(LIST).content.decode()
    assert Payment.objects.count() == 1


def test_entries_are_read_and_never_changed(company: Company, finance: Client) -> None:
    payment = book(make_issued(company), "15.50", reference="EFT 7")
    address = f"{LIST}{payment.pk}/"

    page = finance.get(f"{address}change/").content.decode()

    assert "ZAR 15.50" in page
    assert "EFT 7" in page
    assert '<input type="submit"' not in page
    assert finance.post(f"{address}change/", {"amount": "1"}).status_code == 403
    assert finance.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    payment.refresh_from_db()
    assert (payment.amount, payment.version) == (Decimal("15.50"), 1)


def test_the_invoice_shows_its_payments_newest_first_by_the_companys_clock(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    yesterday = company.today() - timedelta(days=1)
    book(invoice, "10", reference="REF-1", paid_at=yesterday)
    book(invoice, "20", reference="REF-2")

    page = finance.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    history = finance.get(f"/admin/invoices/invoice/{invoice.pk}/history/")

    assert page.index("REF-2") < page.index("REF-1")
    assert f"{yesterday} 00:00" in page
    assert "85.00" in page
    commands = [group.entry.command for group in history.context["groups"]]
    assert commands == ["payment.applied", "payment.applied", "invoice.issued", "invoice.created"]
    assert {change.entry.entity_type for change in history.context["groups"][0].changes} == {"Invoice", "Payment"}


def test_the_list_filters_finds_and_takes_few_statements(
    company: Company, finance: Client, django_assert_max_num_queries: Any
) -> None:
    invoice = make_issued(company)
    for number in range(8):
        book(invoice, "1", reference=f"part {number}", method="Cash" if number == 3 else "EFT")

    with django_assert_max_num_queries(8):
        everything = finance.get(LIST).content.decode()
    cash = finance.get(f"{LIST}?method__exact=Cash").content.decode()
    found = finance.get(f'{LIST}?q="part+5"').content.decode()

    assert everything.count("part ") == 8
    assert [number for number in range(8) if f"part {number}" in cash] == [3]
    assert [number for number in range(8) if f">part {number}" in found] == [5]
