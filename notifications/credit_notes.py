"""Credit notes by mail: to whom the invoices go, goes what corrects them."""

from audit.actors import Actor
from core.api.renderers import PDF_TYPE
from core.languages import formats_of
from credits.documents import credit_note_file
from credits.models import CreditNote
from invoices.models import Invoice
from notifications.kinds import Kind, State
from notifications.letters import File, texts_of
from notifications.models import Message
from notifications.selectors import language_of, settings_of_company
from notifications.services import links_named, new_message, wake_worker, write_messages


def send_when_credited(actor: Actor, note: CreditNote) -> None:
    """Send a new credit note where its company mails what it issues, or where the invoice itself was mailed.

    A customer without an address is a failed message.
    """
    invoice = note.invoice
    settings = settings_of_company(note.company_id)
    if not (settings.send_on_issue or invoice.is_sent_when_issued or _was_mailed(invoice)):
        return
    texts = texts_of(invoice.company, Kind.CREDIT_NOTE, language_of(invoice, settings))
    formats = formats_of(texts.language)
    message = new_message(
        actor,
        invoice,
        Kind.CREDIT_NOTE,
        key=note.number,
        texts=texts,
        link=links_named(actor, {invoice.pk: texts}).get(invoice.pk, ""),
        further={
            "creditNoteNumber": note.number,
            "creditNoteTotal": formats.money(note.total, note.currency),
            "reason": note.reason,
        },
    )
    write_messages([message])
    wake_worker()


def files_of(message: Message) -> list[File]:
    """The credit note that a message is about."""
    note = CreditNote.objects.get(company=message.company_id, number=message.key)
    document = credit_note_file(note.pk)
    return [(document.file_name, bytes(document.content), PDF_TYPE)]


def _was_mailed(invoice: Invoice) -> bool:
    return Message.objects.filter(invoice=invoice, kind=Kind.INVOICE).exclude(state=State.NEEDLESS).exists()
