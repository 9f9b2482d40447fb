"""Money is exact, or it is refused."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import (
    AmountInvalid,
    AmountTooLarge,
    AmountTooPrecise,
    UnknownCurrency,
    allocate,
    currency_codes,
    exact,
    grouped_money,
    grouped_text,
    minor_units,
    money_text,
    plain_text,
    quantize,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2500.00", "2500.00"), (" 1 ", "1.00"), (7, "7.00"), ("-0", "0"), (Decimal("1E+2"), "100.00"), ("+3.10", "3.10")],
)
def test_plain_numbers_are_read_as_they_are(value, expected):
    assert exact(value, decimals=2) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "1e3",
            "1_000",
            "1,000",
            "0x10",
            "NaN",
            "Infinity",
            "\u0661\u0662",
            "\uff11",
            "R 5",
            "--1",
            "1.",
            ".5",
        ),
        *(None, True, 1.5, [], {}, Decimal("NaN"), Decimal("Infinity"), "1" * 5000),
    ],
)
def test_what_is_no_plain_number_is_refused(value):
    with pytest.raises(AmountInvalid):
        exact(value, decimals=2)


def test_more_decimals_than_possible_are_refused_and_zeros_do_not_count():
    assert exact("1.500", decimals=2) == Decimal("1.50")
    with pytest.raises(AmountTooPrecise):
        exact("0.005", decimals=2)
    with pytest.raises(AmountTooPrecise):
        exact(Decimal("1e-400"), decimals=2)


@pytest.mark.parametrize(
    "value", ["100000000000", Decimal("1e400"), "9" * 2000, "12345678901.12345", Decimal("99999999999.99999")]
)
def test_more_than_the_database_keeps_is_refused(value):
    with pytest.raises(AmountTooLarge):
        exact(value, decimals=6)


def test_rounding_is_half_up_whatever_the_context_says():
    with localcontext() as context:
        context.prec = 3
        assert quantize(Decimal("123456.785"), decimals=2) == Decimal("123456.79")
    assert quantize(Decimal("-0.5"), decimals=0) == Decimal(-1)


@given(
    total=st.integers(-(10**9), 10**9),
    weights=st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=30),
    decimals=st.sampled_from([0, 2, 3]),
)
def test_shares_always_sum_to_the_total_and_are_off_by_less_than_one_unit(total, weights, decimals):
    amount = Decimal(total).scaleb(-decimals)

    shares = allocate(amount, weights, decimals=decimals)

    assert sum(shares) == amount
    unit = Decimal(1).scaleb(-decimals)
    weight_sum = sum(weights)
    if weight_sum:
        assert all(
            abs(share - amount * weight / weight_sum) < unit for share, weight in zip(shares, weights, strict=True)
        )


def test_the_largest_remainder_gets_the_odd_cent_and_ties_go_to_the_first():
    thirds = allocate(Decimal("1.00"), [Decimal(1)] * 3, decimals=2)
    uneven = allocate(Decimal("0.05"), [Decimal(1), Decimal(2)], decimals=2)

    assert thirds == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert uneven == [Decimal("0.02"), Decimal("0.03")]
    assert allocate(Decimal(5), [], decimals=2) == []
    assert allocate(Decimal(5), [Decimal(0), Decimal(0)], decimals=2) == [Decimal(5), Decimal(0)]


def test_amounts_are_shown_with_the_decimals_of_their_currency():
    texts = [money_text(Decimal("2500"), currency) for currency in ("ZAR", "JPY", "KWD")]

    assert texts == ["2500.00", "2500", "2500.000"]
    assert [plain_text(Decimal(text)) for text in ("0.1500", "100", "0.000", "1E+3")] == ["0.15", "100", "0", "1000"]


def test_people_read_groups_of_three_digits():
    cases = [("22837.9", "ZAR"), ("999.99", "ZAR"), ("-1234567.5", "ZAR"), ("-0.5", "ZAR"), ("1000", "JPY")]

    assert [grouped_money(Decimal(amount), currency) for amount, currency in cases] == [
        "22\u202f837.90",
        "999.99",
        "-1\u202f234\u202f567.50",
        "-0.50",
        "1\u202f000",
    ]
    assert grouped_text("12345.678900") == "12\u202f345.678900"


@pytest.mark.parametrize("currency", ["XXX", "zar", "", "ZZZ", "XAU"])
def test_what_is_no_currency_for_money_is_refused(currency):
    with pytest.raises(UnknownCurrency):
        minor_units(currency)


def test_minor_units_are_those_of_iso_4217(samples):
    published = samples.json("reference/iso4217.json")["currencies"]

    expected = {row["code"]: row["minor_units"] for row in published if row["minor_units"] is not None}

    assert {code: minor_units(code) for code in currency_codes()} == expected
