"""Columns for money: their sizes are decided once, here.

SQLite keeps 15 significant digits, so each kind has a bound that keeps its values exact on both databases; a CHECK in
each table refuses more (``within_limit``).
"""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

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
