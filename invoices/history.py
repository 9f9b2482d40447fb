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
    known: dict[str, Any] = {}
    if as_of is not None:
        known["history_date__lte"] = _moment(as_of, invoice)
        rows = rows.filter(**known)
    row = rows.order_by("-version").first()
    if row is None or row.history_type == "-":
        raise NotThen
    then = _document(invoice, row, known or {"change_id__lte": row.change_id})
    moment = known.get("history_date__lte", row.history_date)
    then.seen_on = timezone.localtime(moment, then.company.zone).date()
    return then


def _moment(as_of: datetime | date, invoice: Invoice) -> datetime:
    now = timezone.now()
    if isinstance(as_of, datetime):
        if as_of > now:
            raise MomentInFuture(field="as_of")
        return as_of
    if as_of > invoice.company.today():
        raise MomentInFuture(field="as_of")
    return datetime.combine(as_of, time.max, tzinfo=invoice.company.zone)


def _document(invoice: Invoice, row: Any, known: dict[str, Any]) -> Invoice:
    """The invoice of a history row with what belonged to it when its entry was written.

    The parties are those of the newest of their versions that were `known` (conditions on them).
    """
    then: Invoice = row.instance
    then.company = next(iter(_newest(Company, known | {"id": then.company_id})), invoice.company)
    then.customer = next(iter(_newest(Customer, known | {"id": then.customer_id})), invoice.customer)
    then.present_customer_name = None if then.issued_at else then.customer.name
    lines_then = _newest(InvoiceLine, {"change_id__lte": row.change_id, "invoice_id": invoice.pk})
    lines = sorted(lines_then, key=lambda line: (line.position, line.pk))
    payments = [entry for entry in invoice.payments.all() if entry.change_id <= row.change_id]
    for entry in payments:
        entry.actions = Actions([], {})  # type: ignore[attr-defined]  # it is set on the instance
    then._prefetched_objects_cache = {"lines": lines, "payments": payments}  # type: ignore[attr-defined]  # it is set on the instance
    then.actions = Actions([], {})  # type: ignore[attr-defined]  # it is set on the instance
    return then


def _newest(model: type[Recorded], conditions: dict[str, Any]) -> Iterable[Any]:
    """The objects of `model` as the newest of their versions under `conditions` has them."""
    rows = model.history.filter(**conditions).latest_of_each()  # type: ignore[attr-defined]  # each has one
    return [row.instance for row in rows if row.history_type != "-"]
