"""What the report pages say: the figures as rows, each with a link to the documents and entries behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from core.money import ZERO, grouped_money
from invoices.totals import VatBreakdown
from parties.models import Company
from reports.charts import Chart, Series, bar_chart
from reports.figures import (
    Aging,
    CompanyVat,
    CustomerAging,
    Debtor,
    Outstanding,
    Revenue,
    Vat,
    company_vat_totals,
)
from reports.periods import BUCKETS, Days, earliest_due_dates
from reports.selectors import aged_receivables, outstanding, revenue, vat
from reports.tables import AGING, OUTSTANDING, REVENUE, VAT, Layout

INVOICES, PAYMENTS = "admin:invoices_invoice_changelist", "admin:payments_payment_changelist"
CUSTOMERS_SHOWN = 50
"""How many customers a page of aged receivables lists, those who owe most first."""
BUCKET_NAMES = {
    "current": "Current",
    "days1to30": "1-30 days",
    "days31to60": "31-60 days",
    "days61to90": "61-90 days",
    "over90": "Over 90 days",
}


@dataclass(frozen=True)
class Cell:
    """What a cell says, and where the rows behind it are."""

    text: str = ""
    amount: Decimal | None = None
    link: str = ""


@dataclass(frozen=True)
class Section:
    """The figures of one currency: a picture where it says more, rows, and their sum. The first column is words."""

    currency: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell]
    chart: Chart | None = None
    further_total: Sequence[Cell] = ()


@dataclass(frozen=True)
class Asked:
    """What a report is of."""

    company: Company
    days: Days

    def invoices(self, **filters: Any) -> str:
        """The list of the company's invoices, filtered."""
        return _list(INVOICES, company__id__exact=self.company.pk, **filters)

    def payments(self, **filters: Any) -> str:
        """The list of the company's entries, filtered."""
        return _list(PAYMENTS, company__id__exact=self.company.pk, **filters)


@dataclass(frozen=True)
class ReportPage:
    """A report of the sidebar. `sections` gets the figures of one company, and the days asked for."""

    name: str
    title: str
    explanation: str
    layout: Layout
    selector: Callable[..., Sequence[Any]]
    section: Callable[[Any, Asked], Section]
    is_of_a_period: bool = True
    summary: Callable[[Sequence[Any]], str] = lambda figures: ""
    """What all the figures come to, in a sentence."""


def _list(view: str, **filters: Any) -> str:
    return f"{reverse(view)}?{urlencode({name: str(value) for name, value in filters.items()})}"


def _revenue_section(figures: Revenue, asked: Asked) -> Section:
    rows = [
        (
            Cell(month.period, link=payments_of_month(month.period, figures.currency, asked)),
            Cell(amount=month.received),
            Cell(amount=month.refunds_and_reversals),
            Cell(amount=month.net),
        )
        for month in figures.periods
    ]
    series = [
        Series("Received", [month.received for month in figures.periods]),
        Series("Refunded and reversed", [month.refunds_and_reversals for month in figures.periods]),
    ]
    return Section(
        figures.currency,
        ("Month", "Received", "Refunded and reversed", "Net"),
        rows,
        (
            Cell("Total"),
            Cell(amount=figures.received),
            Cell(amount=figures.refunds_and_reversals),
            Cell(amount=figures.net),
        ),
        chart=bar_chart([month.period for month in figures.periods], series, currency=figures.currency),
    )


