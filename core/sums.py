"""Sums that the database adds exactly: SQLite, which would add floats, adds whole numbers of ten-thousandths."""

from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, F
from django.db.models.functions import Cast, Round

from core.model_fields import AMOUNT_DECIMALS

UNITS_PER_ONE = 10**AMOUNT_DECIMALS


def summable(field: str) -> Any:
    """The amount in the column, as it is given to Sum."""
    if connection.vendor == "sqlite":
        return Cast(Round(F(field) * UNITS_PER_ONE), BigIntegerField())
    return F(field)


def amount_of(added: int | Decimal | None) -> Decimal:
    """The amount that a sum of summables stands for; zero where there was nothing to add."""
    amount = Decimal(added or 0)
    return amount.scaleb(-AMOUNT_DECIMALS) if connection.vendor == "sqlite" else amount
