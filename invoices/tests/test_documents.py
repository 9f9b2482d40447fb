"""The files of invoices are made once: whoever asks later, and whatever has changed, gets the same bytes."""

from contextlib import nullcontext
from hashlib import sha256

import pytest
from django.db import IntegrityError, transaction

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change, history_model
from audit.services import recording
from audit.tests.races import outcomes, race
from audit.tests.tampering import without_constraint, without_triggers
from invoices.documents import invoice_document_file
from invoices.models import DocumentKind, StoredDocument
from invoices.pdf import invoice_pdf
from invoices.selectors import invoice_document
from invoices.services import InvoiceNotFound, cancel_invoice
from invoices.tests.factories import make_draft, make_issued
from parties.services import update_company, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


def stored_bytes(invoice_id):
    return bytes(invoice_document_file(invoice_id).content)


def test_an_issued_invoice_is_the_same_file_whatever_changes_afterwards():
    company = make_company(name="Karoo")
    customer = make_customer(company, name="Before")
    invoice = make_issued(company, customer=customer)
    first = stored_bytes(invoice.pk)

    update_customer(actor=SYSTEM, customer_id=customer.pk, name="After")
    update_company(actor=SYSTEM, company_id=company.pk, name="Klein Karoo")
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="15")

    assert stored_bytes(invoice.pk) == first
    assert StoredDocument.objects.count() == 1


def test_it_does_not_matter_when_the_file_is_made():
    company = make_company()
    customer = make_customer(company, name="Before")
    early, late = (make_issued(company, customer=customer) for _ in range(2))
    at_issue = invoice_pdf(invoice_document(late.pk))
    stored_bytes(early.pk)
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="After")
    apply_payment(actor=SYSTEM, invoice_id=late.pk, amount="115")

    assert stored_bytes(late.pk) == at_issue


def test_storing_is_a_journal_entry_of_its_own_that_names_the_hash():
    company = make_company()
    invoice = make_issued(company)

    document = invoice_document_file(invoice.pk)

    entry = Change.objects.latest("id")
    digest = sha256(bytes(document.content)).hexdigest()
    assert (entry.action, entry.company_id) == ("invoice.document_stored", company.pk)
    assert entry.reason == f"{invoice.number}.pdf, SHA-256 {digest}"
    assert history_model(StoredDocument).objects.get(id=document.pk).sha256 == digest
    assert list(faults()) == []


def test_a_cancelled_invoice_has_a_second_file_beside_the_first():
    invoice = make_issued(make_company())
    first = stored_bytes(invoice.pk)
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)

    second = stored_bytes(invoice.pk)

    assert second != first
    assert stored_bytes(invoice.pk) == second
    kinds = dict(StoredDocument.objects.values_list("kind", "content"))
    assert {kind: bytes(content) for kind, content in kinds.items()} == {
        DocumentKind.INVOICE: first,
        DocumentKind.CANCELLATION: second,
    }


def test_what_was_never_issued_is_not_stored():
    company = make_company()
    draft, dropped = make_draft(company), make_draft(company)
    cancel_invoice(actor=SYSTEM, invoice_id=dropped.pk)

    files = [invoice_document_file(document.pk) for document in (draft, dropped)]

    assert [file.content[:5] for file in files] == [b"%PDF-"] * 2
    assert not StoredDocument.objects.exists()


def test_there_is_no_file_of_an_invoice_that_is_not():
    with pytest.raises(InvoiceNotFound):
        invoice_document_file(999_999)


def test_a_reader_s_download_stores_the_file_once():
    company = make_company()
    invoice = make_issued(company)
    client = api_client(make_user("Viewer", company))

    first, second = (client.get(f"/api/invoices/{invoice.pk}/pdf") for _ in range(2))

    assert first.content == second.content == bytes(StoredDocument.objects.get().content)


@pytest.mark.parametrize("column", ["content", "sha256", "kind", "file_name"])
@pytest.mark.parametrize("opened", [recording, lambda **_: nullcontext()])
def test_the_database_refuses_to_change_a_stored_file(column, opened):
    rows = StoredDocument.objects.filter(pk=invoice_document_file(make_issued(make_company()).pk).pk)
    value = b"forged" if column == "content" else "forged"

    with pytest.raises(IntegrityError), transaction.atomic(), opened(actor=SYSTEM, action="test.forged"):
        rows.update(**{column: value})


def test_the_database_refuses_to_delete_a_stored_file():
    document = invoice_document_file(make_issued(make_company()).pk)

    with pytest.raises(IntegrityError), recording(actor=SYSTEM, action="test.deleted"):
        StoredDocument.objects.filter(pk=document.pk).delete()


@pytest.mark.django_db(transaction=True)
def test_verify_books_finds_a_file_that_was_forged_past_the_triggers():
    document = invoice_document_file(make_issued(make_company()).pk)

    with without_triggers():
        StoredDocument.objects.filter(pk=document.pk).update(content=b"forged")

    assert [(fault.model, fault.id) for fault in faults()] == [("StoredDocument", document.pk)]


def ask_at_once(invoice_id: int) -> list[bytes]:
    results = race([lambda: stored_bytes(invoice_id)] * 4)
    assert outcomes(results) == {"done": 4}
    return results


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_first_downloads_at_once_store_one_file_and_get_the_same():
    company = make_company()

    for _ in range(10):
        invoice = make_issued(company)
        assert len(set(ask_at_once(invoice.pk))) == 1
        assert StoredDocument.objects.filter(invoice=invoice).count() == 1

    assert Change.objects.filter(action="invoice.document_stored").count() == 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_the_constraint_several_are_stored():
    company = make_company()
    counts = []

    with without_constraint(StoredDocument, "stored_document_unique"):
        for _ in range(10):
            invoice = make_issued(company)
            race([lambda invoice=invoice: stored_bytes(invoice.pk)] * 4)
            counts.append(StoredDocument.objects.filter(invoice=invoice).count())

    assert max(counts) > 1
