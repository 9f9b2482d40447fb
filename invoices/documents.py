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
    of_kind = StoredDocument.objects.filter(invoice=invoice_id, kind=kind_of(invoice))
    stored = of_kind.first() if invoice.issued_at else None
    return stored or _made(invoice_id)


def _made(invoice_id: int) -> StoredDocument:
    """The file, printed from one reading of the invoice, and stored if that was issued."""
    invoice = invoice_document(invoice_id)
    if invoice is None:
        raise InvoiceNotFound
    document = _file_of(invoice, invoice_pdf(invoice))
    if invoice.issued_at is None:
        return document
    return store_document(actor=SYSTEM, document=document, company_id=invoice.company_id)


def copy_with_payments(invoice_id: int) -> StoredDocument:
    """A copy of the invoice as of today, with what has been paid and what is outstanding. It is not stored."""
    invoice = invoice_document(invoice_id)
    if invoice is None:
        raise InvoiceNotFound
    return _file_of(invoice, invoice_pdf(invoice, paid_on=invoice.company.today()))


def _file_of(invoice: Invoice, content: bytes) -> StoredDocument:
    return StoredDocument(
        invoice=invoice,
        kind=kind_of(invoice),
        file_name=pdf_name(invoice),
        content=content,
        sha256=sha256(content).hexdigest(),
    )


def kind_of(invoice: Invoice) -> DocumentKind:
    """Which of its documents shows the invoice as it is."""
    return DocumentKind.CANCELLATION if invoice.cancelled_at else DocumentKind.INVOICE
