"""The life of an invoice as data: which statuses there are, which commands each allows, and what money makes of it.

Draft -> Issued -> PartiallyPaid -> Paid; Cancelled from Draft, or from Issued while no entry was ever recorded. People
choose *issue* and *cancel*; the paid statuses follow from the money. No ORM.
"""

from decimal import Decimal

from django.db.models import TextChoices

from core.errors import DomainError


class Status(TextChoices):
    """Where an invoice stands. Overdue is not a status: it follows from due date, outstanding amount and today."""

    DRAFT = "Draft", "Draft"
    ISSUED = "Issued", "Issued"
    PARTIALLY_PAID = "PartiallyPaid", "Partially paid"
    PAID = "Paid", "Paid"
    CANCELLED = "Cancelled", "Cancelled"


class Command(TextChoices):
    """What people do to an invoice."""

    EDIT = "edit", "Edit"
    DELETE = "delete", "Delete"
    ISSUE = "issue", "Issue"
    CANCEL = "cancel", "Cancel"
    PAY = "pay", "Apply payment"
    REFUND = "refund", "Refund"
    REVERSE = "reverse", "Reverse"


class WrongStatus(DomainError):
    """The command does not fit the status."""

    code = "wrong_status"
    title = "Not possible in this status"


ALLOWED_STATUSES: dict[Command, frozenset[Status]] = {
    Command.EDIT: frozenset({Status.DRAFT}),
    Command.DELETE: frozenset({Status.DRAFT}),
    Command.ISSUE: frozenset({Status.DRAFT}),
    Command.CANCEL: frozenset({Status.DRAFT, Status.ISSUED}),
    Command.PAY: frozenset({Status.ISSUED, Status.PARTIALLY_PAID}),
    Command.REFUND: frozenset({Status.PARTIALLY_PAID, Status.PAID}),
    Command.REVERSE: frozenset({Status.PARTIALLY_PAID, Status.PAID}),
}

REFUSALS: dict[Command, str] = {
    Command.EDIT: "Only drafts can be edited; this invoice is {status}.",
    Command.DELETE: "Only drafts can be deleted; this invoice is {status}.",
    Command.ISSUE: "Only drafts can be issued; this invoice is {status}.",
    Command.CANCEL: "Only drafts and issued invoices without any payment can be cancelled; this invoice is {status}.",
    Command.PAY: "Only issued invoices with something outstanding can be paid; this invoice is {status}.",
    Command.REFUND: "Only invoices with something paid can be refunded; this invoice is {status}.",
    Command.REVERSE: "Only payments of invoices with something paid can be reversed; this invoice is {status}.",
}


def allows(status: str, command: Command) -> bool:
    """Whether an invoice in `status` takes `command`."""
    return status in ALLOWED_STATUSES[command]


def require_status(status: str, command: Command) -> None:
    """Raise WrongStatus unless an invoice in `status` takes `command`."""
    if not allows(status, command):
        raise WrongStatus(REFUSALS[command].format(status=Status(status).label.lower()))


def settled_status(total: Decimal, paid: Decimal) -> Status:
    """The status of an issued invoice that follows from its money. One whose total is zero is Paid."""
    if paid >= total:
        return Status.PAID
    return Status.PARTIALLY_PAID if paid > 0 else Status.ISSUED
