"""The parts of a line sum back to it exactly, however it is split."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.money import ZERO
from credits.split import CreditableLine, Parts, part_of
from invoices.totals import ROUND_BY_LINE, ROUND_BY_RATE, Discount, PricedLine, Terms, breakdown_of, document_totals

CURRENCIES = {"ZAR": 2, "JPY": 0, "KWD": 3}
RATES = [("S", "0.15"), ("S", "0.07"), ("S", "0.2"), ("Z", "0"), ("E", "0")]
QUANTITIES = st.integers(1, 5_000_000).map(lambda number: Decimal(number).scaleb(-6)) | st.integers(1, 20).map(Decimal)
PRICES = st.integers(0, 10_000_000).map(lambda number: Decimal(number).scaleb(-3))


@st.composite
def priced_lines(draw: st.DrawFn) -> PricedLine:
    category, rate = draw(st.sampled_from(RATES))
    percent = draw(st.sampled_from(["0", "0", "10", "33.3333", "100"]))
    return PricedLine(draw(QUANTITIES), draw(PRICES), category, Decimal(rate), Discount(Decimal(percent)))


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[PricedLine], Terms]:
    lines = draw(st.lists(priced_lines(), min_size=1, max_size=5))
    discount = Discount(Decimal(draw(st.sampled_from(["0", "0", "12.5", "99"]))))
    rounding = draw(st.sampled_from([ROUND_BY_RATE, ROUND_BY_LINE]))
    return lines, Terms(draw(st.sampled_from(sorted(CURRENCIES))), draw(st.booleans()), rounding, discount)


def creditable(lines: list[PricedLine], terms: Terms) -> list[CreditableLine]:
    totals = document_totals(lines, terms)
    return [
        CreditableLine(line.quantity, Parts(own.taxable_amount, own.vat_amount, own.line_total - own.taxable_amount))
        for line, own in zip(lines, totals.lines, strict=True)
    ]


def some_of(data: st.DataObject, left: Decimal) -> Decimal:
    """A part of what is left, at most all of it, in millionths."""
    millionths = int(left.scaleb(6))
    return Decimal(data.draw(st.integers(1, millionths))).scaleb(-6)


@settings(max_examples=300, deadline=None)
@given(documents(), st.data())
def test_any_sequence_of_notes_sums_back_to_the_invoice(
    document: tuple[list[PricedLine], Terms], data: st.DataObject
) -> None:
    lines, terms = document
    left = creditable(lines, terms)
    totals = document_totals(lines, terms)
    decimals = CURRENCIES[terms.currency]
    notes: list[tuple[PricedLine, Parts]] = []
    for _ in range(data.draw(st.integers(0, 8))):
        position = data.draw(st.integers(0, len(left) - 1))
        if left[position].quantity_left:
            quantity = some_of(data, left[position].quantity_left)
            notes.append((lines[position], credit(left, position, quantity, decimals, terms)))
    for position, line in enumerate(left):
        if line.quantity_left:
            notes.append((lines[position], credit(left, position, line.quantity_left, decimals, terms)))

    for parts in (parts for _, parts in notes):
        assert parts.taxable_amount >= 0
        assert parts.vat_amount >= 0
        assert all(value == round(value, decimals) for value in (parts.line_total, parts.total))
    for line, own in zip(left, totals.lines, strict=True):
        assert line.credited == line.amounts
        assert line.credited.line_total == own.line_total
    assert sum((parts.total for _, parts in notes), ZERO) == totals.total
    by_rate = breakdown_of(
        ((line.vat_category, line.vat_rate, parts.taxable_amount, parts.vat_amount) for line, parts in notes),
        currency=terms.currency,
    )
    assert by_rate == list(totals.breakdown)


def credit(left: list[CreditableLine], position: int, quantity: Decimal, decimals: int, terms: Terms) -> Parts:
    """What the note takes; the line in its place has it taken."""
    line = left[position]
    parts = part_of(line, quantity, decimals=decimals, is_gross=terms.prices_include_vat)
    left[position] = CreditableLine(
        line.quantity, line.amounts, line.credited_quantity + quantity, line.credited + parts
    )
    return parts


def test_thirds_round_up_and_down_and_close() -> None:
    line = [CreditableLine(Decimal(3), Parts(Decimal("100.00"), Decimal("15.00")))]
    terms = Terms("ZAR")

    notes = [credit(line, 0, Decimal(1), 2, terms) for _ in range(3)]

    assert [str(note.taxable_amount) for note in notes] == ["33.33", "33.34", "33.33"]
    assert [str(note.vat_amount) for note in notes] == ["5.00", "5.00", "5.00"]


@pytest.mark.parametrize(("quantity", "total"), [("1", "10.00"), ("2", "20.00")])
def test_of_gross_prices_the_total_follows_the_quantity(quantity: str, total: str) -> None:
    line = CreditableLine(Decimal(3), Parts(Decimal("26.09"), Decimal("3.91")))

    part = part_of(line, Decimal(quantity), decimals=2, is_gross=True)

    assert part.total == Decimal(total)


def test_without_a_discount_there_is_no_share_of_one() -> None:
    line = CreditableLine(Decimal(7), Parts(Decimal("0.05"), Decimal("0.01")))

    assert part_of(line, Decimal(3), decimals=2, is_gross=False).discount_share == 0
