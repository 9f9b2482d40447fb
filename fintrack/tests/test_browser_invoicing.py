"""Invoices and payments in a real browser: what is fast, what is warned about, and what nobody may lose."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.tests.factories import make_user
from fintrack.tests.browsing import BROWSER_TEST, choose_customer, contrast_and_names, type_line
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.models import Payment

pytestmark = BROWSER_TEST


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme Trading")


def total(page: Any) -> str:
    return str(page.inner_text("#live-totals .grand dd"))


def test_a_draft_by_keyboard_with_totals_while_one_types(sign_in: Callable[..., Any], company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    page = sign_in(make_user("Finance", company))
    page.goto("/admin/invoices/invoice/add/")
    choose_customer(page, "Blue Lagoon")

    # The first line, then Enter: the next one is there, and typed without the mouse.
    type_line(page, 0, "Consulting", "2", "R 1 250,00")
    page.press("#id_lines-0-unit_price", "Enter")
    page.keyboard.type("Travel")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.type("2,500")
    page.wait_for_selector("#live-totals .remark")
    assert "can be read as 2\u202f500 or as 2.5" in page.inner_text("#live-totals .remark")
    assert total(page) == "2\u202f875.00"

    page.fill("#id_lines-1-unit_price", "50.00")
    page.wait_for_selector("#live-totals .grand dd:text('2\u202f932.50')")
    assert page.input_value("#lines-1-amount") == "50.00"
    due = company.today() + timedelta(days=company.payment_days)
    assert page.get_attribute("#id_due_date", "placeholder") == due.isoformat()
    assert not Invoice.objects.exists()

    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".messagelist .success")
    assert Invoice.objects.get().total == 2932.5


def test_leaving_a_changed_draft_asks_first_and_saving_does_not(sign_in: Callable[..., Any], company: Company) -> None:
    invoice = make_draft(company, make_item("100"), make_item("50"))
    page = sign_in(make_user("Finance", company))
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")

    # Nothing is changed yet: nothing is asked.
    page.reload()
    assert asked == []

    # A line that was added by the button and typed into counts as a change.
    page.click("#lines-group .add-line")
    type_line(page, 3, "Parking", "1", "20")
    page.evaluate("() => { setTimeout(() => location.assign('/admin/'), 0); }")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert page.input_value("#id_lines-3-description") == "Parking"

    page.click("button:text-is('Save')")
    page.wait_for_selector(".messagelist .success")
    assert asked == ["beforeunload"]
    assert invoice.lines.count() == 3


def test_a_bank_line_is_paid_by_four_strokes(sign_in: Callable[..., Any], company: Company) -> None:
    customer = make_customer(company, name="Blue Lagoon")
    invoice = make_issued(company, make_item("100"), customer=customer)
    make_issued(company, make_item("100"), customer=customer)
    page = sign_in(make_user("Finance", company))

    page.click("#nav-sidebar-inner a:has-text('Take a payment')")
    page.wait_for_selector("#id_line:focus")
    page.keyboard.type(f"Blue Lagoon {invoice.number} 100.00")
    page.keyboard.press("Enter")
    page.wait_for_selector(".proposals a.button:focus")
    assert "its number is in the line" in page.inner_text(".proposals li >> nth=0")
    page.keyboard.press("Enter")

    page.wait_for_selector("#id_amount:focus")
    assert page.input_value("#id_amount") == "100"
    assert not Payment.objects.exists()
    page.fill("#id_amount", "115,00")
    page.wait_for_selector("#consequence:has-text('is paid, ZAR 0.00 outstanding')")
    page.keyboard.press("Enter")
    page.wait_for_selector("article.paper .status-paid")
    assert Payment.objects.get().invoice == invoice


def test_many_drafts_are_issued_from_the_list(sign_in: Callable[..., Any], company: Company) -> None:
    for _ in range(3):
        make_draft(company)
    page = sign_in(make_user("Finance", company))
    page.goto("/admin/invoices/invoice/")
    page.wait_for_selector(".list-totals:has-text('3 in ZAR')")

    # A chip filters at once.
    page.click(".chip:has-text('Paid') >> nth=1")
    page.wait_for_selector(".empty:has-text('No invoice fits these filters')")
    page.click("text=Show all invoices")

    page.check("input.action-select >> nth=0")
    page.check("input.action-select >> nth=1")
    page.select_option("select[name=action]", "issue")
    page.click("button[name=index]")
    page.click("button:text-is('Issue 2')")
    page.wait_for_selector("h2:has-text('2 of 2 invoices issued')")
    assert page.locator("td .success:has-text('Issued as INV-')").count() == 2
    assert Invoice.objects.filter(status="Issued").count() == 2


def test_a_duplicate_is_two_clicks(sign_in: Callable[..., Any], company: Company) -> None:
    invoice = make_issued(company, make_item("100", description="Retainer"))
    page = sign_in(make_user("Finance", company))
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")

    page.click("aside a:has-text('Duplicate')")
    page.click("button:text-is('Duplicate')")

    page.wait_for_selector(f".messagelist:has-text('is a copy of {invoice.number}')")
    assert page.input_value("#id_lines-0-description") == "Retainer"


def test_the_second_of_two_tabs_sees_both_versions(sign_in: Callable[..., Any], company: Company) -> None:
    invoice = make_draft(company, make_item("100", description="Work"), make_item("50", description="Travel"))
    address = f"/admin/invoices/invoice/{invoice.pk}/change/"
    first = sign_in(make_user("Finance", company, email="first@acme.test"))
    second = sign_in(make_user("Finance", company, email="second@acme.test"))
    first.goto(address)
    second.goto(address)

    first.fill("#id_lines-0-unit_price", "120")
    first.click("#lines-group .add-line")
    type_line(first, 3, "Hotel", "1", "900")
    first.click("button:text-is('Save')")
    first.wait_for_selector(".messagelist .success")
    second.fill("#id_lines-0-unit_price", "110")
    second.fill("#id_due_date", "2999-01-31")
    second.click("button:text-is('Save')")

    told = second.inner_text(".differences")
    rows = {row.split("\t")[0].split("\n")[0]: row for row in second.locator(".differences tbody tr").all_inner_texts()}
    assert "110" in rows["Line 1, Unit price"]
    assert "120" in rows["Line 1, Unit price"]
    assert "2999-01-31" in told
    assert "Hotel: 1 x 900" in told
    assert "Saving yours takes it away." in told
    assert second.input_value("#id_lines-0-unit_price") == "110"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_never_scrolls_sideways(sign_in: Callable[..., Any], company: Company, scheme: str) -> None:
    issued = make_issued(company, make_item("19859.04", description="Catering"))
    page = sign_in(make_user("Finance", company), viewport={"width": 390, "height": 844}, color_scheme=scheme)

    for address in (
        "/admin/invoices/invoice/?status=Issued&total__gte=1",
        f"/admin/invoices/invoice/{issued.pk}/change/",
        f"/admin/parties/customer/{issued.customer_id}/change/",
        f"/admin/payments/payment/take/?line={issued.number}",
        f"/admin/payments/payment/add/?invoice={issued.pk}",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_named(sign_in: Callable[..., Any], axe: str, company: Company, scheme: str) -> None:
    issued = make_issued(company, make_item("100"))
    draft = make_draft(company, make_item("100"))
    page = sign_in(make_user("Finance", company), color_scheme=scheme)
    found = {}

    for address in (
        "/admin/invoices/invoice/?status=Issued&status=Draft&total__gte=1",
        "/admin/invoices/invoice/add/",
        f"/admin/invoices/invoice/{draft.pk}/change/",
        f"/admin/invoices/invoice/{issued.pk}/change/",
        f"/admin/payments/payment/take/?line={issued.number}",
        f"/admin/payments/payment/add/?invoice={issued.pk}",
        f"/admin/parties/customer/{issued.customer_id}/change/",
    ):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        found[address] = contrast_and_names(page, axe)

    assert {address: faults for address, faults in found.items() if faults} == {}
