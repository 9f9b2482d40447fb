"""The promise: verify_books finds whatever happened off the record, and nothing where nothing did."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.books import Fault, checks, faults, register
from audit.models import Change, history_model, recorded_models
from audit.tests.tampering import execute, without_checks, without_triggers, write_everywhere
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.services import delete_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice() -> Invoice:
    """An invoice of 230.00 whose number is the first of its series, 30.00 of it paid; its customer has two versions."""
    company = make_company()
    customer = make_customer(company, name="Acme")
    update_customer(actor=SYSTEM, customer_id=customer.pk, city="Durban")
    invoice = make_issued(company, make_item("200"), customer=customer)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(30), reference="EFT-1")
    return Invoice.objects.get(pk=invoice.pk)


def found() -> list[str]:
    return [str(fault) for fault in faults()]


def test_books_that_were_kept_by_the_services_have_no_fault(invoice: Invoice) -> None:
    # given: every kind of recorded row, and a draft that was deleted again
    make_user(company=invoice.company)
    draft = make_draft(invoice.company)
    delete_draft(actor=SYSTEM, invoice_id=draft.pk)
    write_everywhere(invoice)
    # then
    assert all(history_model(model).objects.exists() for model in recorded_models())
    assert found() == []


def test_empty_books_have_no_fault() -> None:
    assert found() == []


TAMPERING: dict[str, tuple[Callable[[Invoice], Any], list[str]]] = {}


def tampering(*messages: str) -> Callable[[Callable[[Invoice], Any]], Callable[[Invoice], Any]]:
    """Register what somebody does behind the record's back, and what verify_books says of it."""

    def add(deed: Callable[[Invoice], Any]) -> Callable[[Invoice], Any]:
        TAMPERING[deed.__name__] = (deed, list(messages))
        return deed

    return add


@tampering("Customer {customer}: version 2 name differs from the newest version")
def a_row_is_changed_in_place(invoice: Invoice) -> None:
    Customer.objects.filter(pk=invoice.customer_id).update(name="Another")


@tampering("Customer {customer}: version 3 version differs from the newest version")
def a_version_is_made_without_history(invoice: Invoice) -> None:
    Customer.objects.filter(pk=invoice.customer_id).update(version=3)


@tampering("Payment {payment} {number}: version 1 has no history")
def a_row_comes_without_history(invoice: Invoice) -> None:
    execute("DELETE FROM payments_historicalpayment")


@tampering(
    "Payment {payment} {number}: version 1 is gone without a deletion on record",
    "Invoice {invoice} {number}: paid is 30.0000, its entries sum to 0",
    "Invoice {invoice} {number}: entry_count is 1, there are 0",
    "MoneyByDay: {of_the_day} received by 30.0000",
)
def a_row_goes_without_history(invoice: Invoice) -> None:
    execute("DELETE FROM payments_payment")


@tampering(
    "Customer {customer}: version 2 does not follow the version before it",
    "Customer {customer}: version 2 is not a creation exactly if it is first",
)
def the_first_version_is_removed(invoice: Invoice) -> None:
    execute("DELETE FROM parties_historicalcustomer WHERE version = 1")


