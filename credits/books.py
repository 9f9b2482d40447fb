"""What must hold of credit notes, for ``manage.py verify_books``: amounts, what became of them, numbers and files."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from typing import Any

from django.db.models import IntegerField, Prefetch
from django.db.models.functions import Length, Substr

from audit.books import Fault, name_documents, register
from core.money import ZERO, UnknownCurrency, minor_units
from credits.models import CreditNote, CreditNoteItem, StoredCreditNote
from credits.selectors import parts_of
from credits.split import CreditableLine, Parts, part_of
from invoices.models import Invoice, NumberSeries, SeriesKind
from payments.accounts.models import AccountEntry
from payments.accounts.rules import AccountKind
from payments.ledger import Kind
from payments.models import Payment

ROWS_AT_A_TIME = 500
FILES_AT_A_TIME = 50
PREFIX_LENGTH = len("CN-2026")


def register_checks() -> None:
    """Let verify_books look at the credit notes, and name them and their lines by number."""
    register(credit_notes_follow_from_invoices)
    register(credit_notes_stand_in_the_ledger)
    register(credit_note_numbers_have_no_gap)
    register(stored_credit_notes_are_unchanged)
    name_documents(CreditNote, "number")
    name_documents(CreditNoteItem, "note__number")
    name_documents(StoredCreditNote, "note__number")


def credit_notes_follow_from_invoices() -> Iterator[Fault]:
    """Each note has the amounts that the quantities credited give, and those of an invoice never come to more."""
    notes = CreditNote.objects.order_by("id").prefetch_related(Prefetch("items", CreditNoteItem.objects.order_by("id")))
    credited = Invoice.objects.filter(credit_notes__isnull=False).distinct().order_by("id")
    invoices = credited.prefetch_related("lines", Prefetch("credit_notes", notes))
    for invoice in invoices.iterator(chunk_size=ROWS_AT_A_TIME):
        yield from _faults_of(invoice)


def _faults_of(invoice: Invoice) -> Iterator[Fault]:
    """The notes issued once more, one after the other."""
    left = {line.pk: CreditableLine(line.quantity, parts_of(line)) for line in invoice.lines.all()}
    try:
        total, decimals = ZERO, minor_units(invoice.currency)
    except UnknownCurrency as unknown:
        yield Fault("Invoice", invoice.pk, invoice.number or "", unknown.detail)
        return
    for note in invoice.credit_notes.all():
        total += note.total
        yield from _head_faults(note, invoice, is_last=total == invoice.total)
        for item in note.items.all():
            line = left.get(item.line_id)
            if line is None or item.quantity > line.quantity_left:
                yield _fault(note, f"credits more of line {item.line_id} than there is")
                continue
            expected = part_of(line, item.quantity, decimals=decimals, is_gross=invoice.prices_include_vat)
            if parts_of(item) != expected:
                yield _fault(note, f"takes {parts_of(item)} of line {item.line_id}; worked out it is {expected}")
            left[item.line_id] = CreditableLine(
                line.quantity, line.amounts, line.credited_quantity + item.quantity, line.credited + parts_of(item)
            )
    if total > invoice.total:
        yield Fault("Invoice", invoice.pk, invoice.number or "", f"is credited {total} of {invoice.total}")


def _head_faults(note: CreditNote, invoice: Invoice, *, is_last: bool) -> Iterator[Fault]:
    """Summed here and not by the database: SQLite would add in floats."""
    sums = sum((parts_of(item) for item in note.items.all()), Parts())
    stored = Parts(note.subtotal, note.vat_total, note.discount_total)
    found = {
        f"its lines sum to {sums}; stored is {stored}": sums != stored or note.total != sums.total,
        f"lines come to {sums.line_total}; stored is {note.lines_total}": note.lines_total != sums.line_total,
        f"{note.applied} and {note.credited} are not {note.total}": note.applied + note.credited != note.total,
        "is of another company, customer or currency than its invoice": (
            (note.company_id, note.customer_id, note.currency)
            != (invoice.company_id, invoice.customer_id, invoice.currency)
        ),
        "a line is in another currency": any(item.currency != note.currency for item in note.items.all()),
        f"is marked as {'the last' if note.is_last else 'not the last'}": note.is_last != is_last,
    }
    for message, is_broken in found.items():
        if is_broken:
            yield _fault(note, message)


def credit_notes_stand_in_the_ledger() -> Iterator[Fault]:
    """What a note takes off its invoice, or leaves as credit, is an entry there, and each such entry is a note's."""
    notes = CreditNote.objects.select_related("entry", "account_entry__account").order_by("id")
    for note in notes.iterator(chunk_size=ROWS_AT_A_TIME):
        entry = note.entry
        booked = (entry.kind, entry.invoice_id, entry.amount, entry.reference) if entry else None
        expected = (Kind.CREDIT_NOTE, note.invoice_id, note.applied, note.number) if note.applied else None
        if booked != expected:
            yield _fault(note, f"takes {note.applied} off its invoice; in the ledger there is {booked or 'nothing'}")
        yield from _account_faults(note)
    entries = Payment.objects.filter(kind=Kind.CREDIT_NOTE, credit_note=None).order_by("id")
    for pk, reference in entries.values_list("pk", "reference").iterator(chunk_size=ROWS_AT_A_TIME):
        yield Fault("Payment", pk, reference, "is of a credit note that there is not")
    left = AccountEntry.objects.filter(kind=AccountKind.CREDIT_NOTE, credit_note=None).order_by("id")
    for pk, reference in left.values_list("pk", "reference").iterator(chunk_size=ROWS_AT_A_TIME):
        yield Fault("AccountEntry", pk, reference, "is of a credit note that there is not")


