"""A document shows its customer's present name until it is issued, and is found by it, whoever renames meanwhile."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import PATIENCE_SECONDS
from invoices import services
from invoices.models import Invoice
from invoices.selectors import filtered_invoices, invoice_rows
from invoices.services import cancel_invoice, create_draft, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company, Customer
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def customer(company: Company) -> Customer:
    return make_customer(company, name="Alpha")


def rename(customer: Customer, name: str) -> None:
    update_customer(actor=SYSTEM, customer_id=customer.pk, name=name)


def shown() -> list[str]:
    return [row.shown_name for row in invoice_rows().order_by("id")]


def found(name: str) -> list[int]:
    return list(filtered_invoices(invoice_rows(), search=name).order_by("id").values_list("pk", flat=True))


def test_a_rename_is_seen_on_all_that_was_never_issued_and_makes_no_version_of_it(
    company: Company, customer: Customer
) -> None:
    draft, issued = make_draft(company, customer=customer), make_issued(company, customer=customer)
    cancelled = cancel_invoice(actor=SYSTEM, invoice_id=make_draft(company, customer=customer).pk)
    other = make_draft(company, customer=make_customer(company, name="Beta"))

    rename(customer, "Zeta")

    assert shown() == ["Zeta", "Alpha", "Zeta", "Beta"]
    assert (found("zeta"), found("alpha")) == ([draft.pk, cancelled.pk], [issued.pk])
    assert list(Invoice.objects.order_by("id").values_list("version", flat=True)) == [1, 2, 2, 1]
    assert [row.buyer_name for row in Invoice.objects.order_by("id")] == shown()
    assert (found("beta"), list(faults())) == ([other.pk], [])


def test_what_happens_to_a_document_after_a_rename_leaves_the_right_name_on_it(
    company: Company, customer: Customer
) -> None:
    beta = make_customer(company, name="Beta")
    moved, edited, issued, cancelled = (make_draft(company, customer=customer) for _ in range(4))
    rename(customer, "Zeta")

    update_draft(actor=SYSTEM, invoice_id=moved.pk, customer_id=beta.pk)
    update_draft(actor=SYSTEM, invoice_id=edited.pk, external_id="x")
    issue_invoice(actor=SYSTEM, invoice_id=issued.pk)
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk)
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1", reference="EFT 1")
    rename(customer, "Eta")
    rename(beta, "Theta")

    assert shown() == ["Theta", "Eta", "Zeta", "Eta"]
    assert (found("eft 1"), found("zeta"), found("beta")) == ([issued.pk], [issued.pk], [])
    assert list(faults()) == []


def test_other_changes_of_a_customer_touch_no_document(company: Company, customer: Customer) -> None:
    make_draft(company, customer=customer)

    update_customer(actor=SYSTEM, customer_id=customer.pk, city="Durban", name="Alpha")

    assert list(Invoice.objects.values_list("present_customer_name", flat=True)) == [None]


@pytest.mark.parametrize(
    "tampered", [{"present_customer_name": "Other"}, {"search_text": "other"}, {"present_customer_name": ""}]
)
def test_a_draft_under_another_name_is_a_fault(company: Company, customer: Customer, tampered: dict[str, str]) -> None:
    draft = make_draft(company, customer=customer)

    Invoice.objects.filter(pk=draft.pk).update(**tampered)

    [fault] = faults()
    assert (fault.model, fault.id) == ("Invoice", draft.pk)
    assert "is not the customer's name" in fault.message


def test_an_issued_document_under_another_name_than_its_own_is_a_fault(company: Company, customer: Customer) -> None:
    issued = make_issued(company, customer=customer)

    Invoice.objects.filter(pk=issued.pk).update(present_customer_name="Alpha")

    assert [(fault.id, fault.document) for fault in faults()] == [(issued.pk, issued.number)]


# Renamed meanwhile


def let_a_rival_rename(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> list[Thread]:
    """When the next command has just read the customer, a rival renames it, and commits once the database lets it."""
    read = services._billable_customer
    rivals: list[Thread] = []

    def rename_elsewhere() -> None:
        try:
            rename(customer, "Zeta")
        finally:
            connection.close()

    def read_and_let_the_rival_go(*arguments: Any) -> Customer:
        customer_as_read = read(*arguments)
        rivals.append(Thread(target=rename_elsewhere))
        rivals[0].start()
        rivals[0].join(timeout=0.5)
        return customer_as_read

    monkeypatch.setattr(services, "_billable_customer", read_and_let_the_rival_go)
    return rivals


def shown_after(command: Callable[[], Any], rivals: list[Thread]) -> list[str]:
    command()
    [rival] = rivals
    rival.join(timeout=PATIENCE_SECONDS)
    return shown()


def creation(company: Company, customer: Customer) -> Callable[[], Any]:
    return partial(create_draft, actor=SYSTEM, company=company, customer_id=customer.pk, items=[])


def move(company: Company, customer: Customer) -> Callable[[], Any]:
    draft = make_draft(company, customer=make_customer(company, name="Beta"))
    return partial(update_draft, actor=SYSTEM, invoice_id=draft.pk, customer_id=customer.pk)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("prepared", [creation, move])
def test_a_rename_waits_for_documents_that_are_being_made_under_the_old_name(
    company: Company, customer: Customer, prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = prepared(company, customer)

    assert shown_after(command, let_a_rival_rename(customer, monkeypatch)) == ["Zeta"]
    assert list(faults()) == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_holding_the_customer_a_document_is_left_under_the_old_name(
    company: Company, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "hold_customer", lambda pk: Customer.objects.get(pk=pk))
    command = creation(company, customer)

    assert shown_after(command, let_a_rival_rename(customer, monkeypatch)) == ["Alpha"]
    assert [fault.model for fault in faults()] == ["Invoice"]
