"""The life of an invoice as data: which statuses there are, which commands each allows, and what money makes of it.

Draft -> Issued -> PartiallyPaid -> Paid; Cancelled from Draft, or from Issued while no entry was ever recorded. People
choose *issue* and *cancel*; the paid statuses follow from the money. No ORM.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Facts:
    """What decides whether a command on an invoice would succeed today."""

    status: str
    has_lines: bool
    has_entries: bool
    is_anything_paid: bool
    is_customer_archived: bool
    is_issue_date_locked: bool
    is_today_locked: bool


def obstacle(command: Command, facts: Facts) -> str | None:
    """The code of the error that `command` would end in today, or None where it would succeed."""
    if command is Command.CANCEL and facts.has_entries:
        return "has_payments"
    if not allows(facts.status, command):
        return WrongStatus.code
    if command is Command.REFUND and not facts.is_anything_paid:
        return "refund_exceeds_paid"
    if command is Command.ISSUE and not facts.has_lines:
        return "invoice_without_lines"
    if command is Command.ISSUE and facts.is_customer_archived:
        return "customer_archived"
    return "period_locked" if _is_locked(command, facts) else None


def _is_locked(command: Command, facts: Facts) -> bool:
    """Whether a date of the command falls into a locked period: the document's, today's, or both."""
    if command is Command.ISSUE:
        return facts.is_issue_date_locked
    if command is Command.CANCEL:
        return facts.is_today_locked or (facts.status != Status.DRAFT and facts.is_issue_date_locked)
    return command in (Command.PAY, Command.REFUND, Command.REVERSE) and facts.is_today_locked


def settled_status(total: Decimal, settled: Decimal) -> Status:
    """The status of an issued invoice that follows from what is paid and credited of it. A total of zero is Paid."""
    if settled >= total:
        return Status.PAID
    return Status.PARTIALLY_PAID if settled > 0 else Status.ISSUED
