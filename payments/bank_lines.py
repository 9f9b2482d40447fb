"""Which invoice a line of a bank statement pays: what the line says, and how well an invoice fits it. No ORM.

A line is whatever somebody pastes: "ACME INV-2026-000012 2500.00". Nothing of it is trusted: a fit is a proposal with
its reasons, and a person books the payment.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

from core.amounts import readings_of
from core.money import grouped_money
from core.text import comparison_key

LONGEST_LINE = 500
FEWEST_CHARACTERS_OF_A_REFERENCE = 4
MONTHS = {
    name: place
    for place, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
ISO_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})-(\d{2})-(\d{2})(?!\d)")
WRITTEN_DAY = re.compile(r"(?<!\d)(\d{1,2})([./])(\d{1,2})\2((?:19|20)\d{2})(?!\d)")
NAMED_DAY = re.compile(r"(?<!\d)(\d{1,2})[ -]?(" + "|".join(MONTHS) + r")[a-z]*[ -]?((?:19|20)\d{2})(?!\d)")
NUMBER = re.compile(r"(?<![a-z0-9])inv(?:oice)?[^0-9a-z]{0,3}((?:19|20)\d{2})[^0-9a-z]{0,3}(\d{1,9})(?![0-9a-z])")
GROUPED = r"\d{1,3}(?:[ '.,\u00a0\u202f]\d{3})+(?:[.,]\d{1,4})?"
AMOUNT = re.compile(rf"(?<![\w/.,-])(?:{GROUPED}|\d+(?:[.,]\d{{1,4}})?)(?![\w/-])")
DECIMALS = re.compile(r"[.,]\d{1,2}$")
WORD = re.compile(r"[^\W\d_]{3,}")
TOKEN = re.compile(r"[^\s|,;:()\[\]\"]+")
REFERENCE = re.compile(r"(?=.*\d)[a-z0-9](?:[a-z0-9/_.-]*[a-z0-9])?")
PLAIN_REFERENCE = re.compile(r"0\d{3,}|\d{5,}")
"""Digits alone that are rather a number than an amount: they begin with 0, or are many."""
AROUND_AMOUNTS = re.compile(r"(?<![a-z])(?:zar|eur|usd|gbp|r|[€$£]) ?(?=\d)|(?<=\d) ?(?:cr|dr|€)(?![a-z])")
NO_NAMES = frozenset(
    {
        *("inv", "invoice", "payment", "paid", "pay", "from", "for", "the", "and", "ref", "reference", "number"),
        *("eft", "transfer", "credit", "deposit", "bank", "card", "cash", "acb", "account", "acc"),
        *("ltd", "pty", "inc", "llc", "gmbh", "limited", "zar", "eur", "usd", "gbp"),
    }
)
"""What stands on many lines and tells no customer from another."""
BY_NUMBER, BY_REFERENCE, BY_AMOUNT, BY_NAME, BY_PART_OF_NAME = 100, 60, 40, 30, 15
LEAST_SCORE = BY_NAME


Bill = TypeVar("Bill", bound="Payable")


class Payable(Protocol):
    """What is looked at of an invoice."""

    number: str | None
    currency: str
    search_text: str

    @property
    def buyer_name(self) -> str:
        """Who owes."""

    @property
    def still_owed(self) -> Decimal:
        """How much."""


@dataclass(frozen=True)
class BankLine:
    """What a line says: invoice numbers, other references, amounts as they may be read, a day, words of a name."""

    text: str
    numbers: tuple[str, ...]
    references: tuple[str, ...]
    amounts: tuple[Decimal, ...]
    is_amount_clear: bool
    day: date | None
    words: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """How well an invoice fits, why, and what would be paid: None where the line names no amount."""

    score: int
    reasons: tuple[str, ...]
    amount: Decimal | None


def read_line(text: str) -> BankLine:
    """What the line says. What stands for one thing is not taken for another: a date is no amount."""
    tidy = " ".join(text.split())[:LONGEST_LINE]
    rest = comparison_key(tidy)
    days = []
    for pattern, read in ((ISO_DAY, _iso_day), (WRITTEN_DAY, _written_day), (NAMED_DAY, _named_day)):
        days += [day for found in pattern.finditer(rest) if (day := read(found))]
        rest = pattern.sub(" | ", rest)
    numbers = [f"INV-{found[1]}-{int(found[2]):06d}" for found in NUMBER.finditer(rest)]
    rest = NUMBER.sub(" | ", rest)
    rest = AROUND_AMOUNTS.sub(" ", rest)
    written = [match[0] for match in AMOUNT.finditer(rest)]
    amounts = list(_amounts(written))
    references = [token for token in TOKEN.findall(rest) if _is_reference(token)]
    words = [word for word in WORD.findall(rest) if word not in NO_NAMES]
    return BankLine(
        text=tidy,
        numbers=tuple(dict.fromkeys(numbers)),
        references=tuple(dict.fromkeys(references)),
        amounts=tuple(dict.fromkeys(amounts)),
        is_amount_clear=_is_one_amount(written),
        day=days[0] if len(set(days)) == 1 else None,
        words=tuple(dict.fromkeys(words)),
    )


def fit_of(line: BankLine, invoice: Payable) -> Fit | None:
    """How well the invoice fits the line; None where it hardly does."""
    score, reasons = 0, []
    if invoice.number in line.numbers:
        score += BY_NUMBER
        reasons.append("its number is in the line")
    elif known := [reference for reference in line.references if reference in invoice.search_text]:
        score += BY_REFERENCE
        reasons.append(f"“{max(known, key=len)}” is in its number or references")
    amount = invoice.still_owed if invoice.still_owed in line.amounts else None
    if amount:
        score += BY_AMOUNT
        reasons.append("the amount is exactly what is outstanding")
    name = [word for word in WORD.findall(comparison_key(invoice.buyer_name)) if word not in NO_NAMES]
    shared = [word for word in name if word in line.words]
    if shared:
        score += BY_NAME if len(shared) == len(name) else BY_PART_OF_NAME
        reasons.append(
            "the customer's name is in the line" if len(shared) == len(name) else f"“{shared[0]}” is in the name"
        )
    if score < LEAST_SCORE:
        return None
    if amount is None and line.is_amount_clear:
        amount = line.amounts[0]
        reasons.append(_beside_outstanding(amount, invoice))
    return Fit(score, tuple(reasons), amount)


def _beside_outstanding(amount: Decimal, invoice: Payable) -> str:
    owed = grouped_money(invoice.still_owed, invoice.currency)
    relation = "a part of" if amount < invoice.still_owed else "more than"
    return f"the amount is {relation} the {owed} outstanding"


def _amounts(written: Iterable[str]) -> Iterator[Decimal]:
    """Every amount that may be meant, those with decimals first; of groups set apart by spaces, also the parts."""
    parts = [part for amount in written if " " in amount for part in amount.split()]
    for amount in sorted((*written, *parts), key=lambda amount: not DECIMALS.search(amount)):
        yield from (reading for reading in readings_of(amount) if reading)


def _is_one_amount(written: Iterable[str]) -> bool:
    """Whether there is one amount, read in one way; one with decimals is meant rather than whole numbers beside it."""
    meant = {amount for amount in written if DECIMALS.search(amount)} or set(written)
    return len(meant) == 1 and len(readings_of(*meant)) == 1


def _is_reference(token: str) -> bool:
    if len(token) < FEWEST_CHARACTERS_OF_A_REFERENCE or not REFERENCE.fullmatch(token):
        return False
    return bool(PLAIN_REFERENCE.fullmatch(token)) or not readings_of(token)


def _iso_day(found: re.Match[str]) -> date | None:
    return _day(found[1], found[2], found[3])


def _written_day(found: re.Match[str]) -> date | None:
    """The day of 31.12.2026 or 31/12/2026; of 03/04/2026, which people read in two ways, none."""
    is_clear = found[2] == "." or int(found[1]) > max(MONTHS.values()) or found[1] == found[3]
    return _day(found[4], found[3], found[1]) if is_clear else None


def _named_day(found: re.Match[str]) -> date | None:
    return _day(found[3], str(MONTHS[found[2]]), found[1])


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def best_first(fits: Iterable[tuple[Fit, Bill]], *, most: int) -> list[tuple[Fit, Bill]]:
    """The `most` best fits, the best first; among equals the order stays."""
    return sorted(fits, key=lambda pair: -pair[0].score)[:most]
