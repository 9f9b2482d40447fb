"""Many invoices in one command: each with the rules, the journal entries and the history of a command of its own.

What is decided is decided row by row, by the same functions as a single command. What is written is written for all
rows at once. A row that is refused leaves nothing behind, and the others are not touched by it.

Errors: TooManyRows. What is wrong with a row is the row's outcome, an error of `invoices.services`.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction

from audit.actors import Actor
from audit.models import Change
from audit.services import ENTRIES_AT_ONCE, insert_rows, recording_each, require_version, write_versions
from core.database import KEYS
from core.errors import ConstraintBroken, DomainError, constraint_broken
from core.money import ZERO
from core.text import clean_external_id
from currencies.selectors import RateFinder
from currencies.services import RateInvalid
from invoices.exchange import exchange_values
from invoices.models import Invoice, InvoiceLine
from invoices.recurring.models import RecurringInvoice
from invoices.services import (
    InvoiceNotFound,
    Item,
    WorkedDraft,
    draft_values,
    issued_values,
    lock_invoices,
    new_lines,
    next_numbers,
    no_such_line,
    require_billable,
    require_foreign_number,
    require_issuable,
    tell_issued,
    work_out,
)
from parties.models import Company, Customer
from parties.services import hold_company, hold_customers

MAXIMUM_ROWS = ENTRIES_AT_ONCE

Outcome = Invoice | DomainError
"""What became of a row: the invoice as it is now, or why nothing was done."""

Row = TypeVar("Row")


class TooManyRows(DomainError):
    """More rows than are written at once."""

    code = "too_many_rows"
    title = "Too many at once"
    default_detail = f"At most {MAXIMUM_ROWS} invoices are possible at once; send the others after them."


@dataclass(frozen=True)
class Occurrence:
    """The day of a recurring invoice, locked by the caller, that a new invoice is for; `next_day` comes after it."""

    recurring_invoice: RecurringInvoice
    day: date
    next_day: date | None


@dataclass(frozen=True, kw_only=True)
class NewInvoice:
    """What `create_draft` is told, and whether the draft is issued with it: then the row is both or neither.

    Of recurring invoices each comes once; it moves on to its next day together with the invoice.
    """

    company: Company
    customer_id: int
    items: Sequence[Item] = ()
    issue_date: date | None = None
    due_date: date | None = None
    currency: str | None = None
    prices_include_vat: bool = False
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO
    external_id: str | None = None
    metadata: Mapping[str, object] | None = None
    issue: bool = False
    number: str | None = None
    """Under which it was issued elsewhere: it is issued under that, belongs to no series of ours, and is not mailed."""
    exchange_rate: Decimal | None = None
    """By hand, for an invoice that is issued in another currency than the company's."""
    occurrence: Occurrence | None = None


@dataclass(frozen=True, kw_only=True)
class DraftToIssue:
    """What `issue_invoice` is told."""

    invoice_id: int
    version: int | None = None
    exchange_rate: Decimal | None = None


@dataclass(frozen=True)
class _Checked:
    """A new invoice that keeps the rules, with the columns it will have."""

    index: int
    worked: WorkedDraft
    values: dict[str, Any]
    issue: bool
    number: str | None
    occurrence: Occurrence | None
    exchange: dict[str, Any]
    """The columns that freeze its exchange rate, where it is issued."""


def create_invoices(*, actor: Actor, rows: Sequence[NewInvoice]) -> list[Outcome]:
    """Make a draft of each row, and issue those that ask for it: the outcome of each row, in order.

    Raises TooManyRows. Whoever makes more than `MAXIMUM_ROWS` calls this for one slice after the other.
    """
    _require_few(rows)
    with transaction.atomic():
        outcomes: dict[int, Outcome] = {}
        customers = hold_customers({row.customer_id for row in rows})
        companies = {pk: hold_company(pk) for pk in sorted({row.company.pk for row in rows if row.issue or row.number})}
        taken = _taken_external_ids(rows)
        checked = []
        known = _Known(customers, companies, taken, RateFinder())
        for index, row in enumerate(rows):
            try:
                checked.append(_checked(index, row, known))
            except DomainError as refusal:
                outcomes[index] = refusal
        outcomes |= _in_parts(checked, lambda part: _create(actor, part), lambda row: row.index)
    return [outcomes[index] for index in range(len(rows))]


