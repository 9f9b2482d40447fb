from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts import HEIGHT, LEFT, WIDTH, Series, bar_chart, nice_limit, shares, short_number

AMOUNTS = st.decimals(min_value=0, max_value=10**10, places=2)


def test_the_highest_bar_fits_and_equal_amounts_are_equally_high() -> None:
    chart = bar_chart(
        ["A", "B"], [Series("x", [Decimal(50), Decimal(100)]), Series("y", [Decimal(0), Decimal(50)])], currency="EUR"
    )

    heights = [bar.height for bar in chart.bars]
    assert heights[0] == heights[3] == pytest.approx(heights[2] / 2)
    assert heights[1] == 0
    assert chart.bars[2].text == "B, x: EUR 100.00"


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=24))
def test_whatever_is_drawn_stays_inside_the_picture_and_bars_do_not_overlap(
    rows: list[tuple[Decimal, Decimal]],
) -> None:
    series = [Series("in", [row[0] for row in rows]), Series("out", [-row[1] for row in rows])]

    chart = bar_chart([str(index) for index in range(len(rows))], series, currency="EUR")

    assert all(bar.x >= LEFT and bar.x + bar.width <= WIDTH + 0.01 for bar in chart.bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert all(left.x + left.width <= right.x + 0.02 for left, right in pairwise(chart.bars))
    assert all(lower.at > higher.at for lower, higher in pairwise(chart.grid))


@given(st.decimals(min_value=Decimal("0.01"), max_value=10**12, places=2))
def test_the_top_of_the_scale_is_not_below_the_highest_and_not_far_above(highest: Decimal) -> None:
    assert highest <= nice_limit(highest) <= 2 * highest


def test_an_empty_chart_has_a_scale() -> None:
    assert nice_limit(Decimal(0)) == 1
    assert bar_chart([], [], currency="EUR").bars == []


@pytest.mark.parametrize(
    ("value", "text"), [("0", "0"), ("800", "800"), ("40000", "40 k"), ("2500000", "2.5 M"), ("10000000000", "10 G")]
)
def test_marks_of_the_scale_are_short(value: str, text: str) -> None:
    assert short_number(Decimal(value)) == text


def test_shares_are_parts_of_a_hundred() -> None:
    assert shares([Decimal(1), Decimal(3)]) == [25.0, 75.0]
    assert shares([Decimal(0), Decimal(0)]) == [0.0, 0.0]
