"""What happens in the demo, worked out before anything is written: pure, from a fixed seed, relative to a day."""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from core.money import quantize
from fintrack.demo_data import BUYERS, CENTS, OFFERS, OTHER_BUYERS, PANTRY, ZERO_RATED, Buyer, Offer
from invoices.services import Item
from payments.ledger import Method

SEED = 16
INVOICES = 150
YEAR_DAYS = 365
DRAFTS_FROM_THE_END = frozenset({1, 2, 4, 5, 8, 11})
IN_TWO_PARTS = 0.87
"""Who pays in full does so in two parts above this (habits are spread evenly from 0 to 1)."""


@dataclass(frozen=True)
class PlannedPayment:
    """A share of the total, on a day before today."""

    share: Decimal
    day: date
    hour: int
    method: str


@dataclass(frozen=True)
class PlannedInvoice:
    """What is billed to whom, and what becomes of it."""

    buyer: Buyer
    items: tuple[Item, ...]
    issue_date: date
    issued: bool = True
    prices_include_vat: bool = False
    payments: tuple[PlannedPayment, ...] = ()

    @property
    def due_date(self) -> date:
        """By the buyer's term of payment."""
        return self.issue_date + timedelta(days=self.buyer.days)

    @property
    def paid_in_full(self) -> bool:
        """Whether nothing stays outstanding."""
        return sum(payment.share for payment in self.payments) == 1


def plan_year(today: date) -> list[PlannedInvoice]:
    """The demo company's year, oldest first: deterministic for each `today`."""
    chance = random.Random(SEED)  # noqa: S311  # the same data everywhere is the point
    plan = []
    for position in range(INVOICES):
        buyer = chance.choice(BUYERS)
        items, inclusive = planned_items(chance, buyer)
        row = PlannedInvoice(
            buyer=buyer,
            items=items,
            issue_date=working_day(today - timedelta(days=YEAR_DAYS - position * YEAR_DAYS // (INVOICES - 1))),
            issued=INVOICES - position not in DRAFTS_FROM_THE_END,
            prices_include_vat=inclusive,
        )
        payments = planned_payments(chance, row, today)
        plan.append(replace(row, payments=payments) if row.issued else row)
    return plan


def working_day(day: date) -> date:
    """`day`, or the Friday before it."""
    return day - timedelta(days=max(day.weekday() - 4, 0))


def planned_items(chance: random.Random, buyer: Buyer) -> tuple[tuple[Item, ...], bool]:
    """One to six lines, and whether their prices include VAT. What goes abroad is zero-rated."""
    count = chance.choices((1, 2, 3, 4, 5, 6), weights=(25, 30, 20, 12, 8, 5))[0]
    offers = chance.sample(OFFERS, count)
    if count > 1 and chance.random() < 0.3:
        offers[-1] = chance.choice(PANTRY)
    at_home = buyer.country == "ZA"
    items = tuple(planned_item(chance, offer, offer.vat_rate if at_home else ZERO_RATED) for offer in offers)
    inclusive = chance.random() < 0.12 and at_home
    return tuple(with_vat(item) for item in items) if inclusive else items, inclusive


def planned_item(chance: random.Random, offer: Offer, vat_rate: str) -> Item:
    """Some of what is offered, at a price within its range."""
    price = Decimal(chance.randrange(offer.lowest, offer.highest + 1, offer.step)) + Decimal(chance.choice(CENTS))
    return Item(offer.description, Decimal(chance.choice(offer.quantities)), price, Decimal(vat_rate))


def with_vat(item: Item) -> Item:
    """The item at its price with VAT, to the cent."""
    factor = 1 + (item.vat_rate or Decimal(0))
    return replace(item, unit_price=quantize(item.unit_price * factor, decimals=2))


def planned_payments(chance: random.Random, row: PlannedInvoice, today: date) -> tuple[PlannedPayment, ...]:
    """Nothing, a part, or all of it in one or two payments; each on a day from issue to yesterday."""
    habit = chance.random()
    first_share = Decimal(chance.choice(("0.3", "0.4", "0.5", "0.6")))
    usual = row.due_date + timedelta(days=row.buyer.late - chance.randint(0, 9))
    hour = chance.randint(8, 16)
    method = chance.choices((Method.EFT, Method.CARD, Method.CASH), weights=(88, 9, 3))[0]
    yesterday = today - timedelta(days=1)
    if row.issue_date > yesterday:
        return ()
    shares = planned_shares(habit, first_share, overdue_days=(today - row.due_date).days)
    last = max(min(usual, yesterday), row.issue_date)
    first = row.issue_date + (last - row.issue_date) / 2
    days = (first, last) if shares[:1] == (first_share,) else (last,)
    return tuple(PlannedPayment(share, day, hour, method) for share, day in zip(shares, days, strict=False))


def planned_shares(habit: float, first: Decimal, *, overdue_days: int) -> tuple[Decimal, ...]:
    """What is paid of a total so far: nothing, `first`, `first` and the rest, or all at once.

    Long after the due date nearly everything is paid, before it the least.
    """
    if overdue_days > 100:
        unpaid, partly = 0.03, 0.02
    elif overdue_days > 0:
        unpaid, partly = 0.22, 0.10
    else:
        unpaid, partly = 0.50, 0.20
    if habit < unpaid:
        return ()
    if habit < unpaid + partly:
        return (first,)
    return (first, 1 - first) if habit > IN_TWO_PARTS else (Decimal(1),)


def plan_other(today: date) -> list[PlannedInvoice]:
    """A few rows of the other company, which nobody of the demo company may see."""
    rows = ((30, "1850", True), (18, "2400", True), (9, "960.50", False), (2, "3120", False))
    return [
        planned_consulting(working_day(today - timedelta(weeks=weeks)), OTHER_BUYERS[position % 2], price, paid=paid)
        for position, (weeks, price, paid) in enumerate(rows)
    ]


def planned_consulting(issue_date: date, buyer: Buyer, price: str, *, paid: bool) -> PlannedInvoice:
    """One line, paid on the due date or not at all."""
    item = Item("Beratung, pauschal", Decimal(1), Decimal(price), Decimal("0.19"))
    row = PlannedInvoice(buyer=buyer, items=(item,), issue_date=issue_date)
    payment = PlannedPayment(Decimal(1), row.due_date, 11, Method.EFT)
    return replace(row, payments=(payment,)) if paid else row
