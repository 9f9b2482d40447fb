"""Figures and dates are those that Babel, and so the Unicode CLDR, gives each language."""

from datetime import date
from decimal import Decimal

import pytest
from babel.numbers import format_decimal, format_percent

from core.languages import LOCALES, formats_of

NUMBERS = [Decimal(text) for text in ("0", "1", "999.5", "1000", "-1629.43", "22837.9", "1234567.891", "99999999999")]


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_written_as_babel_writes_them(language, number):
    expected = format_decimal(number, "#,##0.######", locale=LOCALES[language]).replace("-", "\u2212")

    assert formats_of(language).number(number) == expected


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("rate", [Decimal("0.15"), Decimal(1), Decimal(0)])
def test_percentages_are_written_as_babel_writes_them(language, rate):
    assert formats_of(language).percent(rate) == format_percent(rate, locale=LOCALES[language])


@pytest.mark.parametrize(
    ("language", "money", "day"),
    [
        ("en", "22,837.90", "1 March 2026"),
        ("de", "22.837,90", "1. März 2026"),
        ("fr", "22\u202f837,90", "1 mars 2026"),
        ("af", "22\u00a0837,90", "01 Maart 2026"),
    ],
)
def test_each_language_has_its_own_separators_and_months(language, money, day):
    formats = formats_of(language)

    assert (formats.money(Decimal("22837.9"), "EUR"), formats.day(date(2026, 3, 1))) == (money, day)


def test_money_has_the_decimals_of_its_currency_and_prices_all_of_theirs():
    formats = formats_of("en")

    assert formats.money(Decimal(1250000), "JPY") == "1,250,000"
    assert formats.money(Decimal("0.5"), "KWD") == "0.500"
    assert formats.price(Decimal("0.125"), "ZAR") == "0.125"
    assert formats.price(Decimal("2.5"), "ZAR") == "2.50"


def test_a_country_has_its_name_in_the_language_and_an_unknown_one_its_code():
    assert formats_of("de").country("ZA") == "Südafrika"
    assert formats_of("de").country("QX") == "QX"


def test_an_unknown_language_is_written_as_english():
    assert formats_of("xx") == formats_of("en")
