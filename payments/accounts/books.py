"""What must hold of receipts and of the credit of customers, for ``manage.py verify_books``."""

from collections.abc import Iterator
from decimal import Decimal

from audit.books import Fault, name_documents, register
from core.money import ZERO
from payments.accounts.models import AccountEntry, CustomerAccount, Receipt
from payments.accounts.rules import AccountKind
from payments.ledger import Kind
from payments.models import Payment

ROWS_AT_A_TIME = 500
KINDS_IN_THE_LEDGER = {AccountKind.ALLOCATION: Kind.ALLOCATION, AccountKind.DEALLOCATION: Kind.DEALLOCATION}


def register_checks() -> None:
    """Let verify_books look at the accounts of customers, and name them and their entries by customer."""
    register(credit_is_the_sum_of_entries)
    register(credit_has_its_counterpart)
    register(receipts_are_what_became_of_them)
    name_documents(CustomerAccount, "customer__name")
    name_documents(Receipt, "customer__name")
    name_documents(AccountEntry, "customer__name")


def credit_is_the_sum_of_entries() -> Iterator[Fault]:
    """The credit of each customer is what its entries sum to, and was never below zero on any day; all count."""
    accounts = CustomerAccount.objects.select_related("customer").prefetch_related("entries").order_by("id")
    for account in accounts.iterator(chunk_size=ROWS_AT_A_TIME):
        entries = sorted(account.entries.all(), key=lambda entry: (entry.paid_at, entry.pk))
        booked, lowest = _running(entry.amount for entry in entries)
        strangers = any(
            (entry.currency, entry.customer_id, entry.company_id)
            != (account.currency, account.customer_id, account.company_id)
            for entry in entries
        )
        found = {
            f"balance is {account.balance}, its entries sum to {booked}": account.balance != booked,
            f"entry_count is {account.entry_count}, there are {len(entries)}": account.entry_count != len(entries),
            "was below zero": lowest < ZERO,
            "an entry is of another currency, customer or company": strangers,
            "belongs to another company than its customer": account.company_id != account.customer.company_id,
        }
        yield from _faults(account, account.customer.name, found)


def credit_has_its_counterpart() -> Iterator[Fault]:
    """Each use of credit pays an invoice of its customer by the same amount, and each such payment used credit."""
    entries = AccountEntry.objects.filter(payment__isnull=False).select_related("payment__invoice", "customer")
    for entry in entries.order_by("id").iterator(chunk_size=ROWS_AT_A_TIME):
        wanted = (-entry.amount, entry.currency, entry.customer_id, KINDS_IN_THE_LEDGER.get(AccountKind(entry.kind)))
        if (payment := entry.payment) is not None:
            same = (payment.amount, payment.currency, payment.invoice.customer_id, payment.kind)
            yield from _faults(entry, entry.customer.name, {"is not what stands on the invoice": same != wanted})
    alone = Payment.objects.filter(kind__in=KINDS_IN_THE_LEDGER.values(), account_entries=None).select_related(
        "invoice"
    )
    for payment in alone.order_by("id").iterator(chunk_size=ROWS_AT_A_TIME):
        yield Fault("Payment", payment.pk, payment.invoice.number or "", "moved no credit")


def receipts_are_what_became_of_them() -> Iterator[Fault]:
    """Each receipt is the sum of the payments it made and of what was left of it, of one customer and currency."""
    receipts = Receipt.objects.select_related("customer").prefetch_related("payments__invoice", "account_entries")
    for receipt in receipts.order_by("id").iterator(chunk_size=ROWS_AT_A_TIME):
        payments, left = list(receipt.payments.all()), list(receipt.account_entries.all())
        booked = sum((row.amount for row in payments), ZERO) + sum((entry.amount for entry in left), ZERO)
        currencies = {row.currency for row in payments} | {entry.currency for entry in left}
        customers = {row.invoice.customer_id for row in payments} | {entry.customer_id for entry in left}
        found = {
            f"amount is {receipt.amount}, it was booked as {booked}": receipt.amount != booked,
            "was booked to another customer": customers != {receipt.customer_id},
            "was booked in another currency": currencies != {receipt.currency},
            "belongs to another company than its customer": receipt.company_id != receipt.customer.company_id,
        }
        yield from _faults(receipt, receipt.customer.name, found)


def _running(amounts: Iterator[Decimal]) -> tuple[Decimal, Decimal]:
    """The sum, and the lowest it ever was on the way."""
    total = lowest = ZERO
    for amount in amounts:
        total += amount
        lowest = min(lowest, total)
    return total, lowest


def _faults(row: CustomerAccount | AccountEntry | Receipt, name: str, found: dict[str, bool]) -> Iterator[Fault]:
    for message, is_broken in found.items():
        if is_broken:
            yield Fault(type(row).__name__, row.pk, name, message)
