"""The verbs of invoices: draft, duplicate, edit, delete, issue, cancel, settle. The only code that writes them.

Errors: InvoiceNotFound, WrongStatus, StaleVersion, ItemInvalid, DiscountInvalid, InvoiceWithoutLines, DueBeforeIssue,
DateInvalid, PeriodLocked, HasEntries, SeriesInUse, CustomerUnknown, CustomerArchived, CustomerAmbiguous,
UnknownCurrency, AmountTooPrecise, AmountTooLarge, PaymentExceedsOutstanding, NumberInvalid, NoExchangeRate,
RateInvalid.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F

from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.errors import ConstraintBroken, DomainError, NotFound
from core.model_fields import PRICE_BOUND, PRICE_DECIMALS
from core.money import AMOUNT_LIMIT, ZERO, AmountTooLarge, exact, minor_units
from core.prepared import Prepared, Slot
from core.text import clean_external_id, clean_metadata, clean_text, search_text
from invoices.exchange import exchange_values
from invoices.lifecycle import Command, Status, require_status, settled_status
from invoices.models import Invoice, InvoiceLine, NumberSeries, SeriesKind, StoredDocument
from invoices.totals import (
    Discount,
    LineTotals,
    PricedLine,
    Terms,
    Totals,
    VatCategory,
    document_totals,
    line_amount,
)
from parties.models import Company, Customer
from parties.selectors import seller_as_issued
from parties.services import create_customer, hold_company, hold_customer, require_open_period

MAXIMUM_LINES = 1_000
RATE_DECIMALS = 4
EARLIEST_DATE = date(1900, 1, 1)
LATEST_DATE = date(2999, 12, 31)
MAXIMUM_NUMBER_LENGTH = 40
OWN_NUMBER = re.compile(r"INV-[0-9]{4}-[0-9]+", re.IGNORECASE)
"""What the series' own numbers look like."""

_followers_of_issues: list[Callable[[Actor, Sequence[Invoice]], None]] = []


class InvoiceNotFound(NotFound):
    """There is no such invoice."""


class ItemInvalid(DomainError):
    """A line cannot be billed as it is."""

    code = "item_invalid"
    title = "Line not acceptable"


class DiscountInvalid(DomainError):
    """The discount is both kinds at once, negative, or more than there is."""

    code = "discount_invalid"
    title = "Discount not acceptable"


class HasEntries(DomainError):
    """Money was recorded on the invoice; even if it was given back, the invoice is not cancelled any more."""

    code = "has_payments"
    title = "Payments were recorded"
    default_detail = "Payments were recorded on this invoice, so it cannot be cancelled (not even after a reversal)."


class SeriesInUse(DomainError):
    """A series has given numbers; setting it anew would make a gap or a repeat."""

    code = "series_in_use"
    title = "Series in use"
    default_detail = "This series has given numbers already; its next number follows from the last."


class NumberInvalid(DomainError):
    """A number that an invoice cannot have had elsewhere."""

    code = "number_invalid"
    title = "Number not acceptable"


class InvoiceWithoutLines(DomainError):
    """An invoice about nothing is not issued."""

    code = "invoice_without_lines"
    title = "No lines"
    default_detail = "Add at least one line before issuing the invoice."


class DueBeforeIssue(DomainError):
    """Nobody can pay before the invoice exists."""

    code = "due_before_issue"
    title = "Dates in the wrong order"
    default_detail = "The due date is before the issue date."


class DateInvalid(DomainError):
    """A date so far off that it can only be a slip of the keyboard."""

    code = "date_invalid"
    title = "Not a likely date"
    default_detail = "Dates run from 1900-01-01 to 2999-12-31."


class CustomerUnknown(DomainError):
    """The company has no such customer."""

    code = "customer_unknown"
    title = "Unknown customer"
    default_detail = "The company has no such customer."


class CustomerArchived(DomainError):
    """An archived customer gets no new invoices."""

    code = "customer_archived"
    title = "Customer archived"
    default_detail = "This customer is archived. Bring it back before billing it."


class CustomerAmbiguous(DomainError):
    """Several customers have this name."""

    code = "customer_ambiguous"
    title = "Which customer?"
    default_detail = "Several customers have this name; use customerId."


class PaymentExceedsOutstanding(DomainError):
    """More was paid than is owed."""

    code = "payment_exceeds_outstanding"
    title = "Too much"
    default_detail = "Payment exceeds outstanding amount."


