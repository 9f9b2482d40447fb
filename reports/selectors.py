"""The figures of each report, one SQL statement each: the database groups and adds, exactly.

SQLite would add decimals as floats. So amounts are added there as whole ten-thousandths (the finest that a column
keeps), which are exact: an amount has at most 15 digits, so its product with 10,000 is less than half a unit
from the whole number that it stands for. SQLite ends a sum beyond 922 million million (2^63 units) with an error, never
with a wrong figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Any, TypeVar

from django.db import connection
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
from django.db.models.functions import Cast, Round, TruncMonth

from core.model_fields import AMOUNT_DECIMALS
from core.money import ZERO
from invoices.models import IS_OPEN, Invoice, InvoiceLine
from invoices.totals import VatBreakdown
from parties.models import Customer
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
            received=Sum(_summable("amount"), filter=Q(kind=Kind.PAYMENT), default=0),
            returned=Sum(_summable("amount"), filter=~Q(kind=Kind.PAYMENT), default=0),
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
        for company_id, code, group in _by_company_and_currency(rows)
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
        .annotate(taxable=Sum(_summable("taxable_amount")), vat=Sum(_summable("vat_amount")))
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
        for company_id, code, group in _by_company_and_currency(rows)
    ]


def outstanding(days: Iterable[Days], *, currency: str | None = None) -> list[Outstanding]:
    """What was owed at the end of the last day, by company, currency and customer."""
    rows = _owed(list(days), currency)
    names = _customer_names(rows)
    return [
        Outstanding(
            company_id,
            code,
            [Debtor(code, customer_id, names[customer_id], owed, count) for _, _, customer_id, owed, count in group],
        )
        for company_id, code, group in _by_company_and_currency(rows)
    ]


def aged_receivables(days: Iterable[Days], *, currency: str | None = None) -> list[Aging]:
    """What was owed at the end of the last day, by company, currency, customer and days overdue."""
    days = list(days)
    rows = _owed(days, currency, bucket=_bucket(days))
    names = _customer_names(rows)
    return [
        aging(company_id, code, _aged_customers(code, group, names))
        for company_id, code, group in _by_company_and_currency(rows)
    ]


def _aged_customers(
    currency: str, rows: Iterable[tuple[Any, ...]], names: Mapping[int, str]
) -> Iterator[CustomerAging]:
    for customer_id, group in groupby(rows, key=itemgetter(2)):
        amounts = {bucket: owed for *_, bucket, owed, _ in group}
        yield CustomerAging(currency=currency, customer_id=customer_id, customer_name=names[customer_id], **amounts)


def _owed(days: list[Days], currency: str | None, **further_keys: Any) -> list[tuple[Any, ...]]:
    """(company, currency, customer, further keys, what is owed, on how many documents), sorted.

    One statement, so that all is of one moment; the kinds of documents in it have no document in common.
    """
    keys = ("company_id", "currency", "customer_id", *further_keys)
    first, *others = [
        _in_currency(documents, currency)
        .annotate(**further_keys)
        .order_by()
        .values(*keys)
        .annotate(owed=Sum("open"), documents=Count("pk"))
        .values_list(*keys, "owed", "documents")
        for documents in _open_documents(days)
    ]
    sums: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [ZERO, 0])
    for *key, owed, count in first.union(*others, all=True):
        of_key = sums[tuple(key)]
        of_key[0] += _amount(owed)
        of_key[1] += count
    return sorted((*key, *of_key) for key, of_key in sums.items())


def _customer_names(rows: Iterable[tuple[Any, ...]]) -> dict[int, str]:
    return dict(Customer.objects.filter(pk__in={row[2] for row in rows}).values_list("pk", "name"))


def _open_documents(days: list[Days]) -> list[QuerySet[Invoice]]:
    """The documents with something owed at the end of the last day, in three kinds, each with what was: `open`.

    Those open now without later entries, for today all there are; those with later entries, which are taken back; and
    those cancelled later, which were owed in full until then.
    """
    later = Payment.objects.filter(
        _any(Q(company_id__in=span.company_ids, paid_at__gte=span.end) for span in days)
    ).order_by()
    later_sum = later.filter(invoice=OuterRef("pk")).values("invoice").annotate(later=Sum(_summable("amount")))
    issued = Invoice.objects.filter(
        _any(Q(company_id__in=span.company_ids, issue_date__lte=span.last) for span in days)
    )
    cancelled_later = _any(Q(company_id__in=span.company_ids, cancelled_at__gte=span.end) for span in days)
    return [
        issued.filter(~Exists(later.filter(invoice=OuterRef("pk"))), IS_OPEN).annotate(open=_summable("outstanding")),
        issued.filter(pk__in=later.values("invoice"))
        .annotate(open=_summable("outstanding") + Subquery(later_sum.values("later")))
        .filter(open__gt=0),
        issued.filter(cancelled_later, issued_at__isnull=False, total__gt=0).annotate(open=_summable("total")),
    ]


def _bucket(days: list[Days]) -> Case:
    """The bucket that a document is in on the last day, by its due date."""
    buckets = [
        When(company_id__in=span.company_ids, due_date__gte=earliest, then=Value(name))
        for span in days
        for name, earliest in earliest_due_dates(span.last).items()
    ]
    return Case(*buckets, default=Value(OLDEST_BUCKET), output_field=CharField())


def _summable(field: str) -> Any:
    """The amount in the column as the database adds it exactly: on SQLite a whole number of ten-thousandths."""
    if connection.vendor == "sqlite":
        return Cast(Round(F(field) * UNITS_PER_ONE), BigIntegerField())
    return F(field)


def _amount(added: int | Decimal) -> Decimal:
    """The amount that a sum of summables stands for."""
    return Decimal(added).scaleb(-AMOUNT_DECIMALS) if connection.vendor == "sqlite" else Decimal(added)


def _any(conditions: Iterable[Q]) -> Q:
    """The rows that meet one of the conditions; without conditions, none."""
    return reduce(or_, conditions, Q(pk__in=[]))


def _in_currency(rows: QuerySet[Any], currency: str | None) -> QuerySet[Any]:
    return rows if currency is None else rows.filter(currency=currency)


def _by_company_and_currency(rows: Iterable[Row]) -> Iterator[tuple[int, str, Iterator[Row]]]:
    """Rows, sorted by company and currency (their first two columns), for each pair."""
    for (company_id, currency), group in groupby(rows, key=itemgetter(0, 1)):
        yield company_id, currency, group
