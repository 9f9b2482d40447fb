"""The list of invoices in the admin: filters, search, totals, export, and commands on many rows."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

import invoices.selectors
from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from core.changelist import LAST_PAGE
from core.testing.statements import counted_statements
from invoices.models import Invoice
from invoices.services import cancel_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

LIST = "/admin/invoices/invoice/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(client: Client, query: str = "") -> list[str]:
    """The customers' names in the list, in its order."""
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200, page
    return [invoice.buyer_name for invoice in page.context["cl"].result_list]


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def finance(company: Company) -> Client:
    return signed_in(make_user("Finance", company, email="finance@example.test"))


@pytest.fixture
def books(company: Company) -> dict[str, Invoice]:
    """A draft, one overdue, one paid in part, one paid and one cancelled, each of a customer of its own."""

    def customer(name: str) -> Any:
        return make_customer(company, name=name)

    late = make_issued(
        company,
        make_item("250"),
        customer=customer("Late"),
        issue_date=date(2026, 1, 1),
        due_date=date(2026, 1, 31),
        currency="EUR",
    )
    part, paid, gone = (make_issued(company, customer=customer(name)) for name in ("Part", "Paid", "Gone"))
    apply_payment(actor=SYSTEM, invoice_id=part.pk, amount=Decimal(15), reference="WIRE 77123")
    apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount=Decimal(115))
    cancel_invoice(actor=SYSTEM, invoice_id=gone.pk, reason="Twice")
    draft = make_draft(company, make_item("1000"), customer=customer("Draft"))
    return {"late": late, "part": part, "paid": paid, "gone": gone, "draft": draft}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Late", "Part", "Paid", "Gone", "Draft"}),
        ("status=Paid", {"Paid"}),
        ("status=Paid&status=Cancelled", {"Paid", "Gone"}),
        ("status__exact=Draft", {"Draft"}),
        ("open=1", {"Late", "Part"}),
        ("issued=1", {"Late", "Part", "Paid"}),
        ("issued=1&status=Draft", set()),
        ("overdue=1", {"Late"}),
        ("currency=EUR", {"Late"}),
        ("issue_date__lte=2026-01-31", {"Late"}),
        ("due_date__gte=2026-01-31&due_date__lte=2026-01-31", {"Late"}),
        ("due_date__lt=2026-02-01", {"Late"}),
        ("total__gte=1%20000,00", {"Draft"}),
        ("total__gte=200&total__lte=300.00", {"Late"}),
        ("q=wire%2077123", {"Part"}),
        ("q=late", {"Late"}),
        ("q=late&status=Paid", set()),
    ],
)
def test_the_filters_leave_what_fits(finance: Client, books: dict[str, Invoice], query: str, names: set[str]) -> None:
    assert set(shown(finance, query)) == names


def test_a_customer_is_chosen_by_name(finance: Client, books: dict[str, Invoice]) -> None:
    page = finance.get(f"{LIST}?customer__id__exact={books['part'].customer_id}")

    assert [invoice.buyer_name for invoice in page.context["cl"].result_list] == ["Part"]
    assert f'value="{books["part"].customer_id}" selected>Part</option>' in page.content.decode()


def test_a_filter_that_cannot_be_read_says_so_and_filters_nothing(finance: Client, books: dict[str, Invoice]) -> None:
    page = finance.get(f"{LIST}?total__gte=2,500&issue_date__gte=soon&status=Lost")

    assert "can be read as 2\u202f500 or as 2.5" in page.content.decode()
    assert "Enter a valid date." in page.content.decode()
    assert len(page.context["cl"].result_list) == 5


def test_foreign_rows_are_neither_filtered_nor_offered(company: Company, finance: Client) -> None:
    theirs = make_draft(make_company(name="Foreign"), customer=None)

    for query in (f"customer__id__exact={theirs.customer_id}", f"company__id__exact={theirs.company_id}", "q=foreign"):
        page = finance.get(f"{LIST}?{query}")
        assert not page.context["cl"].result_list
        assert "Foreign" not in page.content.decode()
    assert b"Foreign" not in b"".join(finance.get(f"{LIST}export/csv/").streaming_content)
    assert not finance.get(f"{LIST}totals/").context["sums"]


