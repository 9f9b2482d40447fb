"""Invoices as pages: what the reader sees, read back from the PDF."""

import io
import re
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import typst
from django.test import Client
from pypdf import PdfReader

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from core import typesetting
from core.languages import formats_of
from core.typesetting import typeset
from invoices.models import Invoice
from invoices.pdf import invoice_pdf, page_of, seller_of
from invoices.services import cancel_invoice, create_draft
from invoices.sheet import TEMPLATE
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_company, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

EVERYTHING_HOSTILE = (
    '#read("/etc/passwd") *bold* $x$ _it_ `raw` <label> @ref // gone /* gone */ \\u{41} \\ #panic() [x] {y} =z'
)


figures = formats_of("en").figures


def reader_of(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def one_line(text: str) -> str:
    """Text without its line breaks and without the marks at which a long word may break."""
    return re.sub(r"[ \n]+", " ", text.replace("\u200b", ""))


def text_of(pdf: bytes) -> str:
    """The text of all pages."""
    return one_line(" ".join(page.extract_text() for page in reader_of(pdf).pages))


def page_text(invoice: Invoice) -> str:
    return text_of(invoice_pdf(Invoice.objects.get(pk=invoice.pk)))


def sheet_of(invoice: Invoice) -> dict[str, Any]:
    return page_of(invoice, seller_of(invoice))


def amounts_of(document: Any) -> set[str]:
    """The amounts of a document of the API, as people read them; of a line's VAT only the breakdown shows."""
    names = {"total", "paid", "outstanding", "subtotal", "vatTotal", "taxableAmount", "lineTotal", "lineGross"}
    found = {figures(document[name]) for name in names if document.get(name) is not None}
    found |= {figures(row["vatAmount"]) for row in document.get("vatBreakdown", ())}
    for row in (*document.get("items", ()), *document.get("vatBreakdown", ())):
        found |= amounts_of(row)
    return found


def fetched(company: Any, invoice: Invoice) -> tuple[Any, str]:
    """The document of the API, and the text of its PDF."""
    client = api_client(make_user("Viewer", company))
    url = f"/api/invoices/{invoice.pk}"
    return client.get(url).json(), text_of(client.get(f"{url}/pdf?payments=true").content)


def test_every_amount_of_the_document_is_on_the_page():
    company = make_company(name="Karoo Consulting", registration_number="2019/1", email="accounts@karoo.example")
    customer = make_customer(
        company, name="Table Mountain", address_line_1="1 Long St", city="Cape Town", phone="+27 21"
    )
    items = [
        make_item("1450", "12", description="Migration"),
        make_item("899.5", "3", discount_percent=Decimal(10)),
        make_item("12500", discount_amount=Decimal(500)),
        make_item("0.125", "20000"),
        make_item("380", "2", "0"),
        make_item("100", "1", "0", vat_category="AE"),
    ]
    invoice = make_issued(company, *items, customer=customer, issue_date=date(2026, 3, 1), discount_percent=Decimal(5))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="10000")

    document, text = fetched(company, invoice)

    assert len(amounts_of(document)) > 12
    assert [amount for amount in amounts_of(document) if amount not in text] == []
    assert f"{figures('-' + document['discountTotal'])}" in text
    for shown in (
        "Tax invoice",
        document["invoiceNumber"],
        "1 March 2026",
        "31 March 2026",
        "Karoo Consulting",
        "VAT number 4123456789",
        "Registration 2019/1",
        "Table Mountain",
        "1 Long St",
        "Cape Town",
        "20,000",
        "0.125",
        "10%",
        "Discount 5%",
        "AE: Reverse charge",
        "Total ZAR",
        "Page 1 of 1",
    ):
        assert shown in text, shown


def test_prices_that_include_vat_say_so_and_show_net_and_gross():
    company = make_company()
    items = [
        make_item("115", "2"),
        make_item("57.5", discount_amount=Decimal("7.5")),
        make_item("1234.56", "1", "0.05"),
    ]
    invoice = make_issued(company, *items, prices_include_vat=True, discount_amount=Decimal(20))

    document, text = fetched(company, invoice)

    assert [amount for amount in amounts_of(document) if amount not in text] == []
    assert "Prices include VAT" in text
    assert "Net Gross" in text


@pytest.mark.parametrize(
    ("currency", "price", "total"), [("JPY", "1250000", "1,250,000"), ("KWD", "1234.567", "1,234.567")]
)
def test_money_has_exactly_the_decimals_of_its_currency(currency, price, total):
    company = make_company(currency=currency, default_vat_rate=Decimal(0), vat_number="")
    invoice = make_issued(company, make_item(price))

    document, text = fetched(company, invoice)

    assert f"Total {currency} {total}" in text
    assert {"JPY": "Paid 0 ", "KWD": "Paid 0.000 "}[currency] in text
    assert [amount for amount in amounts_of(document) if amount not in text] == []


def test_a_company_without_a_vat_number_writes_no_tax_invoice():
    text = page_text(make_issued(make_company(vat_number="", default_vat_rate=Decimal(0))))

    assert "Tax invoice" not in text
    assert "Invoice INV-" in text
    assert "O: Not subject to VAT" in text


