"""Numbers, dates and countries as each language writes them (Unicode CLDR, by way of Babel). Pure functions."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton

from core.money import minor_units, money_text, plain_text

LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "af": "af_ZA"}
"""The language of a document -> whose formats it is written in. English dates begin with the day."""


@dataclass(frozen=True)
class Formats:
    """The formats of one language; every method gives text to show."""

    locale: Locale
    group: str
    point: str
    percent_sign: str

    def number(self, number: Decimal) -> str:
        """A number with all its decimals and no others: "1,234.5"."""
        return self.figures(plain_text(number))

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount with the decimals of its currency, without its name: "22,837.90" in ZAR, "22,838" in JPY."""
        return self.figures(money_text(amount, currency))

    def price(self, price: Decimal, currency: str) -> str:
        """A unit price: with the decimals of its currency, or all that it has where those are more."""
        decimals = -int(Decimal(plain_text(price)).as_tuple().exponent)
        return self.number(price) if decimals > minor_units(currency) else self.money(price, currency)

    def percent(self, fraction: Decimal) -> str:
        """A fraction as a percentage: "15%" for 0.15, "15 %" in German."""
        return f"{self.number(fraction * 100)}{self.percent_sign}"

    def day(self, day: date) -> str:
        """A day in words: "1 March 2026"."""
        return format_date(day, "long", locale=self.locale)

    def short_day(self, day: date) -> str:
        """A day for a column: "1 Mar 2026"."""
        return format_date(day, "medium", locale=self.locale)

    def span(self, first: date, last: date) -> str:
        """The days from `first` to `last` in few letters, with a dash between them."""
        # The thin blanks around the dash are in few fonts.
        return format_interval(first, last, "yMMMd", locale=self.locale).replace("\u2009", " ")

    def month(self, day: date) -> str:
        """The month of a day: "March"."""
        return format_date(day, "LLLL", locale=self.locale)

    def month_of_year(self, day: date) -> str:
        """The month of a day with its year: "March 2026"."""
        return str(format_skeleton("yMMMM", day, locale=self.locale))

    def quarter(self, day: date) -> str:
        """The quarter of a day: "Q1"."""
        return format_date(day, "QQQ", locale=self.locale)

    def country(self, code: str) -> str:
        """The name of a country (ISO 3166-1, two letters), or the code where it is none."""
        return str(self.locale.territories.get(code, code))

    def figures(self, plain: str) -> str:
        """A plain number ("-1234.5") with this language's separators; no line breaks inside."""
        grouped = f"{Decimal(plain):,f}"
        return grouped.translate({ord(","): self.group, ord("."): self.point, ord("-"): "\u2212"})


@cache
def formats_of(language: str) -> Formats:
    """The formats of a language of documents; of English for one that is not known."""
    locale = Locale.parse(LOCALES.get(language, LOCALES["en"]))
    symbols = locale.number_symbols["latn"]
    return Formats(locale, symbols["group"], symbols["decimal"], locale.percent_formats[None].suffix[0])
