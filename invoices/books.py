"""What must hold of invoices, for ``manage.py verify_books``: totals, statuses and numbers."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import Count, F, IntegerField, Max, Q, QuerySet
from django.db.models.functions import Length, Substr

from audit.books import Fault, name_documents, register
from core.errors import DomainError
from core.money import currency_codes
from currencies.rates import convert
from invoices.lifecycle import Status, settled_status
from invoices.models import Invoice, InvoiceLine, NumberSeries, SeriesKind, StoredDocument
from invoices.recurring.models import RecurringInvoice, RecurringInvoiceLine
from invoices.selectors import invoice_rows
from invoices.totals import Discount, LineTotals, PricedLine, Terms, document_totals

ROWS_AT_A_TIME = 2_000
FILES_AT_A_TIME = 50
HEAD_COLUMNS = (
    "id",
    "number",
    "status",
    "currency",
    "prices_include_vat",
    "vat_rounding",
    "discount_percent",
    "discount_amount",
    "lines_total",
    "discount_total",
    "subtotal",
    "vat_total",
    "total",
    "paid",
    "credited",
)
LINE_COLUMNS = (
    "lines__id",
    "lines__currency",
    "lines__quantity",
    "lines__unit_price",
    "lines__vat_category",
    "lines__vat_rate",
    "lines__discount_percent",
    "lines__discount_amount",
    "lines__line_total",
    "lines__line_gross",
    "lines__taxable_amount",
    "lines__vat_amount",
)


def register_checks() -> None:
    """Let verify_books look at the invoices, and name them and their lines by number."""
    register(totals_follow_from_lines)
    register(statuses_follow_from_money)
    register(company_vat_follows_from_rates)
    register(numbers_have_no_gap)
    register(names_are_those_of_customers)
    register(stored_documents_are_unchanged)
    register(recurring_invoices_follow_their_days)
    name_documents(Invoice, "number")
    name_documents(StoredDocument, "invoice__number")
    name_documents(InvoiceLine, "invoice__number")
    name_documents(RecurringInvoice, "name")
    name_documents(RecurringInvoiceLine, "recurring_invoice__name")


def totals_follow_from_lines() -> Iterator[Fault]:
    """The totals of each invoice, and the amounts of its lines, are those that its lines give, to the last decimal."""
    for rows in _documents():
        lines = [row for row in rows if row.lines__id is not None]
        yield from _sum_faults(rows[0], lines)
        yield from _recomputed_faults(rows[0], lines)


def statuses_follow_from_money() -> Iterator[Fault]:
    """The status of each issued invoice follows from what is paid of it."""
    issued = Invoice.objects.exclude(status__in=[Status.DRAFT, Status.CANCELLED]).order_by("id")
    for invoice in issued.values_list(*HEAD_COLUMNS, named=True).iterator(chunk_size=ROWS_AT_A_TIME):
        expected = settled_status(invoice.total, invoice.paid + invoice.credited)
        if invoice.status != expected:
            yield _fault(invoice, f"status is {invoice.status}, the money makes it {expected.value}")


def company_vat_follows_from_rates() -> Iterator[Fault]:
    """The VAT of an invoice in its company's currency is its VAT at the rate frozen with it."""
    columns = ("id", "number", "currency", "vat_total", "exchange_rate", "company_currency", "company_vat_total")
    codes = frozenset(currency_codes())
    foreign = Invoice.objects.filter(Q(exchange_rate__isnull=False) | Q(company_vat_total__isnull=False)).order_by("id")
    for invoice in foreign.values_list(*columns, named=True).iterator(chunk_size=ROWS_AT_A_TIME):
        expected = _company_vat(invoice, codes)
        if invoice.company_vat_total != expected or invoice.company_currency == invoice.currency:
            stored = f"{invoice.company_currency} {invoice.company_vat_total}"
            yield _fault(invoice, f"VAT in the company's currency: {expected} at its rate; stored is {stored}")