@dataclass(frozen=True)
class Item:
    """A line as somebody wrote it. Without a rate it takes the company's; with the id of a line it stays that line.

    The discount is a percentage (10 is 10 %) or an amount, not both; net, or gross where prices include VAT.
    """

    description: str
    quantity: Decimal
    unit_price: Decimal
    vat_rate: Decimal | None = None
    vat_category: str | None = None
    id: int | None = None
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO


@dataclass(frozen=True)
class WorkedDraft:
    """A draft with its dates and terms settled, its lines checked and its totals worked out; nothing is written yet."""

    issue_date: date
    due_date: date
    terms: Terms
    lines: Sequence[Item]
    totals: Totals


_LOCKED = Prepared(lambda: Invoice.objects.select_for_update().filter(pk=Slot("id")).order_by())


def lock_invoice(invoice_id: int) -> Invoice:
    """The invoice, locked until the end of the transaction: the first lock of every command on it.

    Its company is held as it is now, so that the period lock does not move meanwhile. Nothing is joined: who waits for
    a lock is given the row as it is then, but its joins as they were before, and loses the row where they differ.
    """
    invoice = _LOCKED.first(id=invoice_id)
    if invoice is None:
        raise InvoiceNotFound
    invoice.company = hold_company(invoice.company_id)
    return invoice


def lock_invoices(invoice_ids: Collection[int]) -> dict[int, Invoice]:
    """The invoices by id, locked in that order as by `lock_invoice`; what does not exist is left out."""
    rows = Invoice.objects.select_for_update().filter(pk__in=invoice_ids).order_by("pk")
    invoices = {invoice.pk: invoice for invoice in rows}
    company_ids = sorted({invoice.company_id for invoice in invoices.values()})
    companies = {company_id: hold_company(company_id) for company_id in company_ids}
    for invoice in invoices.values():
        invoice.company = companies[invoice.company_id]
    return invoices


