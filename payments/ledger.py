"""The words of the ledger, and how a refund falls on payments. No ORM."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.db.models import TextChoices

from core.money import ZERO


class Kind(TextChoices):
    """What an entry is.

    Money came (a payment) or went back (a refund, a reversal); the customer's credit balance was used (an allocation)
    or given back its part; or less is owed without any money: a credit note, or a write-off and its taking back.
    """

    PAYMENT = "Payment", "Payment"
    REFUND = "Refund", "Refund"
    REVERSAL = "Reversal", "Reversal"
    ALLOCATION = "Allocation", "Allocation of credit"
    DEALLOCATION = "Deallocation", "Allocation undone"
    CREDIT_NOTE = "CreditNote", "Credit note"
    WRITE_OFF = "WriteOff", "Write-off"
    REINSTATEMENT = "Reinstatement", "Write-off undone"


MONEY_KINDS = frozenset({Kind.PAYMENT, Kind.REFUND, Kind.REVERSAL})
"""Money moved: what the report of revenue counts."""
CREDITED_KINDS = frozenset({Kind.CREDIT_NOTE, Kind.WRITE_OFF, Kind.REINSTATEMENT})
"""Less is owed, or more again, and nothing was paid: what an invoice's `credited` sums. All others sum to `paid`."""
ADDING_KINDS = frozenset({Kind.PAYMENT, Kind.ALLOCATION, Kind.CREDIT_NOTE, Kind.WRITE_OFF})
"""Positive entries; the others undo one of them and are negative."""


class Method(TextChoices):
    """How the money moved."""

    EFT = "EFT", "EFT"
    CARD = "Card", "Card"
    CASH = "Cash", "Cash"
    CHEQUE = "Cheque", "Cheque"
    OTHER = "Other", "Other"


@dataclass(frozen=True)
class Share:
    """What of a payment, or of a refund, falls on the payment `payment_id`."""

    payment_id: int
    amount: Decimal


class Entry(Protocol):
    """The part of an entry that says what it moves."""

    pk: int
    reverses_id: int | None
    amount: Decimal


def left_of(entries: Iterable[Entry]) -> dict[int, Decimal]:
    """What refunds and reversals have left of each payment among the entries of an invoice, by its id."""
    left: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        left[entry.pk if entry.reverses_id is None else entry.reverses_id] += entry.amount
    return left


def spread_refund(amount: Decimal, left: Iterable[Share]) -> list[Share]:
    """`amount` taken from what is left of payments, in the order given: one share for each payment touched.

    `left` holds at least `amount` in all.
    """
    shares = []
    for payment in left:
        taken = min(amount, payment.amount)
        if taken > ZERO:
            shares.append(Share(payment.payment_id, taken))
            amount -= taken
    return shares
