"""The report pages and the home of the admin: each figure is the sum of the rows that its link leads to."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment, refund_payment
from reports.desk_sections import due_dates_of
from reports.periods import BUCKETS
from reports.tests.books import bucket_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme", currency="ZAR")


@pytest.fixture
def books(company: Company) -> Company:
    """Documents of every age, some paid, one refunded; one cancelled, one a draft, one in another currency."""
    today = company.today()
    customers = [make_customer(company, name=name) for name in ("Blue Lagoon", "Red Hill")]
    for index, age in enumerate((0, 20, 45, 75, 120, 200, 300)):
        issued = today - timedelta(days=age + 30)
        invoice = make_issued(
            company,
            make_item(str(100 + index)),
            customer=customers[index % 2],
            issue_date=issued,
            due_date=today - timedelta(days=age),
        )
        if index % 3 == 0:
            apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(50), paid_at=issued)
        if index == 3:
            refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(20))
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company, make_item("999")).pk)
    make_draft(company, make_item("70"))
    make_issued(company, make_item("10"), currency="EUR")
    make_issued(company, make_item("30", vat_rate="0.05"), make_item("7"), make_item("3", vat_rate="0.05"))
    make_issued(company, make_item("11", vat_rate="0"), make_item("13", vat_rate="0", vat_category="E"))
    make_issued(company, make_item("17", vat_rate="1"))
    return company


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def listed(client: Client, link: str) -> list[Any]:
    """The rows that the list at this address shows."""
    page = client.get(link)
    assert page.status_code == 200, link
    return list(page.context["cl"].result_list)


def of_row(row: Any, rate: Any) -> bool:
    """Whether a document's rate is that of the row of the VAT report."""
    return (row[0].text, row[1].text) == (f"{(100 * rate.vat_rate).normalize():f} %", rate.vat_category)


def test_each_card_of_the_home_is_the_sum_of_the_rows_behind_it(books: Company) -> None:
    client = signed_in(make_user("Finance", books))

    context = client.get("/admin/").context

    outstanding, overdue, paid, drafts = context["cards"]
    assert outstanding.owed.amount == sum(row.outstanding for row in listed(client, outstanding.link))
    assert overdue.owed.amount == sum(row.outstanding for row in listed(client, overdue.link))
    assert paid.owed.amount == sum(row.amount for row in listed(client, paid.link))
    assert drafts.owed.amount == sum(row.total for row in listed(client, drafts.link))
    assert (outstanding.owed.count, drafts.owed.count) == (10, 1)
    assert 0 < overdue.owed.amount < outstanding.owed.amount


def test_each_bucket_debtor_and_month_of_the_home_is_the_sum_of_the_rows_behind_it(books: Company) -> None:
    client = signed_in(make_user("Finance", books))

    context = client.get("/admin/").context

    for bar in context["aging"]:
        assert bar.bucket.amount == sum(row.outstanding for row in listed(client, bar.link)), bar.name
    for debtor, link in context["debtors"]:
        assert debtor.outstanding == sum(row.outstanding for row in listed(client, link)), debtor
    for month, link in context["months"]:
        assert month.net == sum(row.amount for row in listed(client, link)), month
    assert sum(bar.bucket.amount for bar in context["aging"]) == context["board"].outstanding.amount
    assert sum(month.net for month, _ in context["months"]) == sum(
        payment.amount for payment in Payment.objects.filter(currency="ZAR")
    )


def test_the_other_currency_is_a_page_of_its_own(books: Company) -> None:
    client = signed_in(make_user("Finance", books))

    page = client.get("/admin/", {"currency": "EUR"}).context

    assert [choice["name"] for choice in page["currencies"]] == ["ZAR", "EUR"]
    assert page["cards"][0].owed.amount == Decimal("11.50")


def test_the_company_looked_at_last_is_shown_again(company: Company) -> None:
    other = make_company(name="Zebra")
    user = make_user("Finance", company)
    add_role(user, other, "Finance")
    client = signed_in(user)

    assert client.get("/admin/").context["company"] == company
    client.get("/admin/", {"company": other.pk})
    assert client.get("/admin/").context["company"] == other
    stranger = make_company(name="Not mine")
    assert client.get("/admin/", {"company": stranger.pk}).context["company"] == other


