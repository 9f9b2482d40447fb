"""What a message is about, how it stands, and when it is tried again. No ORM."""

from datetime import timedelta

from django.db.models import TextChoices

RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)
"""How long after each attempt the next one follows; after the last of them a message has failed."""


class Kind(TextChoices):
    """What a message is about."""

    INVOICE = "invoice", "Invoice"
    REMINDER = "reminder", "Reminder"
    CREDIT_NOTE = "creditNote", "Credit note"
    STATEMENT = "statement", "Statement"
    DIGEST = "digest", "Daily digest"


TO_CUSTOMERS = (Kind.INVOICE, Kind.REMINDER, Kind.CREDIT_NOTE, Kind.STATEMENT)
"""What goes to customers, in words that a company may choose."""


class State(TextChoices):
    """How a message stands."""

    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    UNCERTAIN = "uncertain", "Uncertain"
    NEEDLESS = "needless", "No longer needed"
    BOUNCED = "bounced", "Came back"
    HELD = "held", "Held back"


REPEATABLE = (State.FAILED, State.UNCERTAIN, State.BOUNCED, State.HELD)
"""What a person may send once more."""


def next_try(attempts: int) -> timedelta | None:
    """How long to wait after that many attempts have failed for a while; None where it is given up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
