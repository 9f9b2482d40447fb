"""The verbs of a customer's account: receive, allocate, undo, refund, write off, reinstate.

Errors: InvoiceNotFound, AllocationNotFound, CustomerUnknown, WrongStatus, StaleVersion, PaymentInvalid,
AllocationInvalid, RemainderUnassigned, CreditExceeded, NotReversible, AlreadyReversed, ReasonMissing,
PaymentExceedsOutstanding, PaidInFuture, PaidBeforePayment, PeriodLocked, UnknownCurrency, AmountInvalid,
AmountTooPrecise, AmountTooLarge, and duplicate_reference from the constraint of that name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import KEYS
from core.errors import DomainError, NotFound
from core.money import ZERO
from core.text import clean_text
from invoices.lifecycle import Command, Status, WrongStatus, allows
from invoices.models import Invoice
from invoices.services import (
    CustomerUnknown,
    PaymentExceedsOutstanding,
    lock_invoice,
    lock_invoices,
    settle_invoice,
)
from parties.models import Company, Customer
from parties.services import hold_company, hold_customer, require_open_period
from payments.accounts.models import AccountEntry, CustomerAccount, Receipt
from payments.accounts.rules import AccountKind, AllocationInvalid, remainder_of
from payments.ledger import Kind, Method
from payments.models import Payment
from payments.services import (
    AlreadyReversed,
    CheckedPayment,
    NotReversible,
    PaidBeforePayment,
    book_without_money,
    checked_payment,
    moment_of,
    new_payment,
    positive_amount,
    require_method,
)

MOST_ALLOCATIONS = 200
LOCK = 0x5EC0_ACC0
"""What those agree to hold on PostgreSQL who open the first account of a customer."""


class CreditExceeded(DomainError):
    """More credit would be used than the customer has."""

    code = "credit_exceeded"
    title = "Not that much credit"
    default_detail = "The customer does not have that much credit in this currency."


class AllocationNotFound(NotFound):
    """There is no such allocation."""


class ReasonMissing(DomainError):
    """Owing less, or undoing what was booked, is explained."""

    code = "reason_missing"
    title = "Why?"
    default_detail = "Give a reason: it stays on the record."


@dataclass(frozen=True)
class Allocation:
    """What of a receipt pays an invoice."""

    invoice_id: int
    amount: Decimal


@dataclass(frozen=True)
class Received:
    """A receipt, the payments that it made, and the credit that is left of it (None where nothing is)."""

    receipt: Receipt
    payments: list[Payment]
    credit: AccountEntry | None


def lock_account(customer: Customer, currency: str) -> CustomerAccount:
    """The account of the customer in `currency`, locked until the end of the transaction; a new one is not written yet.

    Locked after invoices and before the journal entry is opened.
    """
    # Nothing is joined: by an order of the customer its row would be locked, too.
    accounts = CustomerAccount.objects.select_for_update().filter(customer_id=customer.pk, currency=currency).order_by()
    account = accounts.first()
    if account is None:
        _wait_for_a_rival(customer.pk)
        account = accounts.first()
    return account or CustomerAccount(company_id=customer.company_id, customer=customer, currency=currency)


def post_to_account(
    *,
    account: CustomerAccount,
    kind: AccountKind,
    amount: Decimal,
    paid_at: datetime,
    change: Change,
    method: str = "",
    reference: str = "",
    reason: str = "",
    receipt: Receipt | None = None,
    payment: Payment | None = None,
) -> AccountEntry:
    """Move the credit of a locked account by `amount`, negative for what uses it, once within an entry of the journal.

    Raises CreditExceeded, AmountTooLarge.
    """
    balance = account.balance + amount
    if balance < ZERO:
        raise CreditExceeded(field="amount")
    values = {"balance": balance, "entry_count": account.entry_count + 1}
    if account.pk is None:
        account.balance, account.entry_count, account.change = balance, 1, change
        account.save(force_insert=True)
    else:
        write_version(account, change=change, **values)
    entry = AccountEntry(
        account=account,
        company_id=account.company_id,
        customer_id=account.customer_id,
        kind=kind,
        amount=amount,
        currency=account.currency,
        method=method,
        reference=reference,
        paid_at=paid_at,
        reason=reason,
        receipt=receipt,
        payment=payment,
        change=change,
    )
    entry.save(force_insert=True)
    return entry


def receive_payment(
    *,
    actor: Actor,
    customer_id: int,
    amount: Decimal,
    allocations: Sequence[Allocation] = (),
    remainder: str | None = None,
    currency: str | None = None,
    method: str = Method.EFT,
    reference: str = "",
    paid_at: datetime | date | None = None,
) -> Received:
    """Book money received in one piece: a payment on each invoice named, and what is left as the customer's credit.

    Without a currency it is that of the first invoice, or else the company's.
    """
    reference = clean_text(reference, max_length=200, field="reference")
    with transaction.atomic():
        invoices = _lock_allocated(allocations)
        customer = _held_customer(customer_id)
        code = currency or (invoices[0].currency if invoices else customer.company.currency)
        amount = positive_amount(amount, code)
        require_method(method)
        moment = _open_moment(paid_at, customer.company)
        receipt = Receipt(
            company_id=customer.company_id,
            customer=customer,
            amount=amount,
            currency=code,
            method=method,
            reference=reference,
            paid_at=moment,
        )
        checked = [
            _checked_share(invoice, place=place, amount=allocation.amount, customer=customer, receipt=receipt)
            for place, (invoice, allocation) in enumerate(zip(invoices, allocations, strict=True))
        ]
        left = remainder_of(amount, [share.amount for share in checked], remainder=remainder)
        account = lock_account(customer, code) if left else None
        with recording(actor=actor, action="payment.received", company_id=customer.company_id) as receipt.change:
            change = receipt.change
            receipt.save(force_insert=True)
            payments = [
                _pay_from(receipt, invoice, share, change) for invoice, share in zip(invoices, checked, strict=True)
            ]
            credit = _keep(receipt, account, left, change) if account else None
    return Received(receipt, payments, credit)


def allocate_credit(*, actor: Actor, invoice_id: int, amount: Decimal, version: int | None = None) -> Payment:
    """Pay `amount` of an invoice from the credit of its customer; the entry's `invoice` is settled."""
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        amount = _owed_amount(invoice, amount)
        account = lock_account(_held_customer(invoice.customer_id), invoice.currency)
        if amount > account.balance:
            raise CreditExceeded(field="amount")
        moment = _moment_after(account, invoice.company)
        with recording(actor=actor, action="credit.allocated", company_id=invoice.company_id) as change:
            entry = book_without_money(invoice, change, kind=Kind.ALLOCATION, amount=amount, paid_at=moment)
            settle_invoice(invoice=invoice, amount=amount, entries=1, change=change)
            post_to_account(
                account=account,
                kind=AccountKind.ALLOCATION,
                amount=-amount,
                paid_at=moment,
                payment=entry,
                change=change,
            )
    return entry


