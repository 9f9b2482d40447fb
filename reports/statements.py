"""A customer's account over some days: what was owed before, each movement, what was owed after.

Documents count from their issue date, cancellations from the day they were made, entries from the day the money moved;
all days are the company's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from core.errors import DomainError
from core.money import ZERO
from invoices.models import Invoice
from parties.models import Customer
from payments.accounts.rules import INVOICE_KINDS, AccountKind
from payments.ledger import Kind
from payments.models import AccountEntry, Payment
from reports.periods import Days

MOST_MOVEMENTS = 5_000
INVOICE, CANCELLATION = "invoice", "cancellation"
KINDS = (
    *(INVOICE, CANCELLATION, "payment", "refund", "reversal", "creditNote", "writeOff", "reinstatement"),
    *("overpayment", "creditRefund"),
)
"""What moves the account: documents and their cancellations, and the kinds of entries.

An allocation moves nothing: what the invoice is paid by is less credit."""


class StatementTooLong(DomainError):
    """More happened in the days than anybody reads."""

    code = "statement_too_long"
    title = "Too many movements"
    default_detail = f"A statement shows up to {MOST_MOVEMENTS} movements; ask for fewer days."


@dataclass(frozen=True)
class Movement:
    """One movement of the account. `amount` raises what is owed, or lowers it where it is negative.

    `kind` is one of KINDS; `document_id` is the id of the invoice or the entry.
    """

    day: date
    kind: str
    document_id: int
    number: str
    reference: str
    amount: Decimal
    currency: str
    balance: Decimal = ZERO


@dataclass(frozen=True)
class Statement:
    """The account of a customer in one currency. `other_currencies` have accounts of their own."""

    customer: Customer
    currency: str
    first: date
    last: date
    opening_balance: Decimal
    movements: list[Movement]
    closing_balance: Decimal
    other_currencies: list[str]


def statement(customer: Customer, days: Days, *, currency: str) -> Statement:
    """The account of the customer over `days`, which are its company's. Raises StatementTooLong."""
    opening = balance = ZERO
    shown: list[Movement] = []
    order = {INVOICE: 0, CANCELLATION: 2}
    movements = sorted(
        _movements(customer, days, currency), key=lambda row: (row.day, order.get(row.kind, 1), row.document_id)
    )
    for movement in movements:
        balance += movement.amount
        if movement.day < days.first:
            opening = balance
            continue
        shown.append(Movement(**{**vars(movement), "balance": balance}))
        if len(shown) > MOST_MOVEMENTS:
            raise StatementTooLong
    issued = Invoice.objects.filter(customer=customer, issued_at__isnull=False).order_by()
    currencies = set(issued.values_list("currency", flat=True).distinct()) - {currency}
    return Statement(customer, currency, days.first, days.last, opening, shown, balance, sorted(currencies))


def _movements(customer: Customer, days: Days, currency: str) -> Iterator[Movement]:
    """Every movement up to the last day, in no order."""
    issued = Invoice.objects.filter(
        customer=customer, currency=currency, issued_at__isnull=False, issue_date__lte=days.last
    ).order_by()
    columns = ("id", "number", "issue_date", "total", "cancelled_at")
    for invoice in issued.values_list(*columns, named=True):
        yield Movement(invoice.issue_date, INVOICE, invoice.id, invoice.number, "", invoice.total, currency)
        if invoice.cancelled_at and invoice.cancelled_at < days.end:
            # A document dated ahead and cancelled before that day never was on the account.
            day = max(timezone.localtime(invoice.cancelled_at, days.zone).date(), invoice.issue_date)
            yield Movement(day, CANCELLATION, invoice.id, invoice.number, "", -invoice.total, currency)
    entries = Payment.objects.filter(invoice__customer=customer, currency=currency, paid_at__lt=days.end).order_by()
    entries = entries.exclude(kind__in=[Kind.ALLOCATION, Kind.DEALLOCATION])
    entry_columns = ("id", "invoice__number", "kind", "paid_at", "amount", "reference")
    for entry in entries.values_list(*entry_columns, named=True):
        day = timezone.localtime(entry.paid_at, days.zone).date()
        yield Movement(
            day, _in_camel_case(entry.kind), entry.id, entry.invoice__number, entry.reference, -entry.amount, currency
        )
    yield from _credit_movements(customer, days, currency)


def _credit_movements(customer: Customer, days: Days, currency: str) -> Iterator[Movement]:
    """What moved the credit of the customer, but for what it was used for."""
    entries = AccountEntry.objects.filter(customer=customer, currency=currency, paid_at__lt=days.end).order_by()
    for entry in entries.exclude(kind__in=sorted(INVOICE_KINDS)):
        day = timezone.localtime(entry.paid_at, days.zone).date()
        kind = "creditRefund" if entry.kind == AccountKind.REFUND else _in_camel_case(entry.kind)
        yield Movement(day, kind, entry.pk, "", entry.reference, -entry.amount, currency)


def _in_camel_case(kind: str) -> str:
    return kind[0].lower() + kind[1:]
