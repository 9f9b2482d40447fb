"""The verbs of credit notes: issue one, store its file. The only code that writes them.

Errors: InvoiceNotFound, WrongStatus, StaleVersion, PeriodLocked, CreditNoteInvalid, CreditExceedsInvoice,
NothingToCredit, CreditExceedsOutstanding, AmountInvalid, AmountTooPrecise, AmountTooLarge, TextInvalid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version
from core.errors import ConstraintBroken, DomainError
from core.model_fields import PRICE_DECIMALS
from core.money import ZERO, exact, minor_units
from core.text import clean_text
from credits.models import CreditNote, CreditNoteItem, StoredCreditNote
from credits.selectors import (
    creditable_lines,
    is_wholly_credited,
    paid_and_not_credited,
    require_creditable_status,
)
from credits.split import Parts, part_of
from invoices.models import Invoice, InvoiceLine, SeriesKind
from invoices.services import lock_invoice, next_numbers
from parties.services import require_open_period
from payments.accounts.models import CustomerAccount
from payments.accounts.rules import AccountKind
from payments.accounts.services import lock_account, post_to_account
from payments.services import book_credit_note

_followers: list[Callable[[Actor, CreditNote], None]] = []


class CreditNoteInvalid(DomainError):
    """It does not say why, or what of the invoice is credited."""

    code = "credit_note_invalid"
    title = "Credit note not acceptable"


class CreditExceedsInvoice(DomainError):
    """More would be credited of a line than is left of it."""

    code = "credit_exceeds_invoice"
    title = "Too much"


class CreditExceedsOutstanding(DomainError):
    """More would be credited than is owed or was paid: the rest is written off."""

    code = "credit_exceeds_outstanding"
    title = "Too much"
    default_detail = "More would be credited than is owed or was paid: part of it is written off. Reinstate that first."


class NothingToCredit(DomainError):
    """The invoice is wholly credited, or the part asked for comes to nothing."""

    code = "nothing_to_credit"
    title = "Nothing to credit"
    default_detail = "Nothing of this invoice is left to credit."


@dataclass(frozen=True)
class CreditItem:
    """How much of a line of the invoice is credited: `line_id` is that line's id."""

    line_id: int
    quantity: Decimal


@dataclass(frozen=True)
class Credited:
    """A line of the invoice, the quantity credited of it now, and what that comes to."""

    line: InvoiceLine
    quantity: Decimal
    parts: Parts


@dataclass(frozen=True)
class WorkedCredit:
    """What a credit note would be; nothing is written yet. `applied` lessens what is owed, the rest was paid."""

    items: Sequence[Credited]
    sums: Parts
    applied: Decimal
    is_last: bool

    @property
    def credited(self) -> Decimal:
        """What is left as the customer's credit."""
        return self.sums.total - self.applied


