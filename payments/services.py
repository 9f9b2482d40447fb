"""The verbs of the ledger. The only code that writes entries.

Errors: InvoiceNotFound, WrongStatus, StaleVersion, PaymentInvalid, PaidInFuture, PaymentExceedsOutstanding,
AmountInvalid, AmountTooPrecise, AmountTooLarge, and duplicate_reference from the constraint of that name.
"""

from datetime import date, datetime, time
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from audit.actors import Actor
from audit.services import recording, require_version
from core.errors import DomainError
from core.money import exact, minor_units
from core.text import clean_text, comparison_key
from invoices.lifecycle import Command, require_status
from invoices.models import Invoice
from invoices.services import EARLIEST_DATE, PaymentExceedsOutstanding, lock_invoice, settle_invoice
from parties.models import Company
from payments.ledger import Kind, Method
from payments.models import Payment


class PaymentInvalid(DomainError):
    """The amount or the method cannot be booked."""

    code = "payment_invalid"
    title = "Payment not acceptable"


class PaidInFuture(DomainError):
    """Money that has not moved yet is not booked."""

    code = "paid_in_future"
    title = "Not yet"
    default_detail = "A payment is not booked before it was made: paidAt is in the future."


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
    reference = clean_text(reference, max_length=200, field="reference")
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_status(invoice.status, Command.PAY)
        amount = _payable_amount(amount, invoice)
        if method not in Method.values:
            raise PaymentInvalid(f"Methods are {', '.join(Method.values)}.", field="method")
        moment = _moment(paid_at, invoice.company)
        with recording(actor=actor, action="payment.applied", company_id=invoice.company_id) as change:
            payment = Payment.objects.create(
                company_id=invoice.company_id,
                invoice=invoice,
                kind=Kind.PAYMENT,
                amount=amount,
                currency=invoice.currency,
                method=method,
                reference=reference,
                reference_key=comparison_key(reference) or None,
                paid_at=moment,
                change=change,
            )
            settle_invoice(invoice=invoice, amount=amount, change=change)
    return payment


def _payable_amount(amount: Decimal, invoice: Invoice) -> Decimal:
    payable = exact(amount, decimals=minor_units(invoice.currency), field="amount")
    if payable <= 0:
        raise PaymentInvalid("A payment is above zero.", field="amount")
    if payable > invoice.still_owed:
        raise PaymentExceedsOutstanding(field="amount")
    return payable


def _moment(paid_at: datetime | date | None, company: Company) -> datetime:
    """`paid_at` as a moment, not in the future. A date is the start of that day in the company's zone."""
    now = timezone.now()
    if paid_at is None:
        return now
    moment = paid_at if isinstance(paid_at, datetime) else datetime.combine(paid_at, time.min, tzinfo=company.zone)
    if moment > now:
        raise PaidInFuture(field="paid_at")
    if moment.date() < EARLIEST_DATE:
        raise PaymentInvalid("Dates start in 1900.", field="paid_at")
    return moment
