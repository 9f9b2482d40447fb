"""Many payments in one command: each with the rules, the journal entry and the history of a command of its own.

What is decided is decided row by row, by the same functions as `apply_payment`. What is written is written for all
rows at once. A row that is refused leaves nothing behind, and the others are not touched by it.

Errors: TooManyRows. What is wrong with a row is the row's outcome, an error of `payments.services`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from audit.actors import Actor
from audit.services import ENTRIES_AT_ONCE, insert_rows, recording_each, write_versions
from core.errors import ConstraintBroken, DomainError
from invoices.bulk import TooManyRows
from invoices.models import Invoice
from invoices.services import InvoiceNotFound, lock_invoices, settled_values
from payments.ledger import Method
from payments.models import Payment
from payments.services import CheckedPayment, checked_payment, new_payment

MAXIMUM_ROWS = ENTRIES_AT_ONCE

Outcome = Payment | DomainError
"""What became of a row: the entry, or why nothing was booked."""


@dataclass(frozen=True, kw_only=True)
class NewPayment:
    """What `apply_payment` is told."""

    invoice_id: int
    amount: Decimal
    method: str = Method.EFT
    reference: str = ""
    paid_at: datetime | date | None = None


def apply_payments(*, actor: Actor, rows: Sequence[NewPayment]) -> list[Outcome]:
    """Book each row: the outcome of each, in order. Of several for one invoice a later one meets what is left.

    Raises TooManyRows. Whoever books more than `MAXIMUM_ROWS` calls this for one slice after the other.
    """
    if len(rows) > MAXIMUM_ROWS:
        raise TooManyRows
    outcomes: dict[int, Outcome] = {}
    with transaction.atomic():
        invoices = lock_invoices({row.invoice_id for row in rows})
        for indexes in _rounds(rows):
            outcomes |= _book(actor, rows, indexes, invoices)
    return [outcomes[index] for index in range(len(rows))]


def _rounds(rows: Sequence[NewPayment]) -> Iterable[list[int]]:
    """The indexes of the rows, so that no round has two of one invoice: a row changes once within an entry."""
    rounds: list[list[int]] = []
    met: dict[int, int] = {}
    for index, row in enumerate(rows):
        number = met.get(row.invoice_id, 0)
        met[row.invoice_id] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(index)
    return rounds


def _book(
    actor: Actor, rows: Sequence[NewPayment], indexes: Sequence[int], invoices: dict[int, Invoice]
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    checked: list[tuple[int, Invoice, CheckedPayment]] = []
    for index in indexes:
        row = rows[index]
        try:
            invoice = invoices.get(row.invoice_id)
            if invoice is None:
                raise InvoiceNotFound
            found = checked_payment(
                invoice, amount=row.amount, method=row.method, reference=row.reference, paid_at=row.paid_at
            )
            checked.append((index, invoice, found))
        except DomainError as refusal:
            outcomes[index] = refusal
    return outcomes | _written(actor, checked)


def _written(actor: Actor, checked: Sequence[tuple[int, Invoice, CheckedPayment]]) -> dict[int, Outcome]:
    """All at once, or in halves where the database refuses one."""
    if not checked:
        return {}
    before = [(invoice, dict(invoice.__dict__)) for _, invoice, _ in checked]
    try:
        with transaction.atomic():
            return _write(actor, checked)
    except ConstraintBroken as refusal:
        for invoice, values in before:
            invoice.__dict__.update(values)
        if len(checked) == 1:
            return {checked[0][0]: refusal}
    middle = len(checked) // 2
    return {**_written(actor, checked[:middle]), **_written(actor, checked[middle:])}


def _write(actor: Actor, checked: Sequence[tuple[int, Invoice, CheckedPayment]]) -> dict[int, Outcome]:
    invoices = [invoice for _, invoice, _ in checked]
    company_ids = [invoice.company_id for invoice in invoices]
    with recording_each(actor=actor, action="payment.applied", company_ids=company_ids) as changes:
        entries = [
            new_payment(invoice, found, change) for (_, invoice, found), change in zip(checked, changes, strict=True)
        ]
        insert_rows(entries)
        values = [
            settled_values(invoice, amount=found.amount, entries=1, reference=found.reference)
            for _, invoice, found in checked
        ]
        write_versions(invoices, values, changes)
    return {index: entry for (index, _, _), entry in zip(checked, entries, strict=True)}