def issue_credit_note(
    *,
    actor: Actor,
    invoice_id: int,
    reason: str,
    items: Sequence[CreditItem] | None = None,
    whole: bool = False,
    version: int | None = None,
) -> CreditNote:
    """The credit note, issued: over the quantities of `items`, or over all that is left of the invoice (`whole`).

    It is dated today where the company is, takes the next number of its own series, and lessens what is owed on the
    invoice; what was paid already is left as the customer's credit. Its amounts never change.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        reason = _checked_reason(reason)
        require_creditable_status(invoice)
        moment = timezone.now()
        require_open_period(invoice.company, moment.astimezone(invoice.company.zone).date())
        worked = work_out_credit(invoice, items=items, whole=whole)
        account = lock_account(invoice.customer, invoice.currency) if worked.credited else None
        with recording(
            actor=actor, action="credit_note.issued", company_id=invoice.company_id, reason=reason
        ) as change:
            note = _write_note(invoice, worked, account, reason=reason, moment=moment, change=change)
        for follow in _followers:
            follow(actor, note)
    return note


def work_out_credit(
    invoice: Invoice, *, items: Sequence[CreditItem] | None = None, whole: bool = False
) -> WorkedCredit:
    """What a credit note over these items, or over all that is left, comes to. Raises what `issue_credit_note` does."""
    if whole == (items is not None):
        raise CreditNoteInvalid("Name the items, or say whole: one of them.", field="items")
    lines = creditable_lines(invoice)
    before = sum((creditable.credited.total for _, creditable in lines.values()), ZERO)
    if before == invoice.total:
        raise NothingToCredit
    left = {line.pk: creditable.quantity_left for line, creditable in lines.values()}
    wanted = {pk: quantity for pk, quantity in left.items() if quantity} if whole else _wanted(items or (), left)
    decimals, is_gross = minor_units(invoice.currency), invoice.prices_include_vat
    credited = [
        Credited(line, wanted[pk], part_of(creditable, wanted[pk], decimals=decimals, is_gross=is_gross))
        for pk, (line, creditable) in lines.items()
        if pk in wanted
    ]
    sums = sum((one.parts for one in credited), Parts())
    if not sums.total:
        raise NothingToCredit
    applied = min(sums.total, invoice.still_owed)
    if sums.total - applied > paid_and_not_credited(invoice):
        raise CreditExceedsOutstanding
    return WorkedCredit(credited, sums, applied, is_last=before + sums.total == invoice.total)


def require_something_left(invoice: Invoice) -> None:
    """Raise NothingToCredit where the invoice is wholly credited, or was over nothing."""
    if is_wholly_credited(invoice) or not invoice.total:
        raise NothingToCredit


def follow_credit_notes(follow: Callable[[Actor, CreditNote], None]) -> None:
    """Let `follow` be called with each credit note, and who issued it, in the transaction that issues it."""
    _followers.append(follow)


def store_credit_note(*, actor: Actor, document: StoredCreditNote, company_id: int) -> StoredCreditNote:
    """The stored file of this note: `document`, or the one that somebody else stored meanwhile.

    An entry of its own, which names the file and its hash. Called outside a transaction: nothing is stored of what may
    still be rolled back.
    """
    reason = f"{document.file_name}, SHA-256 {document.sha256}"
    try:
        with (
            transaction.atomic(durable=True),
            recording(
                actor=actor, action="credit_note.document_stored", company_id=company_id, reason=reason
            ) as document.change,
        ):
            document.save(force_insert=True)
    except ConstraintBroken as refusal:
        if refusal.constraint_code != "document_stored":
            raise
        return StoredCreditNote.objects.get(note=document.note_id)
    return document


def _checked_reason(reason: str) -> str:
    reason = clean_text(reason, max_length=1000, field="reason")
    if not reason:
        raise CreditNoteInvalid("A credit note says why.", field="reason")
    return reason


def _wanted(items: Sequence[CreditItem], left: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """The quantity to credit of each line, by its id. Raises CreditNoteInvalid, CreditExceedsInvoice."""
    if not items:
        raise CreditNoteInvalid("Name at least one item.", field="items")
    wanted: dict[int, Decimal] = {}
    for position, item in enumerate(items):
        path = f"items.{position}"
        if item.line_id not in left or item.line_id in wanted:
            raise CreditNoteInvalid("This invoice has no such line (or it is named twice).", field=f"{path}.item_id")
        quantity = exact(item.quantity, decimals=PRICE_DECIMALS, field=f"{path}.qty")
        if quantity <= 0:
            raise CreditNoteInvalid("A quantity is above zero.", field=f"{path}.qty")
        if quantity > left[item.line_id]:
            raise CreditExceedsInvoice(
                f"Of this line {left[item.line_id].normalize():f} is left to credit.", field=f"{path}.qty"
            )
        wanted[item.line_id] = quantity
    return wanted


def _write_note(
    invoice: Invoice,
    worked: WorkedCredit,
    account: CustomerAccount | None,
    *,
    reason: str,
    moment: datetime,
    change: Change,
) -> CreditNote:
    """The note with its lines, its entries and its number, written in one entry of the journal."""
    day = moment.astimezone(invoice.company.zone).date()
    [number] = next_numbers(invoice.company_id, day.year, 1, SeriesKind.CREDIT_NOTE)
    entry = book_credit_note(
        invoice=invoice, amount=worked.applied, number=number, reason=reason, paid_at=moment, change=change
    )
    left = None
    if account is not None:
        left = post_to_account(
            account=account,
            kind=AccountKind.CREDIT_NOTE,
            amount=worked.credited,
            paid_at=moment,
            reference=number,
            reason=reason,
            change=change,
        )
    note = CreditNote(
        company_id=invoice.company_id,
        invoice=invoice,
        customer_id=invoice.customer_id,
        number=number,
        issue_date=day,
        currency=invoice.currency,
        reason=reason,
        applied=worked.applied,
        credited=worked.credited,
        entry=entry,
        account_entry=left,
        is_last=worked.is_last,
        change=change,
        **_sums(worked.sums),
    )
    note.save(force_insert=True)
    CreditNoteItem.objects.bulk_create(
        _item(note, position, credited, change) for position, credited in enumerate(worked.items, start=1)
    )
    return note


def _sums(sums: Parts) -> dict[str, Any]:
    return {
        "lines_total": sums.line_total,
        "discount_total": sums.discount_share,
        "subtotal": sums.taxable_amount,
        "vat_total": sums.vat_amount,
        "total": sums.total,
    }


def _item(note: CreditNote, position: int, credited: Credited, change: Change) -> CreditNoteItem:
    line, parts = credited.line, credited.parts
    return CreditNoteItem(
        note=note,
        line=line,
        position=position,
        description=line.description,
        quantity=credited.quantity,
        vat_category=line.vat_category,
        vat_rate=line.vat_rate,
        currency=line.currency,
        line_total=parts.line_total,
        taxable_amount=parts.taxable_amount,
        vat_amount=parts.vat_amount,
        change=change,
    )