def create_draft(
    *,
    actor: Actor,
    company: Company,
    customer_id: int,
    items: Sequence[Item] = (),
    issue_date: date | None = None,
    due_date: date | None = None,
    currency: str | None = None,
    prices_include_vat: bool = False,
    discount_percent: Decimal = ZERO,
    discount_amount: Decimal = ZERO,
    external_id: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Invoice:
    """A new draft with its totals. By default: issued today, due after the company's payment days, in its currency."""
    worked = work_out(
        company=company,
        items=items,
        issue_date=issue_date,
        due_date=due_date,
        currency=currency,
        prices_include_vat=prices_include_vat,
        discount_percent=discount_percent,
        discount_amount=discount_amount,
    )
    with transaction.atomic():
        customer = _billable_customer(company, customer_id)
        with recording(actor=actor, action="invoice.created", company_id=company.pk) as change:
            values = draft_values(worked, company, customer, external_id, metadata)
            invoice = Invoice.objects.create(**values, change=change)
            _replace_lines(invoice, {}, worked.lines, worked.totals, change)
    return invoice


def duplicate_invoice(*, actor: Actor, invoice_id: int) -> Invoice:
    """A new draft for the same customer with the same lines, discounts and currency, dated today; of any invoice.

    It is due after the company's payment days. What names the old document (number, externalId, metadata) stays there.
    """
    invoice = Invoice.objects.select_related("company").prefetch_related("lines").filter(pk=invoice_id).first()
    if invoice is None:
        raise InvoiceNotFound
    return create_draft(
        actor=actor,
        company=invoice.company,
        customer_id=invoice.customer_id,
        items=[replace(item, id=None) for item in _items_of(invoice.lines.all())],
        currency=invoice.currency,
        prices_include_vat=invoice.prices_include_vat,
        discount_percent=invoice.discount_percent,
        discount_amount=invoice.discount_amount,
    )


def work_out(
    *,
    company: Company,
    items: Sequence[Item] = (),
    issue_date: date | None = None,
    due_date: date | None = None,
    currency: str | None = None,
    prices_include_vat: bool = False,
    discount_percent: Decimal = ZERO,
    discount_amount: Decimal = ZERO,
) -> WorkedDraft:
    """What `create_draft` makes of what it is told, before anything is looked up. Raises what it raises."""
    currency = company.currency if currency is None else currency
    issue_date = issue_date or company.today()
    due_date = due_date or issue_date + timedelta(days=company.payment_days)
    _require_dates(issue_date, due_date)
    discount = _checked_discount(discount_percent, discount_amount, currency)
    terms = Terms(currency, prices_include_vat, company.vat_rounding, discount)
    lines = _checked_items(items, company, currency)
    return WorkedDraft(issue_date, due_date, terms, lines, _totals(lines, terms))


def draft_values(
    worked: WorkedDraft,
    company: Company,
    customer: Customer,
    external_id: str | None,
    metadata: Mapping[str, object] | None,
) -> dict[str, Any]:
    """The columns of a new draft for `customer`. Raises TextInvalid."""
    return {
        "company": company,
        "customer": customer,
        "customer_name": customer.name,
        "issue_date": worked.issue_date,
        "due_date": worked.due_date,
        "external_id": clean_external_id(external_id),
        "metadata": clean_metadata(metadata or {}),
        "search_text": search_text(customer.name),
        **_term_values(worked.terms),
        **_amounts(worked.totals),
    }


def create_quick_draft(
    *,
    actor: Actor,
    company: Company,
    customer_name: str,
    amount: Decimal,
    due_date: date,
    vat_rate: Decimal | None = None,
) -> Invoice:
    """A draft of one line whose total is exactly `amount`, VAT included, for the customer of that name.

    The customer is made where there is none. The issue date is today, or the due date where that is earlier.
    """
    name = clean_text(customer_name, max_length=200, field="customer_name")
    total = exact(amount, decimals=minor_units(company.currency), field="amount")
    if total <= 0:
        raise ItemInvalid("The amount is above zero.", field="amount")
    with transaction.atomic(), recording(actor=actor, action="invoice.created", company_id=company.pk):
        customer = _customer_named(actor, company, name)
        return create_draft(
            actor=actor,
            company=company,
            customer_id=customer.pk,
            items=[Item(description="Invoice", quantity=Decimal(1), unit_price=total, vat_rate=vat_rate)],
            issue_date=min(company.today(), due_date),
            due_date=due_date,
            prices_include_vat=True,
        )


def update_draft(
    *,
    actor: Actor,
    invoice_id: int,
    version: int | None = None,
    customer_id: int | None = None,
    items: Sequence[Item] | None = None,
    issue_date: date | None = None,
    due_date: date | None = None,
    currency: str | None = None,
    prices_include_vat: bool | None = None,
    discount_percent: Decimal | None = None,
    discount_amount: Decimal | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Invoice:
    """The draft with what is given changed (None leaves it) and its totals worked out again.

    `items` replaces the lines: an item with the id of a line changes that line, the others are new, and lines that no
    item names go. A discount of one kind takes the place of the other.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_status(invoice.status, Command.EDIT)
        customer = invoice.customer if customer_id is None else _billable_customer(invoice.company, customer_id)
        issue_date = issue_date or invoice.issue_date
        due_date = due_date or invoice.due_date
        _require_dates(issue_date, due_date)
        currency = invoice.currency if currency is None else currency
        if discount_percent is None and discount_amount is None:
            discount_percent, discount_amount = invoice.discount_percent, invoice.discount_amount
        discount = _checked_discount(discount_percent or ZERO, discount_amount or ZERO, currency)
        inclusive = invoice.prices_include_vat if prices_include_vat is None else prices_include_vat
        terms = Terms(currency, inclusive, invoice.company.vat_rounding, discount)
        stored = {line.pk: line for line in invoice.lines.all()}
        items = _items_of(stored.values()) if items is None else items
        lines = _checked_items(items, invoice.company, currency)
        totals = _totals(lines, terms)
        with recording(actor=actor, action="invoice.updated", company_id=invoice.company_id) as change:
            write_version(
                invoice,
                change=change,
                customer=customer,
                customer_name=customer.name,
                present_customer_name=None,
                issue_date=issue_date,
                due_date=due_date,
                external_id=invoice.external_id if external_id is None else clean_external_id(external_id),
                metadata=invoice.metadata if metadata is None else clean_metadata(metadata),
                search_text=search_text(customer.name),
                **_term_values(terms),
                **_amounts(totals),
            )
            _replace_lines(invoice, stored, lines, totals, change)
    return invoice


def delete_draft(*, actor: Actor, invoice_id: int, version: int | None = None) -> None:
    """Delete a draft and its lines; the history keeps both."""
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_status(invoice.status, Command.DELETE)
        with recording(actor=actor, action="invoice.deleted", company_id=invoice.company_id):
            invoice.lines.all().delete()
            invoice.delete()


def on_issue(follow: Callable[[Actor, Sequence[Invoice]], None]) -> None:
    """Let `follow` run with who issued and the invoices issued, in the transaction of the command."""
    _followers_of_issues.append(follow)


def tell_issued(actor: Actor, invoices: Sequence[Invoice]) -> None:
    """Tell all who follow that the invoices are issued now."""
    for follow in _followers_of_issues:
        follow(actor, invoices)


def issue_invoice(
    *, actor: Actor, invoice_id: int, version: int | None = None, exchange_rate: Decimal | None = None
) -> Invoice:
    """The invoice, issued: numbered without a gap in its series, and frozen with both parties as they are now.

    The year of the number is that of the issue date. An invoice whose total is zero is Paid at once. In another
    currency than the company's it is frozen with its rate: the recorded one of its day, or `exchange_rate`.
    """
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_issuable(invoice, has_lines=invoice.lines.exists())
        exchange = exchange_values(invoice, rate_by_hand=exchange_rate)
        with recording(actor=actor, action="invoice.issued", company_id=invoice.company_id) as change:
            number = _next_number(invoice.company_id, invoice.issue_date.year)
            write_version(invoice, change=change, **issued_values(invoice, number, change), **exchange)
        tell_issued(actor, [invoice])
    return invoice


def require_issuable(invoice: Invoice, *, has_lines: bool) -> None:
    """Raise WrongStatus, InvoiceWithoutLines, CustomerArchived or PeriodLocked where the invoice cannot be issued."""
    require_status(invoice.status, Command.ISSUE)
    if not has_lines:
        raise InvoiceWithoutLines
    if invoice.customer.archived:
        raise CustomerArchived
    require_open_period(invoice.company, invoice.issue_date)


def require_foreign_number(number: str) -> str:
    """The number of an invoice that was issued elsewhere, trimmed. Raises NumberInvalid.

    Numbers of our own form are not taken in: our series would meet them one day.
    """
    number = clean_text(number, max_length=MAXIMUM_NUMBER_LENGTH, field="number")
    if not number:
        raise NumberInvalid("An invoice that was issued has a number.", field="number")
    if OWN_NUMBER.fullmatch(number):
        raise NumberInvalid(
            f"{number} is a number that FinTrack gives itself: put something before it.", field="number"
        )
    return number


def issued_values(invoice: Invoice, number: str, change: Change) -> dict[str, Any]:
    """The columns that `change` writes to issue the invoice under `number`."""
    return {
        "number": number,
        "search_text": search_text(number, invoice.customer.name),
        "status": settled_status(invoice.total, ZERO),
        "issued_at": change.at,
        "customer_name": invoice.customer.name,
        "present_customer_name": None,
        "seller": seller_as_issued(invoice.company, invoice.customer, invoice.currency),
        "buyer": invoice.customer.details(),
    }


def show_new_name(customer: Customer) -> None:
    """Let documents of a renamed customer that were never issued show its present name, and be found by it.

    No version of theirs: what is on record of them has not changed.
    """
    unissued = Invoice.objects.filter(customer=customer, issued_at=None)
    unissued.update(present_customer_name=customer.name, search_text=customer.search_text)


def cancel_invoice(*, actor: Actor, invoice_id: int, reason: str = "", version: int | None = None) -> Invoice:
    """The invoice, cancelled: a draft, or an issued one on which no entry was ever recorded. It keeps its number."""
    reason = clean_text(reason, max_length=1000, field="reason")
    with transaction.atomic():
        invoice = lock_invoice(invoice_id)
        require_version(invoice, version)
        require_cancellable(invoice)
        require_open_period(invoice.company, invoice.company.today())
        if invoice.issued_at:
            require_open_period(invoice.company, invoice.issue_date)
        with recording(actor=actor, action="invoice.cancelled", company_id=invoice.company_id, reason=reason) as change:
            write_version(invoice, change=change, status=Status.CANCELLED, cancelled_at=change.at)
    return invoice


def require_cancellable(invoice: Invoice) -> None:
    """Raise HasEntries where money was ever recorded, WrongStatus where the status takes no cancellation."""
    if invoice.entry_count:
        raise HasEntries
    require_status(invoice.status, Command.CANCEL)


def set_next_number(*, actor: Actor, company: Company, year: int, next_value: int) -> NumberSeries:
    """Let the series of `year` start at `next_value`. Possible until it has given its first number.

    A series that starts there already stays as it is, and nothing is recorded.
    """
    if not 1 <= next_value <= 999_999_999:
        raise DateInvalid("A series starts between 1 and 999 999 999.", field="next_value")
    if not EARLIEST_DATE.year <= year <= LATEST_DATE.year:
        raise DateInvalid("A year has four digits, from 1900 to 2999.", field="year")
    with transaction.atomic():
        key: dict[str, Any] = {"company": company, "kind": SeriesKind.INVOICE, "year": year}
        NumberSeries.objects.get_or_create(**key)
        series = NumberSeries.objects.select_for_update().get(**key)
        if series.next_value != series.first_value:
            raise SeriesInUse(field="year")
        if series.next_value == next_value:
            return series
        series.first_value = series.next_value = next_value
        with recording(actor=actor, action="series.start_set", company_id=company.pk, reason=f"{series}: {next_value}"):
            series.save(update_fields=["first_value", "next_value"])
    return series


def settle_invoice(
    *,
    invoice: Invoice,
    amount: Decimal = ZERO,
    credited: Decimal = ZERO,
    entries: int,
    reference: str = "",
    change: Change,
) -> None:
    """Move what is paid of a locked invoice by `amount`, together with the ledger entries that `change` records.

    `credited` is what less is owed without a payment. Both are negative for what undoes an entry. The invoice is found
    by `reference` from now on. Raises PaymentExceedsOutstanding.
    """
    values = settled_values(invoice, amount=amount, credited=credited, entries=entries, reference=reference)
    write_version(invoice, change=change, **values)


def settled_values(
    invoice: Invoice, *, amount: Decimal = ZERO, credited: Decimal = ZERO, entries: int, reference: str = ""
) -> dict[str, Any]:
    """The columns that settle the invoice by what is paid and what is credited. Raises PaymentExceedsOutstanding."""
    paid, all_credited = invoice.paid + amount, invoice.credited + credited
    if paid < ZERO or all_credited < ZERO or paid + all_credited > invoice.total:
        raise PaymentExceedsOutstanding(field="amount")
    return {
        "paid": paid,
        "credited": all_credited,
        "status": settled_status(invoice.total, paid + all_credited),
        "entry_count": invoice.entry_count + entries,
        "search_text": search_text(invoice.search_text, reference),
    }


def store_document(*, actor: Actor, document: StoredDocument, company_id: int) -> StoredDocument:
    """The stored document of this invoice and kind: `document`, or the one that somebody else stored meanwhile.

    An entry of its own, which names the file and its hash. Called outside a transaction: nothing is stored of what may
    still be rolled back.
    """
    reason = f"{document.file_name}, SHA-256 {document.sha256}"
    try:
        with (
            transaction.atomic(durable=True),
            recording(
                actor=actor, action="invoice.document_stored", company_id=company_id, reason=reason
            ) as document.change,
        ):
            document.save(force_insert=True)
    except ConstraintBroken as refusal:
        if refusal.constraint_code != "document_stored":
            raise
        return StoredDocument.objects.get(invoice=document.invoice_id, kind=document.kind)
    return document


def _next_number(company_id: int, year: int) -> str:
    return next_numbers(company_id, year, 1)[0]


def next_numbers(company_id: int, year: int, count: int, kind: SeriesKind = SeriesKind.INVOICE) -> list[str]:
    """The next numbers of the series; its row stays locked until the command commits: a rollback leaves no gap."""
    series = NumberSeries.objects.filter(company_id=company_id, kind=kind, year=year)
    if not series.update(next_value=F("next_value") + count):
        NumberSeries.objects.get_or_create(company_id=company_id, kind=kind, year=year)
        series.update(next_value=F("next_value") + count)
    end = series.values_list("next_value", flat=True).get()
    return [f"{kind.value}-{year}-{value:06d}" for value in range(end - count, end)]


def _customer_named(actor: Actor, company: Company, name: str) -> Customer:
    # The database's own comparison without case knows no umlauts on SQLite.
    found = list(Customer.objects.filter(company=company, search_text=search_text(name), archived=False)[:2])
    if len(found) > 1:
        raise CustomerAmbiguous(field="customer_name")
    return found[0] if found else create_customer(actor=actor, company=company, name=name)


def _billable_customer(company: Company, customer_id: int) -> Customer:
    return require_billable(hold_customer(customer_id), company)


def require_billable(customer: Customer | None, company: Company) -> Customer:
    """The customer, where `company` can bill it. Raises CustomerUnknown, CustomerArchived."""
    if customer is None or customer.company_id != company.pk:
        raise CustomerUnknown(field="customer_id")
    if customer.archived:
        raise CustomerArchived(field="customer_id")
    return customer


def _require_dates(issue_date: date, due_date: date) -> None:
    for name, day in (("issue_date", issue_date), ("due_date", due_date)):
        if not EARLIEST_DATE <= day <= LATEST_DATE:
            raise DateInvalid(field=name)
    if due_date < issue_date:
        raise DueBeforeIssue(field="due_date")


def _checked_items(items: Sequence[Item], company: Company, currency: str) -> list[Item]:
    """The items with their texts cleaned, their numbers exact and their VAT complete. Raises ItemInvalid and others."""
    if len(items) > MAXIMUM_LINES:
        raise ItemInvalid(f"A document has at most {MAXIMUM_LINES} lines; this has {len(items)}.", field="items")
    return [_checked_item(item, f"items.{position}", company, currency) for position, item in enumerate(items)]


def _checked_item(item: Item, path: str, company: Company, currency: str) -> Item:
    description = clean_text(item.description, max_length=1000, field=f"{path}.description")
    if not description:
        raise ItemInvalid("Say what is billed.", field=f"{path}.description")
    quantity = _number_below_bound(item.quantity, f"{path}.qty")
    if quantity <= 0:
        raise ItemInvalid("A quantity is above zero.", field=f"{path}.qty")
    unit_price = _number_below_bound(item.unit_price, f"{path}.unit_price")
    if unit_price < 0:
        raise ItemInvalid("A price is not negative.", field=f"{path}.unit_price")
    rate, category = _vat_of(item, path, company)
    discount = _checked_discount(item.discount_percent, item.discount_amount, currency, prefix=f"{path}.")
    if discount.of(quantity * unit_price) > quantity * unit_price:
        raise DiscountInvalid("The discount is more than the line.", field=f"{path}.discount_amount")
    return Item(description, quantity, unit_price, rate, category, item.id, discount.percent, discount.amount)


def _checked_discount(percent: Decimal, amount: Decimal, currency: str, prefix: str = "") -> Discount:
    """The discount, exact. Raises DiscountInvalid, AmountTooPrecise."""
    percent = exact(percent, decimals=RATE_DECIMALS, field=f"{prefix}discount_percent")
    amount = exact(amount, decimals=minor_units(currency), field=f"{prefix}discount_amount")
    if percent and amount:
        raise DiscountInvalid("A discount is a percentage or an amount, not both.", field=f"{prefix}discount_amount")
    if not 0 <= percent <= 100:
        raise DiscountInvalid("A percentage runs from 0 to 100: 10 is 10 %.", field=f"{prefix}discount_percent")
    if amount < 0:
        raise DiscountInvalid("A discount is not negative.", field=f"{prefix}discount_amount")
    return Discount(percent, amount)


def _number_below_bound(value: Decimal, path: str) -> Decimal:
    number = exact(value, decimals=PRICE_DECIMALS, field=path)
    if abs(number) >= PRICE_BOUND:
        raise AmountTooLarge("Prices and quantities stay below 1 000 000 000.", field=path)
    return number


def _vat_of(item: Item, path: str, company: Company) -> tuple[Decimal, str]:
    """The rate and category of an item: what it says, or the company's default."""
    if item.vat_rate is not None:
        rate = exact(item.vat_rate, decimals=RATE_DECIMALS, field=f"{path}.vat_rate")
    elif item.vat_category in (None, VatCategory.STANDARD):
        rate = company.default_vat_rate if company.vat_number else ZERO
    else:
        rate = ZERO
    if not 0 <= rate <= 1:
        raise ItemInvalid("A VAT rate is a fraction from 0 to 1: 0.15 is 15 %.", field=f"{path}.vat_rate")
    category = item.vat_category or _default_category(rate, company)
    if category not in VatCategory.values:
        raise ItemInvalid("VAT categories are S, Z, E, AE, K, G and O (EN 16931).", field=f"{path}.vat_category")
    if (category == VatCategory.STANDARD) != (rate > 0):
        raise ItemInvalid(
            "Category S has a rate above 0, all other categories have rate 0.", field=f"{path}.vat_category"
        )
    return rate, category


def _default_category(rate: Decimal, company: Company) -> str:
    if rate > 0:
        return VatCategory.STANDARD
    return VatCategory.ZERO if company.vat_number else VatCategory.NOT_SUBJECT


def _totals(lines: Sequence[Item], terms: Terms) -> Totals:
    """The totals of checked items. Raises AmountTooLarge, DiscountInvalid."""
    priced = [_priced(line) for line in lines]
    gross = sum((line_amount(line, minor_units(terms.currency)) for line in priced), ZERO)
    if gross >= AMOUNT_LIMIT:
        raise AmountTooLarge(field="items")
    if terms.discount.of(gross) > gross:
        raise DiscountInvalid("The discount is more than the lines.", field="discount_amount")
    totals = document_totals(priced, terms)
    if totals.total >= AMOUNT_LIMIT:
        raise AmountTooLarge(field="items")
    return totals


def _priced(item: Item) -> PricedLine:
    discount = Discount(item.discount_percent, item.discount_amount)
    return PricedLine(item.quantity, item.unit_price, item.vat_category or "", item.vat_rate or ZERO, discount)


def _amounts(totals: Totals) -> dict[str, Decimal]:
    return {
        "lines_total": totals.lines_total,
        "discount_total": totals.discount_total,
        "subtotal": totals.subtotal,
        "vat_total": totals.vat_total,
        "total": totals.total,
    }


def _term_values(terms: Terms) -> dict[str, Any]:
    return {
        "currency": terms.currency,
        "prices_include_vat": terms.prices_include_vat,
        "vat_rounding": terms.vat_rounding,
        "discount_percent": terms.discount.percent,
        "discount_amount": terms.discount.amount,
    }


def _items_of(lines: Iterable[InvoiceLine]) -> list[Item]:
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


def _line_values(invoice: Invoice, position: int, item: Item, amounts: LineTotals) -> dict[str, Any]:
    return {
        "position": position,
        "description": item.description,
        "quantity": item.quantity,
        "unit_price": item.unit_price,
        "vat_category": item.vat_category,
        "vat_rate": item.vat_rate,
        "discount_percent": item.discount_percent,
        "discount_amount": item.discount_amount,
        "currency": invoice.currency,
        "line_total": amounts.line_total,
        "line_gross": amounts.line_gross,
        "taxable_amount": amounts.taxable_amount,
        "vat_amount": amounts.vat_amount,
    }


def new_lines(
    invoice: Invoice, rows: Iterable[tuple[int, tuple[Item, LineTotals]]], change: Change
) -> list[InvoiceLine]:
    """Lines of the invoice to be inserted, from (position, (item, its amounts))."""
    return [
        InvoiceLine(invoice=invoice, change=change, **_line_values(invoice, position, item, amounts))
        for position, (item, amounts) in rows
    ]


def no_such_line(position: int) -> ItemInvalid:
    """The refusal of an item that names a line; positions count from 1."""
    return ItemInvalid("This invoice has no such line (or names it twice).", field=f"items.{position - 1}.id")


def _replace_lines(
    invoice: Invoice, stored: dict[int, InvoiceLine], lines: Sequence[Item], totals: Totals, change: Change
) -> None:
    """Write the lines that differ, add the new ones, delete those that are named no more."""
    new_rows = []
    remaining = dict(stored)
    for position, (item, amounts) in enumerate(zip(lines, totals.lines, strict=True), start=1):
        if item.id is None:
            new_rows.append((position, (item, amounts)))
            continue
        line = remaining.pop(item.id, None)
        if line is None:
            raise no_such_line(position)
        values = _line_values(invoice, position, item, amounts)
        if any(getattr(line, name) != value for name, value in values.items()):
            write_version(line, change=change, **values)
    InvoiceLine.objects.filter(pk__in=list(remaining)).delete()
    InvoiceLine.objects.bulk_create(new_lines(invoice, new_rows, change))
