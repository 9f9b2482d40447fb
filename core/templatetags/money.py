"""Money and numbers in templates, as exact text."""

from decimal import Decimal

from django import template

from core.money import money_text, plain_text

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
