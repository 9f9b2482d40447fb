"""The verbs of the ledger: apply, refund, reverse. The only code that writes entries.

Errors: InvoiceNotFound, PaymentNotFound, WrongStatus, StaleVersion, PaymentInvalid, RefundExceedsPaid,
NotReversible, AlreadyReversed, PaidInFuture, PaidBeforePayment, PeriodLocked, PaymentExceedsOutstanding,
AmountInvalid, AmountTooPrecise, AmountTooLarge, and duplicate_reference from the constraint of that name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version
from core.errors import DomainError, NotFound
from core.money import ZERO, exact, minor_units
from core.text import TextInvalid, clean_text, comparison_key
from invoices.lifecycle import Command, require_status
from invoices.models import Invoice
from invoices.services import EARLIEST_DATE, PaymentExceedsOutstanding, lock_invoice, settle_invoice
from parties.models import Company
from parties.services import require_open_period
from payments.ledger import Kind, Method, Share, left_of, spread_refund
from payments.models import REFERENCE_KEY_LENGTH, Payment


class PaymentNotFound(NotFound):
    """The invoice has no such entry."""


class PaymentInvalid(DomainError):
    """The amount or the method cannot be booked."""

    code = "payment_invalid"
    title = "Payment not acceptable"


class RefundExceedsPaid(DomainError):
    """More would go back than there is."""

    code = "refund_exceeds_paid"
    title = "Too much"
    default_detail = "Refund exceeds what is paid."


class NotReversible(DomainError):
    """The entry is no payment, or nothing of it is left."""

    code = "not_reversible"
    title = "Nothing to reverse"


class AlreadyReversed(DomainError):
    """A payment is reversed once."""

    code = "already_reversed"
    title = "Reversed already"
    default_detail = "This payment is reversed already."


class PaidInFuture(DomainError):
    """Money that has not moved yet is not booked."""

    code = "paid_in_future"
    title = "Not yet"
    default_detail = "Nothing is booked before it happened: paidAt is in the future."


class PaidBeforePayment(DomainError):
    """Money does not go back before it came."""

    code = "paid_before_payment"
    title = "Before the payment"
    default_detail = "A refund or reversal is not dated before the payment that it undoes."


@dataclass(frozen=True)
class CheckedPayment:
    """A payment that keeps the rules: its amount in the invoice's currency, and the moment the money moved."""

    amount: Decimal
    method: str
    reference: str
    paid_at: datetime


