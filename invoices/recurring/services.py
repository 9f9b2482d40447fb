"""The verbs of recurring invoices: make, edit, pause, resume, end, delete. `run` makes their invoices.

Errors: NotFound, RecurringInvalid, WrongStatus, RecurringInUse, TooManyDue, PlaceholderUnknown, StaleVersion, and what
`create_draft` raises.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.money import ZERO
from invoices.lifecycle import WrongStatus
from invoices.recurring.models import RecurringInvoice, RecurringInvoiceLine, RecurringStatus
from invoices.recurring.rules import FIELDS, as_typed, checked, cleaned, items_of, require_few_due
from invoices.services import Item, no_such_line, require_billable
from parties.models import Company
from parties.services import hold_customer

DISCOUNTS = frozenset({"discount_percent", "discount_amount"})


class RecurringInUse(DomainError):
    """What invoices were made from stays: they name it."""

    code = "recurring_in_use"
    title = "Invoices were made"
    default_detail = "Invoices were made from it, so it cannot be deleted. End it instead."


def create_recurring(
    *, actor: Actor, company: Company, customer_id: int, name: str, items: Sequence[Item], **details: Any
) -> RecurringInvoice:
    """A new recurring invoice. `details` are columns of it; by default each month from today on, leaving drafts."""
    values = {"start_date": company.today(), "currency": company.currency, "name": name, **details}
    with transaction.atomic():
        customer = require_billable(hold_customer(customer_id), company)
        recurring = RecurringInvoice(company=company, customer=customer, **cleaned(values))
        worked = checked(recurring, items)
        recurring.next_date = recurring.series.first_after(None)
        require_few_due(recurring, company.today())
        with recording(actor=actor, action="recurring_invoice.created", company_id=company.pk) as change:
            recurring.change = change
            recurring.save(force_insert=True)
            _replace_lines(recurring, {}, as_typed(items, worked), change)
    return recurring


def update_recurring(
    *,
    actor: Actor,
    recurring_id: int,
    version: int | None = None,
    customer_id: int | None = None,
    items: Sequence[Item] | None = None,
    **details: Any,
) -> RecurringInvoice:
    """The recurring invoice with `details` changed: columns of it. What was made stays as it is.

    `items` replaces the lines, as of a draft. Where days are changed, the next one is the first of the new days after
    what was done. A problem is taken as solved, so that it is tried again.
    """
    values = cleaned(details)
    if len(DISCOUNTS & values.keys()) == 1:
        [other] = DISCOUNTS - values.keys()
        values[other] = ZERO
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        customer = recurring.customer
        if customer_id is not None:
            customer = require_billable(hold_customer(customer_id), recurring.company)
        stored = {line.pk: line for line in recurring.lines.all()}
        items = items_of(stored.values()) if items is None else items
        planned = RecurringInvoice(
            company=recurring.company,
            customer=customer,
            done_through=recurring.done_through,
            **{name: getattr(recurring, name) for name in FIELDS} | values,
        )
        worked = checked(planned, items)
        planned.next_date = planned.series.first_after(planned.done_through)
        if not recurring.paused:
            require_few_due(planned, planned.company.today())
        with recording(actor=actor, action="recurring_invoice.updated", company_id=recurring.company_id) as change:
            columns = {name: getattr(planned, name) for name in (*FIELDS, "next_date")}
            write_version(recurring, change=change, customer=customer, problem="", **columns)
            _replace_lines(recurring, stored, as_typed(items, worked), change)
    return recurring


def pause_recurring(*, actor: Actor, recurring_id: int, version: int | None = None) -> RecurringInvoice:
    """The recurring invoice, paused: nothing is made of it until it is resumed."""
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        require_pausable(recurring)
        with recording(actor=actor, action="recurring_invoice.paused", company_id=recurring.company_id) as change:
            write_version(recurring, change=change, paused=True)
    return recurring


def resume_recurring(*, actor: Actor, recurring_id: int, version: int | None = None) -> RecurringInvoice:
    """The recurring invoice, going on from today: what fell due before today, and was not made, is left out."""
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        require_paused(recurring)
        yesterday = recurring.company.today() - timedelta(days=1)
        days = {}
        if recurring.next_date is not None and recurring.next_date <= yesterday:
            days = {"done_through": yesterday, "next_date": recurring.series.first_after(yesterday)}
        with recording(actor=actor, action="recurring_invoice.resumed", company_id=recurring.company_id) as change:
            write_version(recurring, change=change, paused=False, problem="", **days)
    return recurring


def end_recurring(*, actor: Actor, recurring_id: int, version: int | None = None) -> RecurringInvoice:
    """The recurring invoice, ended: nothing is made of it any more, not even what is due already.

    Its end is today, or the day before the next date where that is due. A later end lets it go on.
    """
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        require_not_ended(recurring)
        assert recurring.next_date is not None  # noqa: S101  # or it had ended
        end = min(recurring.company.today(), recurring.next_date - timedelta(days=1))
        with recording(actor=actor, action="recurring_invoice.ended", company_id=recurring.company_id) as change:
            write_version(recurring, change=change, end_date=end, next_date=None, problem="")
    return recurring


def delete_recurring(*, actor: Actor, recurring_id: int, version: int | None = None) -> None:
    """Delete what no invoice was made from, and its lines; the history keeps both. Raises RecurringInUse."""
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        require_unused(recurring)
        with recording(actor=actor, action="recurring_invoice.deleted", company_id=recurring.company_id):
            recurring.lines.all().delete()
            recurring.delete()


def lock_recurring(recurring_id: int) -> RecurringInvoice:
    """The recurring invoice, locked until the end of the transaction."""
    return locked(RecurringInvoice.objects.all(), pk=recurring_id)


def require_not_ended(recurring: RecurringInvoice) -> None:
    """Raise WrongStatus where it has ended."""
    if recurring.status == RecurringStatus.ENDED:
        raise WrongStatus("This recurring invoice has ended. Give it a later end date to let it go on.")


def require_not_paused(recurring: RecurringInvoice) -> None:
    """Raise WrongStatus where it is paused."""
    if recurring.paused:
        raise WrongStatus("This recurring invoice is paused. Resume it first.")


def require_pausable(recurring: RecurringInvoice) -> None:
    """Raise WrongStatus where it is paused already, or has ended."""
    require_not_ended(recurring)
    require_not_paused(recurring)


def require_paused(recurring: RecurringInvoice) -> None:
    """Raise WrongStatus unless it is paused."""
    if not recurring.paused:
        raise WrongStatus("This recurring invoice is not paused.")


def require_unused(recurring: RecurringInvoice) -> None:
    """Raise RecurringInUse where an invoice was made from it."""
    if recurring.invoices.exists():
        raise RecurringInUse


def _replace_lines(
    recurring: RecurringInvoice, stored: dict[int, RecurringInvoiceLine], items: Sequence[Item], change: Change
) -> None:
    """Write the lines that differ, add the new ones, delete those that are named no more."""
    new_lines = []
    remaining = dict(stored)
    for position, item in enumerate(items, start=1):
        values = _line_values(recurring, position, item)
        if item.id is None:
            new_lines.append(RecurringInvoiceLine(recurring_invoice=recurring, change=change, **values))
            continue
        line = remaining.pop(item.id, None)
        if line is None:
            raise no_such_line(position)
        if any(getattr(line, name) != value for name, value in values.items()):
            write_version(line, change=change, **values)
    RecurringInvoiceLine.objects.filter(pk__in=list(remaining)).delete()
    RecurringInvoiceLine.objects.bulk_create(new_lines)


def _line_values(recurring: RecurringInvoice, position: int, item: Item) -> dict[str, Any]:
    return {
        "position": position,
        "description": item.description,
        "quantity": item.quantity,
        "unit_price": item.unit_price,
        "vat_category": item.vat_category,
        "vat_rate": item.vat_rate,
        "discount_percent": item.discount_percent,
        "discount_amount": item.discount_amount,
        "currency": recurring.currency,
    }
