"""Keeping the sums of `reports.models`: taking in what waits, working them out anew, and comparing them with the books.

What waits is taken in by one statement on PostgreSQL, which deletes the rows and adds what they say; on SQLite by
several, while nobody else writes. So a reader who looks at both in one statement misses nothing and counts
nothing twice. Two workers do not disturb each other: one of them finds nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q

from credits.models import CreditNoteItem
from invoices.models import InvoiceLine
from parties.models import Company
from reports.models import (
    CreditedByDay,
    CreditedVatByDay,
    Drafts,
    InvoicedByDay,
    MoneyByDay,
    OwedByCustomer,
    OwedByDueDate,
    VatByDay,
    WaitingEntry,
    WaitingInvoice,
    WaitingNote,
)
from reports.triggers import (
    CREDIT,
    ENTRIES,
    ENTRY_COLUMNS,
    INVOICES,
    IS_DRAFT,
    IS_ISSUED,
    IS_OPEN,
    NOTES,
    SUMS,
    WAITING_ENTRIES,
    WAITING_INVOICES,
    WAITING_NOTES,
    entry_values,
    units,
)

ROWS_AT_A_TIME = 1_000
LOCK = 0x5EC0_5035
"""What the workers of PostgreSQL agree to hold while they change the sums."""
TAKEN = {WAITING_INVOICES: "taken_invoices", WAITING_ENTRIES: "taken_entries", WAITING_NOTES: "taken_notes"}
NAMES = {WAITING_INVOICES: "invoices", WAITING_ENTRIES: "entries", WAITING_NOTES: "notes"}
"""Each waiting table, and the name of what was just deleted from it."""


@dataclass(frozen=True)
class Topic:
    """One table of sums: the columns that tell its rows apart, and those that are added up.

    `waiting` is a SELECT of all of them from the waiting rows (a table or what was just deleted from it, called
    {invoices}, {entries} and {notes}); `rows` the same from the books. Both name the company of a row `company_id`.
    """

    model: type[models.Model]
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    waiting: str
    rows: str

    @property
    def table(self) -> str:
        """Its table."""
        return str(self.model._meta.db_table)

    @property
    def columns(self) -> str:
        """Keys and sums, as a list of columns."""
        return ", ".join((*self.keys, *self.sums))

    def kept_and_waiting(self) -> str:
        """A SELECT of all that the sum consists of; several of its rows may have the same keys."""
        waiting = self.waiting.format(**{name: table for table, name in NAMES.items()})
        return f"SELECT {self.columns} FROM {self.table} UNION ALL {waiting}"

    def summed(self, source: str) -> str:
        """A SELECT of keys and sums over the rows of `source`."""
        sums = ", ".join(f"sum({name}) AS {name}" for name in self.sums)
        keys = ", ".join(self.keys)
        return f"SELECT {keys}, {sums} FROM ({source}) AS part GROUP BY {keys}"

    def adding(self, source: str) -> str:
        """An INSERT that adds the rows of `source` to the sums."""
        return self._writing(source, f"{self.table}.{{0}} + excluded.{{0}}")

    def replacing(self, source: str) -> str:
        """An INSERT that makes the sums those of `source`; a row without any becomes zero."""
        zeros = ", ".join((*self.keys, *("0" for _ in self.sums)))
        return self._writing(f"{source} UNION ALL SELECT {zeros} FROM {self.table}", "excluded.{0}")

    def _writing(self, source: str, value: str) -> str:
        sets = ", ".join(f"{name} = {value.format(name)}" for name in self.sums)
        # WHERE: SQLite would take the ON of the conflict for that of a join.
        return (
            f"INSERT INTO {self.table} ({self.columns}) SELECT * FROM ({self.summed(source)}) AS added WHERE true "
            f"ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {sets}"
        )


def _of_documents(model: type[models.Model], key: tuple[str, ...], count: str, amount: str, condition: str) -> Topic:
    """How many documents there are, and an amount of theirs; `count` and `amount` are columns of what waits."""
    keys = ("company_id", "currency", *key)
    columns, condition = ", ".join(keys), condition.format(row="document")
    return Topic(
        model,
        keys,
        ("documents", amount),
        f"SELECT {columns}, {count} AS documents, {amount} FROM {{invoices}} WHERE {count} <> 0 OR {amount} <> 0",
        f"SELECT {columns}, 1 AS documents, {SUMS[amount].format(row='document')} AS {amount} "
        f"FROM {INVOICES} AS document WHERE {condition}",
    )


OWED_BY_DUE_DATE = _of_documents(OwedByDueDate, ("due_date",), "open_documents", "owed", IS_OPEN)
OWED_BY_CUSTOMER = _of_documents(OwedByCustomer, ("customer_id",), "open_documents", "owed", IS_OPEN)
INVOICED_BY_DAY = _of_documents(InvoicedByDay, ("issue_date",), "issued_documents", "invoiced", IS_ISSUED)
DRAFTS = _of_documents(Drafts, (), "drafts", "drafted", IS_DRAFT)

VAT_KEYS = "document.company_id, document.currency, document.issue_date, line.vat_category, line.vat_rate"
TAXABLE, VAT = units("line.taxable_amount"), units("line.vat_amount")
LINES = f"{InvoiceLine._meta.db_table} AS line ON line.invoice_id"
# The lines of a document that was issued never change.
VAT_BY_DAY = Topic(
    VatByDay,
    ("company_id", "currency", "issue_date", "vat_category", "vat_rate"),
    ("lines", "taxable", "vat"),
    f"SELECT {VAT_KEYS}, issued_documents AS lines, issued_documents * {TAXABLE} AS taxable, "
    f"issued_documents * {VAT} AS vat "
    f"FROM {{invoices}} AS document JOIN {LINES} = document.invoice_id WHERE issued_documents <> 0",
    f"SELECT {VAT_KEYS}, 1 AS lines, {TAXABLE} AS taxable, {VAT} AS vat "
    f"FROM {INVOICES} AS document JOIN {LINES} = document.id WHERE {IS_ISSUED.format(row='document')}",
)
CREDITED_BY_DAY = Topic(
    CreditedByDay,
    ("company_id", "currency", "issue_date"),
    ("documents", "credited"),
    "SELECT company_id, currency, issue_date, 1 AS documents, credited FROM {notes}",
    f"SELECT company_id, currency, issue_date, 1 AS documents, {units('total')} AS credited FROM {NOTES}",
)
CREDITED_VAT = f"SELECT {VAT_KEYS}, 1 AS lines, {TAXABLE} AS taxable, {VAT} AS vat"
CREDITED_LINES = f"{CreditNoteItem._meta.db_table} AS line ON line.note_id"
CREDITED_VAT_BY_DAY = Topic(
    CreditedVatByDay,
    ("company_id", "currency", "issue_date", "vat_category", "vat_rate"),
    ("lines", "taxable", "vat"),
    f"{CREDITED_VAT} FROM {{notes}} AS document JOIN {CREDITED_LINES} = document.note_id",
    f"{CREDITED_VAT} FROM {NOTES} AS document JOIN {CREDITED_LINES} = document.id",
)


def money_rows(condition: str = "") -> str:
    """A SELECT of the money of all entries of invoices, and of the credit of customers, that meet the condition."""
    values = entry_values(connection.vendor, "entry")
    return " UNION ALL ".join(f"SELECT {values} FROM {table} AS entry {condition}" for table in (ENTRIES, CREDIT))


MONEY_BY_DAY = Topic(
    MoneyByDay,
    ("company_id", "currency", "time_zone", "day"),
    ("received", "returned"),
    f"SELECT {', '.join(ENTRY_COLUMNS)} FROM {{entries}}",
    money_rows(),
)
MOVED_COMPANIES = (
    f"SELECT part.company_id FROM ({MONEY_BY_DAY.kept_and_waiting()}) AS part "
    "JOIN parties_company AS company ON company.id = part.company_id "
    "WHERE company.time_zone <> part.time_zone AND (received <> 0 OR returned <> 0)"
)
"""Those that have money in the sums by another time zone than their own."""
OF_DOCUMENTS = (OWED_BY_DUE_DATE, OWED_BY_CUSTOMER, INVOICED_BY_DAY, DRAFTS, VAT_BY_DAY)
OF_ENTRIES = (MONEY_BY_DAY,)
OF_NOTES = (CREDITED_BY_DAY, CREDITED_VAT_BY_DAY)
TOPICS = {WAITING_INVOICES: OF_DOCUMENTS, WAITING_ENTRIES: OF_ENTRIES, WAITING_NOTES: OF_NOTES}
ADDING = {table: [topic.adding(topic.waiting) for topic in topics] for table, topics in TOPICS.items()}
ANEW = {table: [topic.replacing(topic.rows) for topic in topics] for table, topics in TOPICS.items()}


def take_in() -> int:
    """Take what waits into the sums; how many rows that were.

    The money of a company that has moved to another time zone is worked out anew.
    """
    if MoneyByDay.objects.filter(_of_another_zone()).exists():
        with _alone() as is_alone:
            if is_alone:
                _write({WAITING_ENTRIES: ANEW[WAITING_ENTRIES]})
    if not any(model.objects.exists() for model in (WaitingInvoice, WaitingEntry, WaitingNote)):
        return 0
    with _alone() as is_alone:
        return _write(ADDING) if is_alone else 0


def work_out() -> None:
    """Work out all sums from the rows of the books, whatever they are now."""
    with _alone(patiently=True):
        _write(ANEW)


def differences() -> Iterator[tuple[Topic, dict[str, Any], dict[str, int]]]:
    """Each row of sums that differs from the books: its topic, its keys, and by how much (in ten-thousandths).

    Money that was added up in a time zone which is not the company's any more is left out: no report reads it.
    """
    for topic in (*OF_DOCUMENTS, *OF_ENTRIES, *OF_NOTES):
        less = ", ".join((*topic.keys, *(f"-{name}" for name in topic.sums)))
        booked, differs = topic.rows, " OR ".join(f"{name} <> 0" for name in topic.sums)
        if topic is MONEY_BY_DAY:
            booked = money_rows(f"WHERE entry.company_id NOT IN ({MOVED_COMPANIES})")
            differs = f"({differs}) AND company_id NOT IN ({MOVED_COMPANIES})"
        summed = topic.summed(f"{topic.kept_and_waiting()} UNION ALL SELECT {less} FROM ({booked}) AS booked")
        with connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({summed}) AS summed WHERE {differs} ORDER BY 1, 2, 3")
            while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                for row in rows:
                    keys = dict(zip(topic.keys, row, strict=False))
                    yield topic, keys, dict(zip(topic.sums, row[len(keys) :], strict=True))


def _of_another_zone() -> Q:
    here = Company.objects.filter(pk=OuterRef("company_id"), time_zone=OuterRef("time_zone"))
    return ~Exists(here) & ~Q(received=0, returned=0)


@contextmanager
def _alone(*, patiently: bool = False) -> Iterator[bool]:
    """A transaction in which nobody else changes the sums; whether it is so, where one does not wait `patiently`."""
    with transaction.atomic():
        if connection.vendor == "sqlite":
            yield True
            return
        with connection.cursor() as cursor:
            if patiently:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                yield True
                return
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            yield cursor.fetchone()[0]


def _write(work: Mapping[str, Sequence[str]]) -> int:
    """Empty each of the waiting tables, and run the statements that go with it, as of one moment; how many waited."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for statement in chain.from_iterable(work.values()):
                cursor.execute(statement.format(**{name: table for table, name in NAMES.items()}))
            return sum(cursor.execute(f"DELETE FROM {table} WHERE true").rowcount for table in work)
        parts = [f"{TAKEN[table]} AS (DELETE FROM {table} RETURNING *)" for table in work]
        taken = {name: TAKEN.get(table, table) for table, name in NAMES.items()}
        parts += [
            f"written_{place} AS ({statement.format(**taken)})"
            for place, statement in enumerate(chain.from_iterable(work.values()))
        ]
        counts = " + ".join(f"(SELECT count(*) FROM {TAKEN[table]})" for table in work)
        cursor.execute(f"WITH {', '.join(parts)} SELECT {counts}")
        return int(cursor.fetchone()[0])
