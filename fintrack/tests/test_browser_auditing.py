"""The auditor's day in a real browser: who changed it, from what to what, how it read then, and is a number missing."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.tests.factories import make_user
from audit.books import faults
from audit.models import Change
from fintrack.tests.browsing import BROWSER_TEST
from invoices.models import Invoice
from invoices.services import cancel_invoice, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.tests.factories import make_company
from payments.services import apply_payment

pytestmark = BROWSER_TEST

DAY = date(2026, 3, 2)


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme Trading")


@pytest.fixture
def invoice(company: Company) -> Invoice:
    """Its due date was moved by the clerk before it was issued, and it is paid in part; a second one is cancelled."""
    clerk = make_user("Finance", company, email="clerk@acme.test")
    first, second = (
        make_draft(company, make_item("100", description="Work"), issue_date=DAY, due_date=DAY + timedelta(days=29))
        for _ in range(2)
    )
    update_draft(actor=clerk, invoice_id=first.pk, version=1, due_date=DAY + timedelta(days=59))
    for draft in (first, second):
        issue_invoice(actor=clerk, invoice_id=draft.pk)
    apply_payment(actor=clerk, invoice_id=first.pk, amount="15")
    cancel_invoice(actor=clerk, invoice_id=second.pk, reason="Sent twice.")
    return Invoice.objects.get(pk=first.pk)


def saved(page: Any, button: str) -> str:
    with page.expect_download() as download:
        page.click(f"a.button:text-is('{button}')")
    return Path(download.value.path()).read_bytes().decode("utf-8", errors="replace")


def test_an_auditor_s_day(sign_in: Callable[..., Any], company: Company, invoice: Invoice) -> None:
    page = sign_in(make_user("Auditor", company, email="auditor@acme.test"))

    # Who moved the due date, and what did it say before?
    page.click("#nav-sidebar-inner a:has-text('Changes')")
    page.fill("#id_object", str(invoice.number))
    page.fill("#id_command", "invoice.updated")
    page.click("button:text-is('Search')")
    page.wait_for_selector("article.command")
    group = page.locator("article.command")
    assert group.count() == 1
    assert "invoice.updated by clerk@acme.test" in group.inner_text()
    row = group.locator("tr:has(th:text-is('dueDate'))")
    assert [row.locator(cell).inner_text() for cell in (".old", ".new")] == ["2026-03-31", "2026-04-30"]

    # The invoice as it read before that, and step by step since.
    group.locator("a:text-is('As it was')").click()
    assert "version 2 of 4" in page.inner_text(".as-it-was")
    page.click(".as-it-was a[rel=prev]")
    assert "version 1 of 4" in page.inner_text(".as-it-was")
    assert "2026-03-31" in page.inner_text("article.paper")
    page.click(".as-it-was a[rel=next]")
    page.click(".as-it-was a[rel=next]")
    assert str(invoice.number) in page.inner_text("article.paper")
    assert "None yet." in page.inner_text("section.payments")

    # As of today it has a payment.
    page.fill("#id_as_of", f"{company.today().isoformat()}T00:00:01")
    page.click("button:text-is('Show')")
    assert "This is how it is now." in page.inner_text(".as-it-was")
    assert "15.00" in page.inner_text("section.payments")

    # Is a number missing?
    page.click("#nav-sidebar-inner a:has-text('Number register')")
    page.click("#result_list a:text-is('INV-2026')")
    assert "There is no gap: 2 numbers from INV-2026-000001 to INV-2026-000002, each once." in page.inner_text(
        "#content-main"
    )
    assert "Sent twice." in page.inner_text("tr:has-text('INV-2026-000002')")
    register = list(csv.DictReader(io.StringIO(saved(page, "CSV"))))
    assert [(row["number"], row["status"], row["reason"]) for row in register] == [
        ("INV-2026-000001", "PartiallyPaid", ""),
        ("INV-2026-000002", "Cancelled", "Sent twice."),
    ]

    # All that the clerk did, taken away as files, which is on record as well.
    page.click("#nav-sidebar-inner a:has-text('Changes')")
    page.fill("#id_performed_by", "clerk@acme.test")
    page.press("#id_performed_by", "Enter")
    lines = [json.loads(line) for line in saved(page, "JSON Lines").splitlines()]
    assert {line["performedBy"] for line in lines} == {"clerk@acme.test"}
    assert {line["command"] for line in lines} >= {"invoice.updated", "payment.applied", "invoice.cancelled"}
    page.fill("#id_performed_by", "auditor@acme.test")
    page.press("#id_performed_by", "Enter")
    page.wait_for_selector("article.command:has-text('data.exported')")
    assert page.locator("article.command:has-text('data.exported')").count() == 2
    assert list(faults()) == []


def test_an_auditor_finds_no_button_that_changes_anything(
    sign_in: Callable[..., Any], company: Company, invoice: Invoice
) -> None:
    page = sign_in(make_user("Auditor", company, email="auditor@acme.test"))
    entries = Change.objects.count()
    forms = 'form[method="post"]:not([action*="logout"]):not([action*="password"])'

    for address in (
        "invoices/invoice/",
        f"invoices/invoice/{invoice.pk}/change/",
        f"invoices/invoice/{invoice.pk}/past/?version=1",
        f"invoices/invoice/{invoice.pk}/history/",
        "payments/payment/",
        f"payments/payment/{invoice.payments.get().pk}/change/",
        "parties/customer/",
        f"parties/customer/{invoice.customer_id}/change/",
        f"parties/company/{company.pk}/change/",
        "accounts/user/",
        "audit/change/",
        "audit/change/changes/",
        "invoices/numberseries/",
    ):
        assert page.goto(f"/admin/{address}").status == 200
        for what in (
            ".addlink",
            "input[name=_save]",
            "button[name=_save]",
            "a:text-is('Delete')",
            "text=Apply payment",
        ):
            assert page.locator(what).count() == 0, (address, what)
        assert page.locator(f"{forms} [type=submit]").count() == 0, address

    # And who posts all the same is refused.
    token = page.context.cookies()
    csrf = next(cookie["value"] for cookie in token if cookie["name"] == "csrftoken")
    for address in (
        "invoices/invoice/add/",
        f"invoices/invoice/{invoice.pk}/change/",
        f"invoices/invoice/{invoice.pk}/cancel/",
        f"invoices/invoice/{invoice.pk}/pay/",
        f"parties/customer/{invoice.customer_id}/change/",
        f"parties/customer/{invoice.customer_id}/delete/",
        f"parties/company/{company.pk}/change/",
        f"parties/company/{company.pk}/numbers/",
        "accounts/membership/add/",
        "audit/change/add/",
    ):
        reply = page.request.post(
            f"/admin/{address}",
            form={"version": "1", "reason": "x", "name": "X", "post": "yes", "csrfmiddlewaretoken": csrf},
            headers={"Referer": page.url},
        )
        assert reply.status in (403, 404, 405), (address, reply.status)
    assert Change.objects.count() == entries


def test_the_record_fits_a_telephone(sign_in: Callable[..., Any], company: Company, invoice: Invoice) -> None:
    page = sign_in(make_user("Auditor", company), viewport={"width": 390, "height": 800})

    for address in (
        "audit/change/changes/",
        f"invoices/invoice/{invoice.pk}/history/",
        f"invoices/invoice/{invoice.pk}/past/?version=1",
        f"audit/change/{invoice.change_id}/change/",
        "invoices/numberseries/",
    ):
        page.goto(f"/admin/{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    page.click("#result_list a:text-is('INV-2026')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
