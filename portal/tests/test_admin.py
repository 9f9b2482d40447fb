"""The promise: on the invoice's page staff see the link, whether it was used, and can make, renew and revoke it."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company
from parties.tests.factories import make_company
from portal.models import LinkUse
from portal.services import renew_link
from portal.tests.factories import make_linked, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


def signed_in(role: str, company: Company) -> Client:
    client = Client()
    client.force_login(make_user(role, company))
    return client


def admin_url(invoice: Invoice, page: str) -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/{page}/"


def text(reply: Any) -> str:
    return str(reply.content.decode())


def test_a_link_is_made_renewed_and_revoked(company: Company) -> None:
    client, invoice = signed_in("Finance", company), make_issued(company)
    before = text(client.get(admin_url(invoice, "change")))

    asked = text(client.get(admin_url(invoice, "make-link")))
    made = text(client.post(admin_url(invoice, "make-link"), {"version": 2}, follow=True))
    path = page_of(invoice)
    Client().get(path)
    seen = text(client.get(admin_url(invoice, "change")))
    confirmation = client.get(admin_url(invoice, "revoke-link"))
    renewed = text(client.post(admin_url(invoice, "renew-link"), {"version": 1}, follow=True))
    new_path = page_of(invoice)
    revoked = text(client.post(admin_url(invoice, "revoke-link"), {"version": 2}, follow=True))

    assert "There is no link." in before
    assert "Whoever has it sees the invoice" in asked
    assert f"http://testserver{path}" in made
    assert "Not seen yet." in made
    assert "Seen 1 time, first" in seen
    assert f"Revoke the link to {invoice.number}?" in text(confirmation)
    assert new_path != path
    assert f"http://testserver{new_path}" in renewed
    assert "There is no link." in revoked
    assert [Client().get(address).status_code for address in (path, new_path)] == [404, 404]
    history = text(client.get(admin_url(invoice, "history")))
    for action in ("invoice.link_created", "invoice.link_renewed", "invoice.link_revoked"):
        assert action in history


def test_a_link_that_somebody_else_renewed_is_not_revoked_unseen(company: Company) -> None:
    client, invoice = signed_in("Finance", company), make_linked(company)
    renew_link(actor=SYSTEM, invoice_id=invoice.pk)

    reply = client.post(admin_url(invoice, "revoke-link"), {"version": 1})

    assert "system changed this" in text(reply)
    assert Client().get(page_of(invoice)).status_code == 200


def test_readers_see_the_link_and_no_buttons(company: Company) -> None:
    invoice = make_linked(company)
    for role in ("Viewer", "Auditor"):
        client = signed_in(role, company)
        page = client.get(admin_url(invoice, "change"))
        assert page_of(invoice) in text(page)
        assert page.context["customer_link_buttons"] == []
        assert client.post(admin_url(invoice, "revoke-link"), {"version": 1}).status_code == 403
    assert Client().get(page_of(invoice)).status_code == 200


def test_what_staff_look_at_is_the_page_and_is_not_counted(company: Company) -> None:
    client, invoice, draft = signed_in("Viewer", company), make_linked(company), make_draft(company)

    looked = client.get(admin_url(invoice, "customer-page"))
    shown = Client().get(page_of(invoice))

    own = f'href="/admin/invoices/invoice/{invoice.pk}/pdf/"'
    theirs = f'href="{page_of(invoice).removeprefix("/i/")}/pdf"'
    assert text(looked).replace(own, theirs) == text(shown)
    assert looked["Content-Security-Policy"] == shown["Content-Security-Policy"]
    assert LinkUse.objects.get().views == 1
    assert client.get(admin_url(draft, "customer-page")).status_code == 404
    assert signed_in("Admin", make_company()).get(admin_url(invoice, "customer-page")).status_code == 404
    assert Client().get(admin_url(invoice, "customer-page")).status_code == 302


def test_a_draft_offers_no_link(company: Company) -> None:
    client, draft = signed_in("Finance", company), make_draft(company)

    refused = text(client.get(admin_url(draft, "make-link"), follow=True))

    assert "Only an issued invoice has a page for its customer" in refused
