"""The credit of a customer: money over several invoices, what is left of it, and what is written off."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from core.errors import DomainError
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_issued, make_item
from parties.services import delete_customer, move_period_lock
from parties.tests.factories import make_company, make_customer
from payments.accounts.models import AccountEntry, CustomerAccount, Receipt
from payments.accounts.services import (
    Allocation,
    Received,
    allocate_credit,
    receive_payment,
    refund_credit,
    reinstate,
    undo_allocation,
    write_off,
)
from payments.models import Payment
from payments.services import refund_payment, reverse_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def customer(company):
    return make_customer(company)


@pytest.fixture
def invoices(company, customer):
    """Two of one customer: 115.00 and 230.00."""
    return [make_issued(company, make_item(price), customer=customer) for price in ("100", "200")]


@pytest.fixture(autouse=True)
def proven_books():
    """Whatever a test did, the books hold."""
    yield
    assert list(faults()) == []


def receive(customer, amount, *shares, **details) -> Received:
    """Money of the customer, with what each invoice takes of it."""
    allocations = [Allocation(invoice.pk, Decimal(share)) for invoice, share in shares]
    return receive_payment(
        actor=SYSTEM, customer_id=customer.pk, amount=Decimal(amount), allocations=allocations, **details
    )


def allocate(invoice, amount) -> Payment:
    return allocate_credit(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount))


def credit_of(customer) -> Decimal:
    return sum((account.balance for account in CustomerAccount.objects.filter(customer=customer)), Decimal(0))


def refused(code, call, *args, **details) -> DomainError:
    """Nothing is written by a refusal of this code."""
    before = (Payment.objects.count(), AccountEntry.objects.count(), Receipt.objects.count())
    with pytest.raises(DomainError) as refusal:
        call(*args, **details)
    assert refusal.value.code == code
    assert (Payment.objects.count(), AccountEntry.objects.count(), Receipt.objects.count()) == before
    return refusal.value


def test_one_payment_pays_several_invoices_and_leaves_credit(customer, invoices):
    first, second = invoices
    received = receive(customer, "400", (first, "115"), (second, "200"), remainder="credit", reference="EFT 1")
    assert [payment.amount for payment in received.payments] == [Decimal(115), Decimal(200)]
    assert {payment.receipt_id for payment in received.payments} == {received.receipt.pk}
    assert received.credit.amount == credit_of(customer) == Decimal(85)
    statuses = [Invoice.objects.get(pk=invoice.pk).status for invoice in invoices]
    assert statuses == ["Paid", "PartiallyPaid"]
    changes = {row.change_id for row in (received.receipt, *received.payments, received.credit)}
    assert len(changes) == 1


def test_credit_pays_an_invoice_and_comes_back(customer, invoices):
    first, _ = invoices
    receive(customer, "100", remainder="credit")
    entry = allocate(first, "60")
    assert entry.invoice.paid == Decimal(60)
    assert credit_of(customer) == Decimal(40)
    undone = undo_allocation(actor=SYSTEM, allocation_id=entry.pk, reason="Wrong invoice")
    assert undone.invoice.status == "Issued"
    assert credit_of(customer) == Decimal(100)
    refused("already_reversed", undo_allocation, actor=SYSTEM, allocation_id=entry.pk, reason="Again")
    refused("has_payments", cancel_invoice, actor=SYSTEM, invoice_id=first.pk)


def test_credit_is_given_back_once(customer):
    receive(customer, "50", remainder="credit")
    refund_credit(actor=SYSTEM, customer_id=customer.pk, amount=Decimal(30), reason="Asked for")
    assert credit_of(customer) == Decimal(20)
    refused("credit_exceeded", refund_credit, actor=SYSTEM, customer_id=customer.pk, amount=Decimal(21), reason="More")


def test_a_remainder_is_written_off_and_asked_for_again(invoices):
    first, _ = invoices
    entry = write_off(actor=SYSTEM, invoice_id=first.pk, amount=Decimal(15), reason="Small")
    assert (entry.invoice.credited, entry.invoice.status) == (Decimal(15), "PartiallyPaid")
    entry = write_off(actor=SYSTEM, invoice_id=first.pk, reason="Insolvent")
    assert (entry.amount, entry.invoice.status) == (Decimal(100), "Paid")
    refused("wrong_status", write_off, actor=SYSTEM, invoice_id=first.pk, reason="Again")
    entries = reinstate(actor=SYSTEM, invoice_id=first.pk, reason="It came after all")
    assert [entry.amount for entry in entries] == [Decimal(-15), Decimal(-100)] or len(entries) == 2
    assert Invoice.objects.get(pk=first.pk).status == "Issued"
    refused("not_reversible", reinstate, actor=SYSTEM, invoice_id=first.pk, reason="Again")


def test_what_is_left_over_needs_a_choice(customer, invoices):
    first, _ = invoices
    refusal = refused("remainder_unassigned", receive, customer, "116", (first, "115"))
    assert refusal.detail.startswith("1 of the amount")


def test_more_is_not_allocated_than_came(customer, invoices):
    first, _ = invoices
    refused("allocation_invalid", receive, customer, "100", (first, "115"))
    refusal = refused("payment_exceeds_outstanding", receive, customer, "200", (first, "116"), remainder="credit")
    assert refusal.field == "allocations.0.amount"
    refused("allocation_invalid", receive, customer, "10", (first, "5"), (first, "5"))


def test_the_invoice_of_another_customer_is_not_paid(company, customer, invoices):
    first, _ = invoices
    other = make_issued(company, make_item("10"), customer=make_customer(company, name="Other"))
    refusal = refused("allocation_invalid", receive, customer, "10", (first, "5"), (other, "5"))
    assert refusal.field == "allocations.1.invoice_id"


def test_credit_is_neither_taken_from_another_customer_nor_invented(company, customer, invoices):
    first, _ = invoices
    receive(make_customer(company, name="Other"), "100", remainder="credit")
    refused("credit_exceeded", allocate, first, "1")
    receive(customer, "200", remainder="credit")
    refused("payment_exceeds_outstanding", allocate, first, "115.01")


def test_refunds_and_reversals_touch_money_only(customer, invoices):
    first, _ = invoices
    receive(customer, "100", remainder="credit")
    entry = allocate(first, "50")
    refused("refund_exceeds_paid", refund_payment, actor=SYSTEM, invoice_id=first.pk, amount=Decimal(1))
    refused("not_reversible", reverse_payment, actor=SYSTEM, invoice_id=first.pk, payment_id=entry.pk)


def test_the_closed_period_takes_nothing(company, customer, invoices):
    first, _ = invoices
    receive(customer, "100", remainder="credit")
    allocation = allocate(first, "50")
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=company.today(), reason="Closed")
    refused("period_locked", receive, customer, "1", remainder="credit")
    refused("period_locked", allocate, first, "1")
    refused("period_locked", undo_allocation, actor=SYSTEM, allocation_id=allocation.pk, reason="Why")
    refused("period_locked", write_off, actor=SYSTEM, invoice_id=first.pk, reason="Why")
    refused("period_locked", refund_credit, actor=SYSTEM, customer_id=customer.pk, amount=Decimal(1), reason="Why")


def test_reasons_are_asked_for(customer, invoices):
    first, _ = invoices
    refused("reason_missing", write_off, actor=SYSTEM, invoice_id=first.pk, reason=" ")
    refused("reason_missing", refund_credit, actor=SYSTEM, customer_id=customer.pk, amount=Decimal(1), reason="")


def test_credit_is_not_given_back_before_it_was_there(customer):
    receive(customer, "10", remainder="credit")
    earlier = timezone.now() - timedelta(days=1)
    refused(
        "paid_before_payment",
        refund_credit,
        actor=SYSTEM,
        customer_id=customer.pk,
        amount=Decimal(1),
        reason="Why",
        paid_at=earlier,
    )


def test_a_customer_with_money_is_not_deleted(customer):
    receive(customer, "10", remainder="credit")
    refused("customer_in_use", delete_customer, actor=SYSTEM, customer_id=customer.pk)


def test_a_receipt_without_a_remainder_has_no_credit(company, customer, invoices):
    client, share = api_client(make_user("Finance", company)), {"invoiceId": invoices[0].pk, "amount": "115.00"}
    reply = client.post("/api/payments", {"customerId": customer.pk, "amount": "115.00", "allocations": [share]})
    assert (reply.status_code, reply.json()["credit"]) == (201, "0.00")
