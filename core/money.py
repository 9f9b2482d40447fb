"""Exact money: reading it, rounding it, splitting it, showing it. Pure functions on Decimal, no float anywhere.

Amounts are `Decimal` in the currency's major unit ("2500.00" is two and a half thousand rand); the number of decimals
of a currency is its minor unit in ISO 4217. Rounding is half up (commercial rounding, as EN 16931 expects) and happens
in a context of its own, so that nobody else's context can change a total.
"""

import re
from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from functools import cache

import iso4217

from core.errors import DomainError

ZERO = Decimal(0)
AMOUNT_LIMIT = Decimal(10) ** 11
SIGNIFICANT_DIGITS = 15
GROUP_SEPARATOR = "\u202f"
"""Between groups of three digits where people read: a narrow space at which no line breaks."""
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,2000}(\.[0-9]{1,2000})?", re.ASCII)

_EXACT = Context(prec=100)


class UnknownCurrency(DomainError):
    """The code is no ISO 4217 currency that has a minor unit."""

    code = "unknown_currency"
    title = "Unknown currency"


class AmountInvalid(DomainError):
    """The value is no plain decimal number."""

    code = "amount_invalid"
    title = "Not an amount"
    default_detail = (
        'Give a plain decimal number such as "2500.00", without separators, exponents or signs of currency.'
    )


class AmountTooPrecise(DomainError):
    """The value has more decimals than its currency or field allows; it is refused, never rounded."""

    code = "amount_too_precise"
    title = "Too many decimals"


class AmountTooLarge(DomainError):
    """The value is 10^11 or more, or has more than 15 significant digits (SQLite keeps no more)."""

    code = "amount_too_large"
    title = "Amount too large"
    default_detail = "Amounts stay below 100 000 000 000 and have at most 15 significant digits."


@cache
def _minor_units_by_currency() -> dict[str, int]:
    return {currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}


def currency_codes() -> list[str]:
    """All ISO 4217 codes that money can be kept in, sorted."""
    return sorted(_minor_units_by_currency())


def minor_units(currency: str) -> int:
    """The number of decimals of `currency`: 2 for ZAR, 0 for JPY, 3 for KWD (ISO 4217). Raises UnknownCurrency."""
    try:
        return _minor_units_by_currency()[currency]
    except KeyError:
        raise UnknownCurrency(
            f"{currency!r} is no ISO 4217 currency code; use one such as ZAR or EUR.", field="currency"
        ) from None


def exact(value: object, *, decimals: int, field: str | None = None) -> Decimal:
    """`value` (str, int or Decimal) as a Decimal of at most `decimals` decimals, unchanged in value.

    Raises AmountInvalid (floats, NaN, exponents in text, other scripts' digits), AmountTooPrecise, AmountTooLarge.
    """
    number = _read(value, field)
    if number == 0:
        return ZERO
    # Bounds first, on the exponent: 1e400 must not be expanded to be refused.
    if number.adjusted() > 20 or abs(number) >= AMOUNT_LIMIT:
        raise AmountTooLarge(field=field)
    significant = _strip_zeros(number)
    exponent = significant.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise AmountTooPrecise(f"At most {decimals} decimals are possible here; {value} has more.", field=field)
    if significant.adjusted() - min(int(exponent), 0) + 1 > SIGNIFICANT_DIGITS:
        raise AmountTooLarge(field=field)
    return number.quantize(_unit(decimals), context=_EXACT)


def _read(value: object, field: str | None) -> Decimal:
    if isinstance(value, str) and PLAIN_NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    raise AmountInvalid(field=field)


def _strip_zeros(number: Decimal) -> Decimal:
    return number.normalize(Context(prec=max(len(number.as_tuple().digits), 1)))


def quantize(value: Decimal, *, decimals: int) -> Decimal:
    """`value` rounded half up (away from zero at the tie) to `decimals` decimals."""
    return value.quantize(_unit(decimals), rounding=ROUND_HALF_UP, context=_EXACT)


@cache
def _unit(decimals: int) -> Decimal:
    """The smallest amount with so many decimals."""
    return Decimal(1).scaleb(-decimals)


def allocate(total: Decimal, weights: Sequence[Decimal], *, decimals: int) -> list[Decimal]:
    """`total` split in proportion to `weights` by largest remainder: exact shares that sum to `total`.

    Ties go to the earlier weight; sort the weights by what a tie should prefer. `total` has at most `decimals`
    decimals. With weights that sum to zero everything goes to the first share; without weights there is no share.
    """
    if not weights:
        return []
    weight_sum = sum(weights, ZERO)
    if weight_sum == 0 or total == 0:
        return [total, *[quantize(ZERO, decimals=decimals)] * (len(weights) - 1)]
    unit = _unit(decimals)
    raw = [_EXACT.divide(_EXACT.multiply(total, weight), weight_sum) for weight in weights]
    shares = [share.quantize(unit, rounding=ROUND_DOWN, context=_EXACT) for share in raw]
    missing = int((total - sum(shares, ZERO)).scaleb(decimals))
    step = unit if missing >= 0 else -unit
    by_remainder = sorted(range(len(raw)), key=lambda position: -abs(raw[position] - shares[position]))
    for position in by_remainder[: abs(missing)]:
        shares[position] += step
    return shares


def money_text(amount: Decimal, currency: str) -> str:
    """`amount` with the currency's own number of decimals: "2500.00" in ZAR, "2500" in JPY."""
    return f"{quantize(amount, decimals=minor_units(currency)):f}"


def grouped_money(amount: Decimal, currency: str) -> str:
    """`amount` as people read it: "22 837.90" in ZAR, "22 838" in JPY."""
    return grouped_text(money_text(amount, currency))


def grouped_text(number: str) -> str:
    """A plain number with its groups of three digits set apart by ``GROUP_SEPARATOR``."""
    return f"{Decimal(number):,f}".replace(",", GROUP_SEPARATOR)


def plain_text(number: Decimal) -> str:
    """`number` without trailing zeros and without an exponent: "0.15", "3", "100"."""
    return f"{_strip_zeros(number):f}" if number else "0"


def percent_text(rate: Decimal) -> str:
    """A fraction as a percentage: "15 %" for 0.15."""
    return f"{plain_text(rate * 100)} %"


def price_text(price: Decimal, currency: str) -> str:
    """A unit price as people read it: with the decimals of its currency, or all that it has where those are more."""
    exponent = Decimal(plain_text(price)).as_tuple().exponent
    is_finer = -int(exponent) > minor_units(currency)
    return grouped_text(plain_text(price)) if is_finer else grouped_money(price, currency)
