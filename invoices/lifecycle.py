"""The life of an invoice as data: which statuses there are, which commands each allows, and what money makes of it.

Draft -> Issued -> PartiallyPaid -> Paid. People choose *issue*; the paid statuses follow from the money. No ORM.
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
    PAY = "pay", "Apply payment"


class WrongStatus(DomainError):
    """The command does not fit the status."""

    code = "wrong_status"
    title = "Not possible in this status"


ALLOWED_STATUSES: dict[Command, frozenset[Status]] = {
    Command.EDIT: frozenset({Status.DRAFT}),
    Command.DELETE: frozenset({Status.DRAFT}),
    Command.ISSUE: frozenset({Status.DRAFT}),
    Command.PAY: frozenset({Status.ISSUED, Status.PARTIALLY_PAID}),
}

REFUSALS: dict[Command, str] = {
    Command.EDIT: "Only drafts can be edited; this invoice is {status}.",
    Command.DELETE: "Only drafts can be deleted; this invoice is {status}.",
    Command.ISSUE: "Only drafts can be issued; this invoice is {status}.",
    Command.PAY: "Only issued invoices with something outstanding can be paid; this invoice is {status}.",
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
