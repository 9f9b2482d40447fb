"""Pictures of figures: where the bars of a chart stand, in the units of its drawing. No ORM.

A picture never says more than the table beside it: each bar carries the exact amount as its text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from core.money import ZERO, grouped_money

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 70, 8, 12, 26
GRID_LINES = 4
WIDEST_BAR = 56
BAR_SHARE = 0.72
"""How much of the room of a group its bars take; the rest is the gap to the next."""


@dataclass(frozen=True)
class Series:
    """One amount for each group, all in one currency."""

    name: str
    amounts: Sequence[Decimal]


@dataclass(frozen=True)
class Bar:
    """A rectangle, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: int
    text: str


@dataclass(frozen=True)
class Mark:
    """A word at a place of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Groups of upright bars over a grid."""

    bars: Sequence[Bar]
    columns: Sequence[Mark]
    grid: Sequence[Mark]
    series: Sequence[str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    ground: int = HEIGHT - BOTTOM


def bar_chart(groups: Sequence[str], series: Sequence[Series], *, currency: str) -> Chart:
    """The bars of each group beside each other; amounts below zero are drawn as their size, and say what they are."""
    highest = max((abs(amount) for one in series for amount in one.amounts), default=ZERO)
    top = nice_limit(highest)
    room = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    bar_width = min(room * BAR_SHARE / max(len(series), 1), WIDEST_BAR)
    gap = (room - bar_width * len(series)) / 2
    bars = [
        _bar(
            LEFT + room * group + gap + bar_width * number,
            bar_width,
            number,
            amount=one.amounts[group],
            top=top,
            text=f"{groups[group]}, {one.name}: {currency} {grouped_money(one.amounts[group], currency)}",
        )
        for group in range(len(groups))
        for number, one in enumerate(series)
    ]
    columns = [Mark(LEFT + room * (group + 0.5), name) for group, name in enumerate(groups)]
    return Chart(bars, columns, _grid(top, currency), [one.name for one in series])


def shares(amounts: Sequence[Decimal]) -> list[float]:
    """How much of the sum each amount is, in percent, for drawing only; nothing of nothing is 0."""
    total = sum(amounts, ZERO)
    return [float(100 * amount / total) if total > 0 else 0.0 for amount in amounts]


def nice_limit(highest: Decimal) -> Decimal:
    """The least of 1, 2, 2.5, 4, 5, 8 times a power of ten that is not below `highest`; 1 for nothing."""
    if highest <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(highest.adjusted())
    steps = (Decimal(step) for step in ("1", "2", "2.5", "4", "5", "8", "10"))
    return next(power * step for step in steps if power * step >= highest)


def _bar(x: float, width: float, series: int, *, amount: Decimal, top: Decimal, text: str) -> Bar:
    height = float(abs(amount) / top) * (HEIGHT - TOP - BOTTOM)
    return Bar(round(x, 2), round(HEIGHT - BOTTOM - height, 2), round(width, 2), round(height, 2), series, text)


def _grid(top: Decimal, currency: str) -> list[Mark]:
    values = [top * step / GRID_LINES for step in range(GRID_LINES + 1)]
    whole = all(value == value.to_integral_value(ROUND_CEILING) for value in values)
    return [
        Mark(
            HEIGHT - BOTTOM - float(value / top) * (HEIGHT - TOP - BOTTOM),
            short_number(value) if whole else grouped_money(value, currency),
        )
        for value in values
    ]


def short_number(value: Decimal) -> str:
    """A whole number for an axis: 2500000 is "2.5 M", 40000 "40 k", 800 "800"."""
    for limit, letter in ((Decimal(10**9), "G"), (Decimal(10**6), "M"), (Decimal(10**3), "k")):
        if value >= limit:
            return f"{(value / limit).normalize():f} {letter}"
    return f"{value.normalize():f}"
