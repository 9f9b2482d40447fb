"""The credit notes that exist for a user, and what of an invoice is left to credit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from audit.selectors import History
from core.errors import DomainError, PermissionDenied
from core.money import ZERO
from core.scope import CompanyMember, visible_to
from credits.models import CreditNote, CreditNoteItem, StoredCreditNote
from credits.split import CreditableLine, Parts
from invoices.lifecycle import Status, WrongStatus
from invoices.models import Invoice, InvoiceLine
from invoices.numbers import RegisteredNumber
from parties.models import Company

CREDITABLE = (Status.ISSUED, Status.PARTIALLY_PAID, Status.PAID)
IS_WHOLLY_CREDITED = Exists(CreditNote.objects.filter(invoice=OuterRef("pk"), is_last=True))


def credit_notes_of(user: CompanyMember) -> QuerySet[CreditNote]:
    """The credit notes of the user's companies, with what a row shows."""
    return visible_to(user, CreditNote.objects.select_related("change", "invoice"))


def credit_note_document(note_id: int) -> CreditNote | None:
    """The note with all that its document shows: its lines, and the invoice it corrects."""
    notes = CreditNote.objects.select_related("change", "company", "invoice", "customer")
    return notes.prefetch_related("items").filter(pk=note_id).first()


def filtered_credit_notes(
    notes: QuerySet[CreditNote],
    *,
    issue_date_from: date | None = None,
    issue_date_to: date | None = None,
    **filters: Any,
) -> QuerySet[CreditNote]:
    """The notes that fit all the filters (lookups of CreditNote) that are not None; both ends are inclusive."""
    conditions = {"issue_date__gte": issue_date_from, "issue_date__lte": issue_date_to, **filters}
    return notes.filter(**{name: value for name, value in conditions.items() if value is not None})


def require_creditable_status(invoice: Invoice) -> None:
    """Raise WrongStatus unless the invoice is issued and not cancelled."""
    if invoice.status not in CREDITABLE:
        status = Status(invoice.status).label.lower()
        raise WrongStatus(f"Only issued invoices are credited; this invoice is {status}.")


def creditable_lines(invoice: Invoice) -> dict[int, tuple[InvoiceLine, CreditableLine]]:
    """Each line of the invoice, by its id and in their order, with what earlier notes took of it. Two statements."""
    taken = _taken(CreditNoteItem.objects.filter(note__invoice=invoice))
    return {line.pk: (line, _creditable(line, *taken[line.pk])) for line in invoice.lines.all()}


def obstacle_to_crediting(invoice: Invoice, user: Any) -> str | None:
    """The code in which a credit note would end now for this user; None where there is something to credit."""
    if not user.may("credits.add_creditnote", invoice.company_id):
        return PermissionDenied.code
    try:
        require_creditable_status(invoice)
    except DomainError as refusal:
        return refusal.code
    locked_through = invoice.company.locked_through
    if locked_through is not None and invoice.company.today() <= locked_through:
        return "period_locked"
    if not invoice.total or is_wholly_credited(invoice):
        return "nothing_to_credit"
    return None if invoice.still_owed or paid_and_not_credited(invoice) > 0 else "credit_exceeds_outstanding"


def paid_and_not_credited(invoice: Invoice) -> Decimal:
    """What was paid of the invoice and is not the customer's credit by an earlier note. A statement, where it was."""
    if not invoice.paid:
        return ZERO
    left = CreditNote.objects.filter(invoice=invoice, credited__gt=0).order_by().values_list("credited", flat=True)
    return max(invoice.paid - sum(left, ZERO), ZERO)


def is_wholly_credited(invoice: Invoice) -> bool:
    """Whether nothing of the invoice is left to credit."""
    known = getattr(invoice, "is_wholly_credited", None)  # where the whole document was read
    if known is not None:
        return bool(known)
    return CreditNote.objects.filter(invoice=invoice, is_last=True).exists()


def numbered_notes(company: Company) -> QuerySet[CreditNote]:
    """The notes of the company, for the register of their numbers."""
    return CreditNote.objects.filter(company=company)


def registered_notes(company: Company, numbers: Sequence[str]) -> dict[str, RegisteredNumber]:
    """The notes that have one of the numbers, as the register shows them."""
    notes = numbered_notes(company).filter(number__in=numbers).select_related("change", "invoice")
    return {
        note.number: RegisteredNumber(
            number=note.number,
            status=Status.ISSUED,
            invoice_id=note.invoice_id,
            issue_date=note.issue_date,
            customer_name=note.invoice.customer_name,
            currency=note.currency,
            total=note.total,
            issued_by=note.change.actor,
            issued_at=note.change.at,
            reason=note.reason,
        )
        for note in notes
    }


def credit_note_histories(**condition: Any) -> list[History]:
    """The history rows of the credit notes that meet the condition, of their lines and of their files."""
    notes = CreditNote.objects.filter(**condition).order_by().values("pk")
    return [
        (CreditNote, CreditNote.history.filter(id__in=notes)),
        (CreditNoteItem, CreditNoteItem.history.filter(note_id__in=notes)),
        (StoredCreditNote, StoredCreditNote.history.filter(note_id__in=notes)),
    ]


def _taken(items: Iterable[CreditNoteItem]) -> defaultdict[int, tuple[Decimal, Parts]]:
    """The quantity and the amounts that the items took of each line, by its id."""
    taken: defaultdict[int, tuple[Decimal, Parts]] = defaultdict(lambda: (ZERO, Parts()))
    for item in items:
        quantity, parts = taken[item.line_id]
        taken[item.line_id] = (quantity + item.quantity, parts + parts_of(item))
    return taken


def _creditable(line: InvoiceLine, quantity: Decimal, parts: Parts) -> CreditableLine:
    return CreditableLine(line.quantity, parts_of(line), quantity, parts)


def parts_of(line: InvoiceLine | CreditNoteItem) -> Parts:
    """The amounts of a line."""
    return Parts(line.taxable_amount, line.vat_amount, line.line_total - line.taxable_amount)