def apply_payment(
    *,
    actor: Actor,
    invoice_id: int,
    amount: Decimal,
    method: str = Method.EFT,
    reference: str = "",
    paid_at: datetime | date | None = None,
    version: int | None = None,
) -> Payment:
    """Book a payment of `amount` (in the invoice's currency) and settle the invoice by it; its `invoice` is settled.

    `paid_at` is a moment, or a date (the start of that day where the company is), by default now.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        checked = checked_payment(invoice, amount=amount, method=method, reference=reference, paid_at=paid_at)
        with recording(actor=actor, action="payment.applied", company_id=invoice.company_id) as change:
            payment = new_payment(invoice, checked, change)
            payment.save(force_insert=True)
            settle_invoice(
                invoice=invoice, amount=checked.amount, entries=1, reference=checked.reference, change=change
            )
    return payment


def checked_payment(
    invoice: Invoice, *, amount: Decimal, method: str, reference: str, paid_at: datetime | date | None
) -> CheckedPayment:
    """A payment of the locked invoice that keeps the rules. Raises all that `apply_payment` raises before it writes."""
    reference = clean_text(reference, max_length=200, field="reference")
    require_status(invoice.status, Command.PAY)
    amount = positive_amount(amount, invoice.currency)
    if amount > invoice.still_owed:
        raise PaymentExceedsOutstanding(field="amount")
    require_method(method)
    moment = moment_of(paid_at, invoice.company)
    _require_open_day(invoice, moment)
    _reference_key(reference)
    return CheckedPayment(amount, method, reference, moment)


def new_payment(invoice: Invoice, checked: CheckedPayment, change: Change) -> Payment:
    """The entry that books it; it is not written yet."""
    return _new_entry(
        invoice,
        change,
        kind=Kind.PAYMENT,
        amount=checked.amount,
        method=checked.method,
        paid_at=checked.paid_at,
        reference=checked.reference,
    )


def refund_payment(
    *,
    actor: Actor,
    invoice_id: int,
    amount: Decimal,
    payment_id: int | None = None,
    reason: str = "",
    method: str | None = None,
    reference: str = "",
    paid_at: datetime | date | None = None,
    version: int | None = None,
) -> list[Payment]:
    """Give back `amount` of what is paid: of the payment named, or of the newest that have something left.

    The entries made, one for each payment touched, the newest payment's first. The reference stands on the first, and
    its siblings name it as their group. Without a method each goes back the way it came.
    """
    reference = clean_text(reference, max_length=200, field="reference")
    reason = clean_text(reason, max_length=1000, field="reason")
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_status(invoice.status, Command.REFUND)
        amount = positive_amount(amount, invoice.currency)
        entries = list(invoice.payments.order_by("-id"))
        payments = _refundable(entries, payment_id)
        left = left_of(entries)
        if amount > sum((left[payment.pk] for payment in payments), ZERO):
            raise RefundExceedsPaid(field="amount")
        require_method(method or Method.EFT)
        shares = spread_refund(amount, [Share(payment.pk, left[payment.pk]) for payment in payments])
        touched = {payment.pk: payment for payment in payments}
        moment = _moment_of_undoing(paid_at, invoice.company, [touched[share.payment_id] for share in shares])
        with recording(actor=actor, action="payment.refunded", company_id=invoice.company_id, reason=reason) as change:
            refunds: list[Payment] = []
            for share in shares:
                payment = touched[share.payment_id]
                refunds.append(
                    _insert_entry(
                        invoice,
                        change,
                        kind=Kind.REFUND,
                        amount=-share.amount,
                        method=method or payment.method,
                        paid_at=moment,
                        reference="" if refunds else reference,
                        reverses=payment,
                        refund_group=refunds[0] if refunds else None,
                        reason=reason,
                    )
                )
            settle_invoice(invoice=invoice, amount=-amount, entries=len(refunds), reference=reference, change=change)
    return refunds


def reverse_payment(
    *,
    actor: Actor,
    invoice_id: int,
    payment_id: int,
    reason: str = "",
    reference: str = "",
    paid_at: datetime | date | None = None,
    version: int | None = None,
) -> Payment:
    """Undo what refunds have left of a payment, in one entry, once. The entry is returned."""
    reference = clean_text(reference, max_length=200, field="reference")
    reason = clean_text(reason, max_length=1000, field="reason")
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        entries = list(invoice.payments.all())
        payment = next((entry for entry in entries if entry.pk == payment_id), None)
        if payment is None:
            raise PaymentNotFound
        require_version(invoice, version)
        left = reversible_amount(payment, entries)
        moment = _moment_of_undoing(paid_at, invoice.company, [payment])
        with recording(actor=actor, action="payment.reversed", company_id=invoice.company_id, reason=reason) as change:
            reversal = _insert_entry(
                invoice,
                change,
                kind=Kind.REVERSAL,
                amount=-left,
                method=payment.method,
                paid_at=moment,
                reference=reference,
                reverses=payment,
                reason=reason,
            )
            settle_invoice(invoice=invoice, amount=-left, entries=1, reference=reference, change=change)
    return reversal


def book_credit_note(
    *, invoice: Invoice, amount: Decimal, number: str, reason: str, paid_at: datetime, change: Change
) -> Payment | None:
    """The entry by which the credit note `number` lessens what is owed on a locked invoice; None of an amount of zero.

    The invoice has a new version in either case. Raises PaymentExceedsOutstanding, PeriodLocked.
    """
    entry = None
    if amount:
        entry = _insert_entry(
            invoice,
            change,
            kind=Kind.CREDIT_NOTE,
            amount=amount,
            method="",
            paid_at=paid_at,
            reference=number,
            reason=reason,
        )
    settle_invoice(invoice=invoice, credited=amount, entries=int(bool(amount)), reference=number, change=change)
    return entry


def reversible_amount(payment: Payment, entries: list[Payment]) -> Decimal:
    """What a reversal of `payment` takes back, given its invoice's entries. Raises NotReversible, AlreadyReversed."""
    if payment.kind != Kind.PAYMENT:
        raise NotReversible("Only payments are reversed, not refunds or reversals.")
    if any(entry.kind == Kind.REVERSAL and entry.reverses_id == payment.pk for entry in entries):
        raise AlreadyReversed
    left = left_of(entries)[payment.pk]
    if left <= 0:
        raise NotReversible("Nothing of this payment is left: it is wholly refunded.")
    return left


