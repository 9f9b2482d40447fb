"""What the rows of the books add up to, where the sums that are kept cannot say: the database groups and adds, exactly.

SQLite would add decimals as floats. So amounts are added there as whole ten-thousandths (the finest that a column
keeps), which are exact: an amount has at most 15 digits, so its product with 10,000 is less than half a unit
from the whole number that it stands for. SQLite ends a sum beyond 922 million million (2^63 units) with an error, never
with a wrong figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from itertools import chain
from operator import add, or_
from typing import Any

from django.db.models import (
    Count,
    DateField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import TruncMonth

from core.money import ZERO, minor_units, quantize
from core.sums import amount_of, summable
from credits.models import CreditNote
from invoices.models import IS_OPEN, Invoice
from parties.models import Company
from payments.accounts.rules import AccountKind
from payments.ledger import Kind
from payments.models import AccountEntry, Payment
from reports.periods import BUCKETS, OLDEST_BUCKET, Days, earliest_due_dates


def company_vat(days: Days) -> list[tuple[Any, ...]]:
    """((company, currency), VAT in the company's currency, documents without it) of the documents in other currencies.

    Issued in these days and not cancelled, with VAT, less the credit notes of these days. What was frozen in a currency
    that the company no longer has is without it, as is a credit note of it.
    """
    found: dict[tuple[int, str], tuple[Decimal, int]] = defaultdict(lambda: (ZERO, 0))
    for key, worth, left_out in chain(_invoiced_company_vat(days), _credited_company_vat(days)):
        before, count = found[key]
        found[key] = (before + worth, count + left_out)
    return [(key, *sums) for key, sums in found.items()]


def _credited_company_vat(days: Days) -> Iterator[tuple[Any, ...]]:
    """The same of the credit notes dated in these days, below zero, each at the rate frozen with its invoice.

    After each note, what all notes of an invoice took is its VAT in the company's currency in proportion to the VAT
    credited so far; the note takes what is new of it. So the notes of an invoice sum back to what was frozen with it.
    """
    foreign = CreditNote.objects.filter(company_id__in=days.company_ids, vat_total__gt=0).exclude(
        currency=F("company__currency")
    )
    of_these_days = foreign.filter(issue_date__range=(days.first, days.last))
    notes = foreign.filter(invoice__in=of_these_days.values("invoice"), issue_date__lte=days.last)
    credited: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for note in notes.select_related("invoice", "company").order_by("pk"):
        before = credited[note.invoice_id]
        credited[note.invoice_id] += note.vat_total
        if note.issue_date < days.first:
            continue
        key, invoice, own = (note.company_id, note.currency), note.invoice, note.company.currency
        if invoice.company_vat_total is None or invoice.company_currency != own:
            yield key, ZERO, 1
            continue
        each = invoice.company_vat_total / invoice.vat_total
        after, earlier = (quantize(each * vat, decimals=minor_units(own)) for vat in (before + note.vat_total, before))
        yield key, earlier - after, 0


def _invoiced_company_vat(days: Days) -> list[tuple[Any, ...]]:
    """The same of the documents alone."""
    is_frozen = Q(company_currency=F("company__currency"))
    documents = Invoice.objects.filter(
        company_id__in=days.company_ids,
        issue_date__range=(days.first, days.last),
        issued_at__isnull=False,
        cancelled_at=None,
        vat_total__gt=0,
    ).exclude(currency=F("company__currency"))
    found = (
        documents.order_by()
        .values("company_id", "currency")
        .annotate(
            worth=Sum(summable("company_vat_total"), filter=is_frozen, default=0),
            left_out=Count("pk") - Count("pk", filter=is_frozen),
        )
        .values_list("company_id", "currency", "worth", "left_out")
    )
    return [((company_id, code), amount_of(worth), left_out) for company_id, code, worth, left_out in found]


def currencies_of(company_ids: Iterable[int]) -> dict[int, str]:
    """The own currency of each company."""
    return dict(Company.objects.filter(pk__in=set(company_ids)).values_list("pk", "currency"))


def money_by_month(days: Days, currency: str | None) -> list[tuple[Any, ...]]:
    """(company, currency, month, received, returned), months without entries left out.

    On the ledgers of invoices, and on the accounts of customers.
    """
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for model in (Payment, AccountEntry):
        for *month, received, returned in _money_by_month(model, days, currency):
            so_far = sums[tuple(month)]
            sums[tuple(month)] = [so_far[0] + received, so_far[1] + returned]
    return [(*month, *amounts) for month, amounts in sums.items()]


def _money_by_month(
    model: type[Payment] | type[AccountEntry], days: Days, currency: str | None
) -> list[tuple[Any, ...]]:
    entries: QuerySet[Any] = model._default_manager.filter(
        company_id__in=days.company_ids, paid_at__gte=days.start, paid_at__lt=days.end
    ).order_by()
    rows = (
        _in_currency(entries, currency)
        .annotate(month=TruncMonth("paid_at", tzinfo=days.zone, output_field=DateField()))
        .values("company_id", "currency", "month")
        .annotate(
            received=Sum(summable("amount"), filter=Q(kind__in=[Kind.PAYMENT, AccountKind.OVERPAYMENT]), default=0),
            returned=Sum(summable("amount"), filter=Q(kind__in=[Kind.REFUND, Kind.REVERSAL]), default=0),
        )
        .values_list("company_id", "currency", "month", "received", "returned")
    )
    return [
        (company_id, code, f"{month:%Y-%m}", amount_of(received), amount_of(returned))
        for company_id, code, month, received, returned in rows
    ]


def owed_by_customer(days: Sequence[Days], currency: str | None) -> list[tuple[Any, ...]]:
    """(company, currency, customer, what was owed at the end of the last day, on how many documents), sorted."""
    return _owed(days, currency, {"owed": Q()}, is_settled=False)


def owed_by_customer_and_bucket(
    days: Sequence[Days], currency: str | None, *, is_settled: bool
) -> list[tuple[Any, ...]]:
    """The same by days overdue: (company, currency, customer, what was owed in each of BUCKETS, on how many documents).

    `is_settled` says that nothing has moved since the last day was over: then only the documents open now are read.
    """
    return _owed(days, currency, _buckets(days), is_settled=is_settled)


def _owed(
    days: Sequence[Days], currency: str | None, parts: Mapping[str, Q], *, is_settled: bool
) -> list[tuple[Any, ...]]:
    """(company, currency, customer, what is owed on the documents of each part, on how many documents), sorted.

    One statement, so that all is of one moment; the kinds of documents in it have no document in common. A row for each
    customer lets PostgreSQL add as it reads the index, which is in this order.
    """
    keys = ("company_id", "currency", "customer_id")
    sums = {f"in_{name}": Sum("open", filter=condition) for name, condition in parts.items()}
    kinds = [_open_now(days)] if is_settled else _open_documents(days)
    first, *others = [
        _in_currency(documents, currency)
        .order_by()
        .values(*keys)
        .annotate(**sums, documents=Count("pk"))
        .values_list(*keys, *sums, "documents")
        for documents in kinds
    ]
    owed: dict[tuple[Any, ...], list[Any]] = {}
    for row in first.union(*others, all=True) if others else first:
        *amounts, count = row[len(keys) :]
        values = [*(ZERO if amount is None else amount_of(amount) for amount in amounts), count]
        before = owed.get(row[: len(keys)])
        owed[row[: len(keys)]] = values if before is None else list(map(add, before, values))
    return sorted((*key, *values) for key, values in owed.items())


def _open_now(days: Sequence[Days]) -> QuerySet[Invoice]:
    """The documents dated by the last day that are open now, each with what is owed: `open`."""
    return _issued(days).filter(IS_OPEN).annotate(open=summable("outstanding"))


def _issued(days: Sequence[Days]) -> QuerySet[Invoice]:
    return Invoice.objects.filter(_any(Q(company_id__in=span.company_ids, issue_date__lte=span.last) for span in days))


def _open_documents(days: Sequence[Days]) -> list[QuerySet[Invoice]]:
    """The documents with something owed at the end of the last day, in three kinds, each with what was: `open`.

    Those open now without later entries, for today all there are; those with later entries, which are taken back; and
    those cancelled later, which were owed in full until then.
    """
    later = Payment.objects.filter(
        _any(Q(company_id__in=span.company_ids, paid_at__gte=span.end) for span in days)
    ).order_by()
    later_sum = later.filter(invoice=OuterRef("pk")).values("invoice").annotate(later=Sum(summable("amount")))
    cancelled_later = _any(Q(company_id__in=span.company_ids, cancelled_at__gte=span.end) for span in days)
    issued = _issued(days)
    return [
        _open_now(days).filter(~Exists(later.filter(invoice=OuterRef("pk")))),
        issued.filter(pk__in=later.values("invoice"))
        .annotate(open=summable("outstanding") + Subquery(later_sum.values("later")))
        .filter(open__gt=0),
        issued.filter(cancelled_later, issued_at__isnull=False, total__gt=0).annotate(open=summable("total")),
    ]


def _buckets(days: Sequence[Days]) -> dict[str, Q]:
    """Which documents are in each bucket on the last day, by their due dates."""
    buckets = dict.fromkeys(BUCKETS, Q(pk__in=[]))
    for span in days:
        here, younger = Q(company_id__in=span.company_ids), Q()
        for name, earliest in earliest_due_dates(span.last).items():
            buckets[name] |= here & younger & Q(due_date__gte=earliest)
            younger = Q(due_date__lt=earliest)
        buckets[OLDEST_BUCKET] |= here & younger
    return buckets


def _any(conditions: Iterable[Q]) -> Q:
    """The rows that meet one of the conditions; without conditions, none."""
    return reduce(or_, conditions, Q(pk__in=[]))


def _in_currency(rows: QuerySet[Any], currency: str | None) -> QuerySet[Any]:
    return rows if currency is None else rows.filter(currency=currency)
