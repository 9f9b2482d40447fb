"""The promise: mails say where the customer's page is, where their text asks for it and the address is known."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice
from invoices.services import issue_invoice
from notifications.agreements.services import save_settings, save_template
from notifications.letters import mail_of
from notifications.models import MailSettings, Message
from notifications.reminders.services import prepare_reminders
from notifications.services import NotRepeatable, request_sending, retry_message
from notifications.templating import without_link
from notifications.tests.factories import make_mailable_draft, make_sendable, make_sending_company
from parties.tests.factories import make_company
from portal.models import InvoiceLink
from portal.services import create_link, revoke_link
from portal.tests.factories import page_of

pytestmark = pytest.mark.django_db

PUBLIC_URL = "https://books.example.com"


@pytest.fixture
def public_url(settings: Any) -> str:
    settings.PUBLIC_URL = PUBLIC_URL
    return PUBLIC_URL


def test_the_mail_that_is_asked_for_makes_the_link(public_url: str) -> None:
    invoice = make_sendable()

    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    address = f"{PUBLIC_URL}{page_of(invoice)}"
    assert f"at any time here:\n{address}\n\nKind regards" in message.body
    [html] = [part for part, kind in mail_of(message).alternatives if kind == "text/html"]
    assert f'<a href="{address}"' in html
    assert InvoiceLink.objects.get().change.action == "invoice.send_requested"
    assert Client().get(page_of(invoice)).status_code == 200


def test_the_mail_of_an_issue_makes_the_link_under_an_entry_of_its_own(public_url: str) -> None:
    invoice = issue_invoice(actor=SYSTEM, invoice_id=make_mailable_draft(make_sending_company()).pk)

    assert page_of(invoice) in Message.objects.get().body
    assert InvoiceLink.objects.get().change.action == "invoice.link_created"


def test_a_link_that_there_is_goes_into_every_mail(public_url: str) -> None:
    invoice = make_sendable()
    create_link(actor=SYSTEM, invoice_id=invoice.pk)

    request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    assert page_of(invoice) in Message.objects.get().body
    assert InvoiceLink.objects.get().version == 1


def test_reminders_name_the_page_too(public_url: str) -> None:
    company = make_company()
    settings = save_settings(actor=SYSTEM, company=company, remind=True)
    invoices = [make_sendable(company) for _ in range(3)]

    count = prepare_reminders(settings=settings, day=invoices[0].due_date)

    bodies = {message.invoice_id: message.body for message in Message.objects.all()}
    assert count == 3
    assert all(f"{PUBLIC_URL}{page_of(invoice)}" in bodies[invoice.pk] for invoice in invoices)
    assert set(Change.objects.filter(action="invoice.link_created").values_list("actor", flat=True)) == {
        "system:reminders"
    }


def failed_message(invoice: Invoice) -> Message:
    """What was to bring the invoice to its customer, and was refused."""
    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    Message.objects.filter(pk=message.pk).update(state="failed", next_attempt_at=None)
    return message


def test_a_mail_that_is_tried_again_names_a_page_that_opens(public_url: str, settings: Any) -> None:
    invoice = make_sendable()
    message, dead = failed_message(invoice), page_of(invoice)
    revoke_link(actor=SYSTEM, invoice_id=invoice.pk)
    settings.PUBLIC_URL = "https://new.example.com"

    again = retry_message(actor=make_user("Finance", invoice.company), message_id=message.pk)

    assert dead not in again.body
    assert f"\nhttps://new.example.com{page_of(invoice)}\n" in again.body
    assert Client().get(page_of(invoice)).status_code == 200


def test_a_mail_that_is_tried_again_keeps_a_page_that_is_open(public_url: str) -> None:
    invoice = make_sendable()
    message = failed_message(invoice)

    assert retry_message(actor=SYSTEM, message_id=message.pk).body == message.body
    assert InvoiceLink.objects.get().version == 1


def test_what_is_not_tried_again_makes_no_page(public_url: str) -> None:
    invoice = make_sendable()
    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    revoke_link(actor=SYSTEM, invoice_id=invoice.pk)

    with pytest.raises(NotRepeatable):
        retry_message(actor=SYSTEM, message_id=message.pk)

    assert not InvoiceLink.objects.get().is_live


def test_without_an_address_its_line_is_left_out_and_no_link_is_made() -> None:
    invoice = make_sendable(make_company(name="Acme"), due_date=date(2027, 3, 1))

    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    assert message.body.endswith("\nPlease pay it by 1 March 2027.\n\nKind regards\nAcme")
    assert not InvoiceLink.objects.exists()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Pay.\n\nSee:\n{link}\n\nRegards", "Pay.\n\nRegards"),
        ("Pay by Friday.\nSee {link}\nRegards", "Pay by Friday.\nRegards"),
        ("Pay.\n{link}", "Pay."),
        ("Details:\n- one\n\nRegards", "Details:\n- one\n\nRegards"),
    ],
)
def test_no_other_line_is_lost_with_it(text: str, left: str) -> None:
    assert without_link(text) == left


def test_a_company_whose_text_names_no_page_makes_none(public_url: str) -> None:
    invoice = make_sendable()
    texts = {"kind": "invoice", "language": "en", "subject": "Invoice", "body": "Here it is."}
    save_template(actor=SYSTEM, company=invoice.company, **texts)

    request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    assert not InvoiceLink.objects.exists()


def test_the_preview_makes_no_link_and_shows_where_it_goes(public_url: str) -> None:
    invoice = make_sendable()
    client = Client()
    client.force_login(make_user("Finance", invoice.company))
    address = f"/admin/invoices/invoice/{invoice.pk}/send/"

    before = client.get(address).content.decode()
    made = InvoiceLink.objects.exists()
    create_link(actor=SYSTEM, invoice_id=invoice.pk)

    assert (f"{PUBLIC_URL}/i/…" in before, made) == (True, False)
    assert page_of(invoice) in client.get(address).content.decode()


def test_the_run_of_another_day_uses_the_same_link(public_url: str) -> None:
    invoice = make_sendable()
    settings = save_settings(actor=SYSTEM, company=invoice.company, remind=True)

    for days in (0, 7):
        prepare_reminders(
            settings=MailSettings.objects.get(pk=settings.pk), day=invoice.due_date + timedelta(days=days)
        )

    assert len({message.body.split("/i/")[1] for message in Message.objects.all()}) == 1
    assert (Message.objects.count(), InvoiceLink.objects.get().version) == (2, 1)
