"""The reports as files: every figure of the JSON, and nothing that a spreadsheet would take for a formula."""

import csv
import io
import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from accounts.tests.factories import add_role, api_client, make_user
from core.api.renderers import CSV_TYPE, XLSX_TYPE
from core.spreadsheets import FORMULA_STARTS
from invoices.tests.factories import make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db

REPORTS = ("revenue", "outstanding", "vat", "aging")
PARTS = {
    "revenue": ("period", "periods", {}),
    "outstanding": ("debtor", "topDebtors", {}),
    "vat": ("rate", "rates", {"vatTotal": "vatAmount"}),
    "aging": ("customer", "customers", {}),
}
"""Report -> what its rows are about, where the JSON has them, and the totals that have a name of their own."""
UNITS = {"ZAR": 2, "JPY": 0, "KWD": 3}
HOSTILE_NAMES = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(1+1)*cmd",
    'Comma, "quote"',
    "two\nlines",
    "'=1",
    "_x0041_",
    "\ufffe",
    "漢字 \U0001f600",
]


def days(report):
    return {"from": "2026-01-01", "to": "2026-06-30"} if report in ("revenue", "vat") else {"asOf": "2026-06-30"}


def get(client, report, **parameters):
    reply = client.get(f"/api/reports/{report}", {**days(report), **parameters})
    assert reply.status_code == 200
    return reply


def csv_rows(client, report, **parameters):
    text = get(client, report, format="csv", **parameters).getvalue().decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def sheet_of(client, report, **parameters):
    book = load_workbook(io.BytesIO(get(client, report, format="xlsx", **parameters).getvalue()))
    assert book.sheetnames == [report]
    return book[report]


def xlsx_rows(client, report, **parameters):
    header, *rows = sheet_of(client, report, **parameters).iter_rows()
    names = [cell.value for cell in header]
    return [dict(zip(names, (shown(cell) for cell in row), strict=True)) for row in rows]


def shown(cell):
    """What the cell shows: a number with the decimals of its format."""
    if isinstance(cell.value, int | float) and cell.number_format != "General":
        decimals = len(cell.number_format.partition(".")[2])
        return f"{Decimal(str(cell.value)):.{decimals}f}"
    return "" if cell.value is None else str(cell.value)


def expected_rows(report, results):
    """The rows that the JSON says, as texts."""
    kind, parts, other_names = PARTS[report]
    rows = []
    for figures in results:
        owner = {"companyId": figures["companyId"], "currency": figures["currency"]}
        rows += [{"row": kind, **owner, **part} for part in figures[parts]]
        if worth := figures.pop("vatTotalInCompanyCurrency", None):
            figures["companyCurrency"], figures["companyVatTotal"] = worth["currency"], worth["amount"]
            figures["documentsLeftOut"] = worth["documentsLeftOut"]
        totals = {other_names.get(name, name): value for name, value in figures.items() if name != parts}
        rows.append({"row": "total", **totals})
    return [{name: str(value) for name, value in row.items()} for row in rows]


def without_blanks(rows):
    return [{name: value for name, value in row.items() if value != ""} for row in rows]


def random_world(seed):
    """A Viewer of three companies, whose documents, payments and refunds are random."""
    chosen = random.Random(seed)  # noqa: S311  # repeatable, not secret
    companies = [make_company(currency=currency) for currency in UNITS]
    viewer = make_user("Viewer", companies[0])
    for company in companies[1:]:
        viewer = add_role(viewer, company, "Viewer")
    for company in companies:
        customers = [make_customer(company, name=f"Customer {number}") for number in range(3)]
        for _ in range(8):
            price = Decimal(chosen.randint(1, 10**9)).scaleb(-UNITS[company.currency])
            issued_on = date(2026, 1, 1) + timedelta(days=chosen.randrange(120))
            dates = {"issue_date": issued_on, "due_date": issued_on + timedelta(days=chosen.randrange(60))}
            item = make_item(str(price), vat_rate=chosen.choice(["0", "0.15", "0.0725"]))
            invoice = make_issued(company, item, customer=chosen.choice(customers), **dates)
            part = Decimal(chosen.randint(1, 10**6)).scaleb(-UNITS[company.currency])
            money = {"actor": viewer, "invoice_id": invoice.pk, "amount": min(part, invoice.total)}
            apply_payment(**money, paid_at=issued_on)
            if chosen.random() < 0.5:
                refund_payment(**money, paid_at=issued_on + timedelta(days=20))
    return api_client(viewer)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_figures_are_those_of_the_json(seed):
    client = random_world(seed)

    for report in REPORTS:
        expected = expected_rows(report, get(client, report).json()["results"])
        assert len(expected) > 3
        assert without_blanks(csv_rows(client, report)) == expected
        assert without_blanks(xlsx_rows(client, report)) == expected


@pytest.mark.parametrize("report", REPORTS)
def test_the_columns_are_the_same_whatever_is_asked(report):
    company = make_company(currency="JPY")
    issued = {"issue_date": date(2026, 3, 1), "due_date": date(2026, 3, 31)}
    make_issued(company, make_item("100"), **issued)
    client = api_client(make_user("Viewer", company))

    header = get(client, report, format="csv").getvalue().partition(b"\r\n")[0]

    named = get(client, report, format="csv", companyId=company.pk, currency="JPY").getvalue()
    empty = get(client, report, format="csv", currency="ZAR").getvalue()
    assert named.startswith(header)
    assert empty == header + b"\r\n"
    assert [[cell.value for cell in row] for row in sheet_of(client, report, currency="ZAR").iter_rows()] == [
        header.decode().split(",")
    ]


