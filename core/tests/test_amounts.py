from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.amounts import (
    AmountAmbiguous,
    AmountUnreadable,
    OtherCurrency,
    read_amount,
    readings_of,
    typed_text,
)
from core.errors import DomainError
from core.money import AmountTooLarge, AmountTooPrecise

NARROW, FIGURE, NO_BREAK, THIN = "\u202f", "\u2007", "\u00a0", "\u2009"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2500", "2500"),
        ("2500.00", "2500"),
        ("2500,00", "2500"),
        ("2500.5", "2500.5"),
        ("2,5", "2.5"),
        ("2.50", "2.5"),
        ("2 500", "2500"),
        ("2 500,00", "2500"),
        ("2 500.00", "2500"),
        (f"2{NARROW}500.00", "2500"),
        (f"2{NO_BREAK}500,00", "2500"),
        (f"2{THIN}500{FIGURE}000.1", "2500000.1"),
        ("2,500.00", "2500"),
        ("2.500,00", "2500"),
        ("2'500.00", "2500"),
        ("2\u2019500,05", "2500.05"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,234,567.89", "1234567.89"),
        ("1.234.567,89", "1234567.89"),
        ("1 234 567,89", "1234567.89"),
        ("0.500", "0.5"),
        ("0,500", "0.5"),
        ("1234.567", "1234.567"),
        ("1,2500", "1.25"),
        ("R2500", "2500"),
        ("R 2,500.00", "2500"),
        ("R2 500,00", "2500"),
        ("r 2 500,00", "2500"),
        ("ZAR 2 500.00", "2500"),
        ("2.500,00 €", "2500"),
        ("2.500,00EUR", "2500"),
        ("€2,500.00", "2500"),
        ("$ 12.00", "12"),
        ("US$12.00", "12"),
        ("Fr. 2'500.00", "2500"),
        ("CHF 2'500.00", "2500"),
        ("-2 500,00", "-2500"),
        ("\u22122 500,00", "-2500"),
        ("-R 2,500.00", "-2500"),
        ("R -2,500.00", "-2500"),
        ("+5", "5"),
        ("  7  ", "7"),
        ("007", "7"),
    ],
)
def test_amounts_are_read_as_they_are_meant(text: str, amount: str) -> None:
    assert read_amount(text, decimals=6) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "grouped", "decimal"),
    [
        ("2,500", "2500.00", "2.50"),
        ("2.500", "2500.00", "2.50"),
        ("12.345", "12345.00", "12.3450"),
        ("R 100,000", "100000.00", "100.00"),
        ("1,050", "1050.00", "1.05"),
        ("-2,500", "2500.00", "2.50"),
    ],
)
def test_what_fits_two_amounts_is_refused_and_both_are_named(text: str, grouped: str, decimal: str) -> None:
    with pytest.raises(AmountAmbiguous) as caught:
        read_amount(text, decimals=6)

    assert f"Write {grouped} for the one, {decimal} for the other." in caught.value.detail
    assert read_amount(grouped, decimals=6) == Decimal(grouped)
    assert read_amount(decimal, decimals=6) == Decimal(decimal)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "abc", "R", "-", ".", ",", ".5", "5.", ",5", "5,", "1..5", "1,,5", "1.5.", "--5", "+-5"),
        *("25 00", "2500 00", "1 2345", "12 34", "1  000", "0 500", "1234 567", "1,23,456", "12,34,567.00"),
        *("2,5.00", "2.5,00", "2,500.00.00", "2.500,00,00", "1,234.567,89", "1 234,567.89", "1'234 567", "2 500'000"),
        *(
            "1234,567.00",
            "2e5",
            "1e400",
            "0x10",
            "5%",
            "NaN",
            "Infinity",
            "٣",
            "\uff12\uff15",
            "½",
            "1_000",
            "5/2",
            "(5)",
        ),
        *(
            "R 5 R",
            "R 5 ZAR",
            "ZARX 5",
            "$€5",
            "five",
            "5 apples",
            "2500.00-",
            "2500.\u2013",
            "1;5",
            "9" * 61,
            "\x005",
            "5\n5",
        ),
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(AmountUnreadable) as caught:
        read_amount(text, decimals=6)

    assert "2 500,00" in caught.value.detail
    assert readings_of(text) == []