def issue_invoices(*, actor: Actor, rows: Sequence[DraftToIssue]) -> list[Outcome]:
    """Issue the draft that each row names: the outcome of each row, in order. A draft named twice is issued once.

    Raises TooManyRows.
    """
    _require_few(rows)
    with transaction.atomic():
        drafts = _Drafts({row.invoice_id for row in rows if row.invoice_id in KEYS})
        outcomes: dict[int, Outcome] = {}
        chosen: dict[int, int] = {}
        again = []
        for index, row in enumerate(rows):
            if row.invoice_id in chosen:
                again.append(index)
                continue
            try:
                drafts.require_issuable(row)
                chosen[row.invoice_id] = index
            except DomainError as refusal:
                outcomes[index] = refusal
        pairs = [(drafts.invoices[pk], drafts.exchange[pk]) for pk in chosen]
        outcomes |= _in_parts(pairs, lambda part: _issue(actor, part), lambda pair: chosen[pair[0].pk])
        for index in again:
            outcomes[index] = drafts.refusal_of(rows[index]) or outcomes[chosen[rows[index].invoice_id]]
    return [outcomes[index] for index in range(len(rows))]


class _Drafts:
    """The invoices that are to be issued, locked, with what decides whether they can be."""

    def __init__(self, invoice_ids: Collection[int]) -> None:
        self.invoices = lock_invoices(invoice_ids)
        customers = Customer.objects.in_bulk({invoice.customer_id for invoice in self.invoices.values()})
        for invoice in self.invoices.values():
            invoice.customer = customers[invoice.customer_id]
        lines = InvoiceLine.objects.filter(invoice__in=self.invoices).order_by()
        self.with_lines = set(lines.values_list("invoice_id", flat=True).distinct())
        self.exchange: dict[int, dict[str, Any]] = {}
        self.rates = RateFinder()

    def require_issuable(self, row: DraftToIssue) -> None:
        """Raise what `issue_invoice` raises."""
        invoice = self.invoices.get(row.invoice_id)
        if invoice is None:
            raise InvoiceNotFound
        require_version(invoice, row.version)
        require_issuable(invoice, has_lines=invoice.pk in self.with_lines)
        self.exchange[invoice.pk] = exchange_values(invoice, rate_by_hand=row.exchange_rate, rates=self.rates)

    def refusal_of(self, row: DraftToIssue) -> DomainError | None:
        """What `require_issuable` raises for the row, or None."""
        try:
            self.require_issuable(row)
        except DomainError as refusal:
            return refusal
        return None


def _require_few(rows: Sequence[Any]) -> None:
    if len(rows) > MAXIMUM_ROWS:
        raise TooManyRows


def work_out_row(row: NewInvoice) -> WorkedDraft:
    """What `create_draft` makes of the row before anything is looked up. Raises what it raises."""
    return work_out(
        company=row.company,
        items=row.items,
        issue_date=row.issue_date,
        due_date=row.due_date,
        currency=row.currency,
        prices_include_vat=row.prices_include_vat,
        discount_percent=row.discount_percent,
        discount_amount=row.discount_amount,
    )


@dataclass(frozen=True)
class _Known:
    """What all rows are checked against: who is billed, who bills, the external ids that are taken, the rates."""

    customers: Mapping[int, Customer]
    companies: Mapping[int, Company]
    taken: set[tuple[int, str | None]]
    rates: RateFinder


def _checked(index: int, row: NewInvoice, known: _Known) -> _Checked:
    """The row, worked out. Its external id is taken from now on. Raises what `create_draft` raises, or issuing it."""
    worked = work_out_row(row)
    customer = require_billable(known.customers.get(row.customer_id), row.company)
    values = draft_values(worked, row.company, customer, row.external_id, row.metadata)
    if row.occurrence:
        values["recurring_invoice"] = row.occurrence.recurring_invoice
        values["recurring_period"] = row.occurrence.day
    for position, item in enumerate(worked.lines, start=1):
        if item.id is not None:
            raise no_such_line(position)
    external_id = (row.company.pk, values["external_id"])
    if external_id in known.taken:
        raise constraint_broken(Invoice, "invoice_external_id_unique")
    number = require_foreign_number(row.number) if row.number is not None else None
    values["is_imported"] = number is not None
    exchange: dict[str, Any] = {}
    if row.issue or number:
        values["company"] = known.companies[row.company.pk]
        invoice = Invoice(**values)
        require_issuable(invoice, has_lines=bool(worked.lines))
        exchange = exchange_values(invoice, rate_by_hand=row.exchange_rate, rates=known.rates)
    elif row.exchange_rate is not None:
        raise RateInvalid("A rate is given as the invoice is issued.", field="exchange_rate")
    if values["external_id"]:
        known.taken.add(external_id)
    return _Checked(index, worked, values, row.issue, number, row.occurrence, exchange)


def _taken_external_ids(rows: Sequence[NewInvoice]) -> set[tuple[int, str | None]]:
    """Those of the rows' external ids, with their companies, that an invoice has already."""
    named = set()
    for row in rows:
        with suppress(DomainError):  # what is wrong with an id is found with the rest of its row
            named.add(clean_external_id(row.external_id))
    if not named - {None}:
        return set()
    found = Invoice.objects.filter(company__in={row.company.pk for row in rows}, external_id__in=named - {None})
    return set(found.values_list("company_id", "external_id"))