def book_without_money(
    invoice: Invoice,
    change: Change,
    *,
    kind: Kind,
    amount: Decimal,
    paid_at: datetime,
    reason: str = "",
    reverses: Payment | None = None,
) -> Payment:
    """The written entry of a kind by which no money moves. Its invoice is not settled yet. Raises PeriodLocked."""
    return _insert_entry(
        invoice,
        change,
        kind=kind,
        amount=amount,
        method="",
        paid_at=paid_at,
        reference="",
        reverses=reverses,
        reason=reason,
    )


def _insert_entry(invoice: Invoice, change: Change, *, paid_at: datetime, **values: Any) -> Payment:
    _require_open_day(invoice, paid_at)
    entry = _new_entry(invoice, change, paid_at=paid_at, **values)
    entry.save(force_insert=True)
    return entry


def _new_entry(
    invoice: Invoice,
    change: Change,
    *,
    kind: Kind,
    amount: Decimal,
    method: str,
    paid_at: datetime,
    reference: str,
    reverses: Payment | None = None,
    refund_group: Payment | None = None,
    reason: str = "",
) -> Payment:
    return Payment(
        company_id=invoice.company_id,
        invoice=invoice,
        kind=kind,
        amount=amount,
        currency=invoice.currency,
        method=method,
        reference=reference,
        reference_key=_reference_key(reference),
        paid_at=paid_at,
        reverses=reverses,
        refund_group=refund_group,
        reason=reason,
        change=change,
    )


def _require_open_day(invoice: Invoice, moment: datetime) -> None:
    require_open_period(invoice.company, moment.astimezone(invoice.company.zone).date(), field="paid_at")


def _reference_key(reference: str) -> str | None:
    """The reference as it is compared. Some characters stand for many there, so that it can outgrow its column."""
    key = comparison_key(reference)
    if len(key) > REFERENCE_KEY_LENGTH:
        raise TextInvalid("This reference is too long as it is compared.", field="reference")
    return key or None


def _refundable(entries: list[Payment], payment_id: int | None) -> list[Payment]:
    """The payments a refund may fall on, the newest first: the named one only, where one is named."""
    payments = [entry for entry in entries if entry.kind == Kind.PAYMENT]
    if payment_id is None:
        return payments
    named = next((entry for entry in entries if entry.pk == payment_id), None)
    if named is None:
        raise PaymentInvalid("This invoice has no such payment.", field="payment_id")
    if named.kind != Kind.PAYMENT:
        raise PaymentInvalid("Only payments are refunded, not refunds or reversals.", field="payment_id")
    return [named]


def positive_amount(amount: Decimal, currency: str) -> Decimal:
    """`amount` as it is booked in `currency`. Raises PaymentInvalid where it is not above zero, and as `exact`."""
    positive = exact(amount, decimals=minor_units(currency), field="amount")
    if positive <= 0:
        raise PaymentInvalid("The amount is above zero.", field="amount")
    return positive


def require_method(method: str) -> None:
    """Raise PaymentInvalid unless money moves by `method`."""
    if method not in Method.values:
        raise PaymentInvalid(f"Methods are {', '.join(Method.values)}.", field="method")


def moment_of(paid_at: datetime | date | None, company: Company) -> datetime:
    """`paid_at` as a moment, not in the future. A date is the start of that day in the company's zone.

    Raises PaidInFuture, PaymentInvalid.
    """
    now = timezone.now()
    if paid_at is None:
        return now
    moment = paid_at if isinstance(paid_at, datetime) else datetime.combine(paid_at, time.min, tzinfo=company.zone)
    if moment > now:
        raise PaidInFuture(field="paid_at")
    if moment.date() < EARLIEST_DATE:
        raise PaymentInvalid("Dates start in 1900.", field="paid_at")
    return moment


def _moment_of_undoing(paid_at: datetime | date | None, company: Company, payments: Iterable[Payment]) -> datetime:
    """`paid_at` as a moment, not before the payments that are undone. Raises PaidBeforePayment and as `_moment`.

    Without one it is now; or theirs, where this clock is behind the one that they were booked by.
    """
    moment = moment_of(paid_at, company)
    latest = max(payment.paid_at for payment in payments)
    if moment < latest and paid_at is not None:
        raise PaidBeforePayment(field="paid_at")
    return max(moment, latest)
