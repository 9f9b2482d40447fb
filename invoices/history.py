"""An invoice as it was: at a version, or at a moment. Reading only.

Errors: NotThen, MomentInFuture.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone

from audit.models import Recorded, history_model
from core.errors import DomainError, NotFound
from invoices.models import Invoice, InvoiceLine
from invoices.selectors import Actions
from parties.models import Company, Customer


class NotThen(NotFound):
    """The invoice did not exist then, or never had that version."""

    default_detail = "There was no such version of this invoice, or no such invoice at that moment."


class MomentInFuture(DomainError):
    """Nobody knows how the invoice will be."""

    code = "moment_in_future"
    title = "Not yet"
    default_detail = "asOf is in the future."


def past_invoice(invoice: Invoice, *, version: int | None = None, as_of: datetime | date | None = None) -> Invoice:
    """The document at `version`, or as it was at `as_of` (a date means the end of that day where the company is).

    With the lines and payments of that moment, and with nothing that can be done to it: it is past. `invoice` is the
    document as it is, read with its payments. Raises NotThen, MomentInFuture.
    """
    rows = history_model(Invoice).objects.filter(id=invoice.pk)
    if version is not None:
        rows = rows.filter(version=version)
    if as_of is not None:
        rows = rows.filter(history_date__lte=_moment(as_of, invoice))
    row = rows.order_by("-version").first()
    if row is None or row.history_type == "-":
        raise NotThen
    return _document(invoice, row)


def _moment(as_of: datetime | date, invoice: Invoice) -> datetime:
    now = timezone.now()
    if isinstance(as_of, datetime):
        if as_of > now:
            raise MomentInFuture(field="as_of")
        return as_of
    if as_of > invoice.company.today():
        raise MomentInFuture(field="as_of")
    return datetime.combine(as_of, time.max, tzinfo=invoice.company.zone)


def _document(invoice: Invoice, row: Any) -> Invoice:
    """The invoice of a history row with what belonged to it when its entry was written."""
    then: Invoice = row.instance
    then.company = next(iter(_as_of(Company, row.change_id, id=then.company_id)), invoice.company)
    then.customer = next(iter(_as_of(Customer, row.change_id, id=then.customer_id)), invoice.customer)
    lines = sorted(_as_of(InvoiceLine, row.change_id, invoice_id=invoice.pk), key=lambda line: (line.position, line.pk))
    payments = [entry for entry in invoice.payments.all() if entry.change_id <= row.change_id]
    for entry in payments:
        entry.actions = Actions([], {})  # type: ignore[attr-defined]
    then._prefetched_objects_cache = {"lines": lines, "payments": payments}  # type: ignore[attr-defined]
    then.actions = Actions([], {})  # type: ignore[attr-defined]
    return then


def _as_of(model: type[Recorded], change_id: int, **which: Any) -> Iterable[Any]:
    """The objects of `model` as they were when the journal entry `change_id` had been written."""
    rows = model.history.filter(change_id__lte=change_id, **which).latest_of_each()  # type: ignore[attr-defined]
    return [row.instance for row in rows if row.history_type != "-"]
