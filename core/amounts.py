"""Amounts as people type and paste them, read rightly or refused with a sentence. Pure; the API's own rule is `exact`.

People write 2500.00, 2 500,00, 2'500.00, 1,234,567.89 and R 2,500.00, and which mark is which depends on who they are:
neither the language of a company nor its currency says how the person wrote who sent the bank's file that is pasted
here. So the text alone decides. Where it fits two amounts, as 2,500 and 2.500 do, it is refused with both readings
named: a wrong guess would be wrong by a factor of a thousand. Only a currency without decimals decides it (in JPY a
mark can but group).
"""

import re
from decimal import Decimal

from core.errors import DomainError
from core.money import exact, grouped_text, minor_units, plain_text

LONGEST_TEXT = 60
MINUS = "\u2212"
SPACES = re.compile(r"[ \t\u00a0\u2007\u2009\u202f]")
APOSTROPHES = re.compile("['\u2019]")
ABBREVIATION = re.compile(r"(?<=[A-Z])\.")
NUMBER = re.compile(r"[0-9](?:[0-9 ',.]*[0-9])?", re.ASCII)
PARTS = re.compile(
    r"(?P<sign>[-+]?) ?(?P<before>[^-+0-9 ',.]*) ?(?P<inner>[-+]?) ?(?P<number>[^-+A-Z%]*?) ?(?P<after>\D*)"
)
DIGITS = re.compile(r"[0-9]+")
SYMBOLS = {
    "R": "ZAR",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₦": "NGN",
    "KSH": "KES",
    "N$": "NAD",
    "P": "BWP",
    "US$": "USD",
    "A$": "AUD",
    "C$": "CAD",
    "FR": "CHF",
}
"""Signs that stand for one currency. $, ¥ and kr stand for several and are taken for any of them."""
SHARED_SYMBOLS = {
    "$": frozenset({"USD", "AUD", "CAD", "NZD", "NAD", "SGD", "HKD"}),
    "¥": frozenset({"JPY", "CNY"}),
    "KR": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}
UNREADABLE = (
    "This is no amount that can be read for sure. Write it like 2500.00, 2 500,00 or R 2,500.00: digits, in groups of "
    "three if in any, and one mark before the decimals."
)


class AmountUnreadable(DomainError):
    """The text is no amount."""

    code = "amount_unreadable"
    title = "Not an amount"
    default_detail = UNREADABLE


class AmountAmbiguous(DomainError):
    """The text fits two amounts, a thousandfold apart."""

    code = "amount_ambiguous"
    title = "Which amount?"


class OtherCurrency(DomainError):
    """The text names another currency than what it is typed for."""

    code = "other_currency"
    title = "Another currency"


def read_amount(text: str, *, decimals: int, currency: str | None = None) -> Decimal:
    """The amount that `text` stands for, of at most `decimals` decimals; in `currency`, where that is known.

    Raises AmountUnreadable, AmountAmbiguous, OtherCurrency, AmountTooPrecise, AmountTooLarge.
    """
    sign, named, number = _parts(text)
    if named and currency and not _may_stand_for(named, currency):
        raise OtherCurrency(f"This is in {currency}, but {named} was typed. Nothing is converted here.")
    readings = _readings(number)
    if currency is not None and minor_units(currency) == 0 and len(readings) == 2:
        readings = readings[:1]
    if not readings:
        raise AmountUnreadable
    if len(readings) == 2:
        raise AmountAmbiguous(_both(text.strip(), *readings))
    return exact(sign + readings[0], decimals=decimals)


def readings_of(text: str) -> list[Decimal]:
    """Every amount that `text` may stand for: none, one or two, the grouped one first. For proposals, not to book."""
    try:
        _, _, number = _parts(text)
    except AmountUnreadable:
        return []
    return [Decimal(reading) for reading in _readings(number)]


def typed_text(number: Decimal) -> str:
    """`number` as a field shows it, so that it is read as it was: three decimals get a fourth ("1.1250")."""
    text = plain_text(number)
    return f"{text}0" if len(_readings(text.lstrip("-"))) > 1 else text


def _parts(text: str) -> tuple[str, str, str]:
    """Sign, sign of currency and number, of a text with one kind of spaces and apostrophes."""
    tidy = APOSTROPHES.sub("'", SPACES.sub(" ", text.strip())).replace(MINUS, "-").upper()
    tidy = ABBREVIATION.sub("", tidy)
    found = PARTS.fullmatch(tidy) if 0 < len(tidy) <= LONGEST_TEXT else None
    if found is None or not NUMBER.fullmatch(found["number"]):
        raise AmountUnreadable
    signs, names = found["sign"] + found["inner"], [found["before"], found["after"]]
    named = "".join(names)
    if len(signs) > 1 or all(names) or not (named == "" or _is_currency(named)):
        raise AmountUnreadable
    return signs, named, found["number"]


def _readings(number: str) -> list[str]:
    """The plain numbers that a text of digits, spaces, apostrophes, commas and points stands for."""
    marks = [mark for mark in number if not mark.isdigit()]
    grouping = [mark for mark in " '" if mark in marks]
    written = [mark for mark in ",." if mark in marks]
    if len(grouping) > 1 or len(grouping) + len(written) > 2:
        return []
    if grouping:
        return _grouped(number, grouping[0], written[0] if written else "")
    if len(written) == 2:
        last = max(written, key=number.rindex)
        return _grouped(number, written[0] if last == written[1] else written[1], last)
    if not written:
        return [number]
    [mark] = written
    as_groups = _grouped(number, mark, "")
    as_decimals = [number.replace(mark, ".")] if marks.count(mark) == 1 else []
    return as_groups + as_decimals


def _grouped(number: str, group: str, decimal: str) -> list[str]:
    """The number whose groups of three are set apart by `group` and whose decimals follow `decimal`, if it is one."""
    whole, _, fraction = number.partition(decimal) if decimal else (number, "", "")
    if decimal and not DIGITS.fullmatch(fraction):
        return []
    first, *others = whole.split(group)
    is_grouped = DIGITS.fullmatch(first) and len(first) <= 3 and not first.startswith("0")
    if not is_grouped or any(len(other) != 3 or not DIGITS.fullmatch(other) for other in others):
        return []
    joined = first + "".join(others)
    return [f"{joined}.{fraction}" if decimal else joined]


def _is_currency(named: str) -> bool:
    return named in SYMBOLS or named in SHARED_SYMBOLS or bool(re.fullmatch("[A-Z]{3}", named))


def _may_stand_for(named: str, currency: str) -> bool:
    if named in SHARED_SYMBOLS:
        return currency in SHARED_SYMBOLS[named]
    return SYMBOLS.get(named, named) == currency


def _both(typed: str, grouped: str, decimal: str) -> str:
    smaller = plain_text(Decimal(decimal))
    return (
        f"“{typed}” can be read as {grouped_text(grouped)} or as {smaller}. "
        f"Write {grouped}.00 for the one, {_unmistakable(smaller)} for the other."
    )


def _unmistakable(number: str) -> str:
    """A plain number of up to three decimals with two of them, or with four."""
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction.ljust(2 if len(fraction) < 3 else 4, '0')}"
