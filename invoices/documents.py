"""The files of invoices: made once from what was frozen at issue, stored, and the same bytes ever after.

Errors: InvoiceNotFound.
"""

from hashlib import sha256

from audit.actors import SYSTEM
from invoices.models import DocumentKind, Invoice, StoredDocument
from invoices.pdf import invoice_pdf, pdf_name
from invoices.selectors import invoice_document
from invoices.services import InvoiceNotFound, store_document


def invoice_document_file(invoice_id: int) -> StoredDocument:
    """The file of an invoice: `content` (bytes, a PDF) and `file_name`.

    Made and stored when it is first asked for, by whoever asks: a reader or a worker. What is in it follows from what
    was frozen at issue, so that it does not matter when that is; after a cancellation there is a second one, with the
    page that says so. A document that was never issued is printed anew each time and not stored.
    Called outside a transaction.
    """
    invoice = Invoice.objects.filter(pk=invoice_id).only("issued_at", "cancelled_at").first()
    if invoice is None:
        raise InvoiceNotFound
    kind = DocumentKind.CANCELLATION if invoice.cancelled_at else DocumentKind.INVOICE
    stored = StoredDocument.objects.filter(invoice=invoice_id, kind=kind).first() if invoice.issued_at else None
    return stored or _made(invoice_id)


def _made(invoice_id: int) -> StoredDocument:
    """The file, printed from one reading of the invoice, and stored if that was issued."""
    invoice = invoice_document(invoice_id)
    if invoice is None:
        raise InvoiceNotFound
    content = invoice_pdf(invoice)
    document = StoredDocument(
        invoice=invoice,
        kind=DocumentKind.CANCELLATION if invoice.cancelled_at else DocumentKind.INVOICE,
        file_name=pdf_name(invoice),
        content=content,
        sha256=sha256(content).hexdigest(),
    )
    if invoice.issued_at is None:
        return document
    return store_document(actor=SYSTEM, document=document, company_id=invoice.company_id)
