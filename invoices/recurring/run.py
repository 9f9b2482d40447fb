"""Making the invoices that are due: by a person, or by the clock, in bulk. The rules are those of a single invoice.

Errors, where a person asks: WrongStatus, StaleVersion, TooManyDue, and what creating and issuing an invoice raises.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import InterfaceError, OperationalError, transaction

from audit.actors import Actor, SystemActor
from audit.services import recording, require_version, write_version
from core.errors import DomainError
from invoices.bulk import create_invoices
from invoices.models import Invoice
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.rules import next_invoice, refusal_of_many, require_few_due
from invoices.recurring.selectors import due_companies, due_recurring
from invoices.recurring.services import lock_recurring, require_not_paused
from parties.services import hold_company

logger = logging.getLogger(__name__)

RECURRING = SystemActor("system:recurring")
ROWS_AT_A_TIME = 500
"""How many invoices are made in one transaction, which holds the number series as long as it lasts."""


@dataclass(frozen=True)
class Tally:
    """How many invoices were made, and how many recurring invoices set aside because theirs could not be made."""

    made: int = 0
    set_aside: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.made + other.made, self.set_aside + other.set_aside)


def run_recurring(*, actor: Actor, recurring_id: int, version: int | None = None) -> list[Invoice]:
    """Make the invoices that are due up to today, one for each day, all of them or none. Raises why one is not made."""
    invoices: list[Invoice] = []
    with transaction.atomic():
        recurring = lock_recurring(recurring_id)
        require_version(recurring, version)
        require_not_paused(recurring)
        today = recurring.company.today()
        require_few_due(recurring, today)
        while recurring.next_date is not None and recurring.next_date <= today:
            [outcome] = create_invoices(actor=actor, rows=[next_invoice(recurring)])
            if isinstance(outcome, DomainError):
                raise outcome
            invoices.append(outcome)
            recurring = lock_recurring(recurring_id)
    return invoices


def run_all_due(*, now: datetime) -> Tally:
    """Make the invoices that are due, of all companies, each by its own calendar.

    Any number of schedulers may do it at once, again, or after one of them died.
    """
    tally = Tally()
    for company in due_companies(now):
        try:
            tally += run_company(company_id=company.pk, day=now.astimezone(company.zone).date())
        except Exception:
            logger.exception("The recurring invoices of company %s could not be made.", company.pk)
    return tally


def run_company(*, company_id: int, day: date) -> Tally:
    """Make the company's invoices that are due up to `day`, each dated as its day is, the oldest first.

    What cannot be made is set aside with its reason, and stops no other. Some hundred are made in a transaction, one of
    each recurring invoice; those that another scheduler has at that moment are left to it.
    """
    tally = Tally()
    while True:
        due = due_recurring(company_id, day).order_by("next_date", "pk")
        done = _run_part(company_id, day, list(due.values_list("pk", flat=True)[:ROWS_AT_A_TIME]))
        if done == Tally():
            return tally
        tally += done


def _run_part(company_id: int, day: date, ids: Sequence[int]) -> Tally:
    """Make the next invoice of each; one by one where something unforeseen happens to one of them."""
    try:
        with transaction.atomic():
            return _run_locked(day, _lock_due(company_id, day, ids))
    except (OperationalError, InterfaceError):  # the database's matter, not that of a row
        raise
    except Exception as error:
        if len(ids) == 1:
            logger.exception("Recurring invoice %s could not be run.", ids[0])
            return _set_aside_unforeseen(company_id, day, ids, error)
    middle = len(ids) // 2
    return _run_part(company_id, day, ids[:middle]) + _run_part(company_id, day, ids[middle:])


def _lock_due(company_id: int, day: date, ids: Sequence[int]) -> list[RecurringInvoice]:
    """Those that are still due and that nobody else has at the moment, locked, with their lines and customers."""
    rows = due_recurring(company_id, day).filter(pk__in=ids).select_related("customer").prefetch_related("lines")
    recurring = list(rows.select_for_update(skip_locked=True, of=("self",)).order_by("pk"))
    company = hold_company(company_id)
    for row in recurring:
        row.company = company
    return recurring


def _run_locked(day: date, recurring: Sequence[RecurringInvoice]) -> Tally:
    problems: dict[int, DomainError] = {row.pk: refusal for row in recurring if (refusal := refusal_of_many(row, day))}
    few = [row for row in recurring if row.pk not in problems]
    outcomes = create_invoices(actor=RECURRING, rows=[next_invoice(row) for row in few])
    for row, outcome in zip(few, outcomes, strict=True):
        if isinstance(outcome, DomainError):
            problems[row.pk] = outcome
    for row in recurring:
        if row.pk in problems:
            _set_aside(row, problems[row.pk].detail)
    return Tally(len(recurring) - len(problems), len(problems))


def _set_aside(recurring: RecurringInvoice, problem: str) -> None:
    """Keep why its invoice could not be made; it waits for somebody to edit, resume or run it."""
    company_id = recurring.company_id
    with recording(
        actor=RECURRING, action="recurring_invoice.set_aside", company_id=company_id, reason=problem
    ) as change:
        write_version(recurring, change=change, problem=problem)


def _set_aside_unforeseen(company_id: int, day: date, ids: Sequence[int], error: Exception) -> Tally:
    with transaction.atomic():
        recurring = _lock_due(company_id, day, ids)
        for row in recurring:
            _set_aside(row, f"Something unforeseen happened ({type(error).__name__}). Tell whoever runs FinTrack.")
    return Tally(set_aside=len(recurring))
