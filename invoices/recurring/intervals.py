"""The calendar of what recurs: which days a series has, from its first day on. Pure functions, no ORM."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from django.db.models import TextChoices


class Interval(TextChoices):
    """From one day of a series to the next."""

    DAY = "day", "day"
    WEEK = "week", "week"
    MONTH = "month", "month"
    QUARTER = "quarter", "quarter"
    YEAR = "year", "year"


DAYS = {Interval.DAY: 1, Interval.WEEK: 7}
MONTHS = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.YEAR: 12}


@dataclass(frozen=True)
class Series:
    """The days from `start` on, every `count` intervals, up to `end` (included; None: for ever).

    Each day is counted from the first and not from the one before: 31 January, 28 or 29 February, 31 March. Where a
    month is too short, its last day stands in; so does 28 February for the 29th.
    """

    start: date
    interval: str
    count: int = 1
    end: date | None = None

    def day(self, number: int) -> date:
        """The day of that number, from 0, whether or not the series has ended before it."""
        if self.interval in DAYS:
            return self.start + timedelta(days=number * self._step)
        months = self.start.month - 1 + number * self._step
        year, month = self.start.year + months // 12, months % 12 + 1
        return date(year, month, min(self.start.day, monthrange(year, month)[1]))

    def number_after(self, day: date) -> int:
        """The number of the first day after `day`, as `day` counts them."""
        if day < self.start:
            return 0
        if self.interval in DAYS:
            return (day - self.start).days // self._step + 1
        months = (day.year - self.start.year) * 12 + day.month - self.start.month
        number = months // self._step
        return number + 1 if self.day(number) <= day else number

    def first_after(self, day: date | None) -> date | None:
        """The first day of the series after `day` (None: the first of all), or None where it has ended."""
        return next(self.days_after(day), None)

    def days_after(self, day: date | None) -> Iterator[date]:
        """The days of the series after `day` (None: all), in order."""
        number = 0 if day is None else self.number_after(day)
        while True:
            found = self.day(number)
            if self.end is not None and found > self.end:
                return
            yield found
            number += 1

    def next_days(self, day: date | None, count: int) -> list[date]:
        """The first `count` of the days after `day`."""
        return list(islice(self.days_after(day), count))

    def count_between(self, after: date | None, last: date) -> int:
        """How many days of the series come after `after` (None: all) up to `last`, included."""
        last = last if self.end is None else min(last, self.end)
        before = 0 if after is None else self.number_after(after)
        return max(self.number_after(last) - before, 0)

    def last_day_of_period(self, day: date) -> date:
        """The last day before the next one of the series: what begins on `day` lasts until then."""
        return self.day(self.number_after(day)) - timedelta(days=1)

    @property
    def _step(self) -> int:
        unit = {**DAYS, **MONTHS}[Interval(self.interval)]
        return unit * self.count
