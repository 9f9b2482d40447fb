"""The figures of each report, one SQL statement each: the database groups and adds, whole numbers only.

SQLite would add decimals as floats. So amounts are added as whole ten-thousandths (the finest that a column keeps),
which are exact on both databases: an amount has at most 15 digits, so its product with 10,000 is less than half a unit
from the whole number that it stands for. SQLite ends a sum beyond 922 million million (2^63 units) with an error, never
with a wrong figure.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Any, TypeVar

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    DateField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Round, TruncMonth

from core.model_fields import AMOUNT_DECIMALS
from invoices.models import Invoice, InvoiceLine
from invoices.totals import VatBreakdown
from payments.ledger import Kind
from payments.models import Payment
from reports.figures import Aging, CustomerAging, Debtor, MonthlyRevenue, Outstanding, Revenue, Vat, aging
from reports.periods import OLDEST_BUCKET, Days, earliest_due_dates

UNITS_PER_ONE = 10**AMOUNT_DECIMALS

Row = TypeVar("Row", bound=tuple[Any, ...])


def revenue(days: Iterable[Days], *, currency: str | None = None) -> list[Revenue]:
    """The entries whose money moved in these days, by company, currency and month."""
    days = list(days)
    entries = Payment.objects.filter(
        _any(Q(company_id__in=span.company_ids, paid_at__gte=span.start, paid_at__lt=span.end) for span in days)
    )
    months = [
        When(company_id__in=span.company_ids, then=TruncMonth("paid_at", tzinfo=span.zone, output_field=DateField()))
        for span in days
    ]
    rows = (
        _in_currency(entries, currency)
        .annotate(month=Cast(Case(*months, output_field=DateField()), DateField()))
        .values("company_id", "currency", "month")
        .annotate(
            received=Sum(_units("amount"), filter=Q(kind=Kind.PAYMENT), default=0),
            returned=Sum(_units("amount"), filter=~Q(kind=Kind.PAYMENT), default=0),
        )
        .order_by("company_id", "currency", "month")
        .values_list("company_id", "currency", "month", "received", "returned")
    )
    return [
        Revenue(
            company_id,
            code,
            [
                MonthlyRevenue(code, f"{month:%Y-%m}", _amount(received), _amount(returned))
                for _, _, month, received, returned in group
            ],
        )
        for company_id, code, group in _by_company_and_currency(rows.iterator())
    ]


def vat(days: Iterable[Days], *, currency: str | None = None) -> list[Vat]:
    """The VAT of documents dated in these days, issued and not cancelled, by company, currency, category and rate."""
    lines = InvoiceLine.objects.filter(
        _any(
            Q(invoice__company_id__in=span.company_ids, invoice__issue_date__range=(span.first, span.last))
            for span in days
        ),
        invoice__issued_at__isnull=False,
        invoice__cancelled_at=None,
    )
    key = ("invoice__company_id", "currency", "vat_category", "vat_rate")
    rows = (
        _in_currency(lines, currency)
        .values(*key)
        .annotate(taxable=Sum(_units("taxable_amount")), vat=Sum(_units("vat_amount")))
        .order_by(*key)
        .values_list(*key, "taxable", "vat")
    )
    return [
        Vat(
            company_id,
            code,
            [
                VatBreakdown(code, category, rate, _amount(taxable), _amount(amount))
                for _, _, category, rate, taxable, amount in group
            ],
        )
        for company_id, code, group in _by_company_and_currency(rows.iterator())
    ]


def outstanding(days: Iterable[Days], *, currency: str | None = None) -> list[Outstanding]:
    """What was owed at the end of the last day, by company, currency and customer."""
    rows = (
        _in_currency(_open_documents(list(days)), currency)
        .values("company_id", "currency", "customer_id", "customer__name")
        .annotate(owed=Sum("open_units"), documents=Count("pk"))
        .order_by("company_id", "currency", "customer_id")
        .values_list("company_id", "currency", "customer_id", "customer__name", "owed", "documents")
    )
    return [
        Outstanding(
            company_id,
            code,
            [Debtor(code, customer_id, name, _amount(owed), count) for _, _, customer_id, name, owed, count in group],
        )
        for company_id, code, group in _by_company_and_currency(rows.iterator())
    ]


def aged_receivables(days: Iterable[Days], *, currency: str | None = None) -> list[Aging]:
    """What was owed at the end of the last day, by company, currency, customer and days overdue."""
    days = list(days)
    rows = (
        _in_currency(_open_documents(days), currency)
        .annotate(bucket=_bucket(days))
        .values("company_id", "currency", "customer_id", "customer__name", "bucket")
        .annotate(owed=Sum("open_units"))
        .order_by("company_id", "currency", "customer_id")
        .values_list("company_id", "currency", "customer_id", "customer__name", "bucket", "owed")
    )
    return [
        aging(company_id, code, _aged_customers(code, group))
        for company_id, code, group in _by_company_and_currency(rows.iterator())
    ]


def _aged_customers(currency: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[CustomerAging]:
    for (customer_id, name), group in groupby(rows, key=itemgetter(2, 3)):
        amounts = {bucket: _amount(owed) for *_, bucket, owed in group}
        yield CustomerAging(currency=currency, customer_id=customer_id, customer_name=name, **amounts)


def _open_documents(days: list[Days]) -> QuerySet[Invoice]:
    """The documents with something owed at the end of the last day, each with what: `open_units`.

    What is owed now, and the entries that came later taken back: for today, nothing but the open documents is read. A
    document cancelled later was owed in full until then, though nothing is outstanding on it now.
    """
    later = Payment.objects.filter(
        _any(Q(company_id__in=span.company_ids, paid_at__gte=span.end) for span in days), invoice=OuterRef("pk")
    ).order_by()
    later_units = later.values("invoice").annotate(units=Sum(_units("amount"))).values("units")
    existing = _any(
        Q(company_id__in=span.company_ids, issue_date__lte=span.last)
        & (Q(cancelled_at=None) | Q(cancelled_at__gte=span.end))
        for span in days
    )
    return (
        Invoice.objects.filter(
            existing,
            Q(outstanding__gt=0) | Q(cancelled_at__isnull=False) | Exists(later),
            issued_at__isnull=False,
        )
        .annotate(
            open_units=_units("total")
            - _units("paid")
            - _units("credited")
            + Coalesce(Subquery(later_units, output_field=BigIntegerField()), 0, output_field=BigIntegerField())
        )
        .filter(open_units__gt=0)
    )


def _bucket(days: list[Days]) -> Case:
    """The bucket that a document is in on the last day, by its due date."""
    buckets = [
        When(company_id__in=span.company_ids, due_date__gte=earliest, then=Value(name))
        for span in days
        for name, earliest in earliest_due_dates(span.last).items()
    ]
    return Case(*buckets, default=Value(OLDEST_BUCKET), output_field=CharField())


def _units(field: str) -> Cast:
    """The amount in the column as a whole number of ten-thousandths."""
    return Cast(Round(F(field) * UNITS_PER_ONE), BigIntegerField())


def _amount(units: int | Decimal) -> Decimal:
    """The amount that a sum of units stands for (PostgreSQL adds integers up to a numeric)."""
    return Decimal(units).scaleb(-AMOUNT_DECIMALS)


def _any(conditions: Iterable[Q]) -> Q:
    """The rows that meet one of the conditions; without conditions, none."""
    return reduce(or_, conditions, Q(pk__in=[]))


def _in_currency(rows: QuerySet[Any], currency: str | None) -> QuerySet[Any]:
    return rows if currency is None else rows.filter(currency=currency)


def _by_company_and_currency(rows: Iterable[Row]) -> Iterator[tuple[int, str, Iterator[Row]]]:
    """Rows, sorted by company and currency (their first two columns), for each pair."""
    for (company_id, currency), group in groupby(rows, key=itemgetter(0, 1)):
        yield company_id, currency, group
