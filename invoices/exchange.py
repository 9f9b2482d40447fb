"""What the VAT of an invoice in another currency than its company's comes to in the company's: frozen at issue.

EN 16931 wants it stated where the two differ (BT-6, BT-111), at the rate of the day of issue (Directive 2006/112/EC,
article 91 and 230).

Errors: NoExchangeRate, RateInvalid, AmountTooLarge, AmountTooPrecise.
"""

from decimal import Decimal
from typing import Any

from core.errors import DomainError
from core.money import AMOUNT_LIMIT, AmountTooLarge
from currencies.rates import MANUAL, MAXIMUM_AGE_DAYS, FoundRate, convert
from currencies.selectors import RateFinder
from currencies.services import RateInvalid, checked_rate
from invoices.models import Invoice

EXCHANGE_COLUMNS = (
    "exchange_rate",
    "exchange_rate_date",
    "exchange_rate_source",
    "company_currency",
    "company_vat_total",
)


class NoExchangeRate(DomainError):
    """Nobody said what the invoice's currency is worth in the company's."""

    code = "no_exchange_rate"
    title = "No exchange rate"


def exchange_values(
    invoice: Invoice, *, rate_by_hand: Decimal | None = None, rates: RateFinder | None = None
) -> dict[str, Any]:
    """The columns that freeze what the invoice is worth in its company's currency as it is issued.

    All empty in the company's own currency, and where no VAT is charged and there is no rate. Raises NoExchangeRate.
    """
    own = invoice.company.currency
    if invoice.currency == own:
        if rate_by_hand is not None:
            raise RateInvalid(f"The invoice is in {own}, the company's own currency.", field="exchange_rate")
        return dict.fromkeys(EXCHANGE_COLUMNS)
    found = _rate(invoice, rate_by_hand, rates or RateFinder())
    if found is None:
        if invoice.vat_total:
            raise no_rate(invoice.currency, own, invoice)
        return dict.fromkeys(EXCHANGE_COLUMNS)
    worth = convert(invoice.vat_total, found.rate, own)
    if worth >= AMOUNT_LIMIT:
        raise AmountTooLarge(f"At {found.rate:f} the VAT is too large an amount of {own}.", field="exchange_rate")
    return dict(zip(EXCHANGE_COLUMNS, (found.rate, found.day, found.source, own, worth), strict=True))


def no_rate(currency: str, own: str, invoice: Invoice) -> NoExchangeRate:
    """The refusal, with what to do about it."""
    return NoExchangeRate(
        f"The VAT of this {currency} invoice must also be stated in {own}, and there is no exchange rate for "
        f"{invoice.issue_date} or the {MAXIMUM_AGE_DAYS} days before it. Record one under Exchange rates (or POST "
        f"/api/exchange-rates), load the file of the European Central Bank, or give the rate with the issue "
        f"(exchangeRate: what 1 {currency} is in {own})."
    )


def _rate(invoice: Invoice, rate_by_hand: Decimal | None, rates: RateFinder) -> FoundRate | None:
    if rate_by_hand is not None:
        return FoundRate(checked_rate(rate_by_hand, field="exchange_rate"), invoice.issue_date, MANUAL)
    return rates.find(invoice.company_id, invoice.currency, invoice.company.currency, invoice.issue_date)
