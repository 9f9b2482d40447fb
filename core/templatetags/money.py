"""Money and numbers in templates, as exact text that people read."""

from decimal import Decimal

from django import template

from core.money import grouped_money, grouped_text, percent_text, plain_text, price_text

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """The amount with the decimals of its currency, groups of digits set apart: "2 500.00" in ZAR, "2 500" in JPY."""
    return grouped_money(amount, currency)


@register.filter
def grouped(number: str) -> str:
    """A plain number with its groups of digits set apart."""
    return grouped_text(number)


@register.filter
def plain(number: Decimal) -> str:
    """The number without trailing zeros."""
    return plain_text(number)


@register.filter
def percent(rate: Decimal) -> str:
    """A fraction as a percentage: "15 %" for 0.15."""
    return percent_text(rate)


@register.filter
def price(number: Decimal, currency: str) -> str:
    """A unit price: with the decimals of its currency, or with all that it has where those are more."""
    return price_text(number, currency)
