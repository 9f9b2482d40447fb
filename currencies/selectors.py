"""The rates that exist for a user, and the one that counts for a day."""

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from core.scope import CompanyMember, visible_to
from currencies.models import ExchangeRate
from currencies.rates import PIVOT, FoundRate, earliest_day, rate_between


def rates_of(user: CompanyMember) -> QuerySet[ExchangeRate]:
    """The rates of the user's companies, with the journal entries that say when each came."""
    return visible_to(user, ExchangeRate.objects.select_related("change"))


def filtered_rates(rates: QuerySet[ExchangeRate], **filters: Any) -> QuerySet[ExchangeRate]:
    """The rates of a company, of a currency (on either side), of a span of days."""
    if "currency" in filters:
        currency = filters.pop("currency")
        rates = rates.filter(Q(base_currency=currency) | Q(quote_currency=currency))
    names = {"company_id": "company__id", "date_from": "day__gte", "date_to": "day__lte", "source": "source"}
    return rates.filter(**{names[name]: value for name, value in filters.items()})


class RateFinder:
    """Finds the rates that one command needs, each of them once."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, str, str, date], FoundRate | None] = {}

    def find(self, company_id: int, base: str, quote: str, day: date) -> FoundRate | None:
        """What `find_rate` finds."""
        key = (company_id, base, quote, day)
        if key not in self._found:
            self._found[key] = find_rate(company_id=company_id, base=base, quote=quote, day=day)
        return self._found[key]


def find_rate(*, company_id: int, base: str, quote: str, day: date) -> FoundRate | None:
    """How many units of `quote` one `base` was worth for the company on `day`, by `currencies.rates`. One statement."""
    currencies = {base, quote, PIVOT}
    rows = ExchangeRate.objects.filter(
        company=company_id,
        base_currency__in=currencies,
        quote_currency__in=currencies,
        day__range=(earliest_day(day), day),
    )
    return rate_between([row.quotation for row in rows.order_by()], base=base, quote=quote, day=day)
