"""The number register: every number with what became of it, and an honest word on gaps."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from audit.tests.tampering import execute, without_triggers
from core.spreadsheets import csv_chunks
from invoices.models import Invoice, NumberSeries
from invoices.numbers import number_text, numbering_of, register_rows, register_table, registered
from invoices.services import cancel_invoice, issue_invoice, set_next_number
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

YEAR = 2026


@pytest.fixture
def company() -> Company:
    return make_company()


def issued(company: Company, count: int, **details: Any) -> list[Invoice]:
    day = details.pop("day", date(YEAR, 3, 1))
    return [make_issued(company, issue_date=day, due_date=day, **details) for _ in range(count)]


def force(sql: str, *parameters: Any) -> None:
    """A change that the program never makes, with the triggers out of the way."""
    with without_triggers():
        execute(sql, list(parameters))


def test_numbers_without_a_gap_are_said_to_be_so(company: Company) -> None:
    issued(company, 3)
    issued(company, 2, day=date(2027, 1, 1))
    issued(make_company(), 4)
    make_draft(company)

    assert numbering_of(company, YEAR).statement == (
        "There is no gap: 3 numbers from INV-2026-000001 to INV-2026-000003, each once."
    )
    assert numbering_of(company, 2027).count == 2
    assert numbering_of(company, 2030).statement == "No number of INV-2030 was given."
    assert numbering_of(company, 2030).is_complete


def test_a_series_may_start_later_and_grow_beyond_six_digits(company: Company) -> None:
    set_next_number(actor=SYSTEM, company=company, year=YEAR, next_value=999_999)
    issued(company, 3)
    numbering = numbering_of(company, YEAR)

    assert numbering.is_complete
    assert (numbering.first, numbering.last, numbering.count) == (999_999, 1_000_001, 3)
    assert [row.number for row in register_rows(numbering)] == [
        "INV-2026-999999",
        "INV-2026-1000000",
        "INV-2026-1000001",
    ]


def test_each_number_says_who_issued_it_and_why_it_was_cancelled(company: Company) -> None:
    clerk, boss = make_user("Finance", company, email="clerk@x.test"), make_user("Admin", company, email="boss@x.test")
    first, second = make_draft(company), make_draft(company)
    for draft in (first, second):
        issue_invoice(actor=clerk, invoice_id=draft.pk)
    cancel_invoice(actor=boss, invoice_id=first.pk, reason="Sent twice.")
    numbering = numbering_of(company, first.issue_date.year)

    cancelled, standing = registered(numbering, start=1, size=50)

    first.refresh_from_db()
    assert (cancelled.number, cancelled.status, cancelled.invoice_id) == (first.number, "Cancelled", first.pk)
    assert (cancelled.issued_by, cancelled.cancelled_by, cancelled.reason) == (
        "clerk@x.test",
        "boss@x.test",
        "Sent twice.",
    )
    assert (cancelled.issued_at, cancelled.cancelled_at) == (first.issued_at, first.cancelled_at)
    assert (standing.status, standing.issued_by, standing.cancelled_by, standing.reason) == (
        "Issued",
        "clerk@x.test",
        "",
        "",
    )
    assert standing.customer_name == second.customer.name


def test_a_gap_and_a_lost_end_are_found_and_named(company: Company) -> None:
    invoices = issued(company, 9)
    for place in (2, 3, 5, 8):
        force("UPDATE invoices_invoice SET number = %s WHERE id = %s", f"GONE-{place}", invoices[place].pk)

    numbering = numbering_of(company, YEAR)

    assert not numbering.is_complete
    assert numbering.missing == 3
    assert numbering.statement == (
        "The last number is INV-2026-000008; by its counter the series gave INV-2026-000009. "
        "Missing: 3 (INV-2026-000003 to INV-2026-000004, INV-2026-000006)."
    )
    rows = list(register_rows(numbering))
    assert [row.number[-1] for row in rows if row.status == "Missing"] == ["3", "4", "6", "9"]
    assert len(rows) == 9


def test_a_number_given_twice_in_another_spelling_is_found(company: Company) -> None:
    invoices = issued(company, 3)
    force("UPDATE invoices_invoice SET number = %s WHERE id = %s", "INV-2026-2", invoices[2].pk)

    numbering = numbering_of(company, YEAR)

    assert (numbering.repeated, numbering.is_complete) == (1, False)
    assert "Given more than once: 1." in numbering.statement


def test_a_counter_that_tells_something_else_is_told(company: Company) -> None:
    issued(company, 2)
    force("UPDATE invoices_numberseries SET next_value = 2")
    assert numbering_of(company, YEAR).statement == (
        "The last number is INV-2026-000002; by its counter the series gave INV-2026-000001."
    )
    force("DELETE FROM invoices_numberseries")
    assert not numbering_of(company, YEAR).is_complete
    force(
        "INSERT INTO invoices_numberseries (company_id, year, first_value, next_value) VALUES (%s, 2026, 2, 3)",
        company.pk,
    )
    assert numbering_of(company, YEAR).statement == "The first number is INV-2026-000001, not INV-2026-000002."


def test_the_table_has_a_row_for_each_number_and_formulas_are_texts(company: Company) -> None:
    invoices = issued(company, 2)
    cancel_invoice(actor=SYSTEM, invoice_id=invoices[1].pk, reason="=cmd()")

    text = b"".join(csv_chunks(register_table(numbering_of(company, YEAR)))).decode()

    header, first, second = csv.reader(io.StringIO(text))
    assert header[:6] == ["number", "status", "issueDate", "customerName", "currency", "total"]
    assert first[:3] == ["INV-2026-000001", "Issued", "2026-03-01"]
    assert first[5] == "115.00"
    assert second[-1] == "'=cmd()"


def test_a_page_takes_as_many_statements_whatever_its_size(company: Company, django_assert_num_queries: Any) -> None:
    issued(company, 12)
    numbering = numbering_of(company, YEAR)
    for size in (2, 12):
        with django_assert_num_queries(2):
            assert len(registered(numbering, start=1, size=size)) == size
    assert [row.number for row in registered(numbering, start=11, size=50)] == [
        number_text("INV-2026", value) for value in (11, 12)
    ]


REGISTER = "/admin/invoices/numberseries/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_the_numbers_and_files_are_on_record(company: Company) -> None:
    invoices = issued(company, 3)
    cancel_invoice(actor=SYSTEM, invoice_id=invoices[1].pk, reason="Sent twice.")
    foreign = NumberSeries.objects.get(company=issued(make_company(), 1)[0].company)
    series = NumberSeries.objects.get(company=company)
    auditor = make_user("Auditor", company)
    client = signed_in(auditor)

    page = client.get(f"{REGISTER}{series.pk}/change/")

    text = page.content.decode()
    assert "There is no gap: 3 numbers from INV-2026-000001 to INV-2026-000003, each once." in text
    assert "Sent twice." in text
    assert f'href="/admin/invoices/invoice/{invoices[2].pk}/change/"' in text
    assert [str(row) for row in client.get(REGISTER).context["cl"].result_list] == ["INV-2026"]
    for file_format, start in (("csv", b"number,status"), ("xlsx", b"PK")):
        file = client.get(f"{REGISTER}{series.pk}/file/{file_format}/")
        assert b"".join(file.streaming_content).startswith(start)
        entry = Change.objects.latest("id")
        assert (entry.action, entry.actor_id, entry.company_id) == ("data.exported", auditor.pk, company.pk)
        assert entry.reason == f"Register of INV-2026 as {file_format}: everything."
    assert client.get(f"{REGISTER}{series.pk}/file/exe/").status_code == 403
    for address in ("change", "history", "file/csv"):
        assert client.get(f"{REGISTER}{foreign.pk}/{address}/").status_code == 404
    assert list(faults()) == []


def test_nobody_writes_to_the_register(company: Company) -> None:
    issued(company, 1)
    series = NumberSeries.objects.get()
    root = User.objects.create_superuser("root@example.test", PASSWORD)
    for user in (make_user("Admin", company), make_user("Auditor", company), root):
        client = signed_in(user)
        assert client.get(f"{REGISTER}add/").status_code == 403
        assert client.post(f"{REGISTER}{series.pk}/change/", {"next_value": 9}).status_code == 405
        assert client.post(f"{REGISTER}{series.pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.get(f"{REGISTER}{series.pk}/change/").status_code == 200
    assert NumberSeries.objects.get().next_value == 2


def test_pages_run_through_the_register_and_back(company: Company) -> None:
    issued(company, 7)
    client, seen, pages = api_client(make_user("Viewer", company)), [], []
    url = "/api/reports/numbers?year=2026&pageSize=3"
    while url:
        page = client.get(url).json()
        pages.append([row["number"] for row in page["results"]])
        seen += pages[-1]
        url, back = page["next"], page["previous"]

    assert seen == [number_text("INV-2026", value) for value in range(1, 8)]
    assert [row["number"] for row in client.get(back).json()["results"]] == pages[-2]
    assert {name: page[name] for name in ("series", "isComplete", "count", "missing", "repeated", "gaps")} == {
        "series": "INV-2026",
        "isComplete": True,
        "count": 7,
        "missing": 0,
        "repeated": 0,
        "gaps": [],
    }
    assert page["results"][0]["total"] == "115.00"
    assert page["results"][0]["issuedBy"] == "system"


def test_a_gap_reads_the_same_over_rest(company: Company) -> None:
    invoices = issued(company, 3)
    force("UPDATE invoices_invoice SET number = %s WHERE id = %s", "GONE", invoices[1].pk)

    register = api_client(make_user("Viewer", company)).get("/api/reports/numbers?year=2026").json()

    assert register["isComplete"] is False
    assert register["gaps"] == [{"first": "INV-2026-000002", "last": "INV-2026-000002"}]
    assert register["statement"] == "Missing: 1 (INV-2026-000002)."
    assert register["results"][1]["status"] == "Missing"
    assert register["results"][1]["invoiceId"] is None


@pytest.mark.parametrize("query", ["year=12", "year=x", "cursor=-1", "cursor=1e3", "pageSize=0", "foo=1", "format=pdf"])
def test_wrong_questions_are_a_400(company: Company, query: str) -> None:
    assert api_client(make_user("Viewer", company)).get(f"/api/reports/numbers?{query}").status_code == 400
