"""What a currency is worth in another: pure rules on Decimal, no ORM.

A quotation says how many units of its quote currency one unit of its base currency buys on a day. The European Central
Bank quotes all others against the euro; what it does not quote is crossed through the euro.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from core.money import minor_units, quantize

RATE_DECIMALS = 10
RATE_BOUND = Decimal(10) ** 5
"""SQLite keeps 15 significant digits: ten decimals leave five digits before the point."""
MAXIMUM_AGE_DAYS = 7
"""A rate counts for its day and for the seven after it: the longest that the ECB ever published none is five."""
PIVOT = "EUR"
ECB = "ecb"
MANUAL = "manual"

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Quotation:
    """One `base` was worth `rate` units of `quote` on `day`, said by `source`; `entry` rises with each correction."""

    base: str
    quote: str
    day: date
    rate: Decimal
    source: str
    entry: int = 0


@dataclass(frozen=True)
class FoundRate:
    """The rate that counts: so many units of the one currency for one of the other, of which day, and by whom."""

    rate: Decimal
    day: date
    source: str


@dataclass(frozen=True)
class ConvertedAmount:
    """An amount that stands in another currency too: at which rate, of which day, and by whom."""

    currency: str
    amount: Decimal
    exchange_rate: Decimal
    date: date
    source: str


def earliest_day(day: date) -> date:
    """The oldest day whose quotations count for `day`."""
    return day - timedelta(days=min(MAXIMUM_AGE_DAYS, (day - date.min).days))


def rate_between(quotations: Iterable[Quotation], *, base: str, quote: str, day: date) -> FoundRate | None:
    """How many units of `quote` one `base` is worth on `day`; None where nothing recent enough says so.

    The newest day counts; on one day a quotation of the pair itself goes before one crossed through the euro. Within a
    pair and a day a rate by hand goes before the bank's, and a later entry before an earlier one.
    """
    fresh = [one for one in quotations if earliest_day(day) <= one.day <= day]
    direct = _rate_of_pair(fresh, base, quote)
    crossed = _crossed(fresh, base, quote) if PIVOT not in (base, quote) else None
    if direct is None or crossed is None:
        return direct or crossed
    return direct if direct.day >= crossed.day else crossed


def convert(amount: Decimal, rate: Decimal, currency: str) -> Decimal:
    """`amount` at `rate` units of `currency`, rounded half up to the minor unit of `currency` (EN 16931, BT-111)."""
    return quantize(_EXACT.multiply(amount, rate), decimals=minor_units(currency))


def _crossed(quotations: list[Quotation], base: str, quote: str) -> FoundRate | None:
    """Through the euro; as old as the older of the two."""
    from_base = _rate_of_pair(quotations, base, PIVOT, exact=True)
    to_quote = _rate_of_pair(quotations, PIVOT, quote, exact=True)
    if from_base is None or to_quote is None:
        return None
    source = ECB if (from_base.source, to_quote.source) == (ECB, ECB) else MANUAL
    rate = _rounded(_EXACT.multiply(from_base.rate, to_quote.rate))
    return FoundRate(rate, min(from_base.day, to_quote.day), source) if _is_possible(rate) else None


def _rate_of_pair(quotations: list[Quotation], base: str, quote: str, *, exact: bool = False) -> FoundRate | None:
    """What the pair's own quotations say, either way round; with all its digits where it is to be crossed."""
    own = [one for one in quotations if {one.base, one.quote} == {base, quote}]
    if not own:
        return None
    best = max(own, key=lambda one: (one.day, one.source == MANUAL, one.entry))
    rate = best.rate if best.base == base else _EXACT.divide(Decimal(1), best.rate)
    rate = rate if exact else _rounded(rate)
    return FoundRate(rate, best.day, best.source) if exact or _is_possible(rate) else None


def _rounded(rate: Decimal) -> Decimal:
    return quantize(rate, decimals=RATE_DECIMALS)


def _is_possible(rate: Decimal) -> bool:
    return 0 < rate < RATE_BOUND