def undo_allocation(*, actor: Actor, allocation_id: int, reason: str, version: int | None = None) -> Payment:
    """Give an allocation back to the credit of its customer, once: the entry. `version` is the invoice's."""
    reason = _clean_reason(reason)
    found = Payment.objects.filter(pk=allocation_id, kind=Kind.ALLOCATION).only("invoice_id").first()
    if found is None:
        raise AllocationNotFound
    with transaction.atomic():
        invoice = lock_invoice(found.invoice_id)
        require_version(invoice, version)
        entries = list(invoice.payments.all())
        allocation = next(entry for entry in entries if entry.pk == allocation_id)
        if any(entry.reverses_id == allocation_id for entry in entries):
            raise AlreadyReversed("This allocation is undone already.")
        account = lock_account(_held_customer(invoice.customer_id), invoice.currency)
        moment = max(_moment_after(account, invoice.company), allocation.paid_at)
        with recording(
            actor=actor, action="credit.deallocated", company_id=invoice.company_id, reason=reason
        ) as change:
            entry = book_without_money(
                invoice,
                change,
                kind=Kind.DEALLOCATION,
                amount=-allocation.amount,
                paid_at=moment,
                reason=reason,
                reverses=allocation,
            )
            settle_invoice(invoice=invoice, amount=-allocation.amount, entries=1, change=change)
            post_to_account(
                account=account,
                kind=AccountKind.DEALLOCATION,
                amount=allocation.amount,
                paid_at=moment,
                reason=reason,
                payment=entry,
                change=change,
            )
    return entry


