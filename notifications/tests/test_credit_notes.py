"""Credit notes by mail: to whom the invoices go, in their language, with the file."""

import pytest
from django.core import mail
from django.db import transaction

from audit.actors import SYSTEM
from audit.models import Change
from credits.documents import credit_note_file
from credits.tests.factories import make_credit_note
from invoices.models import Invoice
from notifications.agreements.services import save_settings, save_template
from notifications.models import Delivery, Message
from notifications.services import deliver_due, request_sending
from notifications.tests.factories import ADDRESS, make_sendable, make_sending_company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


def sent(invoice: Invoice) -> list[mail.EmailMultiAlternatives]:
    """The mails about credit notes that leave now."""
    deliver_due()
    return [message for message in mail.outbox if "CN-" in message.subject]


def test_a_company_that_mails_its_invoices_mails_its_credit_notes() -> None:
    invoice = make_sendable(make_sending_company())
    note = make_credit_note(invoice, "0.5", reason="Half {of} it came back")

    [letter] = sent(invoice)

    assert (letter.to, letter.subject) == ([ADDRESS], f"Credit note {note.number} from {invoice.company.name}")
    assert f"credit note {note.number} over ZAR 57.50 for invoice {invoice.number}." in letter.body
    assert "Reason: Half {of} it came back" in letter.body
    assert "ZAR 57.50 are open now" in letter.body
    [(name, content, _)] = letter.attachments
    assert (name, content) == (f"{note.number}.pdf", bytes(credit_note_file(note.pk).content))
    assert Delivery.objects.get(kind="creditNote").change.action == "credit_note.sent"


def test_who_was_mailed_the_invoice_is_mailed_the_note() -> None:
    invoice = make_sendable()
    request_sending(actor=SYSTEM, invoice_id=invoice.pk)

    make_credit_note(invoice)

    assert len(sent(invoice)) == 1


def test_nobody_else_is_written_to() -> None:
    make_credit_note(make_sendable())

    assert not Message.objects.exists()


def test_a_customer_without_an_address_is_a_failed_message() -> None:
    invoice = make_sendable(make_sending_company(), email="")
    make_credit_note(invoice)

    message = Message.objects.get(kind="creditNote")

    assert (message.state, message.error) == ("failed", "The customer has no e-mail address.")


@pytest.mark.parametrize(
    ("language", "subject"), [("de", "Rechnungskorrektur"), ("fr", "Facture d'avoir"), ("af", "Kredietnota")]
)
def test_the_mail_is_in_the_language_of_the_customer(language: str, subject: str) -> None:
    company = make_company()
    save_settings(actor=SYSTEM, company=company, send_on_issue=True, language=language)
    make_credit_note(make_sendable(company))

    assert Message.objects.get(kind="creditNote").subject.startswith(subject)


def test_a_company_writes_its_own_words() -> None:
    company = make_sending_company()
    texts = {"subject": "{creditNoteNumber}", "body": "{creditNoteTotal} for {invoiceNumber}: {reason}"}
    save_template(actor=SYSTEM, company=company, kind="creditNote", language="en", **texts)
    invoice = make_sendable(company)

    note = make_credit_note(invoice)

    message = Message.objects.get(kind="creditNote")
    assert (message.subject, message.body) == (note.number, f"115.00 for {invoice.number}: Goods came back")


def test_a_note_that_is_taken_back_by_a_rollback_is_never_mailed() -> None:
    invoice = make_sendable(make_sending_company())
    entries = Change.objects.count()
    with pytest.raises(ZeroDivisionError):
        _issue_and_fail(invoice)

    assert Change.objects.count() == entries
    assert not Message.objects.filter(kind="creditNote").exists()


def _issue_and_fail(invoice: Invoice) -> None:
    with transaction.atomic():
        make_credit_note(invoice)
        raise ZeroDivisionError
