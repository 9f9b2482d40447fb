"""The recurring invoices that exist for a user, those that are due, and what the next invoice will be."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile

from django.db.models import QuerySet

from audit.selectors import History, TimelineEntry, newest_first, timeline
from core.errors import DomainError
from core.scope import CompanyMember, visible_to
from invoices.bulk import work_out_row
from invoices.recurring.models import (
    IS_ACTIVE,
    STATUS_CONDITIONS,
    RecurringInvoice,
    RecurringInvoiceLine,
    RecurringStatus,
)
from invoices.recurring.rules import invoice_of_day, items_of
from parties.models import Company

DATES_SHOWN = 6


def recurring_of(user: CompanyMember) -> QuerySet[RecurringInvoice]:
    """The recurring invoices of the user's companies."""
    return visible_to(user, RecurringInvoice.objects.select_related("company", "customer"))


def filtered_recurring(
    rows: QuerySet[RecurringInvoice],
    *,
    status: str | None = None,
    customer_id: int | None = None,
    company_id: int | None = None,
) -> QuerySet[RecurringInvoice]:
    """Those that fit all the filters given; None leaves a filter out."""
    if status is not None:
        rows = rows.filter(STATUS_CONDITIONS[RecurringStatus(status)])
    # Of an id that no column holds, the lookup of the key itself says that nothing has it.
    conditions = {"customer__id": customer_id, "company__id": company_id}
    return rows.filter(**{name: value for name, value in conditions.items() if value is not None})


def due_recurring(company_id: int, day: date) -> QuerySet[RecurringInvoice]:
    """The company's recurring invoices of which something is to be made by `day`."""
    return RecurringInvoice.objects.filter(IS_ACTIVE, company_id=company_id, next_date__lte=day)


def due_companies(now: datetime) -> list[Company]:
    """The companies of which something may be due at that moment, whatever the day is where they are."""
    tomorrow = now.date() + timedelta(days=1)
    due = RecurringInvoice.objects.filter(IS_ACTIVE, next_date__lte=tomorrow)
    return list(Company.objects.filter(pk__in=due.order_by().values("company")).order_by("pk"))


def next_dates(recurring: RecurringInvoice) -> list[date]:
    """The dates that come next, as things are; none where it has ended."""
    return recurring.series.next_days(recurring.done_through, DATES_SHOWN) if recurring.next_date else []


def due_dates(recurring: RecurringInvoice, day: date) -> list[date]:
    """The dates that are due by `day`."""
    return list(takewhile(lambda found: found <= day, recurring.series.days_after(recurring.done_through)))


def next_total(recurring: RecurringInvoice) -> Decimal | None:
    """The total of the next invoice as things are; None where none is to come, or it could not be made."""
    if recurring.next_date is None:
        return None
    items = items_of(recurring.lines.all())
    try:
        return work_out_row(invoice_of_day(recurring, items, recurring.next_date)).totals.total
    except DomainError:
        return None


def recurring_histories(recurring: RecurringInvoice) -> list[History]:
    """The histories of a recurring invoice and of its lines."""
    return [
        (RecurringInvoice, RecurringInvoice.history.filter(id=recurring.pk)),
        (RecurringInvoiceLine, RecurringInvoiceLine.history.filter(recurring_invoice_id=recurring.pk)),
    ]


def recurring_timeline(recurring: RecurringInvoice) -> list[TimelineEntry]:
    """What happened to a recurring invoice and its lines, newest first."""
    return newest_first(entry for model, rows in recurring_histories(recurring) for entry in timeline(model, rows))
