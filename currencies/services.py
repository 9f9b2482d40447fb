"""The verbs of exchange rates: recording one by hand, taking in a file of the European Central Bank.

Errors: RateInvalid, RateFileInvalid, UnknownCurrency, AmountInvalid, AmountTooPrecise, AmountTooLarge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from django.db import transaction

from audit.actors import Actor
from audit.services import insert_rows, recording
from core.errors import DomainError
from core.money import exact, minor_units
from core.text import clean_text
from currencies.ecb import read_ecb_file
from currencies.models import ExchangeRate, RateSource
from currencies.rates import ECB, PIVOT, RATE_BOUND, RATE_DECIMALS, Quotation
from parties.models import Company

EARLIEST_DAY = date(1900, 1, 1)


class RateInvalid(DomainError):
    """No currency is worth that in another."""

    code = "rate_invalid"
    title = "Not a rate"


@dataclass(frozen=True)
class RateImport:
    """What became of a file: how many rates it has, of which days, and how many of them are new."""

    company_id: int
    first_day: date
    last_day: date
    read: int
    added: int


def record_rate(
    *, actor: Actor, company: Company, base_currency: str, quote_currency: str, day: date, rate: Decimal
) -> ExchangeRate:
    """The rate that counts for the company from `day` on: one `base_currency` in units of `quote_currency`.

    What was recorded for the day before stays on record.
    """
    for name, currency in (("base_currency", base_currency), ("quote_currency", quote_currency)):
        require_currency(currency, field=name)
    if base_currency == quote_currency:
        raise RateInvalid("A rate is between two currencies.", field="quote_currency")
    if not EARLIEST_DAY <= day <= company.today():
        raise RateInvalid(f"Rates run from {EARLIEST_DAY} to today.", field="date")
    rate = checked_rate(rate, field="rate")
    with transaction.atomic(), recording(actor=actor, action="exchange_rate.recorded", company_id=company.pk) as change:
        return ExchangeRate.objects.create(
            company=company,
            base_currency=base_currency,
            quote_currency=quote_currency,
            day=day,
            rate=rate,
            source=RateSource.BY_HAND,
            change=change,
        )


def checked_rate(rate: Decimal, *, field: str) -> Decimal:
    """The rate, exact. Raises RateInvalid, AmountTooPrecise."""
    rate = exact(rate, decimals=RATE_DECIMALS, field=field)
    if not 0 < rate < RATE_BOUND:
        raise RateInvalid("A rate is above 0 and below 100 000; beyond that, give it the other way round.", field=field)
    return rate


def require_currency(currency: str, *, field: str) -> None:
    """Raise RateInvalid where `currency` is no code of ISO 4217."""
    try:
        minor_units(currency)
    except DomainError as error:
        raise RateInvalid(error.detail, field=field) from None


def import_ecb_rates(*, actor: Actor, company: Company, content: bytes, file_name: str = "") -> RateImport:
    """Take in what a file of the ECB says that the company does not have from it yet; the same file twice adds nothing.

    A rate by hand for one of the days stays the one that counts.
    """
    quotations = read_ecb_file(content)
    name = clean_text(file_name, max_length=200, field="file_name")
    with transaction.atomic():
        new = _unknown(company.pk, quotations)
        if new:
            reason = f"{name or 'eurofxref'}, SHA-256 {sha256(content).hexdigest()}"
            with recording(
                actor=actor, action="exchange_rates.imported", company_id=company.pk, reason=reason
            ) as change:
                insert_rows(
                    [
                        ExchangeRate(
                            company=company,
                            base_currency=one.base,
                            quote_currency=one.quote,
                            day=one.day,
                            rate=one.rate,
                            source=one.source,
                            change=change,
                        )
                        for one in new
                    ]
                )
    return RateImport(company.pk, quotations[0].day, quotations[-1].day, len(quotations), len(new))


def _unknown(company_id: int, quotations: Sequence[Quotation]) -> list[Quotation]:
    """Those that differ from the newest that came from the ECB for their day, or are the first."""
    known = ExchangeRate.objects.filter(
        company=company_id, base_currency=PIVOT, source=ECB, day__range=(quotations[0].day, quotations[-1].day)
    )
    newest = {(row.day, row.quote_currency): row.rate for row in known.order_by("id")}
    return [one for one in quotations if newest.get((one.day, one.quote)) != one.rate]
