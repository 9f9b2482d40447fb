"""Money and numbers in templates, as exact text."""

from decimal import Decimal

from django import template

from core.money import minor_units, money_text, plain_text

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """The amount with the decimals of its currency: "2500.00" in ZAR, "2500" in JPY."""
    return money_text(amount, currency)


@register.filter
def plain(number: Decimal) -> str:
    """The number without trailing zeros."""
    return plain_text(number)


@register.filter
def percent(rate: Decimal) -> str:
    """A fraction as a percentage: "15 %" for 0.15."""
    return f"{plain_text(rate * 100)} %"


@register.filter
def price(number: Decimal, currency: str) -> str:
    """A unit price: with the decimals of its currency, or with all that it has where those are more."""
    exponent = Decimal(plain_text(number)).as_tuple().exponent
    return plain_text(number) if -int(exponent) > minor_units(currency) else money_text(number, currency)