def test_several_companies_are_one_list_in_one_order() -> None:
    first, second = make_company(name="First"), make_company(name="Second")
    user = add_role(make_user("Finance", first), second, "Viewer")
    for owner, name in ((first, "a"), (second, "b"), (first, "c"), (second, "d")):
        make_draft(owner, customer=make_customer(owner, name=name))
    make_draft(make_company(), customer=None)
    client = signed_in(user)

    assert shown(client) == ["d", "c", "b", "a"]
    assert shown(client, "o=2") == ["a", "b", "c", "d"]
    assert shown(client, f"company__id__exact={second.pk}") == ["d", "b"]
    assert shown(client, "issue_date__gte=2000-01-01&issue_date__lte=2000-01-02") == []
    today = first.today()
    assert shown(client, f"issue_date__gte={today}&issue_date__lte={today}") == ["d", "c", "b", "a"]


def test_pages_follow_each_other_without_a_count(finance: Client, company: Company, monkeypatch: Any) -> None:
    monkeypatch.setattr("invoices.admin_list.InvoiceListAdmin.list_per_page", 2)
    customer = make_customer(company)
    ids = [make_draft(company, customer=customer).pk for _ in range(5)][::-1]

    pages = [[row.pk for row in finance.get(f"{LIST}?p={page}").context["cl"].result_list] for page in (1, 2, 3, 4)]
    with counted_statements() as statements:
        second = finance.get(f"{LIST}?p=2&status=Draft")

    assert pages == [ids[:2], ids[2:4], ids[4:], []]
    assert not [statement for statement in statements if "COUNT(" in str(statement).upper()]
    assert 'href="?p=1&amp;status=Draft"' in second.content.decode()
    assert 'href="?p=3&amp;status=Draft"' in second.content.decode()
    assert "3\u20134" in second.content.decode()
    assert "5\u20135 of 5" in finance.get(f"{LIST}?p=3").content.decode()
    assert finance.get(f"{LIST}?p={LAST_PAGE + 1}").status_code == 302


def test_totals_are_for_each_currency_and_never_of_two(finance: Client, books: dict[str, Invoice]) -> None:
    def sums(query: str = "") -> list[tuple[Any, ...]]:
        found = finance.get(f"{LIST}totals/?{query}").context["sums"]
        return [(row.currency, row.count, row.total, row.outstanding) for row in found]

    # What is cancelled is counted and adds nothing; a draft is not owed.
    assert sums() == [("EUR", 1, Decimal("287.5"), Decimal("287.5")), ("ZAR", 4, Decimal(1380), Decimal(100))]
    assert sums("status=Paid") == [("ZAR", 1, Decimal(115), Decimal(0))]
    assert sums("q=late") == [("EUR", 1, Decimal("287.5"), Decimal("287.5"))]
    assert sums("due_date__lt=2026-02-01") == [("EUR", 1, Decimal("287.5"), Decimal("287.5"))]
    assert sums("nonsense__gte=1") == []
    assert "287.50" in finance.get(f"{LIST}totals/").content.decode()


