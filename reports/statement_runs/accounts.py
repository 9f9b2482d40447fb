"""The accounts of all customers of a company over a month, some hundred at a time: what a run of statements goes by.

The figures are those of `reports.statements`, added by the database; the same rules in both (a test compares them).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Q, Sum

from core.money import ZERO
from core.sums import amount_of, summable
from invoices.models import Invoice
from notifications.bounces.selectors import standing_refusals
from notifications.kinds import Kind
from notifications.models import Message
from parties.models import Company, Customer
from payments.models import Payment
from reports.periods import Days

CUSTOMERS_AT_ONCE = 500
NO_ADDRESS = "The customer has no e-mail address."
REFUSED = "Mail to {} came back on {:%Y-%m-%d}: it is held back until somebody confirms or changes the address."


@dataclass
class Balance:
    """What a customer owed in one currency before and after the days, and how often that changed in them."""

    opening: Decimal = ZERO
    closing: Decimal = ZERO
    movements: int = 0

    @property
    def is_worth_telling(self) -> bool:
        """Whether anything is owed (by either side) or happened."""
        return bool(self.movements or self.closing)


@dataclass(frozen=True)
class Account:
    """A customer's balances by currency. `obstacle` says why no statement would reach them, `is_made` that one is."""

    customer: Customer
    balances: dict[str, Balance] = field(default_factory=dict)
    obstacle: str = ""
    is_made: bool = False

    @property
    def is_chosen(self) -> bool:
        """Whether a run makes a statement unless it is told otherwise."""
        return bool(self.balances) and not self.is_made

    @property
    def note(self) -> str:
        """What to know of it before the run; empty where nothing is special."""
        if self.is_made:
            return "There is a statement of this month already."
        return self.obstacle


def month_of(company: Company, month: date) -> Days:
    """The days of the month in which `month` is, by the company's calendar."""
    first = month.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Days(company.zone, [company.pk], first, last)


def accounts(
    company: Company,
    days: Days,
    *,
    customer_ids: Collection[int] | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[Account]:
    """The accounts of the company's customers, by id, of some hundred at a time: memory stays flat.

    All with a balance or movements in the days, or else those of `customer_ids`. `after` is the id to go on from,
    `limit` the most that are given.
    """
    given = 0
    customers = Customer.objects.filter(company=company).select_related("company", "preference").order_by("id")
    if customer_ids is not None:
        customers = customers.filter(pk__in=customer_ids)
    while rows := list(customers.filter(pk__gt=after)[:CUSTOMERS_AT_ONCE]):
        after = rows[-1].pk
        for account in _accounts_of(rows, days):
            if customer_ids is None and not account.balances:
                continue
            yield account
            given += 1
            if given == limit:
                return


def balances_of(customer: Customer, days: Days) -> dict[str, Balance]:
    """One customer's balances by currency, where anything is owed or happened."""
    return _balances([customer.pk], days)[customer.pk]


def _accounts_of(customers: list[Customer], days: Days) -> Iterator[Account]:
    ids = [customer.pk for customer in customers]
    balances = _balances(ids, days)
    made = set(
        Message.objects.filter(kind=Kind.STATEMENT, customer__in=ids, key=key_of(days)).values_list(
            "customer_id", flat=True
        )
    )
    refused = {
        (customer_id, address.casefold()): refused_at
        for customer_id, address, refused_at in standing_refusals()
        .filter(customer__in=ids)
        .values_list("customer_id", "address")
        .annotate(Max("refused_at"))
    }
    for customer in customers:
        refused_at = refused.get((customer.pk, customer.email.casefold()))
        obstacle = "" if customer.email else NO_ADDRESS
        if refused_at is not None:
            obstacle = REFUSED.format(customer.email, refused_at)
        yield Account(customer, balances[customer.pk], obstacle, customer.pk in made)


def key_of(days: Days) -> str:
    """The key of a month's statements."""
    return f"{days.first:%Y-%m}"


def _balances(customer_ids: list[int], days: Days) -> dict[int, dict[str, Balance]]:
    """Customer -> currency -> balance, where anything is owed or happened. Two statements."""
    found: defaultdict[int, defaultdict[str, Balance]] = defaultdict(lambda: defaultdict(Balance))
    for customer_id, currency, closing, opening, movements in _billed(customer_ids, days):
        balance = found[customer_id][currency]
        balance.opening += amount_of(opening)
        balance.closing += amount_of(closing)
        balance.movements += movements
    for customer_id, currency, closing, opening, movements in _paid(customer_ids, days):
        balance = found[customer_id][currency]
        balance.opening -= amount_of(opening)
        balance.closing -= amount_of(closing)
        balance.movements += movements
    return defaultdict(
        dict,
        {
            customer_id: {code: row for code, row in sorted(rows.items()) if row.is_worth_telling}
            for customer_id, rows in found.items()
        },
    )


def _billed(customer_ids: list[int], days: Days) -> Any:
    """Documents by their issue date, but for those cancelled by the end (or the beginning)."""
    is_in_days = Q(issue_date__gte=days.first)
    was_cancelled_in_days = Q(cancelled_at__gte=days.start, cancelled_at__lt=days.end)
    return (
        Invoice.objects.filter(customer__in=customer_ids, issued_at__isnull=False, issue_date__lte=days.last)
        .order_by()
        .values("customer_id", "currency")
        .annotate(
            closing=Sum(summable("total"), filter=Q(cancelled_at=None) | Q(cancelled_at__gte=days.end), default=0),
            opening=Sum(
                summable("total"),
                filter=Q(issue_date__lt=days.first) & (Q(cancelled_at=None) | Q(cancelled_at__gte=days.start)),
                default=0,
            ),
            movements=Count("pk", filter=is_in_days | was_cancelled_in_days),
        )
        .values_list("customer_id", "currency", "closing", "opening", "movements")
    )


def _paid(customer_ids: list[int], days: Days) -> Any:
    """Entries by the day on which the money moved."""
    return (
        Payment.objects.filter(invoice__customer__in=customer_ids, paid_at__lt=days.end)
        .order_by()
        .values(customer=F("invoice__customer_id"), code=F("currency"))
        .annotate(
            closing=Sum(summable("amount"), default=0),
            opening=Sum(summable("amount"), filter=Q(paid_at__lt=days.start), default=0),
            moved=Count("pk", filter=Q(paid_at__gte=days.start)),
        )
        .values_list("customer", "code", "closing", "opening", "moved")
    )