def refund_credit(
    *,
    actor: Actor,
    customer_id: int,
    amount: Decimal,
    currency: str | None = None,
    method: str = Method.EFT,
    reference: str = "",
    reason: str = "",
    paid_at: datetime | date | None = None,
    version: int | None = None,
) -> AccountEntry:
    """Give `amount` of the credit back to the customer, not dated before the last entry. `version` is the account's."""
    reference = clean_text(reference, max_length=200, field="reference")
    reason = _clean_reason(reason)
    with transaction.atomic():
        customer = _held_customer(customer_id)
        code = currency or customer.company.currency
        amount = positive_amount(amount, code)
        require_method(method)
        account = lock_account(customer, code)
        if account.pk is not None:
            require_version(account, version)
        if amount > account.balance:
            raise CreditExceeded(field="amount")
        moment = _moment_after(account, customer.company, paid_at)
        with recording(actor=actor, action="credit.refunded", company_id=customer.company_id, reason=reason) as change:
            return post_to_account(
                account=account,
                kind=AccountKind.REFUND,
                amount=-amount,
                paid_at=moment,
                method=method,
                reference=reference,
                reason=reason,
                change=change,
            )


def write_off(
    *, actor: Actor, invoice_id: int, reason: str, amount: Decimal | None = None, version: int | None = None
) -> Payment:
    """Ask for `amount` (all that is still owed, where absent) no more; the entry's `invoice` is settled."""
    reason = _clean_reason(reason)
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        amount = _owed_amount(invoice, invoice.still_owed if amount is None else amount)
        moment = timezone.now()
        with recording(
            actor=actor, action="invoice.written_off", company_id=invoice.company_id, reason=reason
        ) as change:
            entry = book_without_money(
                invoice, change, kind=Kind.WRITE_OFF, amount=amount, paid_at=moment, reason=reason
            )
            settle_invoice(invoice=invoice, credited=amount, entries=1, change=change)
    return entry


def reinstate(*, actor: Actor, invoice_id: int, reason: str, version: int | None = None) -> list[Payment]:
    """Ask again for what was written off: one entry for each write-off that stands. They share their `invoice`."""
    reason = _clean_reason(reason)
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        standing = standing_write_offs(invoice)
        if not standing:
            raise NotReversible("Nothing of this invoice is written off.")
        moment = max(timezone.now(), *(entry.paid_at for entry in standing))
        with recording(
            actor=actor, action="invoice.reinstated", company_id=invoice.company_id, reason=reason
        ) as change:
            entries = [
                book_without_money(
                    invoice,
                    change,
                    kind=Kind.REINSTATEMENT,
                    amount=-entry.amount,
                    paid_at=moment,
                    reason=reason,
                    reverses=entry,
                )
                for entry in standing
            ]
            amount = sum((entry.amount for entry in entries), ZERO)
            settle_invoice(invoice=invoice, credited=amount, entries=len(entries), change=change)
    return entries


def standing_write_offs(invoice: Invoice) -> list[Payment]:
    """The write-offs of the invoice that were not taken back."""
    entries = list(invoice.payments.all())
    undone = {entry.reverses_id for entry in entries}
    return [entry for entry in entries if entry.kind == Kind.WRITE_OFF and entry.pk not in undone]


def require_owing(invoice: Invoice) -> None:
    """Raise WrongStatus unless something is asked for by the invoice."""
    if not allows(invoice.status, Command.PAY):
        raise WrongStatus(
            "Only issued invoices with something outstanding take credit or are written off; "
            f"this invoice is {Status(invoice.status).label.lower()}."
        )


def _owed_amount(invoice: Invoice, amount: Decimal) -> Decimal:
    require_owing(invoice)
    amount = positive_amount(amount, invoice.currency)
    if amount > invoice.still_owed:
        raise PaymentExceedsOutstanding(field="amount")
    return amount


