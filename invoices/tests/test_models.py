"""The promise: the database itself refuses what the rules exclude, whoever writes (M3, M6, M9)."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording
from audit.tests.tampering import execute, without_checks, without_triggers
from invoices.lifecycle import Status
from invoices.models import Invoice, InvoiceLine
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db

MOMENT = timezone.now()
PARTY = '{"name": "Somebody"}'
NUMBER = "INV-2026-000001"


@pytest.fixture
def company() -> Company:
    """A company with nothing billed."""
    return make_company()


@pytest.fixture
def draft(company: Company) -> Invoice:
    """A draft over 115.00."""
    return make_draft(company)


@contextmanager
def refused(error: type[Exception] = IntegrityError, match: str | None = None) -> Iterator[None]:
    """What the block writes is refused by the database; the transaction goes on."""
    with pytest.raises(error, match=match), transaction.atomic():
        yield


# M3: the status is a function of the dates and the money

# total, paid, credited
AMOUNTS = [
    (0, 0, 0),
    (0, 1, 0),
    (100, 0, 0),
    (100, 40, 0),
    (100, 100, 0),
    (100, 101, 0),
    (100, -1, 0),
    (100, 0, 60),
    (100, 0, 100),
    (100, 40, 60),
    (100, 60, 60),
]
# number, issued_at, parties
MARKS_OF_ISSUE = [
    (None, None, None),
    (NUMBER, MOMENT, PARTY),
    (None, MOMENT, PARTY),
    (NUMBER, None, PARTY),
    (NUMBER, MOMENT, None),
    (NUMBER, None, None),
]


def legal_status(values: dict[str, Any]) -> str | None:
    """The one status that a document with these dates and amounts can have, or None where there is none."""
    outstanding = values["total"] - values["paid"] - values["credited"]
    untouched = not (values["paid"] or values["credited"] or values["entry_count"])
    marks = [values[name] is None for name in ("number", "issued_at", "parties")]
    if values["paid"] < 0 or outstanding < 0 or len(set(marks)) == 2:
        return None
    if values["cancelled_at"]:
        return "Cancelled" if untouched else None
    if not values["issued_at"]:
        return "Draft" if untouched else None
    if values["paid"] and not values["entry_count"]:
        return None
    if outstanding == 0:
        return "Paid"
    return "PartiallyPaid" if values["paid"] or values["credited"] else "Issued"


def combinations() -> Iterator[dict[str, Any]]:
    for (total, paid, credited), (number, issued_at, parties), cancelled_at, entry_count in product(
        AMOUNTS, MARKS_OF_ISSUE, [None, MOMENT], [0, 1]
    ):
        yield {
            "total": total,
            "paid": paid,
            "credited": credited,
            "number": number,
            "issued_at": issued_at,
            "cancelled_at": cancelled_at,
            "parties": parties,
            "entry_count": entry_count,
        }


def is_accepted(row: dict[str, Any]) -> bool:
    columns = ", ".join(row)
    places = ", ".join(["%s"] * len(row))
    sql = f"INSERT INTO invoices_invoice ({columns}) VALUES ({places})"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, list(row.values()))
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


def raw_row(company: Company, status: str, values: dict[str, Any], change_id: int) -> dict[str, Any]:
    customer_id = company.customers.get().pk
    columns = {name: value for name, value in values.items() if name != "parties"}
    return {
        "company_id": company.pk,
        "customer_id": customer_id,
        "customer_name": "Somebody",
        "status": status,
        "issue_date": "2026-03-01",
        "due_date": "2026-03-31",
        "currency": "ZAR",
        "prices_include_vat": False,
        "vat_rounding": "document",
        "discount_percent": 0,
        "discount_amount": 0,
        "lines_total": values["total"],
        "discount_total": 0,
        "subtotal": values["total"],
        "vat_total": 0,
        "metadata": "{}",
        "search_text": "",
        **columns,
        "seller": values["parties"],
        "buyer": values["parties"],
        "version": 1,
        "change_id": change_id,
    }


@pytest.mark.parametrize("status", [*Status.values, "Overdue"])
def test_the_database_takes_a_status_exactly_where_dates_and_money_make_it(company: Company, status: str) -> None:
    make_customer(company)
    with recording(actor=SYSTEM, action="test") as change:
        wrong = [
            values
            for values in combinations()
            if is_accepted(raw_row(company, status, values, change.pk)) != (legal_status(values) == status)
        ]
    assert wrong == []


def test_control_without_the_check_a_draft_may_be_paid(company: Company) -> None:
    make_customer(company)
    paid_draft = {"total": 100, "paid": 100, "credited": 0, "entry_count": 0, "parties": None}
    with recording(actor=SYSTEM, action="test") as change:
        row = raw_row(company, "Draft", paid_draft, change.pk)
        assert not is_accepted(row)
        with without_checks("invoices_invoice", "invoice_status_follows_money"):
            assert is_accepted(row)


# M9: a cancelled document stays cancelled, and entries are never taken back


def rewrite(invoice: Invoice, **values: Any) -> None:
    """What somebody writes past the services, with an entry open."""
    with recording(actor=SYSTEM, action="test") as change:
        Invoice.objects.filter(pk=invoice.pk).update(**values, version=invoice.version + 1, change=change)


def cancelled(invoice: Invoice) -> Invoice:
    return cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)


def test_a_cancelled_invoice_does_not_come_back(company: Company) -> None:
    invoice = cancelled(make_issued(company))
    with refused(match="a cancelled document stays cancelled"):
        rewrite(invoice, status="Issued", cancelled_at=None)


@pytest.mark.parametrize("status", ["Draft", "Issued"])
def test_a_cancelled_draft_becomes_nothing_else(draft: Invoice, status: str) -> None:
    issue = {"number": NUMBER, "issued_at": MOMENT, "seller": {}, "buyer": {}} if status == "Issued" else {}
    with refused(match="a cancelled document stays cancelled"):
        rewrite(cancelled(draft), status=status, cancelled_at=None, **issue)


def test_a_cancelled_document_is_not_deleted(draft: Invoice) -> None:
    cancelled(draft)
    with refused(match="a cancelled document stays cancelled"), recording(actor=SYSTEM, action="test"):
        draft.lines.all().delete()
        draft.delete()


@pytest.fixture
def refunded(company: Company) -> Invoice:
    """Issued, paid and refunded: nothing is paid, two entries stand on it."""
    invoice = make_issued(company)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(10))
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(10))
    return Invoice.objects.get(pk=invoice.pk)


def test_the_entries_of_an_invoice_are_not_forgotten_so_that_it_could_be_cancelled(refunded: Invoice) -> None:
    with refused(match="entries are never taken back"):
        rewrite(refunded, entry_count=0, status="Cancelled", cancelled_at=MOMENT)


def test_control_without_triggers_it_is_cancelled_with_two_entries_on_it(refunded: Invoice) -> None:
    with without_triggers():
        Invoice.objects.update(entry_count=0, status="Cancelled", cancelled_at=MOMENT)
    assert any("entry_count is 0, there are 2" in fault.message for fault in faults())


# M6: what is no amount is refused, not kept

NOT_AMOUNTS = ["NaN", "Infinity", "-Infinity", "1e400", "100000000000", "-100000000000", "12x"]
AMOUNT_COLUMNS = {
    Invoice: ["discount_amount", "discount_percent", "lines_total", "subtotal", "vat_total", "total", "paid"],
    InvoiceLine: [
        "quantity",
        "unit_price",
        "vat_rate",
        "discount_percent",
        "discount_amount",
        "line_total",
        "line_gross",
        "taxable_amount",
        "vat_amount",
    ],
}


@pytest.mark.parametrize(
    ("model", "column"), [(model, column) for model, columns in AMOUNT_COLUMNS.items() for column in columns]
)
def test_no_column_of_a_draft_keeps_what_is_no_amount(draft: Invoice, model: Any, column: str) -> None:
    sql = f"UPDATE {model._meta.db_table} SET {column} = %s, version = version + 1, change_id = %s"
    with recording(actor=SYSTEM, action="test") as change:
        for value in NOT_AMOUNTS:
            with refused(DatabaseError):
                execute(sql, [value, change.pk])


def test_a_document_issued_before_a_detail_was_kept_shows_it_empty() -> None:
    invoice = Invoice(company=make_company(vat_number="4012345678"), seller={"name": "Then"})

    assert invoice.seller_details["name"] == "Then"
    assert set(invoice.seller_details) == set(invoice.company.seller_details())
    assert invoice.seller_details["vatNumber"] == ""