@tampering(
    "Customer {customer}: version 1 is a deletion that something follows",
    "Customer {customer}: version 1 is not a creation exactly if it is first",
    "Customer {customer}: version 1 was changed after it was written",
)
def the_creation_is_turned_into_a_deletion(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET history_type = '-' WHERE version = 1")


@tampering(
    "Customer {customer}: version 2 is there although its newest version is a deletion",
    "Customer {customer}: version 2 was changed after it was written",
)
def a_deleted_row_stays(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET history_type = '-' WHERE version = 2")


@tampering(
    "Customer {customer}: version 2 is no creation, change or deletion",
    "Customer {customer}: version 2 was changed after it was written",
)
def a_version_of_no_kind(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET history_type = '?' WHERE version = 2")


@tampering(
    "Customer {customer}: version 2 has another time than its journal entry",
    "Customer {customer}: version 2 was changed after it was written",
)
def a_version_is_backdated(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET history_date = '2020-01-01 00:00:00+00:00' WHERE version = 2")


@tampering(
    "Customer {customer}: version 2 has an older journal entry than the version before it",
    "Customer {customer}: version 2 has another time than its journal entry",
    "Customer {customer}: version 2 change_id differs from the newest version",
    "Customer {customer}: version 2 was changed after it was written",
)
def a_version_is_given_to_an_older_entry(invoice: Invoice) -> None:
    older = Change.objects.order_by("id").first()
    execute("UPDATE parties_historicalcustomer SET change_id = %s WHERE version = 2", [older.pk])


@tampering("Customer {customer}: version 1 was changed after it was written")
def an_older_value_is_changed(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET name = 'Another' WHERE version = 1")


@tampering("Customer {customer}: version 1 was changed after it was written")
def a_seal_is_taken_away(invoice: Invoice) -> None:
    execute("UPDATE parties_historicalcustomer SET seal = '' WHERE version = 1")


@tampering("Change {entry}: was changed after it was written")
def somebody_else_is_said_to_have_done_it(invoice: Invoice) -> None:
    execute("UPDATE audit_change SET actor = 'mallory@example.com' WHERE action = 'payment.applied'")


@tampering(
    "Invoice {invoice} {number}: paid is 30.0000, its entries sum to 29.9900",
    "Payment {payment} {number}: version 1 amount differs from the newest version",
    "MoneyByDay: {of_the_day} received by 0.0100",
)
def an_entry_is_made_smaller(invoice: Invoice) -> None:
    Payment.objects.update(amount=Decimal("29.99"))


@tampering(
    "Invoice {invoice} {number}: paid is 30.0100, its entries sum to 30.0000",
    "Invoice {invoice} {number}: version 3 paid differs from the newest version",
    "Invoice {invoice} {number}: version 3 outstanding differs from the newest version",
    "OwedByDueDate: {of_the_due_date} owed by 0.0100",
    "OwedByCustomer: {of_the_customer} owed by 0.0100",
)
def a_balance_is_moved_without_an_entry(invoice: Invoice) -> None:
    Invoice.objects.update(paid=Decimal("30.01"))


@tampering(
    "Invoice {invoice} {number}: version 3 status differs from the newest version",
    "Invoice {invoice} {number}: status is Paid, the money makes it PartiallyPaid",
    "OwedByDueDate: {of_the_due_date} documents by 1, owed by 200.0000",
    "OwedByCustomer: {of_the_customer} documents by 1, owed by 200.0000",
)
def a_status_is_set_by_hand(invoice: Invoice) -> None:
    with without_checks("invoices_invoice", "invoice_status_follows_money"):
        Invoice.objects.update(status="Paid")


@tampering(
    "InvoiceLine {line} {number}: version 1 line_total differs from the newest version",
    "Invoice {invoice} {number}: the sum of line totals: 199.9900; stored is 200.0000",
    "InvoiceLine {line} {number}: net and VAT are 199.9900 and 30.0000, worked out 200.00 and 30.00",
)
def a_line_is_made_cheaper(invoice: Invoice) -> None:
    InvoiceLine.objects.update(line_total=Decimal("199.99"))


@tampering(
    "Invoice {invoice} INV-{year}-000002: version 3 number differs from the newest version",
    "Invoice {invoice} INV-{year}-000002: is in the place of number 1 of its series",
)
def a_number_is_skipped(invoice: Invoice) -> None:
    Invoice.objects.update(number=invoice.number[:-1] + "2")


@tampering("NumberSeries {series} INV-{year}: company {company}: the next number is 7, after the last comes 2")
def a_series_is_moved(invoice: Invoice) -> None:
    NumberSeries.objects.update(next_value=7)


@pytest.mark.parametrize("name", TAMPERING)
def test_what_happened_off_the_record_is_found(invoice: Invoice, name: str) -> None:
    # given: books without a fault; then the guard is off while somebody tampers
    deed, expected = TAMPERING[name]
    with without_triggers():
        deed(invoice)
    # then: exactly these faults are named, each with model, id and document number
    names = {
        "invoice": invoice.pk,
        "number": invoice.number,
        "customer": invoice.customer_id,
        "company": invoice.company_id,
        "year": invoice.issue_date.year,
        "payment": Payment.objects.values_list("pk", flat=True).first() or Payment.history.get().id,
        "line": InvoiceLine.objects.get().pk,
        "series": NumberSeries.objects.get().pk,
        "entry": Change.objects.get(action="payment.applied").pk,
        **sums_of(invoice),
    }
    assert sorted(found()) == sorted(message.format(**names) for message in expected)


def sums_of(invoice: Invoice) -> dict[str, str]:
    """What verify_books says of the sums that the invoice and its payment of today are in."""
    company, differs = f"of company {invoice.company_id}, currency ZAR", "differs from the sum of its rows:"
    return {
        "of_the_day": f"{company}, time_zone Africa/Johannesburg, day {invoice.company.today()} {differs}",
        "of_the_due_date": f"{company}, due_date {invoice.due_date} {differs}",
        "of_the_customer": f"{company}, customer {invoice.customer_id} {differs}",
    }


def test_a_gap_in_the_numbers_is_found_once(invoice: Invoice) -> None:
    # given: numbers 1, 2, 3, of which 2 is lost
    lost, _ = make_issued(invoice.company), make_issued(invoice.company)
    with without_triggers():
        Invoice.objects.filter(pk=lost.pk).update(number=None, status="Draft", issued_at=None, seller=None, buyer=None)
    # then
    gaps = [message for message in found() if "series" in message or "next number" in message]
    year = invoice.issue_date.year
    assert [gap.split(": ", 1)[1] for gap in gaps] == [
        "is in the place of number 2 of its series",
        f"company {invoice.company_id}: the next number is 4, after the last comes 3",
    ]
    assert f"INV-{year}-000003" in gaps[0]


def test_a_thousand_numbers_run_in_the_order_of_their_values_not_of_their_texts(invoice: Invoice) -> None:
    # given: a series whose numbers reach a seventh digit
    year = invoice.issue_date.year
    with without_triggers():
        Invoice.objects.update(number=f"INV-{year}-1000000")
    # then: the only complaint about the series is the gap below it, however the texts sort
    assert any("is in the place of number 1 of its series" in message for message in found())


def test_triggers_that_differ_from_the_models_are_found() -> None:
    drop = (
        "DROP TRIGGER fintrack_update_parties_customer"
        if connection.vendor == "sqlite"
        else ("DROP TRIGGER fintrack_record ON parties_customer")
    )
    execute(drop)
    assert [fault.model for fault in faults()] == ["Triggers"]


def test_another_room_registers_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr("audit.books._registered_checks", [])

    def two_and_two_are_four():
        """Two and two are four."""
        yield Fault("Sum", 5, "S-1", "is five")

    # when
    register(two_and_two_are_four)
    # then
    assert checks()[-1] is two_and_two_are_four
    assert found() == ["Sum 5 S-1: is five"]


def test_the_command_says_what_it_checked(invoice: Invoice, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_books")
    *checked, fingerprint, summary = capsys.readouterr().out.splitlines()
    assert len(checked) == len(checks()) == 25
    assert checked[0] == "Checked: The recording triggers are those that the models ask for."
    assert fingerprint.startswith("Fingerprint: ")
    assert summary.startswith("0 faults in 5 rows of 27 models, 8 versions, 6 journal entries (")


def test_the_command_names_each_fault_and_ends_with_status_1(
    invoice: Invoice, capsys: pytest.CaptureFixture[str]
) -> None:
    with without_triggers():
        an_entry_is_made_smaller(invoice)
    with pytest.raises(SystemExit) as end:
        call_command("verify_books")
    *lines, summary = capsys.readouterr().out.splitlines()
    assert end.value.code == 1
    assert f"Invoice {invoice.pk} {invoice.number}: paid is 30.0000, its entries sum to 29.9900" in lines
    assert len(lines) == 3
    assert summary.startswith("3 faults in ")


def test_the_command_speaks_json(invoice: Invoice, capsys: pytest.CaptureFixture[str]) -> None:
    with without_triggers():
        an_entry_is_made_smaller(invoice)
    with pytest.raises(SystemExit):
        call_command("verify_books", "--json")
    *lines, summary = map(json.loads, capsys.readouterr().out.splitlines())
    message = "paid is 30.0000, its entries sum to 29.9900"
    assert {"model": "Invoice", "id": invoice.pk, "document": invoice.number, "message": message} in lines
    assert (summary["faults"], summary["rows"], summary["versions"]) == (3, 5, 8)


@pytest.mark.django_db(transaction=True)
def test_the_command_reads_one_moment_and_leaves_no_transaction_open() -> None:
    make_company()
    call_command("verify_books")
    assert not connection.in_atomic_block
    make_company()
