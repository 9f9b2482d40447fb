"""The calendar: no period is left out, none comes twice, and the 31st is always the month's last day."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.recurring.intervals import MONTHS, Interval, Series

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))
INTERVALS = st.sampled_from(list(Interval))
COUNTS = st.integers(1, 60)
SERIES = st.builds(Series, DAYS, INTERVALS, COUNTS)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (Series(date(2026, 1, 31), "month"), ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (Series(date(2028, 1, 31), "month"), ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        (Series(date(2026, 1, 30), "month"), ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30"]),
        (Series(date(2025, 11, 30), "quarter"), ["2025-11-30", "2026-02-28", "2026-05-30", "2026-08-30"]),
        (Series(date(2024, 2, 29), "year"), ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        (Series(date(2026, 12, 30), "week"), ["2026-12-30", "2027-01-06", "2027-01-13"]),
        (Series(date(2026, 2, 27), "day"), ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (Series(date(2026, 1, 31), "month", 2), ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]),
        (Series(date(2026, 1, 1), "week", 2), ["2026-01-01", "2026-01-15", "2026-01-29"]),
        (Series(date(2026, 1, 31), "month", 1, date(2026, 3, 30)), ["2026-01-31", "2026-02-28"]),
        (Series(date(2026, 1, 31), "month", 1, date(2026, 2, 28)), ["2026-01-31", "2026-02-28"]),
    ],
)
def test_days_of_a_series(series: Series, expected: list[str]) -> None:
    assert [day.isoformat() for day in series.next_days(None, len(expected))] == expected


@given(SERIES, st.integers(0, 60))
def test_days_rise_and_are_found_again(series: Series, number: int) -> None:
    day, following = series.day(number), series.day(number + 1)

    assert day < following
    # walking goes from each day to the one with the next number: nothing is left out, nothing repeated
    assert series.first_after(day) == following
    assert series.first_after(day - timedelta(days=1)) == day
    assert series.last_day_of_period(day) == following - timedelta(days=1)


@given(SERIES, DAYS)
def test_the_first_day_after_any_day_is_the_first_there_is(series: Series, day: date) -> None:
    number = series.number_after(day)

    assert series.day(number) > day
    assert number == 0 or series.day(number - 1) <= day


@given(st.builds(Series, DAYS, st.sampled_from(list(MONTHS)), COUNTS), st.integers(0, 60))
def test_days_of_months_are_the_anchors_or_the_months_last(series: Series, number: int) -> None:
    day = series.day(number)

    assert day.day == min(series.start.day, monthrange(day.year, day.month)[1])
    months = (day.year - series.start.year) * 12 + day.month - series.start.month
    assert months == number * series.count * MONTHS[Interval(series.interval)]


@given(SERIES, st.dates(date(1990, 1, 1), date(2000, 12, 31)), st.dates(date(1990, 1, 1), date(2000, 12, 31)))
def test_what_is_counted_is_what_comes(series: Series, after: date, last: date) -> None:
    series = Series(series.start, series.interval, series.count, date(2000, 6, 30))

    coming = [day for day in series.days_after(after) if day <= last]

    assert series.count_between(after, last) == len(coming)


def test_a_series_that_has_ended_has_no_next_day() -> None:
    series = Series(date(2026, 1, 1), "month", 1, date(2026, 1, 31))

    assert series.first_after(date(2026, 1, 1)) is None
    assert Series(date(2026, 1, 2), "day", 1, date(2026, 1, 1)).first_after(None) is None