def test_more_decimals_or_digits_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(AmountTooPrecise):
        read_amount("2 500,001", decimals=2)
    with pytest.raises(AmountTooLarge):
        read_amount("100 000 000 000", decimals=2)
    with pytest.raises(AmountTooLarge):
        read_amount("9" * 60, decimals=2)


@pytest.mark.parametrize(
    ("text", "currency"), [("€ 5", "ZAR"), ("R 5", "EUR"), ("EUR 5", "ZAR"), ("$5", "ZAR"), ("5 kr", "EUR")]
)
def test_an_amount_in_another_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(OtherCurrency, match=f"This is in {currency}"):
        read_amount(text, decimals=4, currency=currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("€ 5", "EUR"), ("R5", "ZAR"), ("$5", "USD"), ("$5", "AUD"), ("5 kr", "SEK"), ("KES 5", "KES")],
)
def test_a_sign_that_fits_the_currency_is_read_over(text: str, currency: str) -> None:
    assert read_amount(text, decimals=4, currency=currency) == 5


def test_a_currency_without_decimals_decides() -> None:
    assert read_amount("2,500", decimals=4, currency="JPY") == 2500
    assert read_amount("¥2,500", decimals=4, currency="JPY") == 2500
    with pytest.raises(AmountAmbiguous):
        read_amount("2,500", decimals=4, currency="KWD")


def test_both_readings_are_there_for_proposals() -> None:
    assert readings_of("2,500") == [Decimal(2500), Decimal("2.5")]
    assert readings_of("R 2,500.00") == [Decimal(2500)]


def written(number: Decimal, group: str, mark: str) -> str:
    whole, _, fraction = f"{number:,f}".partition(".")
    return whole.replace(",", group) + (f"{mark}{fraction}" if fraction else "")


AMOUNTS = st.decimals(min_value=0, max_value=Decimal(10) ** 9, places=None, allow_nan=False).map(
    lambda number: number.quantize(Decimal("0.0001"))
)


@given(
    number=AMOUNTS,
    places=st.integers(min_value=0, max_value=4),
    style=st.sampled_from([(",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("", "."), ("", ",")]),
    name=st.sampled_from(["", "R", "R ", "€", "ZAR "]),
    sign=st.sampled_from(["", "-"]),
)
def test_an_amount_is_read_as_it_was_written_or_not_at_all(
    number: Decimal, places: int, style: tuple[str, str], name: str, sign: str
) -> None:
    number = number.quantize(Decimal(1).scaleb(-places))
    text = f"{sign}{name}{written(number, *style)}"

    try:
        read = read_amount(text, decimals=4)
    except AmountAmbiguous:
        # Only this can be doubted: one mark, with three digits after it.
        assert text[-4] in ",."
        assert number in readings_of(text)
    else:
        assert read == (-number if sign else number)


@given(number=AMOUNTS)
def test_what_a_field_shows_is_read_as_what_it_was(number: Decimal) -> None:
    assert read_amount(typed_text(number), decimals=4) == number


@given(text=st.text(alphabet="0123456789 ,.'-+R€%eE\u202f", max_size=70))
def test_any_text_is_an_amount_or_a_sentence(text: str) -> None:
    try:
        read = read_amount(text, decimals=6)
    except DomainError as refusal:
        read = None
        sentence = refusal.detail
    if read is None:
        assert sentence.endswith(".")
    else:
        digits = "".join(character for character in text if character.isdigit())
        assert Decimal(digits) % 10 ** max(len(digits.rstrip("0")) - 15, 0) == 0
        assert abs(read) in [Decimal(digits).scaleb(-places) for places in range(7)]