def test_a_draft_is_marked_as_one_and_has_no_number():
    invoice = make_draft(make_company())

    text = page_text(invoice)

    assert "DRAFT" in text
    assert f"Draft {invoice.pk}" in text
    assert "Invoice number" not in text


def test_a_draft_without_lines_is_a_page_too():
    company = make_company()
    invoice = create_draft(actor=SYSTEM, company=company, customer_id=make_customer(company).pk, items=[])

    text = page_text(invoice)

    assert "No lines yet." in text
    assert "Total ZAR 0.00" in text


def test_a_cancelled_invoice_is_marked_and_asks_for_nothing():
    invoice = make_issued(make_company())
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk, reason="wrong customer")

    text = page_text(invoice)

    assert "CANCELLED" in text
    assert invoice.number in text
    assert "nothing is to be paid" in text
    assert "Outstanding" not in text


def test_an_issued_invoice_has_no_mark():
    text = page_text(make_issued(make_company()))

    assert "DRAFT" not in text
    assert "CANCELLED" not in text


def test_an_issued_invoice_keeps_the_parties_of_its_issue():
    company = make_company(name="Old Name Ltd")
    customer = make_customer(company, name="Old Customer")
    invoice = make_issued(company, customer=customer)
    update_company(actor=SYSTEM, company_id=company.pk, version=company.version, name="New Name Ltd")
    update_customer(actor=SYSTEM, customer_id=customer.pk, version=customer.version, name="New Customer")

    text = page_text(invoice)

    assert "Old Name Ltd" in text
    assert "Old Customer" in text
    assert "New" not in text


@pytest.mark.parametrize("count", [1, 40, 500])
def test_each_page_of_a_long_invoice_repeats_the_heading_of_the_table_and_counts_itself(count):
    items = [make_item(str(100 + number), "2", description=f"Item {number}.") for number in range(count)]
    company = make_company()
    invoice = make_issued(company, *items)

    pages = [one_line(page.extract_text()) for page in reader_of(invoice_pdf(invoice)).pages]

    assert all(f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, start=1))
    assert all("Description Quantity Unit price VAT Amount" in page for page in pages if "Item" in page)
    assert [number for number in range(count) if not any(f"Item {number}. 2" in page for page in pages)] == []
    document, text = fetched(company, invoice)
    assert [amount for amount in amounts_of(document) if amount not in text] == []


def test_what_people_typed_is_shown_as_they_typed_it_and_never_obeyed():
    company = make_company(name=EVERYTHING_HOSTILE)
    customer = make_customer(company, name="*not bold*", address_line_1='#include "document.typ"')
    invoice = make_issued(
        company, make_item(description=f"{EVERYTHING_HOSTILE}\nsecond line\twith a tab"), customer=customer
    )

    text = page_text(invoice)

    assert text.count(EVERYTHING_HOSTILE) == 2
    assert "second line with a tab" in text
    assert '*not bold* #include "document.typ"' in text
    assert "root:" not in text


@pytest.mark.parametrize("character", ["W", "a", "漢", "ع", "😀", "\u0e01", "e\u0301"])
def test_a_word_of_a_thousand_characters_stays_inside_its_column(character):
    word = (character * 1000)[:1000]
    company = make_company(name=word[:200])
    customer = make_customer(company, name=word[:200], address_line_1=word[:200])
    invoice = make_issued(company, make_item("1234567.89", description=word), customer=customer)

    pages = [page.extract_text() for page in reader_of(invoice_pdf(invoice)).pages]

    assert max(len(line) for page in pages for line in page.replace("\u200b", "").splitlines()) < 150
    assert "1,234,567.89" in one_line(" ".join(pages))


def test_names_in_any_script_make_a_page():
    company = make_company(name="Müller & Søn, Ελλάδα, Компания")
    customer = make_customer(company, name="東京株式会社 شركة الاختبار 한국 😀👨\u200d👩\u200d👧 \u202eabc")

    text = page_text(
        make_issued(company, make_item(description="line\u2028separator \ue000 \u0300"), customer=customer)
    )

    assert "Müller & Søn, Ελλάδα, Компания" in text
    assert "Total ZAR 115.00" in text


def test_the_longest_figures_stand_below_their_description():
    items = [
        make_item("0.123456", "123456789.123456", description="Cheap", discount_amount=Decimal("1234567.89")),
        make_item("999999999.123456", "90", description="Dear"),
    ]
    company = make_company()
    invoice = make_issued(company, *items, prices_include_vat=True)

    document, text = fetched(company, invoice)

    assert sheet_of(invoice)["table"]["stacked"]
    assert "Cheap 123,456,789.123456 0.123456" in text
    assert [amount for amount in amounts_of(document) if amount not in text] == []


def test_a_document_with_very_many_vat_rates_shows_them_all():
    items = [make_item("100", "1", f"0.{number:04d}") for number in range(1, 120)]

    text = page_text(make_issued(make_company(), *items))

    assert "1.19% 100.00 1.19 " in text
    assert "Total ZAR" in text


