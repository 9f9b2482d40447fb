"""Columns for money: their sizes are decided once, here.

SQLite keeps 15 significant digits, so each kind has a bound that keeps its values exact on both databases; a CHECK in
each table refuses more (``within_limit``).
"""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Round
from django.db.models.lookups import Exact

AMOUNT_DECIMALS = 4
PRICE_DECIMALS = 6
AMOUNT_BOUND = Decimal(10) ** 11
PRICE_BOUND = Decimal(10) ** 9


class AmountField(models.DecimalField):
    """An amount of money in the row's own currency, up to four decimals."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.update(max_digits=19, decimal_places=AMOUNT_DECIMALS)
        super().__init__(*args, **options)


class PriceField(models.DecimalField):
    """A unit price or a quantity, up to six decimals."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.update(max_digits=19, decimal_places=PRICE_DECIMALS)
        super().__init__(*args, **options)


class RateField(models.DecimalField):
    """A rate as a fraction from 0 to 1, up to four decimals (0.15 is 15 %)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.update(max_digits=5, decimal_places=4)
        super().__init__(*args, **options)


class PercentField(models.DecimalField):
    """A percentage from 0 to 100, up to four decimals (10 is 10 %)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.update(max_digits=7, decimal_places=4)
        super().__init__(*args, **options)


def sums_to_zero(name: str, expression: Any, *, code: str, message: str) -> models.CheckConstraint:
    """A CHECK that an expression of amounts is zero. Rounded: SQLite adds in floats, where 0.1 + 0.2 is not 0.3."""
    return models.CheckConstraint(
        condition=Exact(Round(expression, AMOUNT_DECIMALS), Value(Decimal(0))),
        name=name,
        violation_error_code=code,
        violation_error_message=message,
    )


def within_limit(name: str, *fields: str, bound: Decimal = AMOUNT_BOUND) -> models.CheckConstraint:
    """A CHECK that the absolute values of `fields` stay below `bound`."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__gt": -bound, f"{field}__lt": bound})
    return models.CheckConstraint(
        condition=condition,
        name=name,
        violation_error_code="amount_too_large",
        violation_error_message="Amounts stay below 100 000 000 000, prices and quantities below 1 000 000 000.",
    )


def discount_possible(name: str) -> models.CheckConstraint:
    """A CHECK that `discount_percent` and `discount_amount` are a percentage or an amount, not both."""
    return models.CheckConstraint(
        condition=Q(discount_percent=0, discount_amount__gte=0)
        | Q(discount_amount=0, discount_percent__gt=0, discount_percent__lte=100),
        name=name,
        violation_error_code="discount_invalid",
        violation_error_message="A discount is a percentage from 0 to 100, or an amount, not both.",
    )
