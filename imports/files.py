"""Reading a table that somebody brings: CSV as spreadsheets and programs write it, or the first sheet of XLSX. No ORM.

Rows are read one by one, in flat memory. A cell is a text, as a person would read it: a date of a spreadsheet becomes
"2026-01-31", a number its shortest exact form.

Errors: FileUnreadable.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from openpyxl import load_workbook

from core.errors import DomainError
from core.money import plain_text

LARGEST_CELL_CHARACTERS = 10_000
MOST_COLUMNS = 200
LARGEST_UNPACKED_BYTES = 512 * 1024 * 1024
"""What a workbook may unpack to: a small file can be made to grow without end."""
DELIMITERS = ",;\t|"
SAMPLE_CHARACTERS = 64 * 1024
XLSX_START = b"PK\x03\x04"


class FileUnreadable(DomainError):
    """The file is no table that can be read."""

    code = "file_unreadable"
    title = "Not a table"


def table_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers in the file (from 1, as a spreadsheet shows them); empty ones are left out."""
    rows = _sheet_rows(content) if content.startswith(XLSX_START) else _text_rows(content)
    for number, row in rows:
        if len(row) > MOST_COLUMNS:
            raise FileUnreadable(f"Row {number} has {len(row)} columns; at most {MOST_COLUMNS} are read.")
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield number, cells


def _text_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    start = 1
    try:
        for row in reader:
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise FileUnreadable(f"Line {reader.line_num} is no CSV: {error}.") from error


def _decoded(content: bytes) -> str:
    """The text: UTF-8 or UTF-16 where it says so, UTF-8 where it can be, else as Windows of western Europe writes."""
    for start, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(start):
            return _decoded_as(content, encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded_as(content, "cp1252")


def _decoded_as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileUnreadable("The file is no text: save the table as CSV (UTF-8) or XLSX.") from error


def _delimiter(text: str) -> str:
    """The separator that stands most often in the first line, outside quotes; a comma where there is none."""
    first = text[:SAMPLE_CHARACTERS].lstrip("\r\n").split("\n", 1)[0]
    outside = "".join(first.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _sheet_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_UNPACKED_BYTES:
            raise FileUnreadable("The workbook is too large: save the table as CSV.")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            yield number, [_cell_text(cell) for cell in row]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, IndexError) as error:
        raise FileUnreadable("The workbook cannot be read: save it anew, or as CSV.") from error


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return plain_text(Decimal(repr(value)))
    return str(value)


def header_of(content: bytes) -> Sequence[str]:
    """The names of the columns: the first row. Raises FileUnreadable where there is none, or a name stands twice."""
    for _, names in table_rows(content):
        named = [name for name in names if name]
        repeated = next((name for name in named if named.count(name) > 1), None)
        if repeated is not None:
            raise FileUnreadable(f"Two columns are called {repeated!r}: give each a name of its own.")
        return names
    raise FileUnreadable("The file is empty.")
