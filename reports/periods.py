"""The days a report covers, by each company's own calendar, and how late is how late. No ORM."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from core.errors import DomainError

DEFAULT_DAYS = 30
EARLIEST_DAY = date(1900, 1, 1)
LATEST_DAY = date(2999, 12, 31)

LIMITS_DAYS = {"current": 0, "days1to30": 30, "days31to60": 60, "days61to90": 90}
"""Each bucket of aged receivables and the most days that its documents are overdue."""
OLDEST_BUCKET = "over90"
BUCKETS = (*LIMITS_DAYS, OLDEST_BUCKET)


class RangeReversed(DomainError):
    """The first day is after the last."""

    code = "from_after_to"
    title = "Dates in the wrong order"
    default_detail = "from is after to."


class HasCalendar(Protocol):
    """The part of a company that says which day it is there."""

    @property
    def company_id(self) -> int:
        """The company's id."""
        ...

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        ...

    def today(self) -> date:
        """Its calendar date."""
        ...


@dataclass(frozen=True)
class Days:
    """The days from `first` to `last`, both inclusive, of the companies in one time zone."""

    zone: ZoneInfo
    company_ids: Sequence[int]
    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The moment in which the first day begins."""
        return _start_of(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The moment in which the last day is over: the first that no longer counts."""
        return _start_of(self.last + timedelta(days=1), self.zone)


def days_between(companies: Iterable[HasCalendar], first: date | None, last: date | None) -> list[Days]:
    """The days from `first` to `last`, once for each time zone of the companies.

    Without `last` they end today, without `first` they are the last 30. Raises RangeReversed.
    """
    spans = []
    for here in _by_zone(companies).values():
        until = last or here[0].today()
        since = first or max(until - timedelta(days=DEFAULT_DAYS - 1), EARLIEST_DAY)
        if since > until:
            raise RangeReversed(field="from")
        spans.append(Days(here[0].zone, [company.company_id for company in here], since, until))
    return spans


def day_of(companies: Iterable[HasCalendar], day: date | None) -> list[Days]:
    """The one day (today where none is given), once for each time zone of the companies."""
    return [
        Days(here[0].zone, [company.company_id for company in here], day or here[0].today(), day or here[0].today())
        for here in _by_zone(companies).values()
    ]


def common_day(days: Iterable[date]) -> date | None:
    """The day, where it is the same one for all."""
    different = set(days)
    return different.pop() if len(different) == 1 else None


def months_back(day: date, months: int) -> date:
    """The first day of the month that is so many months before the day's; never before the earliest."""
    month = day.year * 12 + day.month - 1 - months
    return max(date(month // 12, month % 12 + 1, 1), EARLIEST_DAY) if month >= 12 * EARLIEST_DAY.year else EARLIEST_DAY


def earliest_due_dates(as_of: date) -> Mapping[str, date]:
    """The first due date of each bucket but the oldest, as of a day; from current to ever older."""
    return {name: as_of - timedelta(days=limit) for name, limit in LIMITS_DAYS.items()}


def _by_zone(companies: Iterable[HasCalendar]) -> dict[str, list[HasCalendar]]:
    zones: dict[str, list[HasCalendar]] = {}
    for company in companies:
        zones.setdefault(company.zone.key, []).append(company)
    return zones


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)
