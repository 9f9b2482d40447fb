"""What leaves the house: one mail for each message, through a real mail server."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from invoices.bulk import DraftToIssue, issue_invoices
from invoices.lifecycle import WrongStatus
from invoices.services import cancel_invoice, issue_invoice
from invoices.tests.factories import make_issued
from notifications.kinds import RETRY_AFTER
from notifications.models import Delivery, Message
from notifications.services import (
    LEASE,
    MessageWaiting,
    NoAddress,
    NotRepeatable,
    deliver_due,
    give_up_on_lost,
    request_sending,
    retry_message,
)
from notifications.tests.factories import ADDRESS, make_mailable_draft, make_sendable, make_sending_company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

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


def test_many_issued_at_once_are_mailed_where_their_company_wants_that(postbox):
    sending, silent = make_sending_company(), make_company()
    drafts = [make_mailable_draft(sending), make_mailable_draft(silent), make_mailable_draft(sending)]

    outcomes = issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=draft.pk) for draft in drafts])

    assert deliver_due() == 2
    subjects = {mail["Subject"] for mail in postbox.mails}
    assert subjects == {f"Invoice {outcomes[place].number} from {sending.name}" for place in (0, 2)}
    assert list(faults()) == []


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


def sent_message(invoice):
    message = request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    deliver_due()
    message.refresh_from_db()
    return message


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        ("550 No such user", "failed", "The mail server refused it: 550 No such user"),
        ("451 Try again later", "waiting", "The mail server refused it: 451 Try again later"),
    ],
)
def test_a_refused_address_is_shown_and_only_tried_again_where_that_may_help(postbox, answer, state, error):
    postbox.recipient_answer = answer

    message = sent_message(make_sendable())

    assert (message.state, message.error) == (state, error)
    assert not Delivery.objects.exists()


def test_a_refused_text_is_a_refusal_too(postbox):
    postbox.text_answer = "554 Looks like spam"

    message = sent_message(make_sendable())

    assert (message.state, message.error) == ("failed", "The mail server refused it: 554 Looks like spam")


def test_a_mail_server_that_is_away_is_tried_again_ever_later_until_it_is_given_up(postbox, settings):
    settings.EMAIL_PORT = 1
    message = sent_message(make_sendable())
    waits = []
    while message.state == "waiting":
        waits.append(message.next_attempt_at)
        deliver_due(now=message.next_attempt_at)
        message.refresh_from_db()

    assert message.state == "failed"
    assert message.attempts == len(RETRY_AFTER) + 1 == len(waits) + 1
    assert message.error.startswith("No connection with the mail server")
    assert waits == sorted(waits)
    assert postbox.tried == 0


def test_what_is_to_be_tried_later_is_not_tried_now(postbox):
    postbox.recipient_answer = "451 Try again later"
    sent_message(make_sendable())

    assert deliver_due() == 0
    assert postbox.tried == 1


def test_a_connection_that_breaks_before_the_mail_is_tried_again(postbox):
    postbox.cuts_off = "RCPT"

    assert sent_message(make_sendable()).state == "waiting"


def test_a_connection_that_breaks_after_the_mail_leaves_it_uncertain_and_a_person_decides(postbox):
    postbox.cuts_off = "DATA"
    invoice = make_sendable()

    message = sent_message(invoice)

    assert message.state == "uncertain"
    assert "It may have been sent" in message.error
    assert deliver_due(now=timezone.now() + timedelta(days=30)) == 0
    assert len(postbox.mails) == 1

    postbox.cuts_off = ""
    retry_message(actor=make_user("Finance", invoice.company), message_id=message.pk)
    deliver_due()
    assert [mail["Message-ID"] for mail in postbox.mails] == [message.mail_id] * 2


def test_a_failed_message_goes_to_the_address_that_the_customer_has_when_it_is_tried_again(postbox):
    postbox.recipient_answer = "550 No such user"
    message = sent_message(invoice := make_sendable(email="wrong@acme.test"))
    update_customer(actor=SYSTEM, customer_id=invoice.customer_id, email="right@acme.test")
    postbox.recipient_answer = "250 OK"

    retry_message(actor=make_user("Finance", invoice.company), message_id=message.pk)
    deliver_due()

    assert [mail["To"] for mail in postbox.mails] == ["right@acme.test"]
    with pytest.raises(NotRepeatable):
        retry_message(actor=SYSTEM, message_id=message.pk)


def test_a_customer_without_an_address_is_refused_by_hand_and_a_failed_message_on_issue(postbox):
    company = make_sending_company()
    invoice = issue_invoice(actor=SYSTEM, invoice_id=make_mailable_draft(company, email="").pk)

    [message] = invoice.messages.all()
    assert (message.state, message.error) == ("failed", "The customer has no e-mail address.")
    with pytest.raises(NoAddress):
        request_sending(actor=SYSTEM, invoice_id=invoice.pk)


def test_an_invoice_is_sent_again_only_after_the_last_sending_has_ended(postbox):
    invoice = make_sendable()
    request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    with pytest.raises(MessageWaiting):
        request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    deliver_due()

    request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    deliver_due()

    assert len({mail["Message-ID"] for mail in postbox.mails}) == 2


def test_an_invoice_cancelled_before_its_mail_left_is_not_sent(postbox):
    invoice = make_sendable()
    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)

    deliver_due()

    message.refresh_from_db()
    assert (message.state, message.error, postbox.tried) == ("needless", "The invoice was cancelled.", 0)


def test_drafts_and_cancelled_invoices_are_not_sent():
    draft = make_mailable_draft(make_company())
    cancelled = cancel_invoice(actor=SYSTEM, invoice_id=make_sendable().pk)

    for invoice in (draft, cancelled):
        with pytest.raises(WrongStatus):
            request_sending(actor=SYSTEM, invoice_id=invoice.pk)


def test_names_cannot_add_headers_or_recipients(postbox):
    evil = "Acme\nBcc: spy@evil.test\r\n\r\nHello"
    company = make_company(name=evil, email="books@acme.test")
    invoice = make_issued(company, customer=make_customer(company, name=evil, email=ADDRESS))

    sent_message(invoice)

    [mail] = postbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == f"Invoice {invoice.number} from Acme Bcc: spy@evil.test Hello"
    assert mail["From"].addresses[0].addr_spec == "books@fintrack.test"


def test_markup_in_a_name_stays_text_in_the_html_part(postbox):
    company = make_company(name="<script>alert(1)</script>")

    sent_message(make_sendable(company))

    html = postbox.mails[0].get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_what_was_being_sent_when_its_worker_died_is_uncertain_and_never_sent_by_itself(postbox):
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    now = timezone.now()
    Message.objects.filter(pk=message.pk).update(state="sending", claimed_at=now, attempts=1)

    assert give_up_on_lost(now=now + LEASE) == 0
    assert give_up_on_lost(now=now + LEASE + timedelta(seconds=1)) == 1
    message.refresh_from_db()
    assert message.state == "uncertain"
    assert deliver_due(now=now + timedelta(days=1)) == 0
    assert postbox.tried == 0
