"""What a recurring invoice must be, and the invoice that it makes of a day. Nothing is written here.

Errors: RecurringInvalid, TooManyDue, PlaceholderUnknown, DateInvalid, ItemInvalid, TextInvalid, and what `create_draft`
raises.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from core.errors import DomainError
from core.placeholders import filled
from core.text import clean_text
from invoices.bulk import NewInvoice, Occurrence, work_out_row
from invoices.recurring.intervals import Interval
from invoices.recurring.models import OnRun, RecurringInvoice, RecurringInvoiceLine
from invoices.recurring.texts import placeholder_values, require_known_placeholders
from invoices.services import EARLIEST_DATE, LATEST_DATE, DateInvalid, Item, ItemInvalid, WorkedDraft

MAXIMUM_DUE = 100
"""How many invoices of one recurring invoice are caught up at most."""
MAXIMUM_COUNT = 1_000
MAXIMUM_PAYMENT_DAYS = 3_650
FIELDS = frozenset(
    {
        "name",
        "interval",
        "interval_count",
        "start_date",
        "end_date",
        "on_run",
        "payment_days",
        "currency",
        "prices_include_vat",
        "discount_percent",
        "discount_amount",
    }
)


class RecurringInvalid(DomainError):
    """A detail of a recurring invoice cannot be right."""

    code = "recurring_invalid"
    title = "Not acceptable"


class TooManyDue(DomainError):
    """So many invoices are due that it can only be a slip of the keyboard, or that nobody wants them any more."""

    code = "too_many_due"
    title = "Too many are due"


def cleaned(details: Mapping[str, Any]) -> dict[str, Any]:
    """`details`, each possible by itself. Raises RecurringInvalid, DateInvalid, TextInvalid."""
    unknown = sorted(set(details) - FIELDS)
    if unknown:
        raise RecurringInvalid(f"There is no {unknown[0]} here.", field=unknown[0])
    values = dict(details)
    if "name" in values:
        values["name"] = clean_text(values["name"], max_length=200, field="name")
        if not values["name"]:
            raise RecurringInvalid("Give it a name.", field="name")
    for field, choices in (("interval", Interval), ("on_run", OnRun)):
        if field in values and values[field] not in choices.values:
            raise RecurringInvalid(f"Choose one of: {', '.join(choices.values)}.", field=field)
    for field, lowest, highest in (("interval_count", 1, MAXIMUM_COUNT), ("payment_days", 0, MAXIMUM_PAYMENT_DAYS)):
        if values.get(field) is not None and not lowest <= values[field] <= highest:
            raise RecurringInvalid(f"A number from {lowest} to {highest} is possible here.", field=field)
    for field in ("start_date", "end_date"):
        if values.get(field) is not None and not EARLIEST_DATE <= values[field] <= LATEST_DATE:
            raise DateInvalid(field=field)
    return values


def checked(recurring: RecurringInvoice, items: Sequence[Item]) -> WorkedDraft:
    """The first invoice that the recurring one makes of `items`, worked out. Raises what stands against that."""
    if recurring.end_date is not None and recurring.end_date < recurring.start_date:
        raise RecurringInvalid("It ends before it starts.", field="end_date")
    if not items:
        raise ItemInvalid("Add at least one line.", field="items")
    for position, item in enumerate(items):
        require_known_placeholders(item.description, field=f"items.{position}.description")
    return work_out_row(invoice_of_day(recurring, items, recurring.start_date))


def as_typed(items: Sequence[Item], worked: WorkedDraft) -> list[Item]:
    """The items as `checked` made sure of them, with their placeholders, and the VAT open where it was left open."""
    return [
        replace(
            line,
            id=item.id,
            description=clean_text(item.description, max_length=1000, field="items"),
            vat_rate=None if item.vat_rate is None else line.vat_rate,
            vat_category=item.vat_category,
        )
        for item, line in zip(items, worked.lines, strict=True)
    ]


def items_of(lines: Iterable[RecurringInvoiceLine]) -> list[Item]:
    """The lines as items, each with its id."""
    return [
        Item(
            line.description,
            line.quantity,
            line.unit_price,
            line.vat_rate,
            line.vat_category,
            line.pk,
            line.discount_percent,
            line.discount_amount,
        )
        for line in lines
    ]


def invoice_of_day(recurring: RecurringInvoice, items: Iterable[Item], day: date) -> NewInvoice:
    """The draft of `items` for the period that begins on `day`."""
    language = recurring.customer.language or recurring.company.language or ""
    values = placeholder_values(day, recurring.series.last_day_of_period(day), language)
    days = recurring.payment_days
    return NewInvoice(
        company=recurring.company,
        customer_id=recurring.customer_id,
        items=[replace(item, id=None, description=filled(item.description, values)) for item in items],
        issue_date=day,
        due_date=None if days is None else day + timedelta(days=days),
        currency=recurring.currency,
        prices_include_vat=recurring.prices_include_vat,
        discount_percent=recurring.discount_percent,
        discount_amount=recurring.discount_amount,
    )


def next_invoice(recurring: RecurringInvoice) -> NewInvoice:
    """The invoice of the next date, which lets the recurring one go on to the date after it."""
    day = recurring.next_date
    assert day is not None  # noqa: S101  # it is due
    return replace(
        invoice_of_day(recurring, items_of(recurring.lines.all()), day),
        issue=recurring.on_run != OnRun.DRAFT,
        occurrence=Occurrence(recurring, day, recurring.series.first_after(day)),
    )


def refusal_of_many(recurring: RecurringInvoice, day: date) -> TooManyDue | None:
    """Why what is due by `day` is not caught up; None where it is."""
    due = recurring.series.count_between(recurring.done_through, day)
    if due <= MAXIMUM_DUE:
        return None
    return TooManyDue(
        f"{due} invoices are due since {recurring.next_date}; at most {MAXIMUM_DUE} are caught up. "
        "Choose a later start; or pause and resume it, which leaves out what is past.",
        field="start_date",
    )


def require_few_due(recurring: RecurringInvoice, day: date) -> None:
    """Raise TooManyDue where more are due than are caught up."""
    if refusal := refusal_of_many(recurring, day):
        raise refusal
