"""A message as a mail: text, HTML and the document, under headers that nothing typed by people can break."""

from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.crypto import get_random_string

from core.api.renderers import PDF_TYPE
from core.languages import formats_of
from core.money import grouped_money
from invoices.documents import invoice_document_file
from invoices.models import Invoice
from notifications.models import MailTemplate, Message
from notifications.templating import DEFAULT_LANGUAGE, DEFAULT_TEXTS, filled, one_line
from parties.models import Company

ID_CHARACTERS = 32
AUTOMATIC = {"Auto-Submitted": "auto-generated"}
"""So that nobody's absence notice answers (RFC 3834)."""


def mail_of(message: Message) -> EmailMultiAlternatives:
    """The mail of a message. Raises ValueError where its headers cannot be written."""
    company = message.company
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.body,
        from_email=sender_of(company),
        to=[message.recipient],
        reply_to=[company.email] if company.email else None,
        headers={"Message-ID": message.mail_id, **AUTOMATIC},
    )
    paragraphs = render_to_string("notifications/mail.html", {"subject": message.subject, "body": message.body})
    mail.attach_alternative(paragraphs, "text/html")
    mail.attach(*document_of(message.invoice))
    mail.message()  # headers that cannot be are refused here, before anybody is spoken to
    return mail


def document_of(invoice: Invoice) -> tuple[str, bytes, str]:
    """The file that goes with a message: name, content and type."""
    document = invoice_document_file(invoice.pk)
    return document.file_name, bytes(document.content), PDF_TYPE


def sender_of(company: Company) -> str:
    """The installation's own address under the company's name: mail servers accept no other as ours."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return str(Address(display_name=one_line(company.name), addr_spec=address))


def new_mail_id() -> str:
    """A Message-ID that no other mail has. A message keeps it in every attempt, so that repeats can be recognised."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return f"<{get_random_string(ID_CHARACTERS)}@{address.rpartition('@')[2] or 'localhost'}>"


def texts_of(company: Company, kind: str, language: str) -> tuple[str, str]:
    """Subject and body: as the company wrote them in that language, or ours, or ours in English."""
    own = MailTemplate.objects.filter(company=company, kind=kind, language=language).first()
    if own is not None:
        return own.subject, own.body
    return DEFAULT_TEXTS.get((kind, language)) or DEFAULT_TEXTS[kind, DEFAULT_LANGUAGE]


def written(invoice: Invoice, texts: tuple[str, str]) -> tuple[str, str]:
    """Subject and body about the invoice. The subject is one line, whatever names are in it."""
    values = values_of(invoice)
    subject, body = texts
    return one_line(filled(subject, values)), filled(body, values)


def values_of(invoice: Invoice) -> Mapping[str, str]:
    """What the placeholders stand for."""
    day = formats_of(DEFAULT_LANGUAGE).day
    days_overdue = max((invoice.company.today() - invoice.due_date).days, 0)
    return {
        "invoiceNumber": invoice.number or "",
        "customerName": invoice.buyer_name,
        "companyName": invoice.seller_details["name"],
        "currency": invoice.currency,
        "total": grouped_money(invoice.total, invoice.currency),
        "outstanding": grouped_money(invoice.still_owed, invoice.currency),
        "issueDate": day(invoice.issue_date),
        "dueDate": day(invoice.due_date),
        "daysOverdue": str(days_overdue),
    }
