"""What a company's home page shows, in each of its currencies: plain typed rows, for the admin and for REST alike.

All of it is as of the company's today. Figures of one currency are never added to those of another.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from core.money import ZERO
from parties.models import Company
from reports.figures import Bucket, Dashboard, Month, MonthlyRevenue, Owed
from reports.periods import BUCKETS, Days, day_of
from reports.selectors import revenue
from reports.sums import debtors, drafts, invoiced_by_month, owed_by_bucket

MONTHS = 12


def dashboards(companies: Iterable[Company], *, currency: str | None = None) -> list[Dashboard]:
    """The dashboard of each company in each of the currencies that it uses, its own first, then by code.

    With `currency` only that one. A company always has one in its own currency, be it empty.
    """
    found = []
    for company in companies:
        [days] = day_of([company], None)
        figures = _Figures(days, currency)
        used = figures.currencies() | ({company.currency} if currency in (None, company.currency) else set())
        found += [figures.dashboard(code) for code in sorted(used, key=lambda code: (code != company.currency, code))]
    return found


class _Figures:
    """All figures of one company, each by its currency."""

    def __init__(self, days: Days, currency: str | None) -> None:
        self.days = days
        year = Days(days.zone, days.company_ids, _months_before(days.last, MONTHS - 1), days.last)
        self.owed: defaultdict[str, dict[str, tuple[int, Decimal]]] = defaultdict(dict)
        for _, code, bucket, count, amount in owed_by_bucket(days, currency):
            self.owed[code][bucket] = (count, amount)
        self.drafts = {code: Owed(code, count, amount) for _, code, count, amount in drafts(days, currency)}
        self.invoiced: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
        for _, code, month, amount in invoiced_by_month(year, currency):
            self.invoiced[code][month] = amount
        self.moved = {
            one.currency: {month.period: month for month in one.periods} for one in revenue([year], currency=currency)
        }

    def currencies(self) -> set[str]:
        """The codes in which there is anything to show."""
        return {*self.owed, *self.drafts, *self.invoiced, *self.moved}

    def dashboard(self, code: str) -> Dashboard:
        """The figures in one currency."""
        [company_id] = self.days.company_ids
        owed = self.owed.get(code, {})
        return Dashboard(
            company_id=company_id,
            currency=code,
            today=self.days.last,
            drafts=self.drafts.get(code, Owed(code, 0, ZERO)),
            aging=[Bucket(code, *owed.get(name, (0, ZERO)), name) for name in BUCKETS],
            months=self._months(code),
            top_debtors=debtors(self.days, company_id, code) if owed else [],
        )

    def _months(self, code: str) -> list[Month]:
        moved, invoiced = self.moved.get(code, {}), self.invoiced.get(code, {})
        periods = [f"{_months_before(self.days.last, ago):%Y-%m}" for ago in reversed(range(MONTHS))]
        money = (moved.get(period, MonthlyRevenue(code, period, ZERO, ZERO)) for period in periods)
        return [Month(**vars(month), invoiced=invoiced.get(month.period, ZERO)) for month in money]


def _months_before(day: date, months: int) -> date:
    """The first day of the month that many months before that of `day`."""
    first = day.replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return first
