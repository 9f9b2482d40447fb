"""The register of numbers: every number of a series with what became of it, and whether one is missing.

Whether the numbers run without a gap is asked of the numbers themselves, never of the counter that gave them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast, Length, Substr
from django.http import StreamingHttpResponse

from audit.actors import Actor
from audit.exports import record_export
from audit.models import history_model
from core.api.downloads import table_reply
from core.spreadsheets import Amount, Cell, Table
from invoices.models import Invoice, NumberSeries, SeriesKind
from parties.models import Company

MISSING = "Missing"
GAPS_SHOWN = 100
NUMBERS_AT_A_TIME = 500
COLUMNS = (
    "number",
    "status",
    "issueDate",
    "customerName",
    "currency",
    "total",
    "issuedBy",
    "issuedAt",
    "cancelledBy",
    "cancelledAt",
    "reason",
)


@dataclass(frozen=True)
class Gap:
    """Numbers between two that were given, both inclusive, which no invoice has."""

    first: str
    last: str


@dataclass(frozen=True)
class Numbering:
    """The numbers of a series as they are: how many, the first and the last (0: there is none), and what is wrong."""

    company: Company
    kind: SeriesKind
    series: str
    count: int
    first: int
    last: int
    repeated: int
    missing: int
    gaps: tuple[Gap, ...]
    """At most GAPS_SHOWN of them."""
    expected_first: int
    expected_last: int

    def number(self, value: int) -> str:
        """A number of the series as it stands on an invoice."""
        return number_text(self.series, value)

    @property
    def start(self) -> int:
        """The value that the register begins with."""
        return min(self.first or self.expected_first, self.expected_first)

    @property
    def end(self) -> int:
        """The value that it ends with; before its beginning where there is none."""
        return max(self.last, self.expected_last)

    @property
    def is_complete(self) -> bool:
        """Whether every number from the first that the series was to give to the last it gave is there, once."""
        return not self.repeated and not self.missing and not self.faults

    @property
    def faults(self) -> list[str]:
        """Where the numbers are not those that the series says it gave."""
        found = []
        if self.count and self.first != self.expected_first:
            found.append(f"The first number is {self.number(self.first)}, not {self.number(self.expected_first)}.")
        given = self.expected_last if self.expected_last >= self.expected_first else 0
        if self.last != given:
            last, expected = (self.number(value) if value else "none" for value in (self.last, given))
            found.append(f"The last number is {last}; by its counter the series gave {expected}.")
        return found

    @property
    def statement(self) -> str:
        """What can be said of the numbers, in a sentence or two."""
        if not self.count and not self.faults:
            return f"No number of {self.series} was given."
        if self.is_complete:
            numbers = "1 number" if self.count == 1 else f"{self.count:,} numbers".replace(",", " ")
            return f"There is no gap: {numbers} from {self.number(self.first)} to {self.number(self.last)}, each once."
        parts = [*self.faults]
        if self.missing:
            spans = ", ".join(gap.first if gap.first == gap.last else f"{gap.first} to {gap.last}" for gap in self.gaps)
            parts.append(f"Missing: {self.missing} ({spans}{', …' if len(self.gaps) == GAPS_SHOWN else ''}).")
        if self.repeated:
            parts.append(f"Given more than once: {self.repeated}.")
        return " ".join(parts)


@dataclass(frozen=True)
class RegisteredNumber:
    """A number and what became of it; of a missing one everything else is empty."""

    number: str
    status: str = MISSING
    invoice_id: int | None = None
    issue_date: date | None = None
    customer_name: str = ""
    currency: str = ""
    total: Decimal | None = None
    issued_by: str = ""
    issued_at: datetime | None = None
    cancelled_by: str = ""
    cancelled_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class Numbered:
    """Where the numbers of a kind of series stand: the documents of a company, and what became of some numbers."""

    documents: Callable[[Company], QuerySet[Any]]
    """All of the company's, with their `number`."""
    registered: Callable[[Company, Sequence[str]], Mapping[str, RegisteredNumber]]
    """By number; a number that no document has is left out."""


_numbered: dict[SeriesKind, Numbered] = {}


def register_numbers(kind: SeriesKind, numbered: Numbered) -> None:
    """Let the register show the numbers of a kind, which stand on documents of another room."""
    _numbered[kind] = numbered


def number_text(series: str, value: int) -> str:
    """The number of a series ("INV-2026") with this value: "INV-2026-000042"."""
    return f"{series}-{value:06d}"


def numbering_of(company: Company, year: int, kind: SeriesKind = SeriesKind.INVOICE) -> Numbering:
    """The numbers of the company's series of a year, each looked at: one statement, and one more where some miss."""
    series = f"{kind.value}-{year}"
    counter = NumberSeries.objects.filter(company=company, kind=kind, year=year).first()
    documents = _numbered[kind].documents(company)
    count, first, last, repeated, missing = _facts(documents, series)
    return Numbering(
        company=company,
        kind=kind,
        series=series,
        count=count,
        first=first,
        last=last,
        repeated=repeated,
        missing=missing,
        gaps=tuple(_gaps(documents, series)) if missing else (),
        expected_first=counter.first_value if counter else 1,
        expected_last=counter.next_value - 1 if counter else 0,
    )


def registered(numbering: Numbering, *, start: int, size: int) -> list[RegisteredNumber]:
    """`size` numbers from the value `start` on, those that are missing in their places. Three statements."""
    numbers = [numbering.number(value) for value in range(start, min(start + size, numbering.end + 1))]
    found = _numbered[numbering.kind].registered(numbering.company, numbers)
    return [found.get(number) or RegisteredNumber(number) for number in numbers]


