from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_user
from audit.models import Change
from invoices.models import Invoice, InvoiceLine
from invoices.services import Item, delete_draft, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

LIST = "/admin/invoices/invoice/"
ADD = "/admin/invoices/invoice/add/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change_url(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_change", args=[invoice.pk])


def issue_url(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_issue", args=[invoice.pk])


def typed(*lines: dict[str, str], opened_with: int = 0, **values: Any) -> dict[str, Any]:
    """A submitted form with these lines, the first of which were there when it was opened."""
    data = {"lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": opened_with, **values}
    for index, line in enumerate(lines):
        data.update({f"lines-{index}-{name}": value for name, value in line.items()})
    return data


def line(unit_price: str = "100", quantity: str = "1", vat_rate: str = "0.15", **values: str) -> dict[str, str]:
    return {"description": "Work", "quantity": quantity, "unit_price": unit_price, "vat_rate": vat_rate, **values}


def form_of(invoice: Invoice, *lines: dict[str, str], **values: Any) -> dict[str, Any]:
    """The change form of a draft as it opens, its lines first, with further lines typed."""
    stored = [
        line(str(row.unit_price), str(row.quantity), str(row.vat_rate), id=str(row.pk), description=row.description)
        for row in invoice.lines.all()
    ]
    defaults = {
        "version": invoice.version,
        "customer": invoice.customer_id,
        "issue_date": invoice.issue_date.isoformat(),
        "due_date": invoice.due_date.isoformat(),
        "currency": invoice.currency,
    }
    return typed(*stored, *lines, opened_with=len(stored), **defaults | values)


def errors_of(response: Any) -> str:
    """All that the page says in its error lists."""
    form = response.context["adminform"].form
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    return " ".join(str(part) for part in (form.errors, *(formset.errors for formset in formsets)))


def test_a_draft_is_made_with_its_lines_and_totals() -> None:
    company = make_company()
    customer = make_customer(company)
    finance = make_user("Finance", company)

    response = signed_in(finance).post(
        ADD, typed(line("100", "2"), line("50", vat_rate="0.1"), customer=customer.pk, due_date="2999-01-31")
    )

    invoice = Invoice.objects.get()
    assert response.status_code == 302
    assert (invoice.subtotal, invoice.vat_total, invoice.total) == (250, 35, 285)
    assert (invoice.company, invoice.issue_date, invoice.currency) == (company, company.today(), "ZAR")
    assert [row.quantity for row in invoice.lines.all()] == [2, 1]
    assert invoice.change.actor == finance.email
    assert not LogEntry.objects.exists()