def _account_faults(note: CreditNote) -> Iterator[Fault]:
    """What a note leaves as credit is an entry of the account of its customer."""
    left = note.account_entry
    booked = (left.kind, left.account.customer_id, left.currency, left.amount, left.reference) if left else None
    credit = (AccountKind.CREDIT_NOTE, note.customer_id, note.currency, note.credited, note.number)
    if booked != (credit if note.credited else None):
        message = f"leaves {note.credited} as credit; in the customer's account there is {booked or 'nothing'}"
        yield _fault(note, message)


def credit_note_numbers_have_no_gap() -> Iterator[Fault]:
    """The numbers of each company and year run from 1 without a gap, and the next follows the last."""
    series = {(row.company_id, str(row)): row for row in NumberSeries.objects.filter(kind=SeriesKind.CREDIT_NOTE)}
    for key, group in groupby(_numbered(), key=lambda row: (row.company_id, row.prefix)):
        own, expected = series.pop(key, None), 1
        for note in group:
            if note.number != f"{note.prefix}-{expected:06d}":
                yield _fault(note, f"is in the place of number {expected} of its series")
            expected += 1
        yield from _series_faults(key, own, expected)
    for key, unused in series.items():
        yield from _series_faults(key, unused, 1)


def stored_credit_notes_are_unchanged() -> Iterator[Fault]:
    """Each stored file has the hash that was recorded when it was stored."""
    columns = ("id", "file_name", "sha256", "content")
    documents = StoredCreditNote.objects.order_by("id").values_list(*columns, named=True)
    for document in documents.iterator(chunk_size=FILES_AT_A_TIME):
        if sha256(document.content).hexdigest() != document.sha256:
            yield Fault("StoredCreditNote", document.id, document.file_name, "is not what was stored: its hash differs")


def _numbered() -> Iterator[Any]:
    """The notes, series by series, in the order of their numbers ("CN-2026-000042")."""
    numbered: Any = CreditNote.objects.annotate(
        prefix=Substr("number", 1, PREFIX_LENGTH), digits=Length("number", output_field=IntegerField())
    )
    return numbered.order_by("company_id", "prefix", "digits", "number").iterator(chunk_size=ROWS_AT_A_TIME)  # type: ignore[no-any-return]  # annotated


def _series_faults(key: tuple[int, str], series: NumberSeries | None, expected: int) -> Iterator[Fault]:
    company_id, prefix = key
    next_value = series.next_value if series else 1
    if next_value != expected:
        message = f"company {company_id}: the next number is {next_value}, after the last comes {expected}"
        yield Fault("NumberSeries", series.pk if series else None, prefix, message)


def _fault(note: CreditNote, message: str) -> Fault:
    return Fault("CreditNote", note.pk, note.number, message)
