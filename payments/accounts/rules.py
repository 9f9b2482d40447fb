"""The words of a customer's account, and what of a receipt is left over. No ORM."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import TextChoices

from core.errors import DomainError
from core.money import ZERO


class AccountKind(TextChoices):
    """What moves the credit of a customer.

    Money came that no invoice took (an overpayment) or went back (a refund); credit paid an invoice (an allocation) or
    came back from it; or a credit note left it, because its invoice was paid.
    """

    OVERPAYMENT = "Overpayment", "Overpayment"
    REFUND = "Refund", "Refund of credit"
    ALLOCATION = "Allocation", "Allocation to an invoice"
    DEALLOCATION = "Deallocation", "Allocation undone"
    CREDIT_NOTE = "CreditNote", "Credit note"


GIVING_KINDS = frozenset({AccountKind.OVERPAYMENT, AccountKind.DEALLOCATION, AccountKind.CREDIT_NOTE})
"""Positive entries; the others use the credit and are negative."""
INVOICE_KINDS = frozenset({AccountKind.ALLOCATION, AccountKind.DEALLOCATION})
"""Entries with a counterpart of the opposite meaning in the ledger of an invoice."""
KINDS_OF_MONEY = frozenset({AccountKind.OVERPAYMENT, AccountKind.REFUND})
"""Money moved."""


class Remainder(TextChoices):
    """What becomes of the part of a receipt that no invoice takes."""

    CREDIT = "credit", "Keep it as the customer's credit"


class AllocationInvalid(DomainError):
    """The receipt cannot be spread as asked."""

    code = "allocation_invalid"
    title = "Allocation not acceptable"


class RemainderUnassigned(DomainError):
    """Money is left over, and nobody said what becomes of it."""

    code = "remainder_unassigned"
    title = "Something is left over"


def remainder_of(amount: Decimal, allocated: Iterable[Decimal], *, remainder: str | None) -> Decimal:
    """What is left of a receipt of `amount`. Raises AllocationInvalid, and RemainderUnassigned without the choice."""
    left = amount - sum(allocated, ZERO)
    if left < ZERO:
        raise AllocationInvalid("The allocations come to more than the amount received.", field="allocations")
    if left > ZERO and remainder != Remainder.CREDIT:
        raise RemainderUnassigned(
            f"{left.normalize():f} of the amount is not allocated. Allocate it, or choose remainder: credit.",
            field="remainder",
        )
    return left
