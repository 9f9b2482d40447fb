"""FinTrack with a fault that TORTURE_SABOTAGE names. Only ever served to a torture run, which must find it."""

import os
from typing import Any

from fintrack.wsgi import application  # first: it sets the program up

from core.api import idempotency
from core.models import IdempotencyKey
from invoices.models import Invoice
from payments import services
from torture.sabotage import MODE_VARIABLE

__all__ = ["application"]
honest_lock = services.lock_invoice


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


if os.environ[MODE_VARIABLE] == "lost-update":
    services.lock_invoice = balance_read_before_the_lock
elif os.environ[MODE_VARIABLE] == "double-effect":
    idempotency._claim, idempotency._rows = nobody_claims, no_rows
