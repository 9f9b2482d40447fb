"""The promise: what was issued and what was booked never changes, whoever tries and however (M8)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Model

from audit.actors import SYSTEM
from audit.models import Change
from audit.services import recording
from audit.tests.tampering import ON_SQLITE, closed_entry, execute, without_triggers
from invoices.models import Invoice, InvoiceLine
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued() -> Invoice:
    """An issued invoice of 115.00 with one line and one payment of 15.00."""
    invoice = make_issued(make_company(), make_item("100"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(15), reference="EFT-1")
    return Invoice.objects.get(pk=invoice.pk)


FROZEN_VALUES: dict[str, Any] = {
    "number": "INV-2026-999999",
    "vat_rounding": "line",
    "discount_percent": Decimal(10),
    "discount_amount": Decimal(10),
    "issue_date": "2020-01-01",
    "due_date": "2999-01-01",
    "currency": "EUR",
    "customer_name": "Somebody else",
    "prices_include_vat": True,
    "seller": {"name": "Somebody else"},
    "buyer": {"name": "Somebody else"},
    "issued_at": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
}


# Sums that agree again, so that no CHECK of the sums refuses them before the guard does.
FROZEN_SUMS: dict[str, dict[str, Decimal]] = {
    "lines_total and discount_total": {"lines_total": Decimal(101), "discount_total": Decimal(1)},
    "subtotal": {"subtotal": Decimal(99), "discount_total": Decimal(1), "vat_total": Decimal(16)},
    "vat_total and total": {"vat_total": Decimal(16), "total": Decimal(116)},
}


def refused(write: Callable[[Change], Any], model: type[Model], reason: str) -> None:
    """The write is refused within an entry, and the rows are as they were."""
    before = list(model._default_manager.order_by("pk").values())
    entry = recording(actor=SYSTEM, action="test")
    with entry as change, pytest.raises(IntegrityError, match=reason), transaction.atomic():
        write(change)
    assert list(model._default_manager.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "values", [*({field: value} for field, value in FROZEN_VALUES.items()), *FROZEN_SUMS.values()], ids=" ".join
)
def test_no_column_of_an_issued_invoice_changes(issued: Invoice, values: dict[str, Any]) -> None:
    def by_queryset(change: Change) -> None:
        Invoice.objects.update(**values, version=F("version") + 1, change=change)

    def by_save(change: Change) -> None:
        row = Invoice.objects.get()
        for field, value in values.items():
            setattr(row, field, value)
        row.version, row.change = row.version + 1, change
        row.save()

    for write in (by_queryset, by_save):
        refused(write, Invoice, "an issued document does not change")


@pytest.mark.parametrize("field", ["company", "customer"])
def test_the_parties_of_an_issued_invoice_do_not_change(issued: Invoice, field: str) -> None:
    other = make_company() if field == "company" else make_customer(issued.company)
    refused(
        lambda change: Invoice.objects.update(**{field: other}, version=F("version") + 1, change=change),
        Invoice,
        "an issued document does not change",
    )


def test_every_column_of_an_invoice_is_frozen_or_follows_from_money() -> None:
    # a column that is added must be put on one side or the other
    frozen = {*Invoice.guards[0].fields, Invoice.guards[0].since}
    follows = {"id", "version", "change", "status", "paid", "credited", "outstanding", "entry_count", "cancelled_at"}
    follows |= {"external_id", "metadata", "search_text"}  # other programs' own, and what a search finds
    follows.add("present_customer_name")  # what a draft of a renamed customer shows; verify_books proves it
    assert frozen | follows == {field.name for field in Invoice._meta.concrete_fields}
    assert not frozen & follows


def test_raw_sql_changes_no_issued_invoice(issued: Invoice) -> None:
    refused(
        lambda change: execute(
            "UPDATE invoices_invoice SET total = 116, vat_total = 16, version = version + 1, change_id = %s",
            [change.pk],
        ),
        Invoice,
        "an issued document does not change",
    )


DELETIONS: dict[str, tuple[type[Model], str]] = {
    "invoices_invoice": (Invoice, "an issued document does not change"),
    "invoices_invoiceline": (InvoiceLine, "the lines of an issued document do not change"),
    "payments_payment": (Payment, "entries are never changed or deleted"),
}


@pytest.mark.parametrize("table", DELETIONS)
def test_nothing_that_was_issued_or_booked_is_deleted(issued: Invoice, table: str) -> None:
    model, reason = DELETIONS[table]
    refused(lambda change: execute(f"DELETE FROM {table}"), model, reason)
    refused(lambda change: model._default_manager.all()._raw_delete("default"), model, reason)


def test_no_line_of_an_issued_invoice_changes_comes_or_moves(issued: Invoice) -> None:
    reason = "the lines of an issued document do not change"
    draft = make_draft(issued.company)
    line, foreign = InvoiceLine.objects.get(invoice=issued), InvoiceLine.objects.get(invoice=draft)

    def change_one(row: InvoiceLine, change: Change, **values: Any) -> None:
        InvoiceLine.objects.filter(pk=row.pk).update(**values, version=2, change=change)

    def add(change: Change) -> None:
        InvoiceLine.objects.bulk_create([_copy(line, change)])

    refused(lambda change: change_one(line, change, description="Other"), InvoiceLine, reason)
    refused(lambda change: change_one(line, change, invoice=draft), InvoiceLine, reason)
    refused(lambda change: change_one(foreign, change, invoice=issued), InvoiceLine, reason)
    refused(add, InvoiceLine, reason)


def _copy(line: InvoiceLine, change: Change) -> InvoiceLine:
    values = {field.attname: getattr(line, field.attname) for field in InvoiceLine._meta.concrete_fields}
    return InvoiceLine(**values | {"id": None, "position": 2, "version": 1, "change_id": change.pk})


@pytest.mark.parametrize(
    "field", [field.name for field in Payment._meta.concrete_fields if field.name not in ("id", "version")]
)
def test_no_column_of_an_entry_changes(issued: Invoice, field: str) -> None:
    values = {"version": F("version") + 1, field: F(field)}
    refused(
        lambda change: Payment.objects.update(**values | {"change": change}),
        Payment,
        "entries are never changed or deleted",
    )


@pytest.mark.skipif(not ON_SQLITE, reason="REPLACE is SQLite's")
def test_replace_over_a_number_or_a_reference_removes_nothing(issued: Invoice) -> None:
    # REPLACE deletes the row that is in the way, whichever unique column it is
    for model, reason in ((Invoice, "an issued document"), (Payment, "entries are never")):
        columns = [
            f.column
            for f in model._meta.concrete_fields
            if not f.generated and f.column not in ("id", "version", "change_id")
        ]
        listed = ", ".join(columns)
        statement = (
            f"INSERT OR REPLACE INTO {model._meta.db_table} ({listed}, version, change_id) "
            f"SELECT {listed}, 1, %s FROM {model._meta.db_table}"
        )
        refused(lambda change, sql=statement: execute(sql, [change.pk]), model, reason)


def test_control_without_triggers_all_of_it_changes(issued: Invoice) -> None:
    change = closed_entry()
    with without_triggers():
        Invoice.objects.update(buyer={"name": "Somebody else"}, change=change)
        InvoiceLine.objects.update(description="Other")
        Payment.objects.update(reason="Other")
        execute("DELETE FROM payments_payment")
        connection.check_constraints()
    assert Invoice.objects.get().buyer == {"name": "Somebody else"}
    assert InvoiceLine.objects.get().description == "Other"
    assert not Payment.objects.exists()


def test_what_follows_from_money_still_moves_after_the_issue(issued: Invoice) -> None:
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount=Decimal(100), reference="EFT-2")
    assert (Invoice.objects.get().status, Invoice.objects.get().paid) == ("Paid", Decimal(115))


def test_a_draft_changes_freely() -> None:
    draft = make_draft(make_company())
    with recording(actor=SYSTEM, action="test") as change:
        Invoice.objects.update(customer_name="Other", version=2, change=change)
        InvoiceLine.objects.filter(invoice=draft).delete()
    assert not InvoiceLine.objects.exists()
