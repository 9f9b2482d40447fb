"""Many customers in one command: each with the rules, the journal entry and the history of a command of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.services import insert_rows, recording_each
from core.errors import ConstraintBroken, DomainError
from parties.models import Company, Customer
from parties.services import clean_customer

Outcome = Customer | DomainError
"""What became of a row: the customer, or why none was made."""


def create_customers(*, actor: Actor, company: Company, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Make a customer of each row (what `create_customer` is told): the outcome of each, in order."""
    outcomes: dict[int, Outcome] = {}
    cleaned = []
    for index, row in enumerate(rows):
        try:
            cleaned.append((index, clean_customer(row)))
        except DomainError as refusal:
            outcomes[index] = refusal
    with transaction.atomic():
        outcomes |= _written(actor, company, cleaned)
    return [outcomes[index] for index in range(len(rows))]


def _written(actor: Actor, company: Company, rows: Sequence[tuple[int, dict[str, Any]]]) -> dict[int, Outcome]:
    """All at once, or in halves where the database refuses one."""
    if not rows:
        return {}
    try:
        with (
            transaction.atomic(),
            recording_each(actor=actor, action="customer.created", company_ids=[company.pk] * len(rows)) as changes,
        ):
            customers = [
                Customer(company=company, change=change, **values)
                for (_, values), change in zip(rows, changes, strict=True)
            ]
            insert_rows(customers)
            return {index: customer for (index, _), customer in zip(rows, customers, strict=True)}
    except ConstraintBroken as refusal:
        if len(rows) == 1:
            return {rows[0][0]: refusal}
    middle = len(rows) // 2
    return {**_written(actor, company, rows[:middle]), **_written(actor, company, rows[middle:])}
