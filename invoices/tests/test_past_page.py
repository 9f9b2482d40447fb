"""The page of an invoice as it was, version by version and moment by moment."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.services import cancel_invoice, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(invoice: Invoice) -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/past/"


def lived(company: Company) -> Invoice:
    """Draft (1), its due date and line changed (2), issued (3), paid in two parts (4, 5)."""
    customer = make_customer(company, name="Old Name")
    draft = make_draft(
        company,
        make_item("100", description="First"),
        customer=customer,
        due_date=date(2026, 3, 31),
        issue_date=date(2026, 3, 1),
    )
    update_draft(
        actor=SYSTEM,
        invoice_id=draft.pk,
        version=1,
        due_date=date(2026, 4, 30),
        items=[make_item("200", description="Second")],
    )
    issue_invoice(actor=SYSTEM, invoice_id=draft.pk)
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="New Name")
    for amount in ("30", "20"):
        apply_payment(actor=SYSTEM, invoice_id=draft.pk, amount=Decimal(amount))
    draft.refresh_from_db()
    return draft


def test_each_version_reads_as_it_was_with_its_lines_and_payments(company: Company) -> None:
    invoice = lived(company)
    client = signed_in(make_user("Auditor", company))

    pages = {version: client.get(address(invoice), {"version": version}) for version in range(1, 6)}

    shown = {version: page.context["invoice"] for version, page in pages.items()}
    assert [str(shown[version].due_date) for version in (1, 2)] == ["2026-03-31", "2026-04-30"]
    assert [[line.description for line in shown[version].lines.all()] for version in (1, 2)] == [["First"], ["Second"]]
    assert [shown[version].number for version in (2, 3)] == [None, invoice.number]
    assert [len(shown[version].payments.all()) for version in (3, 4, 5)] == [0, 1, 2]
    assert [str(shown[version].paid) for version in (3, 4, 5)] == ["0.0000", "30.0000", "50.0000"]
    assert {shown[version].buyer_name for version in range(1, 6)} == {"Old Name"}
    first, third, last = (pages[version].content.decode() for version in (1, 3, 5))
    assert "version 1 of 5" in first
    assert "?version=2" in first
    assert "?version=0" not in first
    assert "?version=2" in third
    assert "?version=4" in third
    assert "?version=6" not in last
    assert "invoice.issued" in third


def test_a_moment_shows_what_the_api_shows(company: Company) -> None:
    invoice = lived(company)
    user = make_user("Auditor", company)
    moments = Invoice.history.filter(id=invoice.pk).order_by("version").values_list("history_date", flat=True)

    for version, moment in enumerate(moments, start=1):
        local = moment.astimezone(company.zone).replace(tzinfo=None).isoformat()
        page = signed_in(user).get(address(invoice), {"asOf": local})
        answer = api_client(user).get(f"/api/invoices/{invoice.pk}", {"asOf": moment.isoformat()}).json()
        shown = page.context["invoice"]
        assert shown.version == answer["version"] >= version  # of two in the same millisecond the newer one
        assert str(shown.due_date) == answer["dueDate"]
        assert [entry.pk for entry in shown.payments.all()] == [entry["id"] for entry in answer["payments"]]
        assert "Africa/Johannesburg" in page.content.decode()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"version": "9"}, "There was no such version"),
        ({"version": "-1"}, "Give a day such as"),
        ({"asOf": "2999-01-01"}, "asOf is in the future"),
        ({"asOf": "2000-01-01T00:00"}, "There was no such version"),
        ({"asOf": "yesterday"}, "Give a day such as"),
        ({"asOf": "9999-99-99"}, "Give a day such as"),
    ],
)
def test_what_was_not_there_is_said_and_the_present_shown(company: Company, asked: Any, sentence: str) -> None:
    invoice = lived(company)

    page = signed_in(make_user("Viewer", company)).get(address(invoice), asked)

    assert page.status_code == 200
    assert sentence in page.context["refusal"]
    assert page.context["invoice"].version == 5


def test_another_company_s_past_is_not_there_and_a_cancelled_one_tells_why(company: Company) -> None:
    foreign = lived(make_company())
    cancelled = make_draft(company)
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk, reason="Sent twice.")
    client = signed_in(make_user("Auditor", company))

    assert client.get(address(foreign)).status_code == 404
    assert "Sent twice." in client.get(address(cancelled)).content.decode()
    assert client.get("/admin/invoices/invoice/0x1/past/").status_code == 404


def test_a_long_history_is_read_page_by_page_and_whole(company: Company) -> None:
    invoice = make_draft(company, make_item("1000"))
    issue_invoice(actor=SYSTEM, invoice_id=invoice.pk)
    for _ in range(120):
        apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal("1"))
    client, seen, query = signed_in(make_user("Auditor", company)), [], ""
    sizes = []
    while query is not None:
        page = client.get(f"/admin/invoices/invoice/{invoice.pk}/history/{query}")
        rows = [change.entry for group in page.context["groups"] for change in group.changes]
        sizes.append(len(rows))
        seen += [(row.entity_type, row.entity_id, row.version) for row in rows]
        query = f"?before={page.context['older']}" if page.context["older"] else None

    assert len(seen) == len(set(seen)) == 2 + 1 + 120 * 2  # draft with its line, issue, each payment with the invoice
    assert max(sizes) <= 101
    assert len(sizes) == 3
