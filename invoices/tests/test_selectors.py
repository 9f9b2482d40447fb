"""Documents read by prepared queries: the same as the ORM reads them, whole at once."""

from decimal import Decimal

import pytest

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from invoices.api import InvoiceSerializer
from invoices.selectors import invoice_document, invoice_documents_of, with_actions
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company
from payments.services import apply_payment, refund_payment

pytestmark = pytest.mark.django_db


def _shown(invoice, user):
    return InvoiceSerializer.represent(with_actions(invoice, user))


def test_a_document_reads_as_the_orm_reads_it():
    company = make_company()
    user = make_user("Admin", company)
    paid = make_issued(company, make_item("100"), make_item("50", vat_rate="0"))
    apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount=Decimal("60"))
    refund_payment(actor=SYSTEM, invoice_id=paid.pk, amount=Decimal("10"))

    for invoice in (paid, make_issued(company), make_draft(company)):
        expected = _shown(invoice_documents_of(user).get(pk=invoice.pk), user)
        assert _shown(invoice_document(invoice.pk), user) == expected
    assert len(_shown(invoice_document(paid.pk), user)["payments"]) == 2


def test_a_document_takes_three_statements_however_much_is_shown(django_assert_num_queries):
    company = make_company()
    user = make_user("Admin", company)
    invoice = make_issued(company, *[make_item() for _ in range(5)])
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal("60"))
    user = type(user).objects.get(pk=user.pk)
    assert user.company_ids == [company.pk]

    with django_assert_num_queries(3):
        _shown(invoice_document(invoice.pk), user)


def test_there_is_no_document_of_an_id_that_is_not_there():
    assert invoice_document(10**9) is None
