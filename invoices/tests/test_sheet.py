"""Pages in each language, on each paper, with what a company has set; and what of it is frozen at issue."""

import io
from datetime import date
from decimal import Decimal

import pytest
from pypdf import PdfReader

from audit.actors import SYSTEM
from invoices.documents import copy_with_payments, invoice_document_file
from invoices.models import Invoice
from invoices.pdf import invoice_pdf
from invoices.selectors import invoice_document
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from invoices.tests.test_pdf import one_line, reader_of, text_of
from parties.services import update_bank_account, update_company, update_customer
from parties.tests.factories import IBAN, make_bank_account, make_company, make_customer, png_image
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db

BERLIN = {"name": "Müller GmbH", "currency": "EUR", "vat_number": "DE136695976", "country_code": "DE"}


def page_text(invoice: Invoice) -> str:
    return text_of(bytes(invoice_document_file(invoice.pk).content))


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "Tax invoice|Bill to|1 March 2026|Quantity|1,234.50|Total ZAR 1,419.68|Page 1 of 1"),
        ("de", "Rechnung|Tax invoice|1. März 2026|Menge|1.234,50|Gesamt ZAR 1.419,68|Seite 1 von 1"),
        ("fr", "Facture|Tax invoice|1 mars 2026|Quantité|1_234,50|Total ZAR 1_419,68|Page 1 sur 1"),
        ("af", "Belastingfaktuur|Tax invoice|01 Maart 2026|Hoeveelheid|1~234,50|Totaal ZAR 1~419,68|Bladsy 1 van 1"),
    ],
)
def test_a_south_african_tax_invoice_in_each_language(language, shown):
    company = make_company(country_code="ZA", language=language)

    text = page_text(make_issued(company, make_item("1234.5"), issue_date=date(2026, 3, 1)))

    parts = shown.replace("_", "\u202f").replace("~", "\u00a0").split("|")
    assert [part for part in parts if part not in text] == []


def test_the_customer_s_language_goes_before_the_company_s():
    company = make_company(language="de")
    customer = make_customer(company, language="fr")

    assert "Facturé à" in page_text(make_issued(company, customer=customer))
    assert "Rechnung an" in page_text(make_issued(company))


def test_a_reverse_charge_in_the_union_names_both_vat_numbers_and_the_article():
    company = make_company(**BERLIN, language="de")
    customer = make_customer(company, name="Dupont", vat_number="FR40303265045", country_code="FR")

    text = page_text(make_issued(company, make_item("100", "1", "0", vat_category="AE"), customer=customer))

    assert "AE: Steuerschuldnerschaft des Leistungsempfängers (Art. 196, 2006/112/EC)" in text
    assert "USt-IdNr. DE136695976" in text
    assert "USt-IdNr. FR40303265045" in text
    assert "Frankreich" in text


def test_a_draft_says_what_the_law_still_wants():
    company = make_company(country_code="ZA", address_line_1="1 Long Street", city="Cape Town")

    wanting = page_text(make_draft(company, make_item("9000")))

    assert "Before it is issued, the law also wants: the customer\u2019s address." in wanting
    assert "the law also wants" not in page_text(make_draft(company, make_item("900")))
    assert "the law also wants" not in page_text(make_issued(company, make_item("9000")))


