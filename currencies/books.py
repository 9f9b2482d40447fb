"""What must hold of exchange rates, for ``manage.py verify_books``."""

from collections.abc import Iterator

from audit.books import Fault, register
from core.money import currency_codes
from currencies.models import ExchangeRate
from currencies.rates import RATE_BOUND

ROWS_AT_A_TIME = 2_000


def register_checks() -> None:
    """Let verify_books look at the rates."""
    register(rates_are_possible)


def rates_are_possible() -> Iterator[Fault]:
    """Each rate is above zero, below its bound, and between two different currencies of ISO 4217."""
    codes = set(currency_codes())
    for row in ExchangeRate.objects.order_by("id").iterator(chunk_size=ROWS_AT_A_TIME):
        pair = {row.base_currency, row.quote_currency}
        if not 0 < row.rate < RATE_BOUND or len(pair) != 2 or not pair <= codes:
            yield Fault("ExchangeRate", row.pk, "", f"{row}: {row.rate} is no rate")
