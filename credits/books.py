"""What must hold of credit notes, for ``manage.py verify_books``."""

from audit.books import name_documents
from credits.models import CreditNote, CreditNoteItem, StoredCreditNote


def register_checks() -> None:
    """Let verify_books look at the credit notes, and name them and their lines by number."""
    name_documents(CreditNote, "number")
    name_documents(CreditNoteItem, "note__number")
    name_documents(StoredCreditNote, "note__number")