@pytest.mark.parametrize(
    ("currency", "number_format", "total"),
    [("ZAR", "#,##0.00", 115), ("JPY", "#,##0", 115), ("KWD", "#,##0.000", 115)],
)
def test_amounts_are_numbers_with_the_decimals_of_the_currency(currency, number_format, total):
    company = make_company(currency=currency)
    make_issued(company, make_item("100"), issue_date=date(2026, 5, 1), due_date=date(2026, 6, 1))

    cells = sheet_of(api_client(make_user("Viewer", company)), "aging")[2]

    assert [(cell.value, cell.data_type, cell.number_format) for cell in cells[-2:]] == [
        (0, "n", number_format),
        (total, "n", number_format),
    ]


def owed_by(names):
    """A client of a company that each of the named customers owes 115.00."""
    company = make_company()
    for name in names:
        customer = make_customer(company, name=name)
        dates = {"issue_date": date(2026, 3, 1), "due_date": date(2026, 3, 31)}
        make_issued(company, make_item("100"), customer=customer, **dates)
    return api_client(make_user("Viewer", company))


def kept_names(client):
    return [row["customerName"] for row in get(client, "aging").json()["results"][0]["customers"]]


def harmless(name):
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name


def test_hostile_names_stay_names():
    client = owed_by(HOSTILE_NAMES)

    assert kept_names(client) == HOSTILE_NAMES
    assert [row["customerName"] for row in csv_rows(client, "aging")[:-1]] == [harmless(name) for name in HOSTILE_NAMES]
    cells = [row[4] for row in sheet_of(client, "aging").iter_rows(min_row=2)][:-1]
    in_excel = {"\ufffe": "\ufffd", "_x0041_": "_x005F_x0041_"}
    assert [cell.value for cell in cells] == [in_excel.get(name, name) for name in HOSTILE_NAMES]
    assert {cell.data_type for cell in cells} == {"s"}


def test_strings_that_broke_other_programs_break_no_file(samples):
    company = make_company()
    admin = api_client(make_user("Admin", company))
    strings = sorted({text[:200] for text in samples.json("reference/naughty_strings.json")})
    accepted = [text for text in strings if admin.post("/api/customers", {"name": text}).status_code == 201]
    assert len(accepted) > 100
    client = owed_by(accepted)
    names = kept_names(client)

    assert [row["customerName"] for row in csv_rows(client, "aging")[:-1]] == [harmless(name) for name in names]
    cells = [row[4] for row in sheet_of(client, "aging").iter_rows(min_row=2)][:-1]
    assert {cell.data_type for cell in cells} == {"s"}
    assert len(cells) == len(names)


@pytest.mark.parametrize(("table_format", "media_type"), [("csv", f"{CSV_TYPE}; charset=utf-8"), ("xlsx", XLSX_TYPE)])
def test_a_file_has_a_name_a_type_and_is_kept_nowhere(table_format, media_type):
    client = api_client(make_user("Viewer", make_company()))

    for report, stem in (("revenue", "revenue-2026-01-01-2026-06-30"), ("aging", "aging-2026-06-30")):
        reply = get(client, report, format=table_format)
        assert len(reply.getvalue()) > 10
        assert reply["Content-Disposition"] == f'attachment; filename="{stem}.{table_format}"'
        assert (reply["Content-Type"], reply["Cache-Control"]) == (media_type, "no-store")


def test_a_file_of_companies_on_different_days_is_named_after_no_day():
    east, west = make_company(time_zone="Pacific/Kiritimati"), make_company(time_zone="Pacific/Pago_Pago")
    client = api_client(add_role(make_user("Viewer", east), west, "Viewer"))

    reply = client.get("/api/reports/aging", {"format": "csv"})

    assert reply["Content-Disposition"] == 'attachment; filename="aging.csv"'


def test_accept_asks_for_a_file_and_format_decides():
    client = api_client(make_user("Viewer", make_company()))

    def media_type(accept, **parameters):
        reply = client.get("/api/reports/vat", parameters, HTTP_ACCEPT=accept)
        assert len(reply.getvalue()) > 10
        return reply["Content-Type"].partition(";")[0]

    assert media_type(CSV_TYPE) == CSV_TYPE
    assert media_type(XLSX_TYPE) == XLSX_TYPE
    assert media_type("text/html,*/*;q=0.8") == media_type("application/json, text/csv") == "application/json"
    assert media_type(CSV_TYPE, format="json") == "application/json"
    assert media_type("application/json", format="xlsx") == XLSX_TYPE
    assert media_type(CSV_TYPE, asOf="2026-01-01") == "application/problem+json"
    assert client.get("/api/reports/vat", HTTP_ACCEPT="image/png").status_code == 406


@pytest.mark.parametrize("table_format", ["csv", "xlsx"])
def test_a_file_is_for_those_who_may_read_the_report(table_format):
    foreign = make_company()
    asked = {"format": table_format, "companyId": foreign.pk}

    assert api_client().get("/api/reports/aging", asked).status_code == 401
    assert api_client(make_user(None)).get("/api/reports/aging", {"format": table_format}).status_code == 403
    assert api_client(make_user("Viewer", make_company())).get("/api/reports/aging", asked).status_code == 404
