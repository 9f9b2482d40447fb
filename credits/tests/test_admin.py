"""Credit notes in the admin: issued on the page of their invoice, read in a list and as documents."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from audit.books import faults
from credits.models import CreditNote
from credits.tests.factories import make_credit_note
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


def client_of(role: str, company: Company) -> Client:
    client = Client()
    client.force_login(make_user(role, company))
    return client


def page_of(invoice: Invoice) -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/credit/"


def typed(invoice: Invoice, *quantities: str, **values: Any) -> dict[str, Any]:
    lines = zip(invoice.lines.all(), quantities, strict=False)
    amounts = {f"quantity_{line.pk}": quantity for line, quantity in lines}
    return {"version": invoice.version, "reason": "It came back", **amounts, **values}


def test_the_page_shows_what_is_left_and_issues_a_note(company: Company) -> None:
    invoice = make_issued(company, make_item("100", "3"), make_item("50", "2", description="Cable"))
    make_credit_note(invoice, "1")
    invoice.refresh_from_db()
    client = client_of("Finance", company)

    page = client.get(page_of(invoice)).content.decode()
    assert "2 of 3 left to credit." in page
    assert "Cable" in page
    foretold = client.post(f"{page_of(invoice)}?preview", typed(invoice, "", "1")).content.decode()
    reply = client.post(page_of(invoice), typed(invoice, "", "1"), follow=True)

    note = CreditNote.objects.latest("id")
    assert foretold == (
        "A credit note over ZAR 57.50, of which ZAR 7.50 is VAT, dated today. "
        f"After it {invoice} is partially paid, ZAR 287.50 outstanding."
    ).replace("ZAR ", "ZAR ")
    assert f"Credit note {note.number} over ZAR 57.50 issued: {invoice} is partially paid." in reply.content.decode()
    assert (note.reason, note.total, list(faults())) == ("It came back", 57.5, [])
    assert f"/admin/credits/creditnote/{note.pk}/change/" in reply.content.decode()


def test_everything_that_is_left_is_credited_whatever_stands_below(company: Company) -> None:
    invoice = make_issued(company, make_item("100", "3"))

    client_of("Admin", company).post(page_of(invoice), typed(invoice, "1", whole="on"))

    assert CreditNote.objects.get().total == invoice.total


def test_a_refusal_stands_in_the_form_and_nothing_is_done(company: Company) -> None:
    invoice = make_issued(company, make_item("100", "3"))
    client = client_of("Finance", company)

    for values, sentence in (
        (typed(invoice, "4"), "Of this line 3 is left to credit."),
        (typed(invoice), "Name at least one item."),
        (typed(invoice, "1", reason=""), "This field is required."),
    ):
        assert sentence in client.post(page_of(invoice), values).content.decode()
        assert sentence in client.post(f"{page_of(invoice)}?preview", values).content.decode() or "reason" in values
    assert client.post(f"{page_of(invoice)}?preview", typed(invoice, "x")).content == b""
    assert client.post(page_of(invoice), typed(invoice, "x")).status_code == 200
    assert not CreditNote.objects.exists()


def test_who_may_not_credit_has_no_button_and_no_page(company: Company) -> None:
    invoice = make_issued(company)
    client = client_of("Viewer", company)

    assert "/credit/" not in client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    assert client.get(page_of(invoice)).status_code == 403
    assert client.post(page_of(invoice), typed(invoice, "1")).status_code == 403
    assert not CreditNote.objects.exists()


def test_what_cannot_be_credited_leads_back_with_the_reason(company: Company) -> None:
    client = client_of("Finance", company)
    cancelled = make_issued(company)
    cancel_invoice(actor=make_user("Admin", company), invoice_id=cancelled.pk)
    credited = make_issued(company)
    make_credit_note(credited)

    for invoice, sentence in (
        (make_draft(company), "Only issued invoices are credited; this invoice is draft."),
        (cancelled, "Only issued invoices are credited; this invoice is cancelled."),
        (credited, "Nothing of this invoice is left to credit."),
    ):
        assert sentence in client.get(page_of(invoice), follow=True).content.decode()
        assert (
            f"{invoice.pk}/credit/" not in client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
        )


def test_notes_are_listed_read_and_printed_by_those_of_the_company(company: Company) -> None:
    note = make_credit_note(make_issued(company))
    viewer, stranger = client_of("Viewer", company), client_of("Admin", make_company())

    assert note.number in viewer.get("/admin/credits/creditnote/").content.decode()
    page = viewer.get(f"/admin/credits/creditnote/{note.pk}/change/").content.decode()
    assert "Goods came back" in page
    assert "115.00" in page
    assert viewer.get(f"/admin/credits/creditnote/{note.pk}/pdf/").content.startswith(b"%PDF")
    assert "credit_note.issued" in viewer.get(f"/admin/credits/creditnote/{note.pk}/history/").content.decode()
    for address in ("change", "pdf", "history"):
        assert stranger.get(f"/admin/credits/creditnote/{note.pk}/{address}/").status_code in (302, 404)


def test_the_history_of_the_invoice_tells_of_its_notes(company: Company) -> None:
    invoice = make_issued(company)
    note = make_credit_note(invoice)

    page = client_of("Auditor", company).get(f"/admin/invoices/invoice/{invoice.pk}/history/").content.decode()

    assert note.number in page
    assert f"/admin/credits/creditnote/{note.pk}/" in page
