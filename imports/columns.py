"""What each kind of import takes, under which names its columns are known, and how a cell is read. No ORM.

A cell that cannot be read is a `CellWrong`, which names the column and says what would be right.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import TextChoices

from core.errors import DomainError
from core.money import exact
from currencies.rates import RATE_DECIMALS

NUMBER_DECIMALS = 6
YES, NO = frozenset({"yes", "true", "1", "ja", "oui"}), frozenset({"no", "false", "0", "nein", "non", ""})


class Kind(TextChoices):
    """What the rows of a file are."""

    CUSTOMERS = "customers", "Customers"
    DRAFTS = "drafts", "Invoices, as drafts"
    ISSUED = "issued", "Invoices issued elsewhere"
    PAYMENTS = "payments", "Payments"


class DateOrder(TextChoices):
    """How dates that are not ISO 8601 are meant."""

    ISO = "iso", "2026-01-31"
    DAY_FIRST = "day", "31/01/2026 or 31.1.2026"
    MONTH_FIRST = "month", "01/31/2026"


class DecimalMark(TextChoices):
    """How numbers are written."""

    POINT = "point", "1234.50 or 1,234.50"
    COMMA = "comma", "1234,50 or 1.234,50"


class CellWrong(DomainError):
    """A cell does not say what its column is for."""

    code = "cell_wrong"
    title = "Not readable"


@dataclass(frozen=True)
class Reading:
    """How the cells of a file are meant."""

    dates: str = DateOrder.ISO
    decimals: str = DecimalMark.POINT


@dataclass(frozen=True)
class Column:
    """A column: its name in our words, how a cell is read, and what others call it."""

    name: str
    label: str
    read: Callable[[str, Reading], Any]
    required: bool = False
    aliases: tuple[str, ...] = ()


def text(cell: str, reading: Reading) -> str:
    """The cell as it stands."""
    return cell


def whole_or_decimal(cell: str, reading: Reading) -> Decimal:
    """A number of up to six decimals."""
    return _number(cell, reading, NUMBER_DECIMALS)


def _number(cell: str, reading: Reading, decimals: int) -> Decimal:
    """A number, its thousands set apart by the other mark, a space or an apostrophe, or not."""
    mark, other = (",", ".") if reading.decimals == DecimalMark.COMMA else (".", ",")
    bare = re.sub(r"[ \u00a0\u202f']", "", cell)
    groups = rf"\d{{1,3}}(?:{re.escape(other)}\d{{3}})+"
    if not re.fullmatch(rf"[+-]?(?:{groups}|\d+)?(?:{re.escape(mark)}\d+)?", bare, re.ASCII) or not bare.strip("+-"):
        raise CellWrong(f"{cell!r} is no number as the file writes them ({DecimalMark(reading.decimals).label}).")
    return exact(Decimal(bare.replace(other, "").replace(mark, ".")), decimals=decimals)


def rate(cell: str, reading: Reading) -> Decimal:
    """A VAT rate: "15 %" or "15" or "0.15"."""
    is_percentage = cell.endswith("%")
    number = whole_or_decimal(cell.removesuffix("%").strip(), reading)
    return number / 100 if is_percentage or number > 1 else number


def exchange_rate(cell: str, reading: Reading) -> Decimal:
    """An exchange rate."""
    return _number(cell, reading, RATE_DECIMALS)


def day(cell: str, reading: Reading) -> date:
    """A date; a time of day after it is read over."""
    try:
        return datetime.fromisoformat(cell).date()
    except ValueError:
        pass
    found = re.fullmatch(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ T].*)?", cell, re.ASCII)
    if found is None or reading.dates == DateOrder.ISO:
        raise CellWrong(f"{cell!r} is no date as the file writes them ({DateOrder(reading.dates).label}).")
    first, second, year = map(int, found.groups())
    month, number = (second, first) if reading.dates == DateOrder.DAY_FIRST else (first, second)
    try:
        return date(year, month, number)
    except ValueError as error:
        raise CellWrong(f"{cell!r} is no day of the calendar.") from error


def truth(cell: str, reading: Reading) -> bool:
    """Yes or no."""
    word = cell.casefold()
    if word not in YES | NO:
        raise CellWrong(f"{cell!r} is neither yes nor no.")
    return word in YES


CUSTOMER_COLUMNS = (
    Column("name", "Name", text, required=True, aliases=("customer", "customername", "company", "kunde", "client")),
    Column("email", "E-mail", text, aliases=("mail", "emailaddress")),
    Column("phone", "Phone", text, aliases=("telephone", "tel")),
    Column("vat_number", "VAT number", text, aliases=("vat", "vatid", "vatno", "ustid")),
    Column("registration_number", "Registration number", text, aliases=("regno", "companynumber")),
    Column("address_line_1", "Address", text, aliases=("street", "addressline1", "address1")),
    Column("address_line_2", "Address, second line", text, aliases=("addressline2", "address2")),
    Column("postal_code", "Postal code", text, aliases=("zip", "postcode", "zipcode", "plz")),
    Column("city", "City", text, aliases=("town", "ort")),
    Column("country_code", "Country code", text, aliases=("country", "countrycode", "land")),
    Column("external_id", "Id in the other program", text, aliases=("externalid", "customerid", "id", "reference")),
)
LINE_COLUMNS = (
    Column("customer", "Customer (name or id)", text, required=True, aliases=("customerid", "customername", "client")),
    Column("issue_date", "Issue date", day, aliases=("invoicedate", "date", "issued")),
    Column("due_date", "Due date", day, aliases=("due",)),
    Column("currency", "Currency", text, aliases=("currencycode", "iso")),
    Column("description", "Description", text, required=True, aliases=("item", "text", "product")),
    Column("quantity", "Quantity", whole_or_decimal, aliases=("qty", "units", "menge")),
    Column("unit_price", "Unit price", whole_or_decimal, required=True, aliases=("price", "unitprice", "unitamount")),
    Column("vat_rate", "VAT rate", rate, aliases=("vat", "taxrate", "tax", "vatrate")),
    Column("prices_include_vat", "Prices include VAT", truth, aliases=("gross", "inclusive", "pricesincludevat")),
)
RATE_COLUMN = Column(
    "exchange_rate",
    "Exchange rate (of 1 unit, in the company's currency)",
    exchange_rate,
    aliases=("fxrate", "currencyrate"),
)
PAID_COLUMNS = (
    Column("paid", "Paid so far", whole_or_decimal, aliases=("amountpaid", "paidamount")),
    Column("paid_on", "Paid on", day, aliases=("paymentdate", "paidat", "datepaid")),
)
DOCUMENT = Column("document", "Document (rows of one document)", text, aliases=("invoiceno", "invoice", "number"))
NUMBER = Column("document", "Number", text, required=True, aliases=("invoiceno", "invoicenumber", "invoice", "number"))
COLUMNS: Mapping[str, Sequence[Column]] = {
    Kind.CUSTOMERS: CUSTOMER_COLUMNS,
    Kind.DRAFTS: (DOCUMENT, *LINE_COLUMNS),
    Kind.ISSUED: (NUMBER, *LINE_COLUMNS, RATE_COLUMN, *PAID_COLUMNS),
    Kind.PAYMENTS: (
        Column("invoice", "Invoice number", text, required=True, aliases=("invoiceno", "invoicenumber", "number")),
        Column("amount", "Amount", whole_or_decimal, required=True, aliases=("paid", "value")),
        Column("paid_on", "Paid on", day, aliases=("date", "paymentdate", "paidat", "valuedate")),
        Column("method", "Method", text, aliases=("type", "paymentmethod")),
        Column("reference", "Reference", text, aliases=("ref", "paymentreference", "description")),
    ),
}


def proposed_mapping(kind: str, header: Sequence[str]) -> dict[str, str]:
    """Which column of the file is probably which of ours: {our name: the file's}."""
    plain = {_plain(name): name for name in reversed(header) if name}
    taken: set[str] = set()
    mapping = {}
    for column in COLUMNS[kind]:
        known = (_plain(column.name), _plain(column.label), *column.aliases)
        found = next((plain[word] for word in known if word in plain and plain[word] not in taken), None)
        if found is not None:
            taken.add(found)
            mapping[column.name] = found
    return mapping


def read_row(
    kind: str, mapping: Mapping[str, str], header: Sequence[str], cells: Sequence[str], reading: Reading
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values of a row by our names, and what is wrong with it: (our column, sentence). Empty cells are left out."""
    by_name = dict(zip(header, cells, strict=False))
    values: dict[str, Any] = {}
    wrong = []
    for column in COLUMNS[kind]:
        cell = by_name.get(mapping.get(column.name, ""), "")
        if not cell:
            if column.required:
                wrong.append((column.name, f"{column.label} is missing."))
            continue
        try:
            values[column.name] = column.read(cell, reading)
        except DomainError as error:
            wrong.append((column.name, error.detail))
    return values, wrong


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
