"""Lists as files: which columns, from which attributes of a row, read some rows at a time whatever their number."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from core.spreadsheets import Cell, Table

FILE_FORMATS = (("csv", "CSV"), ("xlsx", "XLSX"))
ROWS_AT_A_TIME = 2_000
LONGEST_NAME_OF_A_SHEET = 31

Source = str | Callable[[Any], Cell]
"""Where a cell comes from: a path of attributes ("company.name"; methods are called), or a function of the row."""
Columns = Sequence[tuple[str, Source]]
"""The columns of a file: the name of each, and where its cells come from."""


def list_table(name: str, columns: Columns, rows: QuerySet[Any]) -> Table:
    """The rows as a table, oldest first; read only when it is written, in flat memory."""
    names = [column for column, _ in columns]
    return Table(name[:LONGEST_NAME_OF_A_SHEET], names, _rows([source for _, source in columns], rows))


def value_at(row: Any, path: str) -> Any:
    """What the path leads to; None where something on the way is None."""
    value = row
    for name in path.split("."):
        if value is None:
            return None
        value = getattr(value, name)
        value = value() if callable(value) else value
    return value


def _rows(sources: Sequence[Source], rows: QuerySet[Any]) -> Iterator[Sequence[Cell]]:
    for row in rows.order_by("pk").iterator(chunk_size=ROWS_AT_A_TIME):
        yield [_cell(source(row) if callable(source) else value_at(row, source)) for source in sources]


def _cell(value: Any) -> Cell:
    """The value, where people say yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value  # type: ignore[no-any-return]  # a column names what fits into a cell
