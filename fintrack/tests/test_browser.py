"""The finance clerk's day in a real browser: what a person clicks, types and reads."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.tests.factories import make_user
from fintrack.tests.browsing import BROWSER_TEST, choose_customer, type_line
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = BROWSER_TEST


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme Trading")


def panel(page: Any) -> str:
    return str(page.inner_text("aside.money-panel"))


def test_from_draft_to_paid(sign_in: Callable[..., Any], company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    page = sign_in(make_user("Finance", company, email="fin@acme.test"))

    # A draft with two lines, the second added by the button.
    page.click("#nav-sidebar-inner a:has-text('Invoices')")
    page.click(".addlink")
    choose_customer(page, "Blue Lagoon")
    type_line(page, 0, "Consulting", "2", "100")
    page.click("#lines-group .add-line")
    type_line(page, 1, "Travel", "1", "50.50")
    page.click("text=Save and continue editing")
    assert "250.50" in page.inner_text(".draft-totals")

    # Issued after a confirmation.
    page.click("text=Issue…")
    assert "288.08" in page.inner_text("form.confirm")
    page.click("button:text-is('Issue')")
    assert "Issued as INV-" in page.inner_text(".messagelist")
    assert "OUTSTANDING" in panel(page).upper()

    # Part of it is paid, then the rest, which the form offers by itself.
    page.click("text=Apply payment…")
    assert page.input_value("#id_amount") == "288.08"
    page.fill("#id_amount", "88.08")
    page.fill("#id_reference", "EFT 1")
    page.click("button:text-is('Apply payment')")
    assert "Partially paid" in page.inner_text("article.paper")
    page.click("text=Apply payment…")
    assert page.input_value("#id_amount") == "200.00"
    page.click("button:text-is('Apply payment')")
    page.wait_for_selector("article.paper .status-paid")
    assert page.locator("text=Apply payment…").count() == 0

    # The history tells it all.
    page.click("aside a:text-is('History')")
    history = page.inner_text("#content-main")
    for command in ("invoice.created", "invoice.issued", "payment.applied"):
        assert f"{command} by fin@acme.test" in history
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.paid, invoice.payments.count()) == ("Paid", invoice.total, 2)


def test_the_second_of_two_tabs_is_told_and_keeps_what_it_typed(sign_in: Callable[..., Any], company: Company) -> None:
    invoice = make_draft(company, make_item("100", description="Work"), make_item("50", description="Travel"))
    address = f"/admin/invoices/invoice/{invoice.pk}/change/"
    first = sign_in(make_user("Finance", company, email="first@acme.test"))
    second = sign_in(make_user("Finance", company, email="second@acme.test"))
    first.goto(address)
    second.goto(address)

    # The first deletes a line and saves; the second has changed that very line, and adds one.
    first.check("#id_lines-1-DELETE")
    first.click("button:text-is('Save')")
    first.wait_for_selector(".messagelist .success")
    second.fill("#id_lines-1-unit_price", "75")
    second.click("#lines-group .add-line")
    type_line(second, 3, "Parking", "1", "20")
    second.click("button:text-is('Save')")

    told = second.inner_text(".conflict")
    assert "first@acme.test changed this" in told
    assert "Travel" in told
    assert second.input_value("#id_lines-1-unit_price") == "75"
    assert second.input_value("#id_lines-3-description") == "Parking"

    # Saved again, now knowing, it stands.
    second.click("button:text-is('Save')")
    second.wait_for_selector(".messagelist .success")
    invoice.refresh_from_db()
    assert [line.description for line in invoice.lines.all()] == ["Work", "Travel", "Parking"]
    assert (invoice.subtotal, invoice.version) == (195, 3)


def test_a_telephone_scrolls_down_and_never_sideways(sign_in: Callable[..., Any], company: Company) -> None:
    invoice = make_draft(company, make_item("100"))
    page = sign_in(make_user("Finance", company), viewport={"width": 390, "height": 844})

    for address in ("/admin/invoices/invoice/add/", f"/admin/invoices/invoice/{invoice.pk}/change/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_paid_refunded_reversed_and_another_one_cancelled(sign_in: Callable[..., Any], company: Company) -> None:
    make_issued(company, make_item("19859.04", description="Catering"), make_item("100"))
    other = make_issued(company, make_item("100"))
    page = sign_in(make_user("Finance", company, email="fin@acme.test"))
    invoice = Invoice.objects.exclude(pk=other.pk).get()
    address = f"/admin/invoices/invoice/{invoice.pk}/change/"

    # Paid in full.
    page.goto(address)
    page.click("text=Apply payment…")
    assert page.input_value("#id_amount") == "22952.90"
    page.fill("#id_reference", "EFT 1")
    page.click("button:text-is('Apply payment')")
    assert "is paid, ZAR 0.00 outstanding." in page.inner_text(".messagelist")
    assert page.locator("text=Cancel invoice…").count() == 0

    # Part of it is refunded: a click too early says what is missing and keeps what was typed.
    page.click("text=Refund…")
    page.fill("#id_amount", "952.90")
    page.select_option("#id_payment_id", index=1)
    page.click("button:text-is('Refund')")
    assert "This field is required." in page.inner_text(".field-reason")
    assert page.input_value("#id_amount") == "952.90"
    page.fill("#id_reason", "Two trays came back")
    page.click("button:text-is('Refund')")
    assert "ZAR 952.90 refunded" in page.inner_text(".messagelist")
    rows = page.locator("section.payments tbody tr")
    assert rows.count() == 2
    assert "Two trays came back" in rows.nth(0).inner_text()
    assert "22\u202f000.00 of it is left" in rows.nth(1).inner_text()

    # The rest is reversed; the whole amount is outstanding again.
    rows.nth(1).locator("text=Reverse…").click()
    assert "ZAR 22\u202f000.00" in page.inner_text("form.confirm")
    page.fill("#id_reason", "The bank took it back")
    page.click("button:text-is('Reverse')")
    assert "22\u202f952.90" in panel(page)
    assert page.locator("section.payments tr.undoing").count() == 2
    assert page.locator("text=Reverse…").count() == 0

    # The amount column is wholly on the screen.
    box = page.locator("section.payments td.number").first.bounding_box()
    visible = page.evaluate("document.querySelector('section.payments .scroll').getBoundingClientRect().right")
    assert box["x"] + box["width"] <= visible

    # Another one is cancelled.
    page.goto(f"/admin/invoices/invoice/{other.pk}/change/")
    page.click("text=Cancel invoice…")
    page.fill("#id_reason", "Sent twice")
    page.click("button:text-is('Cancel invoice')")
    assert "is cancelled." in page.inner_text(".messagelist")
    assert "Sent twice" in panel(page)
    other.refresh_from_db()
    invoice.refresh_from_db()
    assert (other.status, invoice.status, invoice.paid) == ("Cancelled", "Issued", 0)


@pytest.mark.postgresql
def test_two_clicks_on_save_make_one_draft(sign_in: Callable[..., Any], company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    page = sign_in(make_user("Finance", company))
    page.goto("/admin/invoices/invoice/add/")
    choose_customer(page, "Blue Lagoon")
    type_line(page, 0, "Consulting", "2", "100")

    # Both clicks send the form before the first reply comes.
    page.evaluate(
        """() => {
            const form = document.querySelector('#invoice_form');
            const send = () => fetch(form.action, {method: 'POST', body: new FormData(form)});
            return Promise.all([send(), send()]);
        }"""
    )

    assert Invoice.objects.count() == 1