def _in_parts(
    rows: Sequence[Row], write: Callable[[Sequence[Row]], Sequence[Invoice]], index_of: Callable[[Row], int]
) -> dict[int, Outcome]:
    """What `write` makes of the rows, by their indexes; all at once, or in halves where the database refuses one."""
    if not rows:
        return {}
    try:
        with transaction.atomic():
            return dict(zip(map(index_of, rows), write(rows), strict=True))
    except ConstraintBroken as refusal:
        if len(rows) == 1:
            return {index_of(rows[0]): refusal}
    middle = len(rows) // 2
    return {**_in_parts(rows[:middle], write, index_of), **_in_parts(rows[middle:], write, index_of)}


def _create(actor: Actor, rows: Sequence[_Checked]) -> list[Invoice]:
    company_ids = [row.values["company"].pk for row in rows]
    with recording_each(actor=actor, action="invoice.created", company_ids=company_ids) as changes:
        invoices = [Invoice(**row.values, change=change) for row, change in zip(rows, changes, strict=True)]
        insert_rows(invoices)
        if lines := _lines(invoices, rows):
            insert_rows(lines)
        _move_on(rows, changes)
    to_issue = [
        (invoice, row.exchange) for invoice, row in zip(invoices, rows, strict=True) if row.issue and not row.number
    ]
    if to_issue:
        _issue(actor, to_issue)
    foreign = [(invoice, row.number, row.exchange) for invoice, row in zip(invoices, rows, strict=True) if row.number]
    if foreign:
        _keep_as_issued(actor, foreign)
    return invoices


def _move_on(rows: Sequence[_Checked], changes: Sequence[Change]) -> None:
    """Let the recurring invoices of the rows go on to their next days, each under the entry of its new invoice.

    The caller's own are left as they are: what is written here may be rolled back.
    """
    moved = [(row.occurrence, change) for row, change in zip(rows, changes, strict=True) if row.occurrence]
    if not moved:
        return
    write_versions(
        [RecurringInvoice(pk=o.recurring_invoice.pk, version=o.recurring_invoice.version) for o, _ in moved],
        [{"done_through": o.day, "next_date": o.next_day, "problem": ""} for o, _ in moved],
        [change for _, change in moved],
    )


def _lines(invoices: Iterable[Invoice], rows: Iterable[_Checked]) -> list[InvoiceLine]:
    return [
        line
        for invoice, row in zip(invoices, rows, strict=True)
        for line in new_lines(
            invoice, enumerate(zip(row.worked.lines, row.worked.totals.lines, strict=True), start=1), invoice.change
        )
    ]


def _issue(actor: Actor, pairs: Sequence[tuple[Invoice, dict[str, Any]]]) -> Sequence[Invoice]:
    """The invoices, issued; each comes with the columns that freeze its exchange rate."""
    invoices = [invoice for invoice, _ in pairs]
    company_ids = [invoice.company_id for invoice in invoices]
    with recording_each(actor=actor, action="invoice.issued", company_ids=company_ids) as changes:
        numbers = _numbers_of(invoices)
        values = [
            issued_values(invoice, numbers[invoice.pk], change) | exchange
            for (invoice, exchange), change in zip(pairs, changes, strict=True)
        ]
        write_versions(invoices, values, changes)
    tell_issued(actor, invoices)
    return invoices


def _keep_as_issued(actor: Actor, invoices: Sequence[tuple[Invoice, str, dict[str, Any]]]) -> None:
    """Freeze what was issued elsewhere under its number. Nobody is told: the customer has it already."""
    company_ids = [invoice.company_id for invoice, _, _ in invoices]
    with recording_each(actor=actor, action="invoice.imported", company_ids=company_ids) as changes:
        values = [
            issued_values(invoice, number, change) | exchange
            for (invoice, number, exchange), change in zip(invoices, changes, strict=True)
        ]
        write_versions([invoice for invoice, _, _ in invoices], values, changes)


def _numbers_of(invoices: Iterable[Invoice]) -> dict[int, str]:
    """The numbers by id, in the order of the rows. The series are taken in one order by everybody."""
    by_series: dict[tuple[int, int], list[int]] = defaultdict(list)
    for invoice in invoices:
        by_series[invoice.company_id, invoice.issue_date.year].append(invoice.pk)
    numbers: dict[int, str] = {}
    for (company_id, year), ids in sorted(by_series.items()):
        numbers |= zip(ids, next_numbers(company_id, year, len(ids)), strict=True)
    return numbers
