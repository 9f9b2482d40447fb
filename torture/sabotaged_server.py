"""FinTrack with a fault that TORTURE_SABOTAGE names. Only ever served to a torture run, which must find it.

``python -m torture.sabotaged_server`` is its ``manage.py``.
"""

import os
import sys
from typing import Any

from fintrack.wsgi import application  # first: it sets the program up

from django.core.management import execute_from_command_line
from django.utils import timezone

from core import outages
from core.api import idempotency
from core.models import IdempotencyKey
from invoices.models import Invoice
from notifications import schedule
from notifications import services as mail_services
from notifications.kinds import State
from notifications.models import Message
from notifications.smtp import Outcome, Result
from payments import services
from torture.sabotage import MODE_VARIABLE

__all__ = ["application"]
MODE = os.environ[MODE_VARIABLE]
honest_lock, honest_sent = services.lock_invoice, mail_services._sent


def balance_read_before_the_lock(invoice_id: int) -> Invoice:
    """The locked invoice with the balance that it had before it was locked."""
    read = Invoice.objects.filter(pk=invoice_id).values_list("paid", "entry_count").first()
    invoice = honest_lock(invoice_id)
    if read is not None:
        invoice.paid, invoice.entry_count = read
    return invoice


def nobody_claims(*_: Any) -> bool:
    """Every request is the first with its key."""
    return True


def no_rows(*_: Any) -> Any:
    """No claim is there to be filled in."""
    return IdempotencyKey.objects.none()


def sent_and_recorded_before(message: Message) -> Outcome:
    """What became of the message, which is recorded as sent first."""
    mail_services._write_outcome(message, Outcome(Result.SENT))
    return honest_sent(message)


def nothing_is_uncertain(**_: Any) -> int:
    """Send again what was being sent when its process died, and whatever else is being sent."""
    now = timezone.now()
    return Message.objects.filter(state=State.SENDING).update(state=State.WAITING, next_attempt_at=now)


def nobody_is_woken() -> None:
    """Leave the worker asleep."""


if MODE == "lost-update":
    services.lock_invoice = balance_read_before_the_lock
elif MODE == "double-effect":
    idempotency._claim, idempotency._rows = nobody_claims, no_rows
elif MODE == "retry-unsaid":
    outages.Outage.wait = None
elif MODE == "storage-unnamed":
    outages.DISK_FULL = ""
elif MODE == "sent-too-early":
    mail_services._sent = sent_and_recorded_before
elif MODE == "sent-again":
    schedule.give_up_on_lost = nothing_is_uncertain
elif MODE == "mail-forgotten":
    mail_services.wake_worker = schedule.wake_worker = nobody_is_woken

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
