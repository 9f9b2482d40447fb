"""Credit notes: what they take, what they refuse, and what is left of the invoice."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from core.errors import DomainError, StaleVersion
from credits.models import CreditNote, CreditNoteItem
from credits.services import CreditItem, issue_credit_note
from credits.tests.factories import make_credit_note
from invoices.lifecycle import Status
from invoices.models import Invoice, NumberSeries
from invoices.services import HasEntries, cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import move_period_lock
from parties.tests.factories import make_company
from payments.accounts.models import CustomerAccount
from payments.accounts.services import refund_credit, reinstate, write_off
from payments.ledger import Kind
from payments.models import Payment
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_are_right() -> Any:
    yield
    assert list(faults()) == []


def test_a_whole_note_takes_all_and_the_invoice_is_paid() -> None:
    invoice = make_issued(make_company(), make_item("100", "3"), make_item("0.99", "1", "0"))
    year = invoice.company.today().year

    note = make_credit_note(invoice)

    invoice.refresh_from_db()
    assert (note.number, note.issue_date) == (f"CN-{year}-000001", invoice.company.today())
    assert (note.subtotal, note.vat_total, note.total) == (Decimal("300.99"), Decimal(45), Decimal("345.99"))
    assert (note.applied, note.credited, note.is_last) == (note.total, 0, True)
    assert (invoice.status, invoice.paid, invoice.credited, invoice.outstanding) == (Status.PAID, 0, note.total, 0)
    entry = Payment.objects.get()
    assert (entry.kind, entry.amount, entry.method, entry.reference) == (Kind.CREDIT_NOTE, note.total, "", note.number)
    assert (note.entry, entry.reference_key) == (entry, note.number.casefold())
    change = Change.objects.latest("id")
    assert (change.action, change.reason) == ("credit_note.issued", "Goods came back")
    assert {note.change_id, entry.change_id, invoice.change_id} == {change.pk}
    with pytest.raises(HasEntries):
        cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)


def test_notes_by_quantity_follow_each_other_and_the_rest_closes_to_the_cent() -> None:
    company = make_company()
    items = [make_item("33.33", "3", "0.15"), make_item("10.01", "0.7", "0.07"), make_item("5", "1", "0")]
    invoice = make_issued(company, *items, discount_percent=Decimal("12.5"))

    notes = [make_credit_note(invoice, "1", "0", "0"), make_credit_note(invoice, "1.5", "0.3", "1")]
    invoice.refresh_from_db()
    assert invoice.status == Status.PARTIALLY_PAID
    notes.append(make_credit_note(invoice))

    invoice.refresh_from_db()
    for name in ("lines_total", "discount_total", "subtotal", "vat_total", "total"):
        assert sum(getattr(note, name) for note in notes) == getattr(invoice, name)
    for line in invoice.lines.all():
        items = CreditNoteItem.objects.filter(line=line)
        for name in ("quantity", "line_total", "taxable_amount", "vat_amount"):
            assert sum(getattr(item, name) for item in items) == getattr(line, name)
    assert (invoice.status, [note.is_last for note in notes]) == (Status.PAID, [False, False, True])
    assert [note.number[-6:] for note in notes] == ["000001", "000002", "000003"]


def test_a_note_beside_payments_lessens_what_is_owed() -> None:
    invoice = make_issued(make_company(), make_item("100", "2", "0"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(60))

    make_credit_note(invoice, "1")

    invoice.refresh_from_db()
    assert (invoice.paid, invoice.credited, invoice.outstanding) == (60, 100, 40)
    assert invoice.status == Status.PARTIALLY_PAID


def test_what_was_paid_already_is_left_as_the_customers_credit() -> None:
    invoice = make_issued(make_company(), make_item("100", "2", "0"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(150))

    first, second = make_credit_note(invoice, "0.8"), make_credit_note(invoice)

    invoice.refresh_from_db()
    assert [(note.total, note.applied, note.credited) for note in (first, second)] == [(80, 50, 30), (120, 0, 120)]
    assert (invoice.paid, invoice.credited, invoice.outstanding, invoice.status) == (150, 50, 0, Status.PAID)
    account = CustomerAccount.objects.get()
    assert (account.customer_id, account.currency, account.balance) == (invoice.customer_id, "ZAR", 150)
    assert second.account_entry is not None
    assert (second.account_entry.kind, second.account_entry.reference) == ("CreditNote", second.number)
    assert (second.entry, invoice.change_id) == (None, second.change_id)
    refund_credit(actor=SYSTEM, customer_id=invoice.customer_id, amount=Decimal(150), reason="Paid back")


def test_what_was_written_off_was_not_paid_and_is_nobodys_credit() -> None:
    invoice = make_issued(make_company(), make_item("100", "2", "0"))
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(60))
    write_off(actor=SYSTEM, invoice_id=invoice.pk, reason="Insolvent")

    with pytest.raises(DomainError) as refusal:
        make_credit_note(invoice)
    note = make_credit_note(invoice, "0.6")
    reinstate(actor=SYSTEM, invoice_id=invoice.pk, reason="To be credited")
    last = make_credit_note(invoice)

    assert refusal.value.code == "credit_exceeds_outstanding"
    assert [(one.applied, one.credited) for one in (note, last)] == [(0, 60), (140, 0)]


@pytest.mark.parametrize(
    ("details", "code", "field"),
    [
        ({"whole": True, "reason": "  "}, "credit_note_invalid", "reason"),
        ({}, "credit_note_invalid", "items"),
        ({"whole": True, "items": []}, "credit_note_invalid", "items"),
        ({"items": []}, "credit_note_invalid", "items"),
        ({"items": [("line", "0")]}, "credit_note_invalid", "items.0.qty"),
        ({"items": [("line", "-1")]}, "credit_note_invalid", "items.0.qty"),
        ({"items": [("line", "2.000001")]}, "credit_exceeds_invoice", "items.0.qty"),
        ({"items": [("line", "1"), ("line", "1")]}, "credit_note_invalid", "items.1.item_id"),
        ({"items": [("other", "1")]}, "credit_note_invalid", "items.0.item_id"),
        ({"items": [("line", "0.0000001")]}, "amount_too_precise", "items.0.qty"),
        ({"items": [("line", "NaN")]}, "amount_invalid", "items.0.qty"),
        ({"items": [("line", "0.000001")]}, "nothing_to_credit", None),
    ],
)
def test_what_is_refused_changes_nothing(details: dict[str, Any], code: str, field: str | None) -> None:
    company = make_company()
    invoice, other = make_issued(company, make_item("100", "2")), make_issued(company)
    ids = {"line": invoice.lines.get().pk, "other": other.lines.get().pk}
    if "items" in details:
        details = {**details, "items": [CreditItem(ids[name], Decimal(qty)) for name, qty in details["items"]]}

    with pytest.raises(DomainError) as refusal:
        issue_credit_note(actor=SYSTEM, invoice_id=invoice.pk, **{"reason": "Why", **details})

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert not CreditNote.objects.exists()
    assert not NumberSeries.objects.filter(kind="CN").exists()
    invoice.refresh_from_db()
    assert invoice.version == 2


def test_drafts_and_cancelled_invoices_are_not_credited() -> None:
    company = make_company()
    draft, cancelled = make_draft(company), make_issued(company)
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk)

    for invoice, status in ((draft, "draft"), (cancelled, "cancelled")):
        with pytest.raises(DomainError) as refusal:
            make_credit_note(invoice)
        assert refusal.value.code == "wrong_status"
        assert refusal.value.detail == f"Only issued invoices are credited; this invoice is {status}."


def test_a_wholly_credited_invoice_has_nothing_left() -> None:
    invoice = make_issued(make_company())
    make_credit_note(invoice)

    with pytest.raises(DomainError) as refusal:
        make_credit_note(invoice)

    assert refusal.value.code == "nothing_to_credit"


def test_a_note_corrects_what_the_period_lock_forbids() -> None:
    company = make_company()
    today = company.today()
    old = today - timedelta(days=40)
    invoice = make_issued(company, issue_date=old, due_date=old)
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=today - timedelta(days=1), reason="Year end")

    note = make_credit_note(invoice)

    assert note.issue_date == today


def test_a_note_is_not_dated_into_a_locked_period() -> None:
    company = make_company()
    invoice = make_issued(company)
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=company.today(), reason="Year end")

    with pytest.raises(DomainError) as refusal:
        make_credit_note(invoice)

    assert refusal.value.code == "period_locked"


def test_who_read_another_version_is_told() -> None:
    invoice = make_issued(make_company())

    with pytest.raises(StaleVersion):
        make_credit_note(invoice, version=1)


def test_each_company_and_kind_has_its_own_numbers() -> None:
    first, second = make_issued(make_company()), make_issued(make_company())

    numbers = [make_credit_note(invoice).number[-6:] for invoice in (first, second)]

    assert numbers == ["000001", "000001"]
    assert Invoice.objects.filter(number__endswith="-000001").count() == 2
