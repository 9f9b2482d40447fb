"""Tables as files: CSV for programs (RFC 4180, UTF-8) and XLSX for people. Written row by row, in flat memory.

CSV has no byte order mark: RFC 4180 knows none, and a program that expects none reads it as a part of the first header.
Who opens the file in Excel takes XLSX, which needs no guess about encodings, separators or decimal points.

A spreadsheet takes a text that begins with = + - @ for a formula, and other people write our texts. In CSV such a text
gets an apostrophe before it; in XLSX the cell itself says that it is a text. Numbers are numbers in both, unaltered.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from core.errors import DomainError
from core.money import SIGNIFICANT_DIGITS, minor_units, money_text, plain_text

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CHUNK_CHARACTERS = CHUNK_BYTES = 64 * 1024
MEMORY_LIMIT_BYTES = 1024 * 1024
SHEET_ROWS = 1_048_576
"""The rows that a sheet of XLSX has, its header among them."""
SAMPLE_ROWS = 100
WIDTH_LIMITS_CHARACTERS = (8, 60)
DATE_FORMAT = "yyyy-mm-dd"
MOMENT_FORMAT = "yyyy-mm-dd hh:mm:ss"
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ESCAPE_OF_XLSX = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""What Excel would read as a character's number: _x0041_ is "A" there."""


class SheetFull(DomainError):
    """There are more rows than a sheet of XLSX has."""

    code = "too_many_rows"
    title = "Too many rows"
    default_detail = f"A workbook has no room for more than {SHEET_ROWS - 1} rows. Ask for csv, or for less."


@dataclass(frozen=True)
class Amount:
    """Money in a cell, shown with the decimals of its currency."""

    value: Decimal
    currency: str


Cell = str | int | Decimal | Amount | date | datetime | None
"""What a cell can hold. A datetime is aware, and shown in UTC; a Decimal is a number that is no money."""


@dataclass(frozen=True)
class Table:
    """A table to be written once: `rows` are read only then, each with a cell for every column."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def csv_chunks(table: Table) -> Iterator[bytes]:
    """The table as CSV, piece by piece: a header, commas, CRLF, quotes where they are needed."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_guarded(cell) for cell in row])
        if buffer.tell() >= CHUNK_CHARACTERS:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def xlsx_chunks(table: Table) -> Iterator[bytes]:
    """The table as a workbook of one sheet, piece by piece; it is made before the first. Raises SheetFull."""
    return _pieces(xlsx_file(table))


def xlsx_file(table: Table) -> IO[bytes]:
    """The table as a workbook of one sheet, open for reading: in memory while it is small, else in a temporary file.

    Whoever reads it closes it. Raises SheetFull.
    """
    book = Workbook(write_only=True)
    with ExitStack() as on_failure:
        file = on_failure.enter_context(SpooledTemporaryFile(max_size=MEMORY_LIMIT_BYTES))
        try:
            _fill(book.create_sheet(table.name), table)
        finally:
            book.save(file)  # after a failure too: openpyxl removes the temporary file of its own only here
        file.seek(0)
        on_failure.pop_all()
    return cast(IO[bytes], file)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, CHUNK_BYTES), b"")


def _fill(sheet: Any, table: Table) -> None:
    rows = iter(table.rows)
    sample = list(islice(rows, SAMPLE_ROWS))
    sheet.freeze_panes = "A2"
    for letter, width in _widths(table.columns, sample).items():
        sheet.column_dimensions[letter].width = width
    sheet.append([_header_cell(sheet, name) for name in table.columns])
    last_row = 1
    for last_row, row in enumerate(chain(sample, rows), start=2):
        if last_row > SHEET_ROWS:
            raise SheetFull
        sheet.append([_xlsx_cell(sheet, cell) for cell in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{last_row}"


def cell_text(cell: Cell) -> str:
    """A cell as text, as in the API: an amount with its decimals, a moment in UTC with ``Z``; nothing is ""."""
    if isinstance(cell, Amount):
        return money_text(cell.value, cell.currency)
    if isinstance(cell, Decimal):
        return plain_text(cell)
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)


def _guarded(cell: Cell) -> str:
    """The cell's text; one that somebody wrote is kept from being taken for a formula."""
    text = cell_text(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA_STARTS) else text


def _widths(columns: Sequence[str], sample: Sequence[Sequence[Cell]]) -> dict[str, int]:
    """Column letter -> width in characters: that of the header and of the first rows."""
    least, most = WIDTH_LIMITS_CHARACTERS
    widths = {}
    for position, name in enumerate(columns):
        longest = max(len(text) for text in [name, *(cell_text(row[position]) for row in sample)])
        widths[get_column_letter(position + 1)] = min(max(longest + 2, least), most)
    return widths


def _header_cell(sheet: Any, name: str) -> Any:
    cell = _text_cell(sheet, name)
    cell.font = Font(bold=True)
    return cell


def _xlsx_cell(sheet: Any, cell: Cell) -> Any:
    if isinstance(cell, str):
        return _text_cell(sheet, cell)
    if isinstance(cell, Amount):
        decimals = minor_units(cell.currency)
        return _number_cell(sheet, cell_text(cell), "#,##0." + "0" * decimals if decimals else "#,##0")
    if isinstance(cell, Decimal):
        return _number_cell(sheet, cell_text(cell), "General")
    if isinstance(cell, datetime):
        return _dated_cell(sheet, cell.astimezone(UTC).replace(tzinfo=None), MOMENT_FORMAT)
    if isinstance(cell, date):
        return _dated_cell(sheet, cell, DATE_FORMAT)
    return cell


def _number_cell(sheet: Any, text: str, number_format: str) -> Any:
    """A number with exactly the digits of `text`; a text, where it has more of them than Excel keeps."""
    cell = _text_cell(sheet, text)
    if len(text.strip("-0.").replace(".", "")) <= SIGNIFICANT_DIGITS:
        cell.data_type = "n"
        cell.number_format = number_format
    return cell


def _dated_cell(sheet: Any, day: date, number_format: str) -> Any:
    cell = WriteOnlyCell(sheet, value=day)
    cell.number_format = number_format
    return cell


def _text_cell(sheet: Any, text: str) -> Any:
    """A cell that is a text whatever it begins with, also after somebody has edited it; line breaks are line feeds."""
    possible = NOT_IN_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    cell = WriteOnlyCell(sheet, value=ESCAPE_OF_XLSX.sub("_x005F_", possible))
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(FORMULA_STARTS)
    return cell
