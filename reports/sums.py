"""What the sums kept beside the books say (`reports.models`): one statement each, over what is kept and what waits.

Amounts come back exact; rows are those of companies in one time zone (`Days`).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from core.model_fields import AMOUNT_DECIMALS
from invoices.models import Invoice
from parties.models import Company
from payments.models import Payment
from reports.figures import TOP_DEBTORS, Debtor
from reports.periods import OLDEST_BUCKET, Days, earliest_due_dates
from reports.summaries import (
    CREDITED_BY_DAY,
    CREDITED_VAT_BY_DAY,
    DRAFTS,
    INVOICED_BY_DAY,
    MONEY_BY_DAY,
    OWED_BY_CUSTOMER,
    OWED_BY_DUE_DATE,
    VAT_BY_DAY,
    Topic,
)
from reports.triggers import INVOICES, IS_OPEN, OWED, WAITING_INVOICES

RATE_DECIMALS = 4


def is_settled(days: Days) -> bool:
    """Whether nothing has moved since the last day was over: no entry, no cancellation.

    So what is owed now was owed then, on all documents that were dated by then.
    """
    # The newest of each, not whether there is any: a plan for any day would have PostgreSQL read all, to find none.
    entries = Payment.objects.filter(company=OuterRef("pk")).order_by("-paid_at").values("paid_at")
    cancelled = Invoice.objects.filter(company=OuterRef("pk"), cancelled_at__isnull=False).order_by("-cancelled_at")
    moved = Company.objects.filter(pk__in=days.company_ids).annotate(
        last_entry=Subquery(entries[:1]), last_cancelled=Subquery(cancelled.values("cancelled_at")[:1])
    )
    return not moved.filter(Q(last_entry__gte=days.end) | Q(last_cancelled__gte=days.end)).exists()


def is_of_one_zone(days: Days) -> bool:
    """Whether all money is added up by the days of that time zone: not so until the worker has seen that it changed."""
    found = _rows(
        MONEY_BY_DAY,
        days,
        None,
        "1",
        "",
        condition="AND time_zone <> %s AND (received <> 0 OR returned <> 0) LIMIT 1",
        values=[days.zone.key],
    )
    return not found


def owed_by_bucket(days: Days, currency: str | None) -> list[tuple[int, str, str, int, Decimal]]:
    """(company, currency, bucket, documents, amount) of what is owed on documents dated up to the last day."""
    whens = " ".join(f"WHEN due_date >= %s THEN '{name}'" for name in earliest_due_dates(days.last))
    bucket = f"CASE {whens} ELSE '{OLDEST_BUCKET}' END"
    dates = [str(day) for day in earliest_due_dates(days.last).values()]
    rows = _rows(
        OWED_BY_DUE_DATE,
        days,
        currency,
        f"company_id, currency, {bucket}, sum(documents), sum(owed)",
        "GROUP BY 1, 2, 3 HAVING sum(documents) <> 0 ORDER BY 1, 2, 3",
        before=dates,
        without_later=True,
    )
    return [(company, code, name, int(count), _amount(owed)) for company, code, name, count, owed in rows]


def debtors(days: Days, company_id: int, currency: str) -> list[Debtor]:
    """Those who owe the company most in the currency, on documents dated up to the last day; the greatest first.

    The sums kept are in order; only of those whom what waits is about, too, are all parts added.
    """
    waiting = OWED_BY_CUSTOMER.waiting.format(invoices=WAITING_INVOICES)
    moved = f"SELECT * FROM ({waiting}) AS part WHERE company_id = %s AND currency = %s"
    later = f"{_later(OWED_BY_CUSTOMER)} AND company_id = %s AND currency = %s"
    kept = f"FROM {OWED_BY_CUSTOMER.table} WHERE company_id = %s AND currency = %s AND customer_id"
    columns = "customer_id, documents, owed"
    statement = f"""
        WITH moved AS ({moved} UNION ALL {later})
        SELECT customer_id, customer.name, sum(owed), sum(documents) FROM (
            SELECT * FROM (SELECT {columns} {kept} NOT IN (SELECT customer_id FROM moved)
                ORDER BY company_id, currency, owed DESC, customer_id LIMIT {TOP_DEBTORS}) AS most
            UNION ALL SELECT {columns} {kept} IN (SELECT customer_id FROM moved)
            UNION ALL SELECT {columns} FROM moved) AS part
        JOIN parties_customer AS customer ON customer.id = customer_id
        GROUP BY customer_id, customer.name HAVING sum(documents) <> 0
        ORDER BY sum(owed) DESC, customer_id LIMIT {TOP_DEBTORS}"""
    own = [company_id, currency]
    rows = _fetched(statement, [*own, str(days.last), *own, *own, *own])
    return [Debtor(currency, customer_id, name, _amount(owed), int(count)) for customer_id, name, owed, count in rows]


def money_by_month(days: Days, currency: str | None) -> list[tuple[int, str, str, Decimal, Decimal]]:
    """(company, currency, month, received, returned), months without entries left out."""
    rows = _rows(
        MONEY_BY_DAY,
        days,
        currency,
        f"company_id, currency, {_month('day')}, sum(received), sum(returned)",
        "GROUP BY 1, 2, 3 HAVING sum(received) <> 0 OR sum(returned) <> 0 ORDER BY 1, 2, 3",
        condition="AND time_zone = %s AND day BETWEEN %s AND %s",
        values=[days.zone.key, str(days.first), str(days.last)],
    )
    return [(*key, _amount(received), _amount(returned)) for *key, received, returned in rows]


def invoiced_by_month(days: Days, currency: str | None) -> list[tuple[int, str, str, Decimal]]:
    """(company, currency, month, the total of the documents dated in it, less the credit notes dated in it)."""
    rows = _rows(
        INVOICED_BY_DAY,
        days,
        currency,
        f"company_id, currency, {_month('issue_date')}, sum(invoiced)",
        "GROUP BY 1, 2, 3 HAVING sum(documents) <> 0 ORDER BY 1, 2, 3",
        condition="AND issue_date BETWEEN %s AND %s",
        values=[str(days.first), str(days.last)],
        less=CREDITED_BY_DAY,
    )
    return [(*key, _amount(invoiced)) for *key, invoiced in rows]


def vat_by_rate(days: Days, currency: str | None) -> list[tuple[int, str, str, Decimal, Decimal, Decimal]]:
    """(company, currency, category, rate, taxable amount, VAT) of the documents of the days, less credit notes."""
    rows = _rows(
        VAT_BY_DAY,
        days,
        currency,
        "company_id, currency, vat_category, vat_rate, sum(taxable), sum(vat)",
        "GROUP BY 1, 2, 3, 4 HAVING sum(lines) <> 0 ORDER BY 1, 2, 3, 4",
        condition="AND issue_date BETWEEN %s AND %s",
        values=[str(days.first), str(days.last)],
        less=CREDITED_VAT_BY_DAY,
    )
    return [
        (company, code, category, round(Decimal(rate), RATE_DECIMALS), _amount(taxable), _amount(vat))
        for company, code, category, rate, taxable, vat in rows
    ]


def drafts(days: Days, currency: str | None) -> list[tuple[int, str, int, Decimal]]:
    """(company, currency, documents, what they would come to)."""
    rows = _rows(
        DRAFTS,
        days,
        currency,
        "company_id, currency, sum(documents), sum(drafted)",
        "GROUP BY 1, 2 HAVING sum(documents) <> 0 ORDER BY 1, 2",
    )
    return [(company, code, int(count), _amount(drafted)) for company, code, count, drafted in rows]


def _rows(
    topic: Topic,
    days: Days,
    currency: str | None,
    columns: str,
    groups: str,
    *,
    condition: str = "",
    values: Sequence[Any] = (),
    before: Sequence[Any] = (),
    without_later: bool = False,
    less: Topic | None = None,
) -> list[Any]:
    """The sums of the companies. `before` are the values in `columns`, `values` those in `condition`.

    `less` has the same columns under other names: its amounts are taken off, and what it counts is counted.
    """
    parts, first = topic.kept_and_waiting(), list(before)
    if less is not None:
        count, *amounts = less.sums
        taken_off = ", ".join((*less.keys, count, *(f"-{amount}" for amount in amounts)))
        parts = f"{parts} UNION ALL SELECT {taken_off} FROM ({less.kept_and_waiting()}) AS credited"
    if without_later:
        parts, first = f"{parts} UNION ALL {_later(topic)}", [*before, str(days.last)]
    companies = ", ".join(["%s"] * len(days.company_ids))
    in_currency = "" if currency is None else "AND currency = %s"
    statement = (
        f"SELECT {columns} FROM ({parts}) AS part WHERE company_id IN ({companies}) {in_currency} {condition} {groups}"
    )
    return _fetched(statement, [*first, *days.company_ids, *([] if currency is None else [currency]), *values])


def _later(topic: Topic) -> str:
    """What takes the documents out that are dated after a day (its parameter)."""
    keys = ", ".join(topic.keys)
    return (
        f"SELECT {keys}, -1 AS documents, -{OWED.format(row='document')} AS owed FROM {INVOICES} AS document "
        f"WHERE {IS_OPEN.format(row='document')} AND issue_date > %s"
    )


def _month(day: str) -> str:
    return f"substr(CAST({day} AS char(10)), 1, 7)"


def _fetched(statement: str, values: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _amount(units: int | Decimal) -> Decimal:
    return Decimal(units).scaleb(-AMOUNT_DECIMALS)
