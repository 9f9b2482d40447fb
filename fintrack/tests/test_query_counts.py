"""How many SQL statements a request takes, whatever the data. Checked in, refreshed by `make baselines`."""

from pathlib import Path

import pytest
from django.db import connection

from accounts.tests.factories import api_client, make_user
from core.testing.baselines import check_baseline
from core.testing.statements import counted_statements
from credits.tests.factories import make_credit_note
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment
from portal.services import create_link
from portal.tests.factories import page_of

pytestmark = pytest.mark.django_db

LIMITS = {"applyPayment": 10, "getInvoice": 5, "listInvoices": 3}


def _count(client, method, url, body=None):
    with counted_statements() as statements:
        reply = getattr(client, method)(url, body)
    assert reply.status_code < 300, reply.content
    return len(statements)


def _counts(size):
    """The statements of each operation, in a company with `size` of everything."""
    company = make_company()
    user = make_user("Finance", company)
    client = api_client(user)
    items = [make_item(str(price + 1)) for price in range(size)]
    customers = [make_customer(company) for _ in range(size)]
    invoice = make_issued(company, *items, make_item("1000"), customer=customers[0])
    for number in range(size):
        payment = apply_payment(actor=user, invoice_id=invoice.pk, amount="1", reference=f"R{number}")
    drafts = [make_draft(company, *items, customer=customer) for customer in (*customers, customers[0])]
    for _ in range(size):
        note = make_credit_note(invoice, *["0"] * size, "0.001")
    create_link(actor=user, invoice_id=invoice.pk)
    page, other = page_of(invoice), make_issued(company, *items, customer=customers[0])
    first, url = drafts[0].pk, f"/api/invoices/{invoice.pk}"
    body = {
        "customerId": customers[0].pk,
        "items": [{"description": "x", "qty": 1, "unitPrice": 5} for _ in range(size)],
    }
    return {
        "listInvoices": _count(client, "get", "/api/invoices?pageSize=50"),
        "getInvoice": _count(client, "get", url),
        "getInvoiceHistory": _count(client, "get", f"{url}/history"),
        "getInvoicePdf": _count(client, "get", f"{url}/pdf"),
        "getInvoicePdfAgain": _count(client, "get", f"{url}/pdf"),
        "getCustomerPage": _count(client, "get", page),
        "getCustomerPdf": _count(client, "get", f"{page}/pdf"),
        "createInvoiceLink": _count(client, "post", f"/api/invoices/{other.pk}/link", {}),
        "getInvoiceLink": _count(client, "get", f"{url}/link"),
        "getPaymentPdf": _count(client, "get", f"/api/payments/{payment.pk}/pdf"),
        "getCustomerStatement": _count(client, "get", f"/api/customers/{customers[0].pk}/statement"),
        "listPayments": _count(client, "get", "/api/payments"),
        "listCreditNotes": _count(client, "get", "/api/credit-notes"),
        "getCreditNote": _count(client, "get", f"/api/credit-notes/{note.pk}"),
        "getCreditNotePdf": _count(client, "get", f"/api/credit-notes/{note.pk}/pdf"),
        "listCustomers": _count(client, "get", "/api/customers"),
        "createInvoice": _count(client, "post", "/api/invoices", body),
        "bulkCreate": _count(
            client, "post", "/api/invoices/bulk", {"action": "create", "invoices": [body | {"issue": True}] * size}
        ),
        "bulkIssue": _count(
            client,
            "post",
            "/api/invoices/bulk",
            {"action": "issue", "invoices": [{"id": draft.pk} for draft in drafts[1:]]},
        ),
        "updateInvoice": _count(client, "patch", f"/api/invoices/{first}", {"version": 1, "items": body["items"]}),
        "issueInvoice": _count(client, "post", f"/api/invoices/{first}/issue"),
        "applyPayment": _count(client, "post", f"{url}/payments", {"amount": 1}),
        "issueCreditNote": _count(
            client, "post", f"/api/invoices/{other.pk}/credit-notes", {"reason": "All came back", "whole": True}
        ),
        "createCustomer": _count(client, "post", "/api/customers", {"name": "New"}),
        "getSignedInUser": _count(client, "get", "/api/auth/me"),
    }


def test_the_counts_are_those_of_the_baseline_whatever_the_data():
    few, many = _counts(1), _counts(60)

    assert few == many
    assert all(many[operation] <= limit for operation, limit in LIMITS.items())
    check_baseline(Path(__file__).with_name(f"query_counts_{connection.vendor}.json"), many)
