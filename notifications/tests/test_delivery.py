"""What leaves the house: one mail for each message, through a real mail server."""

import pytest
from django_tasks_db.models import DBTaskResult

from accounts.tests.factories import make_user
from audit.books import faults
from audit.models import Change
from invoices.services import issue_invoice
from notifications.models import Delivery, Message
from notifications.services import deliver_due, request_sending
from notifications.tests.factories import ADDRESS, make_mailable_draft, make_sendable, make_sending_company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


def test_a_company_that_wants_it_mails_each_invoice_with_its_pdf_when_it_is_issued(postbox):
    company = make_sending_company(name="Müller & Co", email="books@mueller.test")
    user = make_user("Finance", company)

    invoice = issue_invoice(actor=user, invoice_id=make_mailable_draft(company).pk)
    assert postbox.mails == []  # nothing is sent inside the command
    assert deliver_due() == 1

    [mail] = postbox.mails
    assert mail["To"] == ADDRESS
    assert mail["From"] == "Müller & Co <books@fintrack.test>"
    assert mail["Reply-To"] == "books@mueller.test"
    assert mail["Subject"] == f"Invoice {invoice.number} from Müller & Co"
    assert "ZAR 115.00" in mail.get_body(("plain",)).get_content()
    assert "ZAR 115.00" in mail.get_body(("html",)).get_content()
    [attached] = mail.iter_attachments()
    assert attached.get_filename() == f"{invoice.number}.pdf"
    assert attached.get_content().startswith(b"%PDF-")


def test_a_sent_mail_is_on_record_with_who_asked_for_it(postbox):
    invoice = make_sendable()
    user = make_user("Finance", invoice.company)

    message = request_sending(actor=user, invoice_id=invoice.pk)
    deliver_due()

    message.refresh_from_db()
    assert (message.state, message.attempts, message.error) == ("sent", 1, "")
    assert message.mail_id == postbox.mails[0]["Message-ID"]
    entry = Change.objects.get(action="invoice.sent")
    assert (entry.actor, entry.company_id) == (user.email, invoice.company_id)
    delivery = Delivery.objects.get(change=entry)
    assert (delivery.invoice_id, delivery.recipient, delivery.mail_id) == (invoice.pk, ADDRESS, message.mail_id)
    assert list(faults()) == []


def test_other_companies_send_nothing_by_themselves(postbox):
    company = make_company()

    issue_invoice(actor=make_user("Finance", company), invoice_id=make_mailable_draft(company).pk)

    assert deliver_due() == 0
    assert not Message.objects.exists()
    assert not DBTaskResult.objects.exists()
