import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from openpyxl import Workbook

from core.errors import DomainError
from imports.columns import DateOrder, DecimalMark, Kind, Reading, day, proposed_mapping, rate, whole_or_decimal
from imports.files import FileUnreadable, header_of, table_rows

COMMA = Reading(decimals=DecimalMark.COMMA)
POINT = Reading()


def test_a_semicolon_file_of_a_german_spreadsheet_is_read() -> None:
    content = "Kunde;Ort;Betrag\nMüller & Söhne;Köln;1.250,50\n".encode("cp1252")

    assert list(table_rows(content)) == [(1, ["Kunde", "Ort", "Betrag"]), (2, ["Müller & Söhne", "Köln", "1.250,50"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_however_it_is_marked(encoding: str) -> None:
    assert list(table_rows("name\nŁódź\n".encode(encoding))) == [(1, ["name"]), (2, ["Łódź"])]


def test_line_breaks_in_quotes_do_not_shift_the_numbers_of_rows() -> None:
    content = b'a,b\n"two\nlines",1\nx,2\n'

    assert list(table_rows(content)) == [(1, ["a", "b"]), (2, ["two\nlines", "1"]), (4, ["x", "2"])]


def test_empty_rows_are_left_out() -> None:
    assert [number for number, _ in table_rows(b"a,b\n\n,,\n1,2\n")] == [1, 4]


def test_a_workbook_gives_dates_and_numbers_as_people_read_them() -> None:
    book = Workbook()
    book.active.append(["date", "when", "price", "paid"])
    book.active.append([date(2026, 1, 31), datetime(2026, 1, 31, 9, 30, tzinfo=UTC).replace(tzinfo=None), 12.1, True])
    file = io.BytesIO()
    book.save(file)

    assert list(table_rows(file.getvalue()))[1] == (2, ["2026-01-31", "2026-01-31 09:30:00", "12.1", "yes"])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"PK\x03\x04 no workbook", b'"open', b"\xff\xfea"])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(FileUnreadable):
        header_of(content)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(FileUnreadable, match="'a'"):
        header_of(b"a,b,a\n")


@pytest.mark.parametrize(
    ("cell", "reading", "expected"),
    [
        ("2500.00", POINT, "2500"),
        ("2,500.00", POINT, "2500"),
        ("2 500.5", POINT, "2500.5"),
        ("1.250,50", COMMA, "1250.5"),
        ("1250,5", COMMA, "1250.5"),
        ("-3", POINT, "-3"),
        (".5", POINT, "0.5"),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(cell: str, reading: Reading, expected: str) -> None:
    assert whole_or_decimal(cell, reading) == Decimal(expected)


@pytest.mark.parametrize(
    ("cell", "reading"),
    [
        ("2500,00", POINT),
        ("1,25", POINT),
        ("1.25", COMMA),
        ("12,34,567", POINT),
        ("1e3", POINT),
        ("NaN", POINT),
        ("١٢", POINT),
        ("-", POINT),
        ("R 5", POINT),
        ("0.1234567", POINT),
    ],
)
def test_a_number_that_could_be_meant_otherwise_is_refused_and_never_guessed(cell: str, reading: Reading) -> None:
    with pytest.raises(DomainError):
        whole_or_decimal(cell, reading)


@pytest.mark.parametrize(("cell", "expected"), [("15 %", "0.15"), ("15", "0.15"), ("0.15", "0.15"), ("0", "0")])
def test_a_rate_is_a_percentage_or_a_fraction(cell: str, expected: str) -> None:
    assert rate(cell, POINT) == Decimal(expected)


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("2026-01-31", DateOrder.ISO, date(2026, 1, 31)),
        ("2026-01-31 09:00:00", DateOrder.DAY_FIRST, date(2026, 1, 31)),
        ("3/1/2026", DateOrder.DAY_FIRST, date(2026, 1, 3)),
        ("3/1/2026 8:26", DateOrder.MONTH_FIRST, date(2026, 3, 1)),
        ("31.1.2026", DateOrder.DAY_FIRST, date(2026, 1, 31)),
    ],
)
def test_dates_are_read_in_the_order_that_was_said(cell: str, order: str, expected: date) -> None:
    assert day(cell, Reading(dates=order)) == expected


@pytest.mark.parametrize(
    ("cell", "order"), [("3/1/2026", DateOrder.ISO), ("31/31/2026", DateOrder.DAY_FIRST), ("soon", DateOrder.ISO)]
)
def test_a_date_that_has_no_order_or_no_day_is_refused(cell: str, order: str) -> None:
    with pytest.raises(DomainError):
        day(cell, Reading(dates=order))


def test_columns_are_recognised_by_what_others_call_them() -> None:
    header = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]

    assert proposed_mapping(Kind.ISSUED, header) == {
        "document": "InvoiceNo",
        "customer": "CustomerID",
        "issue_date": "InvoiceDate",
        "description": "Description",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
    }
