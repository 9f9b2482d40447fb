"""Tables as files: what a program and what a spreadsheet reads is what was written."""

import csv
import io
import tempfile
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook
from openpyxl.cell import WriteOnlyCell

from core import spreadsheets
from core.spreadsheets import FORMULA_STARTS, Amount, SheetFull, Table, csv_chunks, xlsx_file

NOON = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=", "-"]
TEXTS = [
    "Acme, Inc.",
    'He said "no"',
    "two\nlines",
    " blanks around ",
    "'quoted",
    "#N/A",
    "TRUE",
    "2026-03-01",
    "007",
    "1e400",
    "Ünïcödé ش 漢字 \U0001f600",
]


def table(*rows, columns=("name", "value")):
    return Table("report", columns, rows)


def csv_text(*rows, **options):
    return b"".join(csv_chunks(table(*rows, **options))).decode()


def csv_rows(*rows):
    return list(csv.reader(io.StringIO(csv_text(*rows), newline="")))[1:]


def sheet_of(*rows, **options):
    with xlsx_file(table(*rows, **options)) as file:
        return load_workbook(file)["report"]


def xml_of(*rows):
    with xlsx_file(table(*rows)) as file, ZipFile(file) as workbook:
        return workbook.read("xl/worksheets/sheet1.xml").decode()


def test_csv_is_what_rfc_4180_says():
    text = csv_text(["Acme, Inc.", 1], ['say "no"', None], ["two\nlines", Decimal("0.15")])

    assert text == 'name,value\r\n"Acme, Inc.",1\r\n"say ""no""",\r\n"two\nlines",0.15\r\n'


@pytest.mark.parametrize("text", TEXTS)
def test_a_harmless_text_is_itself_in_csv(text):
    assert csv_rows([text, 1]) == [[text, "1"]]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_work_out_is_kept_from_it_in_csv(text):
    assert csv_rows([text, 1]) == [[f"'{text}", "1"]]


def test_an_amount_below_zero_is_no_formula():
    assert csv_rows([Amount(Decimal("-30.5"), "ZAR"), Decimal("-0.15")]) == [["-30.50", "-0.15"]]


def test_amounts_dates_and_moments_in_csv():
    amounts = [Amount(Decimal("1234.5"), code) for code in ("ZAR", "KWD")]

    assert csv_rows(amounts, [date(2026, 3, 1), NOON], [Amount(Decimal(2500), "JPY"), True]) == [
        ["1234.50", "1234.500"],
        ["2026-03-01", "2026-03-01T12:00:00Z"],
        ["2500", "true"],
    ]


@pytest.mark.parametrize("text", [*TEXTS, *(text for text in FORMULAS if "\r" not in text)])
def test_a_text_is_a_text_and_itself_in_a_workbook(text):
    cell = sheet_of([text, 1])["A2"]

    assert (cell.value, cell.data_type) == (text, "s")
    assert cell.quotePrefix is text.startswith(FORMULA_STARTS)


def test_control_a_text_that_is_left_to_openpyxl_becomes_a_formula(monkeypatch):
    monkeypatch.setattr(spreadsheets, "_text_cell", lambda sheet, text: WriteOnlyCell(sheet, value=text))

    assert sheet_of(["=1+1", 1])["A2"].data_type == "f"


def test_what_xml_cannot_carry_and_what_excel_would_decode():
    assert sheet_of(["a\x00b\x1bc\ufffe\r\nd\re", 1])["A2"].value == "a\ufffdb\ufffdc\ufffd\nd\ne"
    # Excel reads _x005F_ as the low line: what it shows is the text that was written
    assert sheet_of(["_x0041_ _x41_", 1])["A2"].value == "_x005F_x0041_ _x41_"


@pytest.mark.parametrize(
    ("currency", "text", "number_format"),
    [
        ("ZAR", "1234.50", "#,##0.00"),
        ("JPY", "2500", "#,##0"),
        ("KWD", "0.001", "#,##0.000"),
        ("ZAR", "-9.95", "#,##0.00"),
    ],
)
def test_an_amount_is_a_number_with_the_decimals_of_its_currency(currency, text, number_format):
    amount = Amount(Decimal(text), currency)

    cell = sheet_of(["x", amount])["B2"]

    assert (Decimal(str(cell.value)), cell.data_type) == (Decimal(text), "n")
    assert cell.number_format == number_format
    assert f"<v>{text}</v>" in xml_of(["x", amount])


def test_an_amount_that_excel_would_round_stays_exact_as_a_text():
    fits, too_long = Amount(Decimal("1234567890123.45"), "ZAR"), Amount(Decimal("12345678901234.56"), "ZAR")

    sheet = sheet_of([fits, too_long])

    assert (sheet["A2"].value, sheet["A2"].data_type) == (1234567890123.45, "n")
    assert (sheet["B2"].value, sheet["B2"].data_type) == ("12345678901234.56", "s")


def test_dates_are_dates_and_moments_are_utc_in_a_workbook():
    sheet = sheet_of([date(2026, 3, 1), NOON])

    assert (sheet["A2"].value, sheet["A2"].number_format) == (datetime(2026, 3, 1), "yyyy-mm-dd")  # noqa: DTZ001  # Excel knows no zones
    assert (sheet["B2"].value.replace(tzinfo=UTC), sheet["B2"].is_date) == (NOON, True)


def test_a_workbook_is_ready_to_be_read():
    sheet = sheet_of(["x" * 30, 1], ["y" * 300, None], columns=("name", "v"))

    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B3")
    assert [cell.value for cell in sheet[1]] == ["name", "v"]
    assert all(cell.font.bold for cell in sheet[1])
    assert [sheet.column_dimensions[letter].width for letter in "AB"] == [60, 8]


def test_without_rows_there_is_a_header():
    assert csv_text() == "name,value\r\n"
    sheet = sheet_of()
    assert [[cell.value for cell in row] for row in sheet.rows] == [["name", "value"]]
    assert sheet.auto_filter.ref == "A1:B1"


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 4)

    assert sheet_of(*[["x", 1]] * 3).max_row == 4
    with pytest.raises(SheetFull):
        sheet_of(*[["x", 1]] * 4)


@pytest.mark.parametrize("count", [1, 300])
def test_rows_that_fail_leave_no_temporary_file(count, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def rows():
        yield from [["x", 1]] * count
        raise ConnectionError

    with pytest.raises(ConnectionError):
        xlsx_file(Table("report", ("name", "value"), rows()))
    assert list(tmp_path.iterdir()) == []


def peak_bytes(write, count):
    """The most memory that was in use while a table of `count` rows was written and thrown away."""
    rows = (["Acme, Inc. of somewhere", Amount(Decimal(number), "ZAR")] for number in range(count))
    tracemalloc.start()
    write(Table("report", ("name", "value"), rows))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def drain(whole):
    for _ in csv_chunks(whole):
        pass


@pytest.mark.parametrize("write", [drain, lambda whole: xlsx_file(whole).close()], ids=["csv", "xlsx"])
def test_memory_does_not_grow_with_the_rows(write):
    peak_bytes(write, 10)
    assert peak_bytes(write, 20_000) < 2 * peak_bytes(write, 2_000) + spreadsheets.MEMORY_LIMIT_BYTES
