"""A message as a mail: text, HTML and the document, under headers that nothing typed by people can break."""

from collections.abc import Callable, Iterable, Mapping
from email.headerregistry import Address
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.crypto import get_random_string

from core.api.renderers import PDF_TYPE
from core.languages import formats_of
from core.placeholders import filled
from invoices.documents import invoice_document_file
from invoices.models import Invoice
from notifications.kinds import Kind
from notifications.models import MailTemplate, Message
from notifications.templating import DEFAULT_LANGUAGE, DEFAULT_TEXTS, LINK, Texts, one_line, without_link
from parties.models import Company
from portal.selectors import address_of, live_link_of

File = tuple[str, bytes, str]
"""Name, content and type of a file that goes with a mail."""

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
    for file in _files_of[Kind(message.kind)](message):
        mail.attach(*file)
    mail.message()  # headers that cannot be are refused here, before anybody is spoken to
    return mail


def document_of(message: Message) -> list[File]:
    """The document that a message is about."""
    if message.invoice_id is None:
        raise RuntimeError(f"Message {message.pk} is about no invoice.")
    document = invoice_document_file(message.invoice_id)
    return [(document.file_name, bytes(document.content), PDF_TYPE)]


def nothing_of(message: Message) -> list[File]:
    """No file goes with it."""
    return []


_files_of: dict[Kind, Callable[[Message], Iterable[File]]] = {
    Kind.INVOICE: document_of,
    Kind.REMINDER: document_of,
    Kind.DIGEST: nothing_of,
}


def attach_to(kind: Kind, files_of: Callable[[Message], Iterable[File]]) -> None:
    """Let `files_of` make the files that go with messages of the kind. A worker calls it, outside a transaction."""
    _files_of[kind] = files_of


def sender_of(company: Company) -> str:
    """The installation's own address under the company's name: mail servers accept no other as ours."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return str(Address(display_name=one_line(company.name), addr_spec=address))


def new_mail_id() -> str:
    """A Message-ID that no other mail has. A message keeps it in every attempt, so that repeats can be recognised."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return f"<{get_random_string(ID_CHARACTERS)}@{address.rpartition('@')[2] or 'localhost'}>"


def texts_of(company: Company, kind: str, language: str) -> Texts:
    """Subject and body: as the company wrote them in that language, or ours, or ours in English."""
    own = MailTemplate.objects.filter(company=company, kind=kind, language=language).first()
    if own is not None:
        return Texts(own.subject, own.body, language)
    spoken = language if (kind, language) in DEFAULT_TEXTS else DEFAULT_LANGUAGE
    return Texts(*DEFAULT_TEXTS[kind, spoken], spoken)


def written(
    invoice: Invoice, texts: Texts, *, link: str = "", further: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Subject and body about the invoice, whose page for the customer is at `link`, or at no address ("").

    `further` is what placeholders stand for that are not about the invoice.

    The subject is one line, whatever names are in it.
    """
    own = texts if link else texts._replace(body=without_link(texts.body))
    return filled_in(own, {**values_of(invoice, texts.language), **(further or {}), "link": link})


def names_link(texts: Texts) -> bool:
    """Whether mails with these texts say where the customer's page is. Without PUBLIC_URL nobody knows that."""
    return bool(settings.PUBLIC_URL) and (LINK in texts.subject or LINK in texts.body)


def previewed(invoice: Invoice, texts: Texts) -> tuple[str, str]:
    """Subject and body as they will be. A link that there is not yet is made with the mail."""
    live = live_link_of(invoice.pk) if names_link(texts) else None
    link = address_of(live) if live else f"{settings.PUBLIC_URL}/i/…"
    return written(invoice, texts, link=link if names_link(texts) else "")


def sample_body(body: str, values: Mapping[str, str]) -> str:
    """The body of a template with values to show what it looks like."""
    return filled(body if settings.PUBLIC_URL else without_link(body), values)


def filled_in(texts: Texts, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject, on one line, and body with the values in them."""
    return one_line(filled(texts.subject, values)), filled(texts.body, values)


def values_of(invoice: Invoice, language: str) -> Mapping[str, str]:
    """What the placeholders stand for, with dates and amounts as the language writes them."""
    formats = formats_of(language)
    days_overdue = max((invoice.company.today() - invoice.due_date).days, 0)
    return {
        "invoiceNumber": invoice.number or "",
        "customerName": invoice.buyer_name,
        "companyName": invoice.seller_details["name"],
        "currency": invoice.currency,
        "total": formats.money(invoice.total, invoice.currency),
        "outstanding": formats.money(invoice.still_owed, invoice.currency),
        "issueDate": formats.day(invoice.issue_date),
        "dueDate": formats.day(invoice.due_date),
        "daysOverdue": str(days_overdue),
    }