def test_too_many_to_be_added_are_said_to_be(
    finance: Client, books: dict[str, Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoices.selectors, "MOST_SUMMED", 4)

    assert "More than" in finance.get(f"{LIST}totals/").content.decode()
    assert finance.get(f"{LIST}totals/?open=1").context["sums"][0].count == 1


def test_what_is_filtered_is_exported_and_no_name_becomes_a_formula(finance: Client, books: dict[str, Invoice]) -> None:
    late = books["late"].customer
    update_customer(actor=SYSTEM, customer_id=books["draft"].customer_id, name="=1+1")

    reply = finance.get(f"{LIST}export/csv/?q=late")
    rows = list(csv.DictReader(io.StringIO(b"".join(reply.streaming_content).decode())))
    everything = b"".join(finance.get(f"{LIST}export/csv/").streaming_content).decode()
    workbook = b"".join(finance.get(f"{LIST}export/xlsx/?status=Paid").streaming_content)

    assert reply.headers["Content-Disposition"].startswith('attachment; filename="invoices-')
    assert [(row["customer"], row["total"], row["overdue"], row["currency"]) for row in rows] == [
        (late.name, "287.50", "yes", "EUR")
    ]
    assert len(everything.splitlines()) == 6
    assert ",'=1+1," in everything
    assert workbook.startswith(b"PK")
    assert finance.get(f"{LIST}export/exe/").status_code == 403


def test_an_empty_list_says_what_to_do(finance: Client) -> None:
    assert "No invoices yet" in finance.get(LIST).content.decode()
    assert "No invoice fits these filters" in finance.get(f"{LIST}?q=nothing").content.decode()


def choose(client: Client, verb: str, *invoices: Invoice) -> Any:
    """The confirmation for these rows of the list."""
    return client.post(LIST, {"action": verb, "index": 0, "_selected_action": [invoice.pk for invoice in invoices]})


def confirmed(page: Any) -> list[str]:
    return [f"{row.invoice.pk}:{row.version}" for row in page.context["possible"]]


def bulk(name: str) -> str:
    return reverse("admin:invoices_invoice_bulk", args=[name])


def test_many_drafts_are_issued_each_with_its_outcome(finance: Client, company: Company) -> None:
    first, second, changed = (make_draft(company) for _ in range(3))
    empty = make_draft(company)
    update_draft(actor=SYSTEM, invoice_id=empty.pk, items=[])
    issued = make_issued(company)

    page = choose(finance, "issue", first, second, changed, empty, issued)
    asked = page.content.decode()
    update_draft(actor=SYSTEM, invoice_id=changed.pk, items=[make_item("7")])
    results = finance.post(bulk("issue"), {"row": confirmed(page)})

    assert "Issue 3 of 5 invoices?" in asked
    assert "Add at least one line before issuing the invoice." in asked
    assert "Only drafts can be issued; this invoice is issued." in asked
    outcomes = {result.invoice.pk: (result.is_done, result.sentence) for result in results.context["results"]}
    first.refresh_from_db()
    assert outcomes[first.pk] == (True, f"Issued as {first.number}.")
    assert outcomes[second.pk][0]
    assert outcomes[changed.pk][0] is False
    assert outcomes.keys() == {first.pk, second.pk, changed.pk}
    assert Invoice.objects.filter(status="Draft").count() == 2
    assert first.change.actor == "finance@example.test"


def test_sent_twice_a_bulk_issue_does_nothing_twice(finance: Client, company: Company) -> None:
    draft = make_draft(company)
    rows = {"row": confirmed(choose(finance, "issue", draft))}

    finance.post(bulk("issue"), rows)
    again = finance.post(bulk("issue"), rows)

    [result] = again.context["results"]
    assert not result.is_done
    assert Invoice.objects.filter(status="Issued").count() == 1


def test_nobody_issues_many_without_the_role_or_in_another_company(company: Company) -> None:
    other = make_company()
    ours, theirs = make_draft(company), make_draft(other)
    viewer, mixed = make_user("Viewer", company), add_role(make_user("Finance", company), other, "Viewer")

    assert signed_in(viewer).post(bulk("issue"), {"row": [f"{ours.pk}:1"]}).status_code == 403
    assert b"_selected_action" not in signed_in(viewer).get(LIST).content
    asked = choose(signed_in(mixed), "issue", ours, theirs)
    done = signed_in(mixed).post(
        bulk("issue"), {"row": [f"{ours.pk}:1", f"{theirs.pk}:1", "x:1", "1", "9" * 30 + ":1"]}
    )

    assert [row.refusal == "" for row in asked.context["rows"]] == [True, False]
    assert [result.is_done for result in done.context["results"]] == [True, False]
    theirs.refresh_from_db()
    assert theirs.status == "Draft"
    assert signed_in(mixed).post(bulk("delete"), {}).status_code == 404
    assert signed_in(mixed).get(bulk("issue")).status_code == 302


def test_rows_are_never_deleted_in_bulk(finance: Client, company: Company) -> None:
    draft = make_draft(company)

    choose(finance, "delete_selected", draft)

    assert Invoice.objects.filter(pk=draft.pk).exists()


def test_the_list_takes_as_many_statements_for_many_rows_as_for_few(finance: Client, company: Company) -> None:
    def count() -> int:
        with counted_statements() as statements:
            finance.get(LIST)
        return len(statements)

    make_issued(company)
    few = count()
    for _ in range(6):
        make_issued(company)

    assert count() == few <= 8