def _company_vat(invoice: Any, codes: Collection[str]) -> Decimal | None:
    """The VAT at the frozen rate; None where the rate or its currency is none."""
    if invoice.exchange_rate is None or invoice.company_currency not in codes:
        return None
    return convert(invoice.vat_total, invoice.exchange_rate, invoice.company_currency)


def numbers_have_no_gap() -> Iterator[Fault]:
    """The numbers of each company and year run from the series' first without a gap, and the next follows the last."""
    invoiced = NumberSeries.objects.filter(kind=SeriesKind.INVOICE)
    series = {(row.company_id, str(row)): row for row in invoiced.iterator()}
    for key, group in groupby(_numbered_invoices(), key=lambda row: (row.company_id, row.prefix)):
        own = series.pop(key, None)
        expected = own.first_value if own else 1
        for invoice in group:
            if invoice.number != f"{invoice.prefix}-{expected:06d}":
                yield _fault(invoice, f"is in the place of number {expected} of its series")
            expected += 1
        yield from _series_faults(key, own, expected)
    for key, unused in series.items():
        yield from _series_faults(key, unused, unused.first_value)


def names_are_those_of_customers() -> Iterator[Fault]:
    """A document that was never issued shows, and is found by, its customer's present name; an issued one its own."""
    is_present = Q(shown_name=F("customer__name"), search_text=F("customer__search_text"))
    wrong = invoice_rows().filter(
        (Q(issued_at=None) & ~is_present) | Q(issued_at__isnull=False, present_customer_name__isnull=False)
    )
    columns = ("id", "number", "shown_name", "search_text")
    for invoice in wrong.order_by("id").values_list(*columns, named=True).iterator(chunk_size=ROWS_AT_A_TIME):
        message = (
            f"shows {invoice.shown_name!r} and is found by {invoice.search_text!r}; one is not the customer's name"
        )
        yield _fault(invoice, message)


def stored_documents_are_unchanged() -> Iterator[Fault]:
    """Each stored document has the hash that was recorded when it was stored."""
    columns = ("id", "file_name", "sha256", "content")
    documents = StoredDocument.objects.order_by("id").values_list(*columns, named=True)
    for document in documents.iterator(chunk_size=FILES_AT_A_TIME):
        if sha256(document.content).hexdigest() != document.sha256:
            yield Fault("StoredDocument", document.id, document.file_name, "is not what was stored: its hash differs")


def recurring_invoices_follow_their_days() -> Iterator[Fault]:
    """No period was invoiced twice, each that was is done, and the next date is the first of the days after it."""
    made = Invoice.objects.filter(recurring_invoice__isnull=False)
    periods = made.order_by().values("recurring_invoice", "recurring_period").annotate(count=Count("id"))
    for row in periods.filter(count__gt=1).iterator(chunk_size=ROWS_AT_A_TIME):
        message = f"has {row['count']} invoices of {row['recurring_period']}"
        yield Fault("RecurringInvoice", row["recurring_invoice"], "", message)
    for recurring in (
        RecurringInvoice.objects.annotate(last=Max("invoices__recurring_period")).order_by("pk").iterator()
    ):
        if recurring.last and (recurring.done_through is None or recurring.last > recurring.done_through):
            message = f"has an invoice of {recurring.last}, and is done through {recurring.done_through or 'nothing'}"
            yield Fault("RecurringInvoice", recurring.pk, recurring.name, message)
        try:
            expected = recurring.series.first_after(recurring.done_through)
        except (ValueError, ArithmeticError):
            yield Fault("RecurringInvoice", recurring.pk, recurring.name, "its next date cannot be worked out")
            continue
        if recurring.next_date != expected:
            message = f"comes next on {recurring.next_date}; by its days it is {expected}"
            yield Fault("RecurringInvoice", recurring.pk, recurring.name, message)