@pytest.mark.parametrize(("paper", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_the_page_is_on_the_company_s_paper(paper, points):
    invoice = make_issued(make_company(paper=paper))

    box = reader_of(bytes(invoice_document_file(invoice.pk).content)).pages[0].mediabox

    assert (round(box.width), round(box.height)) == points


def test_the_account_of_the_document_s_currency_is_shown_with_the_reference():
    company = make_company()
    make_bank_account(company)
    make_bank_account(
        company, currency="EUR", bank_name="Zweitbank", iban=IBAN, bic="COBADEFFXXX", account_number="", branch_code=""
    )

    rand, euro = make_issued(company), make_issued(company, currency="EUR")

    assert f"Account number 62812345 Branch code 250655 Reference {rand.number}" in page_text(rand)
    assert "Zweitbank" not in page_text(rand)
    assert (
        f"IBAN DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000 BIC COBADEFFXXX Reference {euro.number}"
        in page_text(euro)
    )


def test_the_foot_of_each_page_is_the_company_s():
    company = make_company(footer="Directors: A. Botha")

    invoice = make_issued(company, *[make_item(description=f"Item {number}") for number in range(60)])

    pages = [page.extract_text() for page in reader_of(bytes(invoice_document_file(invoice.pk).content)).pages]
    assert len(pages) > 1
    assert all("Directors: A. Botha" in page for page in pages)


def test_the_logo_is_on_the_page_and_stays_on_what_was_issued_with_it():
    company = make_company()
    update_company(actor=SYSTEM, company_id=company.pk, logo=png_image())
    company.refresh_from_db()
    with_logo = make_issued(company)
    update_company(actor=SYSTEM, company_id=company.pk, logo=None)
    without = make_issued(company)

    images = [
        len(reader_of(invoice_pdf(invoice_document(invoice.pk))).pages[0].images) for invoice in (with_logo, without)
    ]

    assert images == [1, 0]


def test_what_the_company_has_set_is_frozen_at_issue():
    company = make_company(footer="Before", colour="#0e7478")
    account = make_bank_account(company)
    customer = make_customer(company)
    invoice = make_issued(company, customer=customer)
    at_issue = invoice_pdf(invoice_document(invoice.pk))

    update_bank_account(actor=SYSTEM, bank_account_id=account.pk, account_number="99999999")
    update_company(actor=SYSTEM, company_id=company.pk, footer="After", colour="#ff0000", paper="letter", language="de")
    update_customer(actor=SYSTEM, customer_id=customer.pk, language="fr")

    assert invoice_pdf(invoice_document(invoice.pk)) == at_issue


def test_an_invoice_issued_before_there_were_settings_is_printed_in_english_on_a4():
    invoice = invoice_document(make_issued(make_company(language="de", paper="letter")).pk)
    newer = {"language", "paper", "colour", "footer", "logoSha256", "bankAccount"}
    invoice.seller = {name: value for name, value in invoice.seller.items() if name not in newer}

    pdf = invoice_pdf(invoice)

    assert "Bill to" in text_of(pdf)
    assert round(reader_of(pdf).pages[0].mediabox.width) == 595


def test_a_copy_shows_what_was_paid_and_given_back_and_what_is_outstanding():
    invoice = make_issued(make_company(), make_item("100"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="60", reference="EFT 7", paid_at=date(2024, 3, 2))
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="10", reference="Back 8")

    text = text_of(bytes(copy_with_payments(invoice.pk).content))

    assert "Copy with payments" in text
    assert "2 March 2024 Payment EFT 7 60.00" in text
    assert "Refund Back 8 \u221210.00" in text
    assert "Paid 50.00 Outstanding 65.00" in text


def test_the_invoice_as_issued_says_nothing_of_payments():
    invoice = make_issued(make_company())
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="60", reference="EFT 7")

    text = page_text(invoice)

    assert "Outstanding" not in text
    assert "EFT 7" not in text


def test_a_cancelled_invoice_is_the_same_pages_and_one_that_says_so():
    invoice = make_issued(make_company(), make_item("100"))
    before = reader_of(bytes(invoice_document_file(invoice.pk).content)).pages
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk, reason="The customer cannot pay")

    after = reader_of(bytes(invoice_document_file(invoice.pk).content)).pages

    last = one_line(after[-1].extract_text())
    assert len(after) == len(before) + 1
    assert f"Cancellation of {invoice.number}" in last
    assert "Total ZAR 115.00" in last
    assert "cannot pay" not in last
    assert "Total ZAR 115.00" in one_line(after[0].extract_text())


def archived(pdf: bytes) -> bool:
    """Whether the file says of itself that it is PDF/A-3b."""
    metadata = PdfReader(io.BytesIO(pdf)).root_object["/Metadata"].get_data()
    return b"<pdfaid:part>3</pdfaid:part>" in metadata and b"<pdfaid:conformance>B</pdfaid:conformance>" in metadata


def test_a_page_is_a_pdf_for_archives():
    assert archived(invoice_pdf(invoice_document(make_issued(make_company()).pk)))


def test_a_script_without_a_font_is_whole_in_an_ordinary_pdf():
    company = make_company()
    invoice = make_issued(company, customer=make_customer(company, name="\U000e0100\ue123 Tokyo 東京"))

    pdf = bytes(invoice_document_file(invoice.pk).content)

    assert "Total ZAR 115.00" in text_of(pdf)
    assert bytes(invoice_document_file(invoice.pk).content) == pdf


@pytest.mark.parametrize(
    ("currency", "price", "shown"), [("JPY", "1250000", "1.250.000"), ("KWD", "1234.567", "1.234,567")]
)
def test_other_currencies_keep_their_decimals_in_another_language(currency, price, shown):
    company = make_company(currency=currency, vat_number="", default_vat_rate=Decimal(0), language="de")

    assert f"Gesamt {currency} {shown}" in page_text(make_issued(company, make_item(price)))
