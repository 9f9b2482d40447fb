"""The ledger entries that exist for a user."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from core.scope import CompanyMember, visible_to
from invoices.selectors import invoice_document
from parties.models import Company
from payments.models import Payment


def payments_of(user: CompanyMember) -> QuerySet[Payment]:
    """The entries of the user's companies, with what a row shows."""
    return visible_to(user, Payment.objects.select_related("change"))


def payment_document(payment_id: int) -> Payment | None:
    """The entry with its invoice's document, which decides what can be done to it."""
    entry = Payment.objects.filter(pk=payment_id).only("invoice_id").first()
    document = invoice_document(entry.invoice_id) if entry else None
    if document is None:
        return None
    return next((entry for entry in document.payments.all() if entry.pk == payment_id), None)


def filtered_payments(
    payments: QuerySet[Payment],
    companies: Iterable[Company],
    *,
    paid_at_from: datetime | date | None = None,
    paid_at_to: datetime | date | None = None,
    **filters: Any,
) -> QuerySet[Payment]:
    """The entries that fit all the filters (lookups of Payment) that are not None.

    Both ends of `paid_at` are inclusive; a date is a day of the calendar of each of the `companies`.
    """
    wanted = payments.filter(**{name: value for name, value in filters.items() if value is not None})
    if isinstance(paid_at_from, datetime):
        wanted = wanted.filter(paid_at__gte=paid_at_from)
    elif paid_at_from is not None:
        wanted = wanted.filter(_by_zone(companies, "paid_at__gte", paid_at_from))
    if isinstance(paid_at_to, datetime):
        wanted = wanted.filter(paid_at__lte=paid_at_to)
    elif paid_at_to is not None:
        wanted = wanted.filter(_by_zone(companies, "paid_at__lt", paid_at_to + timedelta(days=1)))
    return wanted


def _by_zone(companies: Iterable[Company], lookup: str, day: date) -> Q:
    """`lookup` of the moment in which the day begins, for the companies of each time zone."""
    here: dict[ZoneInfo, list[int]] = {}
    for company in companies:
        here.setdefault(company.zone, []).append(company.pk)
    condition = Q(pk__in=[])
    for zone, company_ids in here.items():
        condition |= Q(("company__in", company_ids), (lookup, datetime.combine(day, time.min, zone)))
    return condition