def _documents() -> Iterator[list[Any]]:
    """The rows of one invoice after the other: its head beside each of its lines."""
    rows = Invoice.objects.order_by("id", "lines__position", "lines__id")
    named = rows.values_list(*HEAD_COLUMNS, *LINE_COLUMNS, named=True).iterator(chunk_size=ROWS_AT_A_TIME)
    for _, group in groupby(named, key=attrgetter("id")):
        yield list(group)


def _sum_faults(head: Any, lines: list[Any]) -> Iterator[Fault]:
    """Summed here and not by the database: SQLite would add in floats."""
    net = sum((line.lines__line_total for line in lines), Decimal(0))
    taxable = sum((line.lines__taxable_amount for line in lines), Decimal(0))
    vat = sum((line.lines__vat_amount for line in lines), Decimal(0))
    sums = {
        "the sum of line totals": (head.lines_total, net),
        "the sum of taxable amounts": (head.subtotal, taxable),
        "the sum of line VAT": (head.vat_total, vat),
        "lines less discount": (head.subtotal, head.lines_total - head.discount_total),
        "subtotal and VAT together": (head.total, head.subtotal + head.vat_total),
    }
    yield from _differences(head, sums)
    if any(line.lines__currency != head.currency for line in lines):
        yield _fault(head, "a line is in another currency")


def _recomputed_faults(head: Any, lines: list[Any]) -> Iterator[Fault]:
    priced = [
        PricedLine(
            line.lines__quantity,
            line.lines__unit_price,
            line.lines__vat_category,
            line.lines__vat_rate,
            Discount(line.lines__discount_percent, line.lines__discount_amount),
        )
        for line in lines
    ]
    discount = Discount(head.discount_percent, head.discount_amount)
    terms = Terms(head.currency, head.prices_include_vat, head.vat_rounding, discount)
    try:
        totals = document_totals(priced, terms)
    except DomainError as error:
        yield _fault(head, f"its totals cannot be worked out: {error.detail}")
        return
    names = ("lines_total", "discount_total", "subtotal", "vat_total", "total")
    yield from _differences(
        head, {f"{name}, worked out": (getattr(head, name), getattr(totals, name)) for name in names}
    )
    for line, amounts in zip(lines, totals.lines, strict=True):
        stored = LineTotals(
            line.lines__line_total, line.lines__line_gross, line.lines__taxable_amount, line.lines__vat_amount
        )
        if stored != amounts:
            message = f"net and VAT are {stored.line_total} and {stored.vat_amount}, worked out "
            message += f"{amounts.line_total} and {amounts.vat_amount}"
            yield Fault("InvoiceLine", line.lines__id, head.number or "", message)


def _differences(head: Any, pairs: Mapping[str, tuple[Decimal, Decimal]]) -> Iterator[Fault]:
    for name, (stored, expected) in pairs.items():
        if stored != expected:
            yield _fault(head, f"{name}: {expected}; stored is {stored}")


def _fault(invoice: Any, message: str) -> Fault:
    return Fault("Invoice", invoice.id, invoice.number or "", message)


def _numbered_invoices() -> Iterator[Any]:
    """The invoices numbered here, series by series, in the order of their numbers ("INV-2026-000042")."""
    numbered: QuerySet[Any] = Invoice.objects.filter(number__isnull=False, is_imported=False).annotate(
        prefix=Substr("number", 1, len("INV-2026")), digits=Length("number", output_field=IntegerField())
    )
    ordered = numbered.order_by("company_id", "prefix", "digits", F("number"))
    return ordered.values_list("id", "number", "company_id", "prefix", named=True).iterator(chunk_size=ROWS_AT_A_TIME)


def _series_faults(key: tuple[int, str], series: NumberSeries | None, expected: int) -> Iterator[Fault]:
    company_id, prefix = key
    next_value = series.next_value if series else 1
    if next_value != expected:
        message = f"company {company_id}: the next number is {next_value}, after the last comes {expected}"
        yield Fault("NumberSeries", series.pk if series else None, prefix, message)
