"""What the reports say. Amounts are in the object's own `currency`; every total is the sum of its parts. No ORM."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.money import ZERO
from core.spreadsheets import Amount
from invoices.totals import VatBreakdown

TOP_DEBTORS = 10


@dataclass(frozen=True)
class MonthlyRevenue:
    """The money that moved in one month (`period`: "2026-03"); what went back is negative."""

    currency: str
    period: str
    received: Decimal
    refunds_and_reversals: Decimal

    @property
    def net(self) -> Decimal:
        """What stayed."""
        return self.received + self.refunds_and_reversals


@dataclass(frozen=True)
class Revenue:
    """The money of a company in one currency, by month; months without entries are left out."""

    company_id: int
    currency: str
    periods: Sequence[MonthlyRevenue]

    @property
    def received(self) -> Decimal:
        """All payments."""
        return _sum(period.received for period in self.periods)

    @property
    def refunds_and_reversals(self) -> Decimal:
        """All that went back, negative."""
        return _sum(period.refunds_and_reversals for period in self.periods)

    @property
    def net(self) -> Decimal:
        """What stayed."""
        return self.received + self.refunds_and_reversals


@dataclass(frozen=True)
class CompanyVat:
    """VAT in a company's own currency, at the rates frozen with its documents; those without one are left out."""

    currency: str
    amount: Decimal
    documents_left_out: int = 0
    company_id: int | None = None


@dataclass(frozen=True)
class Vat:
    """The VAT of a company in one currency, by category and rate; and what that is in the company's own."""

    company_id: int
    currency: str
    rates: Sequence[VatBreakdown]
    in_company_currency: CompanyVat

    @property
    def company_currency(self) -> str:
        """The company's own currency."""
        return self.in_company_currency.currency

    @property
    def company_vat_total(self) -> Amount:
        """The VAT of all rates in the company's own currency, for a file."""
        return Amount(self.in_company_currency.amount, self.company_currency)

    @property
    def documents_left_out(self) -> int:
        """How many documents have no frozen rate."""
        return self.in_company_currency.documents_left_out

    @property
    def vat_total(self) -> Decimal:
        """The VAT of all rates."""
        return _sum(rate.vat_amount for rate in self.rates)


def company_vat_totals(figures: Iterable[Vat]) -> list[CompanyVat]:
    """The VAT of each company over all currencies, in its own."""
    totals: dict[int, CompanyVat] = {}
    for one in figures:
        part = one.in_company_currency
        before = totals.get(one.company_id, CompanyVat(part.currency, ZERO))
        totals[one.company_id] = CompanyVat(
            part.currency,
            before.amount + part.amount,
            before.documents_left_out + part.documents_left_out,
            one.company_id,
        )
    return list(totals.values())


@dataclass(frozen=True)
class Debtor:
    """What a customer owes on `count` open documents."""

    currency: str
    customer_id: int
    customer_name: str
    outstanding: Decimal
    count: int


@dataclass(frozen=True)
class Outstanding:
    """What a company is owed in one currency, on `count` documents, and the ten who owe most, the greatest first."""

    company_id: int
    currency: str
    count: int
    outstanding: Decimal
    top_debtors: Sequence[Debtor]


@dataclass(frozen=True)
class AgedAmounts:
    """What is owed, by days overdue. `current` is not yet due, or due on the day itself."""

    currency: str
    current: Decimal = ZERO
    days1to30: Decimal = ZERO
    days31to60: Decimal = ZERO
    days61to90: Decimal = ZERO
    over90: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """What is owed in all."""
        return self.current + self.days1to30 + self.days31to60 + self.days61to90 + self.over90


@dataclass(frozen=True, kw_only=True)
class CustomerAging(AgedAmounts):
    """What a customer owes, by days overdue."""

    customer_id: int
    customer_name: str


@dataclass(frozen=True, kw_only=True)
class Aging(AgedAmounts):
    """What a company is owed in one currency, by days overdue; the customers who owe most come first."""

    company_id: int
    customers: Sequence[CustomerAging]


@dataclass(frozen=True)
class Owed:
    """An amount on `count` documents."""

    currency: str
    count: int
    amount: Decimal


@dataclass(frozen=True)
class Bucket(Owed):
    """What is owed on documents that are as many days overdue as the bucket's name says (`reports.periods`)."""

    bucket: str


@dataclass(frozen=True)
class Month(MonthlyRevenue):
    """A month of the company's calendar ("2026-03").

    `invoiced` is the total of the documents dated in it, issued and not cancelled, less the credit notes dated in it;
    `received` and `refunds_and_reversals` (zero or negative) the money that moved in it.
    """

    invoiced: Decimal


@dataclass(frozen=True)
class Dashboard:
    """The state of one company in one currency on its `today`. Amounts are in `currency`.

    `aging` has every bucket, from current to the oldest; `months` the last twelve, this one last, empty ones included.
    """

    company_id: int
    currency: str
    today: date
    drafts: Owed
    aging: Sequence[Bucket]
    months: Sequence[Month]
    top_debtors: Sequence[Debtor]

    @property
    def outstanding(self) -> Owed:
        """All that is owed."""
        return _together(self.currency, self.aging)

    @property
    def overdue(self) -> Owed:
        """What is owed after its due date."""
        return _together(self.currency, self.aging[1:])

    @property
    def this_month(self) -> Month:
        """The month of today, up to now."""
        return self.months[-1]


def aging(company_id: int, currency: str, customers: Iterable[CustomerAging]) -> Aging:
    """The customers' amounts and their sums."""
    ordered = sorted(customers, key=lambda customer: (-customer.total, customer.customer_id))
    return Aging(
        company_id=company_id,
        currency=currency,
        current=_sum(customer.current for customer in ordered),
        days1to30=_sum(customer.days1to30 for customer in ordered),
        days31to60=_sum(customer.days31to60 for customer in ordered),
        days61to90=_sum(customer.days61to90 for customer in ordered),
        over90=_sum(customer.over90 for customer in ordered),
        customers=ordered,
    )


def _together(currency: str, parts: Sequence[Owed]) -> Owed:
    return Owed(currency, sum(part.count for part in parts), _sum(part.amount for part in parts))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