def test_no_fonts_of_the_machine_and_no_logo_are_needed(monkeypatch):
    invoice = make_issued(make_company(name="東京株式会社"))
    bare = typst.Compiler(font_paths=typst.Fonts(include_system_fonts=False))
    monkeypatch.setattr(typesetting, "_compiler", lambda: bare)

    assert "Total ZAR 115.00" in page_text(invoice)


def test_the_same_invoice_gives_the_same_bytes_dated_by_its_issue():
    invoice = make_issued(make_company(name="Karoo"), issue_date=date(2026, 3, 1))
    first = invoice_pdf(invoice)

    again = invoice_pdf(Invoice.objects.get(pk=invoice.pk))
    typesetting._compiler.cache_clear()
    by_another_process = invoice_pdf(invoice)

    assert first == again == by_another_process
    metadata = reader_of(first).metadata
    assert metadata.creation_date == metadata.modification_date == datetime(2026, 3, 1, tzinfo=UTC)
    assert metadata.title == f"Tax invoice {invoice.number}"
    assert metadata.author == "Karoo"


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(1969, 7, 20), date(2999, 12, 31)])
def test_any_date_of_issue_makes_a_page(day):
    invoice = make_draft(make_company(), issue_date=day, due_date=day)

    assert str(day.year) in page_text(invoice)


def test_threads_that_print_at_once_get_each_their_own_page():
    company = make_company()
    pages = [
        sheet_of(make_issued(company, make_item(str(price)))) for price in (100, 200, 300, 400, 500, 600, 700, 800)
    ]
    alone = [typeset(TEMPLATE, page, dated=date(2026, 3, 1)) for page in pages]
    together: dict[int, list[bytes]] = {}
    start = threading.Barrier(len(pages))

    def print_often(number: int) -> None:
        start.wait()
        together[number] = [typeset(TEMPLATE, pages[number], dated=date(2026, 3, 1)) for _ in range(10)]

    threads = [threading.Thread(target=print_often, args=(number,)) for number in range(len(pages))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(alone)) == len(pages)
    assert together == {number: [pdf] * 10 for number, pdf in enumerate(alone)}


@pytest.mark.parametrize("accept", ["application/pdf", "application/json", "*/*"])
def test_the_api_sends_a_file_named_after_the_number(accept):
    company = make_company()
    invoice = make_issued(company)

    reply = api_client(make_user("Auditor", company)).get(f"/api/invoices/{invoice.pk}/pdf", headers={"Accept": accept})

    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.content.startswith(b"%PDF-")


def test_the_file_of_a_draft_is_named_after_its_id():
    company = make_company()
    invoice = make_draft(company)

    reply = api_client(make_user("Viewer", company)).get(f"/api/invoices/{invoice.pk}/pdf")

    assert reply.headers["Content-Disposition"] == f'attachment; filename="draft-{invoice.pk}.pdf"'


@pytest.mark.parametrize("query", ["dryRun=true", "version=1", "format=pdf"])
def test_an_unknown_parameter_is_refused_as_a_problem_even_to_those_who_only_take_a_pdf(query):
    company = make_company()
    client = api_client(make_user("Viewer", company))

    reply = client.get(f"/api/invoices/{make_issued(company).pk}/pdf?{query}", headers={"Accept": "application/pdf"})

    assert reply.status_code == 400
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert b'"code":"unknown_parameter"' in reply.content


def test_another_company_s_invoice_is_a_404_and_so_is_one_that_is_not():
    client = api_client(make_user("Admin"))
    foreign = make_issued(make_company())

    for invoice_id in (foreign.pk, 999_999):
        reply = client.get(f"/api/invoices/{invoice_id}/pdf", headers={"Accept": "application/pdf"})
        assert reply.status_code == 404
        assert b'"code":"not_found"' in reply.content


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("make_invoice", [make_draft, make_issued])
def test_the_page_of_an_invoice_in_the_admin_leads_to_its_pdf(make_invoice):
    company = make_company()
    invoice = make_invoice(company)
    client = signed_in(make_user("Finance", company))
    address = f"/admin/invoices/invoice/{invoice.pk}/pdf/"

    page = client.get(f"/admin/invoices/invoice/{invoice.pk}/change/")
    reply = client.get(address)

    assert f'href="{address}"' in page.content.decode()
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.headers["Content-Disposition"].startswith("inline; filename=")
    assert "no-store" in reply.headers["Cache-Control"]
    assert str(invoice) in text_of(reply.content)


def test_the_admin_shows_the_pdf_to_every_role_of_the_company_and_to_nobody_else():
    company = make_company()
    address = f"/admin/invoices/invoice/{make_issued(company).pk}/pdf/"

    statuses = {
        role: signed_in(make_user(role, company)).get(address).status_code
        for role in ("Admin", "Finance", "Viewer", "Auditor")
    }

    assert set(statuses.values()) == {200}
    assert signed_in(make_user("Admin")).get(address).status_code == 404
    assert Client().get(address).status_code == 302
