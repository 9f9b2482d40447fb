"""Which rate counts, and what an amount is worth by it."""

from datetime import date
from decimal import Decimal

import pytest

from currencies.ecb import LARGEST_FILE_BYTES, RateFileInvalid, read_ecb_file
from currencies.rates import ECB, MANUAL, FoundRate, Quotation, convert, rate_between
from currencies.tests.factories import ecb_file

MONDAY = date(2026, 1, 26)
TUESDAY = date(2026, 1, 27)


def quotation(base: str, quote: str, rate: str, *, day: date = MONDAY, source: str = ECB, entry: int = 0) -> Quotation:
    return Quotation(base, quote, day, Decimal(rate), source, entry)


def found(base: str, quote: str, *quotations: Quotation, day: date = MONDAY) -> FoundRate | None:
    return rate_between(quotations, base=base, quote=quote, day=day)


def test_direct() -> None:
    assert found("EUR", "ZAR", quotation("EUR", "ZAR", "20.5")) == FoundRate(Decimal("20.5"), MONDAY, ECB)


def test_the_other_way_round_is_rounded_to_ten_decimals() -> None:
    rate = found("ZAR", "EUR", quotation("EUR", "ZAR", "21"))
    assert rate is not None
    assert rate.rate == Decimal("0.0476190476")


def test_crossed_through_the_euro_with_one_rounding() -> None:
    rate = found("USD", "ZAR", quotation("EUR", "USD", "1.2"), quotation("EUR", "ZAR", "20"))
    assert rate == FoundRate(Decimal("16.6666666667"), MONDAY, ECB)


def test_crossed_the_other_way_round_is_rounded_once_too() -> None:
    rate = found("USD", "ZAR", quotation("USD", "EUR", "0.9"), quotation("ZAR", "EUR", "0.07"))
    assert rate == FoundRate(Decimal("12.8571428571"), MONDAY, ECB)
    rate = found("USD", "KWD", quotation("EUR", "USD", "3"), quotation("KWD", "EUR", "7"))
    assert rate == FoundRate(Decimal("0.0476190476"), MONDAY, ECB)


def test_crossed_is_as_old_as_the_older_and_by_hand_where_one_was() -> None:
    rate = found(
        "USD",
        "ZAR",
        quotation("EUR", "USD", "1.25", source=MANUAL),
        quotation("EUR", "ZAR", "20", day=TUESDAY),
        day=TUESDAY,
    )
    assert rate == FoundRate(Decimal(16), MONDAY, MANUAL)


def test_the_newest_day_counts_and_of_one_day_the_pair_itself() -> None:
    crossed = (quotation("EUR", "USD", "1", day=TUESDAY), quotation("EUR", "ZAR", "20", day=TUESDAY))
    assert found("USD", "ZAR", *crossed, quotation("USD", "ZAR", "19"), day=TUESDAY).rate == 20  # type: ignore[union-attr]
    same_day = quotation("USD", "ZAR", "19", day=TUESDAY)
    assert found("USD", "ZAR", *crossed, same_day, day=TUESDAY).rate == 19  # type: ignore[union-attr]


def test_by_hand_goes_before_the_bank_and_later_before_earlier() -> None:
    rates = [
        quotation("EUR", "ZAR", "20", source=ECB, entry=9),
        quotation("EUR", "ZAR", "21", source=MANUAL, entry=1),
        quotation("EUR", "ZAR", "22", source=MANUAL, entry=2),
    ]
    assert found("EUR", "ZAR", *rates) == FoundRate(Decimal(22), MONDAY, MANUAL)


@pytest.mark.parametrize(("days", "counts"), [(0, True), (7, True), (8, False)])
def test_a_rate_counts_for_seven_days_after_its_own(days: int, counts: bool) -> None:
    day = date(2026, 1, 26 + days) if days < 6 else date(2026, 2, days - 5)
    assert (found("EUR", "ZAR", quotation("EUR", "ZAR", "20"), day=day) is not None) is counts


def test_a_rate_of_a_later_day_does_not_count() -> None:
    assert found("EUR", "ZAR", quotation("EUR", "ZAR", "20", day=TUESDAY)) is None


def test_what_no_column_can_hold_is_no_rate() -> None:
    assert found("KWD", "IRR", quotation("EUR", "KWD", "0.36"), quotation("EUR", "IRR", "49000")) is None
    assert found("ZAR", "EUR", quotation("EUR", "ZAR", "99999.9")) is not None
    assert found("BHD", "EUR", quotation("EUR", "BHD", "0.000001")) is None


def test_the_first_days_of_the_calendar() -> None:
    assert found("EUR", "ZAR", day=date.min) is None


@pytest.mark.parametrize(
    ("amount", "rate", "currency", "worth"),
    [
        ("15.00", "20.5", "ZAR", "307.50"),
        ("0.01", "0.5", "EUR", "0.01"),
        ("1.00", "161.455", "JPY", "161"),
        ("1.00", "161.5", "JPY", "162"),
        ("10.00", "0.30755", "KWD", "3.076"),
    ],
)
def test_amounts_are_rounded_half_up_to_the_minor_unit(amount: str, rate: str, currency: str, worth: str) -> None:
    assert str(convert(Decimal(amount), Decimal(rate), currency)) == worth


def test_the_file_of_the_bank() -> None:
    content = ecb_file({"2026-01-27": {"USD": "1.1919", "ZAR": "19.05"}, "2026-01-26": {"USD": "1.1836"}})
    assert read_ecb_file(content) == [
        Quotation("EUR", "USD", MONDAY, Decimal("1.1836"), ECB),
        Quotation("EUR", "USD", TUESDAY, Decimal("1.1919"), ECB),
        Quotation("EUR", "ZAR", TUESDAY, Decimal("19.05"), ECB),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<Envelope/>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a><a><Cube time="2026-01-26"><Cube currency="USD" rate="1"/></Cube></a>',
        b'<?xml version="1.0" encoding="none-such"?><a/>',
        ecb_file({"2026-01-32": {"USD": "1"}}),
        ecb_file({"2026-01-26": {"USD": "NaN"}}),
        ecb_file({"2026-01-26": {"USD": "1e3"}}),
        ecb_file({"2026-01-26": {"USD": "0"}}),
        ecb_file({"2026-01-26": {"USD": "-1"}}),
        ecb_file({"2026-01-26": {"USD": "100000"}}),
        ecb_file({"2026-01-26": {"EUR": "1"}}),
        ecb_file({"2026-01-26": {"QQQ": "1"}}),
        b'<a><Cube currency="USD" rate="1"/></a>',
        b" " * (LARGEST_FILE_BYTES + 1),
        "<a>ÿ".encode("latin-1"),
    ],
)
def test_what_is_no_file_of_the_bank_is_refused(content: bytes) -> None:
    with pytest.raises(RateFileInvalid):
        read_ecb_file(content)
