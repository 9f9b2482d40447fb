"""The reports as flat tables, for files: every figure that the JSON has, under the API's names. No ORM.

There is a row for each part of a company's figures in one currency (a month, a rate, a customer), and after them one
whose `row` is "total". Totals are the JSON's own, and needed: those of what is owed are more than the ten debtors that
are listed. The first column tells them from the rest, so that a sum or a pivot table can leave them out. Nothing is
ever added over two currencies or two companies.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.spreadsheets import Amount, Cell, Table
from core.text import camel_case
from reports.periods import BUCKETS

TOTAL = "total"


@dataclass(frozen=True)
class Layout:
    """How a report becomes a table: what a row is about, and from where its cells come.

    A total that has another name than its parts is in `total_names`: the parts' name -> its own.
    """

    name: str
    row: str
    parts: str
    described_by: tuple[str, ...]
    amounts: tuple[str, ...]
    only_in_total: tuple[str, ...] = ()
    total_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The headers: the API's names."""
        names = ("row", "company_id", "currency", *self.described_by, *self.amounts, *self.only_in_total)
        return [camel_case(name) for name in names]


REVENUE = Layout("revenue", "period", "periods", ("period",), ("received", "refunds_and_reversals", "net"))
VAT = Layout(
    "vat",
    "rate",
    "rates",
    ("vat_category", "vat_rate"),
    ("taxable_amount", "vat_amount"),
    only_in_total=("company_currency", "company_vat_total", "documents_left_out"),
    total_names={"vat_amount": "vat_total"},
)
OUTSTANDING = Layout(
    "outstanding", "debtor", "top_debtors", ("customer_id", "customer_name"), ("outstanding",), only_in_total=("count",)
)
AGING = Layout("aging", "customer", "customers", ("customer_id", "customer_name"), (*BUCKETS, "total"))


def table_of(layout: Layout, results: Iterable[Any]) -> Table:
    """The figures of a report, one object for each company and currency, as a table."""
    return Table(layout.name, layout.columns, _rows(layout, results))


def _rows(layout: Layout, results: Iterable[Any]) -> Iterator[list[Cell]]:
    for figures in results:
        owner: list[Cell] = [figures.company_id, figures.currency]
        for part in getattr(figures, layout.parts):
            described: list[Cell] = [getattr(part, name) for name in layout.described_by]
            amounts = [_amount(part, name) for name in layout.amounts]
            yield [layout.row, *owner, *described, *amounts, *_empty(layout.only_in_total)]
        totals = [_amount(figures, layout.total_names.get(name, name)) for name in layout.amounts]
        yield [
            TOTAL,
            *owner,
            *_empty(layout.described_by),
            *totals,
            *(getattr(figures, name) for name in layout.only_in_total),
        ]


def _amount(figures: Any, name: str) -> Amount | None:
    """The amount, or nothing where the report has no such total."""
    value = getattr(figures, name, None)
    return None if value is None else Amount(value, figures.currency)


def _empty(names: Iterable[str]) -> list[Cell]:
    return [None for _ in names]