def register_rows(numbering: Numbering) -> Iterator[RegisteredNumber]:
    """All numbers of the series, in flat memory."""
    for start in range(numbering.start, numbering.end + 1, NUMBERS_AT_A_TIME):
        yield from registered(numbering, start=start, size=NUMBERS_AT_A_TIME)


def register_table(numbering: Numbering) -> Table:
    """The register as a table with a row for each number, the missing ones among them."""
    return Table("numbers", COLUMNS, (_cells(row) for row in register_rows(numbering)))


def register_file(*, actor: Actor, numbering: Numbering, file_format: str) -> StreamingHttpResponse:
    """The whole register as a file, "csv" or "xlsx". It is on record who took it."""
    what = f"Register of {numbering.series}"
    record_export(actor=actor, what=what, file_format=file_format, company_id=numbering.company.pk, wanted={})
    return table_reply(register_table(numbering), file_format, stem=f"numbers-{numbering.series}")


def _facts(documents: QuerySet[Any], series: str) -> tuple[int, int, int, int, int]:
    """How many numbers there are, the first and the last, how many repeat another, and how many miss in between."""
    sums = (
        "count(*), coalesce(min(value), 0), coalesce(max(value), 0), "
        "coalesce(sum(CASE WHEN value = previous THEN 1 ELSE 0 END), 0), "
        "coalesce(sum(CASE WHEN value > previous + 1 THEN value - previous - 1 ELSE 0 END), 0)"
    )
    [facts] = _of_steps(documents, series, f"{sums} FROM steps")
    count, first, last, repeated, missing = map(int, facts)
    return count, first, last, repeated, missing


def _gaps(documents: QuerySet[Any], series: str) -> Iterator[Gap]:
    after_gaps = f"FROM steps WHERE value > previous + 1 ORDER BY value LIMIT {GAPS_SHOWN}"
    for first, last in _of_steps(documents, series, f"previous + 1, value - 1 {after_gaps}"):
        yield Gap(number_text(series, first), number_text(series, last))


def _of_steps(documents: QuerySet[Any], series: str, selected: str) -> list[Any]:
    """What is selected from `steps`: each value of the series beside the one before it."""
    digits = Substr("number", len(series) + 2)
    numbers = documents.alias(
        other_than_digits=Func(digits, Value("0123456789"), function="LTRIM"), digit_count=Length(digits)
    )
    # The index is read from here to there; what a number looks like decides. (A regular expression takes ten times as
    # long.)
    kind, _, year = series.rpartition("-")
    narrowed = numbers.filter(number__gt=f"{series}-", number__lt=f"{kind}-{int(year) + 1:04d}-")
    ours = narrowed.filter(other_than_digits="", digit_count__range=(1, 9))
    sql, parameters = ours.order_by().values_list(Cast(digits, BigIntegerField())).query.sql_with_params()
    steps = "SELECT value, lag(value) OVER (ORDER BY value) AS previous FROM numbered"
    with connection.cursor() as cursor:
        cursor.execute(f"WITH numbered (value) AS ({sql}), steps AS ({steps}) SELECT {selected}", parameters)
        return list(cursor.fetchall())


def _steps(invoice_ids: Sequence[int]) -> dict[tuple[int, bool], Any]:
    """(invoice, whether it is the cancellation) -> the journal entry: the first version that was issued, or cancelled.

    Both moments are those of the entries themselves.
    """
    rows = history_model(Invoice).objects.filter(
        Q(history_date=F("cancelled_at")) | Q(history_date=F("issued_at"), number__isnull=False), id__in=invoice_ids
    )
    found: dict[tuple[int, bool], Any] = {}
    for row in rows.select_related("change").only("id", "version", "cancelled_at", "change").order_by("id", "version"):
        found.setdefault((row.id, row.cancelled_at is not None), row.change)
    return found


def _invoices(company: Company) -> QuerySet[Invoice]:
    return Invoice.objects.filter(company=company)


def _registered_invoices(company: Company, numbers: Sequence[str]) -> dict[str, RegisteredNumber]:
    invoices = list(_invoices(company).filter(number__in=numbers).defer("seller", "buyer", "metadata"))
    steps = _steps([invoice.pk for invoice in invoices])
    return {str(invoice.number): _registered(invoice, steps) for invoice in invoices}


register_numbers(SeriesKind.INVOICE, Numbered(_invoices, _registered_invoices))


def _registered(invoice: Invoice, steps: dict[tuple[int, bool], Any]) -> RegisteredNumber:
    issue, cancellation = steps.get((invoice.pk, False)), steps.get((invoice.pk, True))
    return RegisteredNumber(
        number=str(invoice.number),
        status=invoice.status,
        invoice_id=invoice.pk,
        issue_date=invoice.issue_date,
        customer_name=invoice.customer_name,
        currency=invoice.currency,
        total=invoice.total,
        issued_by=issue.actor if issue else "",
        issued_at=invoice.issued_at,
        cancelled_by=cancellation.actor if cancellation else "",
        cancelled_at=invoice.cancelled_at,
        reason=cancellation.reason if cancellation else "",
    )


def _cells(row: RegisteredNumber) -> list[Cell]:
    total = None if row.total is None else Amount(row.total, row.currency)
    issued: list[Cell] = [row.issued_by, row.issued_at]
    head: list[Cell] = [row.number, row.status, row.issue_date, row.customer_name, row.currency, total]
    return [*head, *issued, row.cancelled_by, row.cancelled_at, row.reason]
