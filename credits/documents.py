"""The files of credit notes: made once from what never changes, stored, and the same bytes ever after.

Errors: CreditNoteNotFound.
"""

from hashlib import sha256

from audit.actors import SYSTEM
from core.errors import NotFound
from credits.models import StoredCreditNote
from credits.pdf import credit_note_pdf
from credits.selectors import credit_note_document
from credits.services import store_credit_note


class CreditNoteNotFound(NotFound):
    """There is no such credit note."""


def credit_note_file(note_id: int) -> StoredCreditNote:
    """The file of a credit note: `content` (bytes, a PDF) and `file_name`.

    Made and stored when it is first asked for, by whoever asks: a reader or a worker. What is in it was frozen with the
    note and its invoice, so that it does not matter when that is. Called outside a transaction.
    """
    stored = StoredCreditNote.objects.filter(note=note_id).first()
    return stored or _made(note_id)


def _made(note_id: int) -> StoredCreditNote:
    note = credit_note_document(note_id)
    if note is None:
        raise CreditNoteNotFound
    content = credit_note_pdf(note)
    document = StoredCreditNote(
        note=note, file_name=f"{note.number}.pdf", content=content, sha256=sha256(content).hexdigest()
    )
    return store_credit_note(actor=SYSTEM, document=document, company_id=note.company_id)