def _clean_reason(reason: str) -> str:
    reason = clean_text(reason, max_length=1000, field="reason")
    if not reason:
        raise ReasonMissing(field="reason")
    return reason


def _held_customer(customer_id: int) -> Customer:
    """The customer, not deleted meanwhile, of a company whose period lock does not move. Raises CustomerUnknown."""
    customer = hold_customer(customer_id)
    if customer is None:
        raise CustomerUnknown(field="customer_id")
    customer.company = hold_company(customer.company_id)
    return customer


def _lock_allocated(allocations: Sequence[Allocation]) -> list[Invoice]:
    """The invoices of the allocations, in their order. Raises AllocationInvalid."""
    ids = [allocation.invoice_id for allocation in allocations]
    if len(set(ids)) != len(ids):
        raise AllocationInvalid("Each invoice is named once.", field="allocations")
    if len(ids) > MOST_ALLOCATIONS:
        raise AllocationInvalid(f"At most {MOST_ALLOCATIONS} invoices at once.", field="allocations")
    locked = lock_invoices([pk for pk in ids if pk in KEYS])
    for place, pk in enumerate(ids):
        if pk not in locked:
            raise _no_such_invoice(place)
    return [locked[pk] for pk in ids]


def _no_such_invoice(place: int) -> AllocationInvalid:
    return AllocationInvalid(
        "The customer has no such invoice in this currency.", field=f"allocations.{place}.invoice_id"
    )


def _checked_share(
    invoice: Invoice, *, place: int, amount: Decimal, customer: Customer, receipt: Receipt
) -> CheckedPayment:
    """What of the receipt the invoice takes; refusals name the allocation, by its `place`."""
    if invoice.customer_id != customer.pk or invoice.currency != receipt.currency:
        raise _no_such_invoice(place)
    with _about_allocation(place):
        return checked_payment(
            invoice, amount=amount, method=receipt.method, reference=receipt.reference, paid_at=receipt.paid_at
        )


@contextmanager
def _about_allocation(place: int) -> Iterator[None]:
    """A refusal of an amount names the allocation that it is about."""
    try:
        yield
    except DomainError as refusal:
        if refusal.field == "amount":
            refusal.field = f"allocations.{place}.amount"
        raise


def _pay_from(receipt: Receipt, invoice: Invoice, share: CheckedPayment, change: Change) -> Payment:
    payment = new_payment(invoice, share, change)
    payment.receipt = receipt
    payment.save(force_insert=True)
    settle_invoice(invoice=invoice, amount=share.amount, entries=1, reference=share.reference, change=change)
    return payment


def _keep(receipt: Receipt, account: CustomerAccount, amount: Decimal, change: Change) -> AccountEntry:
    """What is left of the receipt becomes credit."""
    return post_to_account(
        account=account,
        kind=AccountKind.OVERPAYMENT,
        amount=amount,
        paid_at=receipt.paid_at,
        method=receipt.method,
        reference=receipt.reference,
        receipt=receipt,
        change=change,
    )


def _open_moment(paid_at: datetime | date | None, company: Company) -> datetime:
    moment = moment_of(paid_at, company)
    require_open_period(company, moment.astimezone(company.zone).date(), field="paid_at")
    return moment


def _moment_after(account: CustomerAccount, company: Company, paid_at: datetime | date | None = None) -> datetime:
    """`paid_at` as a moment, not before the last entry of the account: so the credit never was below zero.

    Without one it is now, or that of the last entry. Raises PaidBeforePayment, and as `moment_of`.
    """
    moment = _open_moment(paid_at, company)
    last = account.entries.order_by("-paid_at").first() if account.pk else None
    if last is None or moment >= last.paid_at:
        return moment
    if paid_at is not None:
        raise PaidBeforePayment("Credit is not given back before it was there.", field="paid_at")
    return last.paid_at


def _wait_for_a_rival(customer_id: int) -> None:
    """On PostgreSQL, nobody else opens an account of the customer meanwhile. On SQLite a writer is alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, customer_id % 2**31])
