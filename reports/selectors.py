"""The figures of each report: from the sums that are kept beside the books, or where these cannot say, from the rows.

Rows are read for what was owed on a day that something has moved since, for who owes how much of which age, and for the
money of a company whose time zone has just changed.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, TypeVar

from core.database import among
from core.money import ZERO
from invoices.totals import VatBreakdown
from parties.models import Customer
from reports import rows, sums
from reports.figures import (
    TOP_DEBTORS,
    Aging,
    CompanyVat,
    CustomerAging,
    Debtor,
    MonthlyRevenue,
    Outstanding,
    Revenue,
    Vat,
    aging,
)
from reports.periods import Days

Row = TypeVar("Row", bound=tuple[Any, ...])


def revenue(days: Iterable[Days], *, currency: str | None = None) -> list[Revenue]:
    """The entries whose money moved in these days, by company, currency and month."""
    found: list[tuple[Any, ...]] = []
    for span in days:
        source = sums if sums.is_of_one_zone(span) else rows
        found += source.money_by_month(span, currency)
    return [
        Revenue(company_id, code, [MonthlyRevenue(code, *month) for _, _, *month in group])
        for company_id, code, group in _by_company_and_currency(sorted(found))
    ]


def vat(days: Iterable[Days], *, currency: str | None = None) -> list[Vat]:
    """The VAT of documents dated in these days, by company, currency, category and rate.

    Of those that are issued and not cancelled, less that of the credit notes dated in these days.
    """
    days = list(days)
    found: list[tuple[Any, ...]] = sorted(row for span in days for row in sums.vat_by_rate(span, currency))
    groups = [
        (company_id, code, [VatBreakdown(code, *rate) for _, _, *rate in group])
        for company_id, code, group in _by_company_and_currency(found)
    ]
    own = rows.currencies_of(company_id for company_id, _, _ in groups)
    is_foreign = any(code != own[company_id] for company_id, code, _ in groups)
    frozen = {key: worth for span in days for key, *worth in rows.company_vat(span)} if is_foreign else {}
    return [
        Vat(company_id, code, rates, _in_company_currency(company_id, code, rates, own, frozen))
        for company_id, code, rates in groups
    ]


def _in_company_currency(
    company_id: int,
    code: str,
    rates: Sequence[VatBreakdown],
    own: Mapping[int, str],
    frozen: Mapping[tuple[int, str], Sequence[Any]],
) -> CompanyVat:
    """What the VAT in a currency comes to in the company's own: as it is there, else as it was frozen."""
    if code == own[company_id]:
        return CompanyVat(code, sum((rate.vat_amount for rate in rates), ZERO))
    amount, left_out = frozen.get((company_id, code), (ZERO, 0))
    return CompanyVat(own[company_id], amount, left_out)


def outstanding(days: Iterable[Days], *, currency: str | None = None) -> list[Outstanding]:
    """What was owed at the end of the last day, by company and currency, and who owed most."""
    days = list(days)
    if not all(map(sums.is_settled, days)):
        return _outstanding_then(days, currency)
    found = [outstanding_now(span, group) for span in days for group in _grouped(sums.owed_by_bucket(span, currency))]
    return sorted(found, key=lambda one: (one.company_id, one.currency))


def outstanding_now(days: Days, buckets: Iterable[tuple[int, str, str, int, Decimal]]) -> Outstanding:
    """What is owed to one company in one currency, from its `owed_by_bucket`."""
    parts = list(buckets)
    company_id, code = parts[0][:2]
    count, owed = sum(part[3] for part in parts), sum((part[4] for part in parts), ZERO)
    return Outstanding(company_id, code, count, owed, sums.debtors(days, company_id, code))


def aged_receivables(days: Iterable[Days], *, currency: str | None = None) -> list[Aging]:
    """What was owed at the end of the last day, by company, currency, customer and days overdue."""
    days = list(days)
    is_settled = all(map(sums.is_settled, days))
    found = rows.owed_by_customer_and_bucket(days, currency, is_settled=is_settled)
    names = _customer_names(found)
    return [
        aging(company_id, code, _aged_customers(code, group, names))
        for company_id, code, group in _by_company_and_currency(found)
    ]


def _outstanding_then(days: list[Days], currency: str | None) -> list[Outstanding]:
    """The same as of a day that something has moved since."""
    groups = list(_grouped(rows.owed_by_customer(days, currency)))
    most = [heapq.nsmallest(TOP_DEBTORS, group, key=lambda row: (-row[3], row[2])) for group in groups]
    names = _customer_names(chain.from_iterable(most))
    return [
        Outstanding(
            company_id=group[0][0],
            currency=group[0][1],
            count=sum(row[4] for row in group),
            outstanding=sum((row[3] for row in group), ZERO),
            top_debtors=[
                Debtor(code, customer, names[customer], owed, count) for _, code, customer, owed, count in top
            ],
        )
        for group, top in zip(groups, most, strict=True)
    ]


def _aged_customers(
    currency: str, rows: Iterable[tuple[Any, ...]], names: Mapping[int, str]
) -> Iterator[CustomerAging]:
    for _, _, customer_id, *amounts, _ in rows:
        yield CustomerAging(currency, *amounts, customer_id=customer_id, customer_name=names[customer_id])


def _customer_names(rows: Iterable[tuple[Any, ...]]) -> dict[int, str]:
    customers = Customer.objects.filter(pk__in=among({row[2] for row in rows})).order_by()
    return dict(customers.values_list("pk", "name"))


def _grouped(found: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows, sorted by company and currency, those of each pair together."""
    for _, group in groupby(found, key=itemgetter(0, 1)):
        yield list(group)


def _by_company_and_currency(rows: Iterable[Row]) -> Iterator[tuple[int, str, Iterator[Row]]]:
    """Rows, sorted by company and currency (their first two columns), for each pair."""
    for (company_id, currency), group in groupby(rows, key=itemgetter(0, 1)):
        yield company_id, currency, group
