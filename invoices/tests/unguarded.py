"""Commands without their guards, for negative controls: no row lock, no condition on the version."""

from threading import Barrier
from typing import Any

import pytest

from audit.models import Change, Recorded
from audit.services import recording
from audit.tests.races import PATIENCE_SECONDS
from invoices import services as invoice_services
from invoices.models import Invoice
from payments import services as payment_services


def without_row_locks(monkeypatch: pytest.MonkeyPatch, *, rivals: int) -> None:
    """Nobody locks the invoice, and all `rivals` have read and checked before one of them writes."""
    everybody_has_read = Barrier(rivals, timeout=PATIENCE_SECONDS)

    def late_recording(**details: Any) -> Any:
        everybody_has_read.wait()
        return recording(**details)

    for services in (invoice_services, payment_services):
        monkeypatch.setattr(services, "lock_invoice", read_without_lock)
        monkeypatch.setattr(services, "recording", late_recording)


def without_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conditional UPDATE becomes a plain one: the last writer wins."""
    monkeypatch.setattr(invoice_services, "write_version", overwrite)


def read_without_lock(invoice_id: int) -> Invoice:
    """The invoice, as anybody reads it."""
    return Invoice.objects.select_related("company", "customer").get(pk=invoice_id)


def overwrite(row: Recorded, *, change: Change, **values: Any) -> None:
    """What write_version would be without its condition on the version."""
    written = {**values, "version": row.version + 1, "change": change}
    type(row)._default_manager.filter(pk=row.pk).update(**written)
    for name, value in written.items():
        setattr(row, name, value)