def payments_of_month(period: str, currency: str, asked: Asked) -> str:
    """The list of the entries of one month of the company's calendar, within the days asked for."""
    year, month = map(int, period.split("-"))
    first = max(date(year, month, 1), asked.days.first)
    following = date(year + month // 12, month % 12 + 1, 1)
    last = min(following - timedelta(days=1), asked.days.last)
    span = Days(asked.days.zone, asked.days.company_ids, first, last)
    return asked.payments(paid_at__gte=_utc(span.start), paid_at__lt=_utc(span.end), currency=currency)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _vat_section(figures: Vat, asked: Asked) -> Section:
    rows = [
        (
            Cell(f"{(100 * rate.vat_rate).normalize():f} %", link=_taxed_by(rate, figures.currency, asked)),
            Cell(rate.vat_category),
            Cell(amount=rate.taxable_amount),
            Cell(amount=rate.vat_amount),
        )
        for rate in figures.rates
    ]
    base = sum((rate.taxable_amount for rate in figures.rates), ZERO)
    return Section(
        figures.currency,
        ("Rate", "Category", "Taxable amount", "VAT"),
        rows,
        (Cell("Total"), Cell(), Cell(amount=base), Cell(amount=figures.vat_total)),
        further_total=_in_company_currency(figures),
    )


def _in_company_currency(figures: Vat) -> Sequence[Cell]:
    """The total in the company's own currency, of the VAT in another."""
    worth = figures.in_company_currency
    if worth.currency == figures.currency:
        return ()
    amount = grouped_money(worth.amount, worth.currency)
    return (Cell(f"In {worth.currency}{_left_out(worth)}"), Cell(), Cell(), Cell(amount))


def _left_out(worth: CompanyVat) -> str:
    count = worth.documents_left_out
    return f", without {count} document{'s' * (count > 1)} that have no rate" if count else ""


def _vat_summary(figures: Sequence[Vat]) -> str:
    """The VAT of the company over all currencies, where there are several."""
    if len({one.currency for one in figures}) < 2:  # the section itself says it
        return ""
    [total] = company_vat_totals(figures)
    amount = grouped_money(total.amount, total.currency)
    return f"VAT over all currencies, in {total.currency} at the rates of issue{_left_out(total)}: {amount}"


def _taxed_by(rate: VatBreakdown, currency: str, asked: Asked) -> str:
    """The list of the issued documents of these days that have a line of this rate and category."""
    return asked.invoices(
        issue_date__gte=asked.days.first,
        issue_date__lte=asked.days.last,
        currency=currency,
        issued=1,
        vat_rate=f"{100 * rate.vat_rate:f}%",
        vat_category=rate.vat_category,
    )


def _outstanding_section(figures: Outstanding, asked: Asked) -> Section:
    top = figures.top_debtors
    rows = [
        (
            Cell(debtor.customer_name, link=_open_of(debtor, asked)),
            Cell(str(debtor.count)),
            Cell(amount=debtor.outstanding),
        )
        for debtor in top
    ]
    others = figures.outstanding - sum((debtor.outstanding for debtor in top), ZERO)
    if others:
        count = figures.count - sum(debtor.count for debtor in top)
        rows.append((Cell("All others"), Cell(str(count)), Cell(amount=others)))
    return Section(
        figures.currency,
        ("Customer", "Documents", "Outstanding"),
        rows,
        (Cell("Total"), Cell(str(figures.count)), Cell(amount=figures.outstanding)),
    )


def _open_of(customer: Debtor | CustomerAging, asked: Asked, **filters: Any) -> str:
    """The list of what the customer owes; none for a day that is past, whose open documents no list shows."""
    if asked.days.last != asked.company.today():
        return ""
    filters |= {"currency": customer.currency, "issue_date__lte": asked.days.last}
    return asked.invoices(customer__id__exact=customer.customer_id, open=1, **filters)


def _aging_section(figures: Aging, asked: Asked) -> Section:
    shown, others = figures.customers[:CUSTOMERS_SHOWN], figures.customers[CUSTOMERS_SHOWN:]
    rows = [_aging_row(customer, asked) for customer in shown]
    if others:
        sums = [sum((getattr(customer, name) for customer in others), ZERO) for name in (*BUCKETS, "total")]
        rows.append(
            (Cell(f"{len(others)} others (the files name them all)"), *(Cell(amount=amount) for amount in sums))
        )
    names = [BUCKET_NAMES[bucket] for bucket in BUCKETS]
    series = Series("Outstanding", [getattr(figures, bucket) for bucket in BUCKETS])
    return Section(
        figures.currency,
        ("Customer", *names, "Total"),
        rows,
        (Cell("Total"), *(Cell(amount=getattr(figures, bucket)) for bucket in BUCKETS), Cell(amount=figures.total)),
        chart=bar_chart(names, [series], currency=figures.currency),
    )


def _aging_row(customer: CustomerAging, asked: Asked) -> Sequence[Cell]:
    buckets = [Cell(amount=getattr(customer, bucket), link=_bucket_link(bucket, customer, asked)) for bucket in BUCKETS]
    name = Cell(customer.customer_name, link=_open_of(customer, asked))
    return (name, *buckets, Cell(amount=customer.total))


def _bucket_link(bucket: str, customer: CustomerAging, asked: Asked) -> str:
    return _open_of(customer, asked, **due_dates_of(bucket, asked.days.last))


def due_dates_of(bucket: str, as_of: date) -> dict[str, date]:
    """The due dates of the documents in a bucket, as filters of the list of invoices."""
    firsts = list(earliest_due_dates(as_of).values())
    place = BUCKETS.index(bucket)
    limits = {}
    if place < len(firsts):
        limits["due_date__gte"] = firsts[place]
    if place:
        limits["due_date__lte"] = firsts[place - 1] - timedelta(days=1)
    return limits


REPORTS = {
    page.name: page
    for page in (
        ReportPage(
            "revenue",
            "Revenue",
            "The money received and given back, by the day on which it moved.",
            REVENUE,
            revenue,
            _revenue_section,
        ),
        ReportPage(
            "outstanding",
            "Outstanding",
            "What was owed at the end of the day, and who owed most.",
            OUTSTANDING,
            outstanding,
            _outstanding_section,
            is_of_a_period=False,
        ),
        ReportPage(
            "aging",
            "Ageing",
            "What was owed at the end of the day, by how long it was overdue. Only what was issued and paid by then "
            "counts.",
            AGING,
            aged_receivables,
            _aging_section,
            is_of_a_period=False,
        ),
        ReportPage(
            "vat",
            "VAT",
            "The VAT of documents dated in these days, issued and not cancelled.",
            VAT,
            vat,
            _vat_section,
            summary=_vat_summary,
        ),
    )
}
