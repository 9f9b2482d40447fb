"""Days by a company's own calendar, without a database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from reports.periods import RangeReversed, common_day, day_of, days_between, earliest_due_dates


@dataclass
class Company:
    company_id: int
    zone: ZoneInfo
    now: date = date(2026, 3, 31)

    def today(self):
        return self.now


JOHANNESBURG = Company(1, ZoneInfo("Africa/Johannesburg"))
NEW_YORK = Company(2, ZoneInfo("America/New_York"), date(2026, 3, 30))
CAPE_TOWN = Company(3, ZoneInfo("Africa/Johannesburg"))


def test_days_begin_and_end_where_the_company_is():
    first, last = date(2026, 3, 1), date(2026, 3, 31)

    spans = days_between([JOHANNESBURG, NEW_YORK, CAPE_TOWN], first, last)

    assert [(span.company_ids, span.start, span.end) for span in spans] == [
        ([1, 3], datetime(2026, 2, 28, 22, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        # New York's clocks go forward on 8 March.
        ([2], datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, (date(2026, 3, 2), date(2026, 3, 31))),
        (date(2026, 1, 1), None, (date(2026, 1, 1), date(2026, 3, 31))),
        (None, date(2026, 1, 31), (date(2026, 1, 2), date(2026, 1, 31))),
        (None, date(1900, 1, 1), (date(1900, 1, 1), date(1900, 1, 1))),
        (date(2026, 3, 31), date(2026, 3, 31), (date(2026, 3, 31), date(2026, 3, 31))),
    ],
)
def test_what_is_left_out_is_the_last_thirty_days_up_to_today(first, last, expected):
    (span,) = days_between([JOHANNESBURG], first, last)

    assert (span.first, span.last) == expected


@pytest.mark.parametrize(("first", "last"), [("2026-04-01", None), ("2026-02-02", "2026-02-01")])
def test_a_first_day_after_the_last_is_refused(first, last):
    with pytest.raises(RangeReversed):
        days_between([JOHANNESBURG], date.fromisoformat(first), last and date.fromisoformat(last))


def test_today_is_each_company_s_own():
    spans = day_of([JOHANNESBURG, NEW_YORK], None)

    assert [span.last for span in spans] == [date(2026, 3, 31), date(2026, 3, 30)]
    assert common_day(span.last for span in spans) is None
    assert common_day(span.last for span in day_of([JOHANNESBURG, NEW_YORK], date(2026, 1, 1))) == date(2026, 1, 1)
    assert common_day([]) is None


def test_buckets_of_due_dates():
    assert dict(earliest_due_dates(date(2026, 3, 31))) == {
        "current": date(2026, 3, 31),
        "days1to30": date(2026, 3, 1),
        "days31to60": date(2026, 1, 30),
        "days61to90": date(2025, 12, 31),
    }