@pytest.mark.parametrize("name", ["revenue", "outstanding", "aging", "vat"])
def test_each_linked_figure_of_a_report_is_the_sum_of_the_rows_behind_it(books: Company, name: str) -> None:
    client = signed_in(make_user("Viewer", books))

    sections = client.get(f"/admin/reports/{name}/").context["sections"]

    assert {section.currency for section in sections} >= ({"ZAR"} if name == "revenue" else {"ZAR", "EUR"})
    for section in sections:
        for row in section.rows:
            if name == "revenue":
                assert row[3].amount == sum(entry.amount for entry in listed(client, row[0].link))
            if name == "outstanding":
                assert row[2].amount == sum(invoice.outstanding for invoice in listed(client, row[0].link))
            if name == "vat":
                invoices = listed(client, row[0].link)
                rates = [rate for invoice in invoices for rate in invoice.vat_breakdown if of_row(row, rate)]
                assert len(rates) == len(invoices)
                assert row[2].amount == sum(rate.taxable_amount for rate in rates)
                assert row[3].amount == sum(rate.vat_amount for rate in rates)
            if name == "aging":
                for cell in row[1:-1]:
                    assert cell.amount == sum(invoice.outstanding for invoice in listed(client, cell.link))


def test_the_total_of_a_column_is_the_sum_of_its_rows(books: Company) -> None:
    client = signed_in(make_user("Viewer", books))

    for name in ("revenue", "outstanding", "aging", "vat"):
        for section in client.get(f"/admin/reports/{name}/").context["sections"]:
            for column, total in enumerate(section.total):
                if total.amount is not None:
                    assert total.amount == sum(row[column].amount for row in section.rows)


def test_a_report_is_a_file_too_with_the_same_days(books: Company) -> None:
    client = signed_in(make_user("Viewer", books))

    page = client.get("/admin/reports/revenue/", {"first": "2026-01-01", "last": "2026-01-31"})
    [csv_link] = [address for kind, address in page.context["files"] if kind == "csv"]
    file = client.get(f"/admin/reports/revenue/{csv_link}")

    assert file["Content-Disposition"] == 'attachment; filename="revenue-2026-01-01-2026-01-31.csv"'
    assert b"".join(file.streaming_content).startswith(b"row,companyId,currency,period")
    entry = Change.objects.filter(action="data.exported").get()
    assert (entry.company_id, entry.reason) == (books.pk, "Report revenue as csv: from 2026-01-01, to 2026-01-31.")


@pytest.mark.parametrize(
    "parameters", [{"first": "2026-02-01", "last": "2026-01-01"}, {"first": "soon"}, {"first": "0001-01-01"}]
)
def test_days_that_make_no_sense_are_said_beside_the_field(books: Company, parameters: dict[str, str]) -> None:
    page = signed_in(make_user("Viewer", books)).get("/admin/reports/revenue/", parameters)

    assert page.status_code == 200
    assert page.context["form"].errors["first"]
    assert page.context["sections"]


def test_another_companys_report_is_not_shown(books: Company) -> None:
    stranger = make_company(name="Other")
    client = signed_in(make_user("Viewer", stranger))

    page = client.get("/admin/reports/outstanding/", {"company": books.pk})

    assert page.context["company"] == stranger
    assert page.context["sections"] == []
    assert client.get("/admin/reports/nothing/").status_code == 404


def test_reports_need_a_sign_in() -> None:
    assert Client().get("/admin/reports/revenue/").status_code == 302


@pytest.mark.parametrize("age", [-5, 0, 1, 30, 31, 60, 61, 90, 91, 400])
def test_the_due_dates_of_a_bucket_are_those_of_its_documents(age: int) -> None:
    today = date(2026, 6, 30)
    due = today - timedelta(days=age)

    limits = {bucket: due_dates_of(bucket, today) for bucket in BUCKETS}
    inside = [
        bucket
        for bucket, limit in limits.items()
        if limit.get("due_date__gte", due) <= due <= limit.get("due_date__lte", due)
    ]

    assert inside == [bucket_by_hand(age)]


def test_figures_are_shown_in_the_pages_as_they_are(books: Company) -> None:
    page = signed_in(make_user("Viewer", books)).get("/admin/reports/outstanding/").content.decode()
    owed = sum(
        invoice.outstanding
        for invoice in Invoice.objects.filter(currency="ZAR", status__in=("Issued", "PartiallyPaid"))
    )

    assert re.search(rf"{owed:,.2f}".replace(",", "."), page.replace("\u202f", "."))
