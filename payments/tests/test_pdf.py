"""Receipts, and notes for what went back."""

from datetime import date

import pytest
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from invoices.tests.factories import make_issued, make_item
from invoices.tests.test_pdf import text_of
from parties.services import update_company
from parties.tests.factories import make_company, make_customer
from payments.pdf import payment_pdf
from payments.selectors import payment_document
from payments.services import apply_payment, refund_payment, reverse_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company(name="Karoo")


@pytest.fixture
def invoice(company):
    """Over 115.00."""
    return make_issued(company, make_item("100"), customer=make_customer(company, name="Table Mountain"))


def text_of_entry(entry) -> str:
    return text_of(payment_pdf(payment_document(entry.pk)))


def test_a_receipt_says_what_was_received_and_what_is_outstanding(invoice):
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="15")
    payment = apply_payment(
        actor=SYSTEM, invoice_id=invoice.pk, amount="60", reference="EFT 7", method="Card", paid_at=date(2024, 3, 2)
    )

    text = text_of_entry(payment)

    for shown in ("Receipt", "Karoo", "Table Mountain", str(invoice.number), "2 March 2024", "Card", "EFT 7"):
        assert shown in text, shown
    assert "Total ZAR 115.00 Outstanding before 100.00 Received ZAR 60.00 Outstanding after 40.00" in text


def test_a_refund_has_a_note_and_a_reversal_too(invoice):
    first, second = (apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="50") for _ in range(2))
    [refund] = refund_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=first.pk, amount="20", reason="Goodwill")
    reversal = reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=second.pk, reason="Bounced")

    note, other = text_of_entry(refund), text_of_entry(reversal)

    assert "Refund note" in note
    assert "Outstanding before 15.00 Refunded ZAR 20.00 Outstanding after 35.00" in note
    assert "Goodwill" not in note
    assert "Reversal note" in other
    assert "Outstanding before 35.00 Reversed ZAR 50.00 Outstanding after 85.00" in other


def test_a_receipt_stays_the_same_whatever_comes_after(company, invoice):
    payment = apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="60")
    first = payment_pdf(payment_document(payment.pk))

    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="10")
    update_company(actor=SYSTEM, company_id=company.pk, name="Klein Karoo")

    assert payment_pdf(payment_document(payment.pk)) == first


def test_a_receipt_is_in_the_language_of_the_invoice():
    company = make_company(language="de")
    payment = apply_payment(actor=SYSTEM, invoice_id=make_issued(company).pk, amount="15.5")

    text = text_of_entry(payment)

    assert "Zahlungsbestätigung" in text
    assert "Erhalten ZAR 15,50" in text


def test_the_api_and_the_admin_send_the_file(company, invoice):
    payment = apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="60")
    user = make_user("Viewer", company)
    browser = Client()
    browser.force_login(user)

    sent = api_client(user).get(f"/api/payments/{payment.pk}/pdf")
    shown = browser.get(f"/admin/payments/payment/{payment.pk}/pdf/")
    page = browser.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()

    assert sent.headers["Content-Disposition"] == f'attachment; filename="receipt-{payment.pk}.pdf"'
    assert sent.content == shown.content
    assert f"/admin/payments/payment/{payment.pk}/pdf/" in page


def test_the_admin_shows_no_receipt_of_another_company(invoice):
    payment = apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="60")
    browser = Client()
    browser.force_login(make_user("Admin"))

    assert browser.get(f"/admin/payments/payment/{payment.pk}/pdf/").status_code == 404
