"""Pages of invoices that PostgreSQL would find by reading nearly all of them, found another way.

SQLite, for a small office, reads them.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F, OrderBy, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from rest_framework.request import Request

from core.api.pagination import KeysetPagination
from core.database import unindexed
from invoices.selectors import invoice_rows
from parties.models import Company

MOST_COMPANIES = 20
MOST_DAYS = 366
SPANS = (("issueDateFrom", "issueDateTo"), ("dueDateFrom", "dueDateTo"))
SELECTIVE = ("companyId", "customerId", "externalId", "recurringInvoiceId")
"""Filters with an index of their own, which a caller of several companies needs no others beside."""


LISTED_COLUMNS = (
    *("id", "company", "customer", "customer_name", "present_customer_name", "number", "status", "currency"),
    *("total", "paid", "credited", "outstanding", "issue_date", "due_date", "issued_at", "cancelled_at", "created_at"),
    "version",
)
"""What a row of the list shows, and is ordered by."""


class InvoicePagination(KeysetPagination):
    """Keyset pages, of several companies and of a span of days as well.

    The indexes begin with a company: of several, up to MOST_COMPANIES, the first rows of each are read, and the first
    of those are shown. Of a span of up to MOST_DAYS all rows are looked at in the index of days: going by the order,
    and skipping other days, takes the longer the older the days are.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of invoices. Raises a 400 for a bad cursor, ordering or page size."""
        is_selective = any(name in request.query_params for name in SELECTIVE)
        self.company_ids = [] if is_selective else separate_companies(view.caller)
        self.has_short_span = any(_is_short(request, *names) for names in SPANS)
        return super().paginate_queryset(queryset, request, view)

    def first_rows(self, rows: QuerySet[Any], order: Sequence[str], count: int) -> QuerySet[Any]:
        """The first `count` of the rows in this order."""
        goes_by_days = self.has_short_span and self.column == "created_at"
        if connection.vendor == "sqlite" or not (goes_by_days or self.company_ids):
            return super().first_rows(listed_rows(rows), order, count)
        parts = [rows.filter(company_id=company_id) for company_id in self.company_ids] or [rows]
        part_order = by_no_index(order) if goes_by_days else order
        ids, *others = [part.order_by(*part_order).values("pk")[:count] for part in parts]
        if others:
            ids = ids.union(*others, all=True)
        return super().first_rows(listed_rows(invoice_rows()).filter(pk__in=ids), order, count)


def listed_rows(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows with what the list shows. Of their company they have its `time_zone` alone, and make no object of it."""
    shown: QuerySet[Any] = rows.select_related(None).annotate(time_zone=F("company__time_zone"))
    return shown.only(*LISTED_COLUMNS)


def seen_today(invoices: list[Any]) -> list[Any]:
    """The invoices of a page, which know what day it is where their company is."""
    days = {zone: timezone.localdate(timezone=ZoneInfo(zone)) for zone in {invoice.time_zone for invoice in invoices}}
    for invoice in invoices:
        invoice.seen_on = days[invoice.time_zone]
    return invoices


def separate_companies(caller: Any) -> list[int]:
    """The companies of the caller to be read one by one; none where one statement does."""
    if caller.is_superuser:
        company_ids = list(Company.objects.order_by().values_list("pk", flat=True)[: MOST_COMPANIES + 1])
    else:
        company_ids = caller.company_ids if len(caller.company_ids) > 1 else []
    return company_ids if len(company_ids) <= MOST_COMPANIES else []


def _is_short(request: Request, first_name: str, last_name: str) -> bool:
    """Whether the filters, valid already, ask for a span of days with both ends, of up to MOST_DAYS."""
    first = parse_date(request.query_params.get(first_name, ""))
    last = parse_date(request.query_params.get(last_name, ""))
    return is_short_span(first, last)


def is_short_span(first: date | None, last: date | None) -> bool:
    """Whether the days are few enough for all their rows to be looked at."""
    return first is not None and last is not None and (last - first).days < MOST_DAYS


def by_no_index(order: Sequence[str]) -> list[Any]:
    """The order by creation, without its index."""
    column, row_id = order
    return [OrderBy(unindexed("created_at"), descending=column.startswith("-")), row_id]
