"""The page in a real browser: on a telephone and on a wide screen, in the dark and in the light, alone with itself."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_item
from parties.services import update_company
from parties.tests.factories import make_bank_account, make_company, make_customer, png_image
from payments.services import apply_payment
from portal.tests.factories import make_linked, page_of

CHROMIUM = "/usr/bin/chromium"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]

CONTRAST = """() => {
    // WCAG 2.2: how far the text of each element stands out from what is behind it
    const channels = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([red, green, blue]) => [red, green, blue]
        .map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const color = channels(getComputedStyle(element).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("body *")]
        .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
        .map(element => {
            const pair = [channels(getComputedStyle(element).color), behind(element)].map(light).sort((a, b) => b - a);
            return [(pair[0] + 0.05) / (pair[1] + 0.05), element.className + " " + element.textContent.trim()];
        })
        .filter(([contrast]) => contrast < 4.5);
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    # Playwright's loop runs in this thread, and Django takes that for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def invoice() -> Invoice:
    """With everything that can be on a page, and words too long for a line."""
    company = make_company(name="Karoo Coffee Roasters", email="accounts@karoo.test")
    make_bank_account(company)
    update_company(actor=SYSTEM, company_id=company.pk, logo=png_image(40, 10), footer="Directors: A. Nkosi")
    customer = make_customer(company, name="Donaudampfschifffahrts" * 5, address_line_1="W" * 120, language="de")
    invoice = make_linked(
        company,
        make_item("89999999.99", description="x" * 300, discount_percent=Decimal(10)),
        make_item("1450", "2.123456", description="Training\nhalf a day", vat_rate="0"),
        customer=customer,
    )
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(100), reference="R" * 100)
    return invoice


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_the_page_fits_can_be_read_and_asks_nobody_else(
    chromium: Any, live_server: Any, invoice: Invoice, width: int, scheme: str
) -> None:
    context = chromium.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        java_script_enabled=True,
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(page_of(invoice))

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert page.inner_text("h1").startswith("Rechnung INV-")
    sheets = page.evaluate("[...document.styleSheets].map(sheet => sheet.cssRules.length)")
    assert len(sheets) == 1
    assert sheets[0] > 20
    assert page.locator("img.logo").evaluate("image => image.naturalWidth") == 40
    assert [url for url in asked if not url.startswith((live_server.url, "data:"))] == []
    assert (said, context.cookies()) == ([], [])
    context.close()


def test_the_file_is_reached_by_the_keyboard_alone(chromium: Any, live_server: Any, invoice: Invoice) -> None:
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(page_of(invoice))

    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    with page.expect_download() as download:
        page.keyboard.press("Enter")

    assert (focused.inner_text(), outline) == ("PDF herunterladen", "solid")
    assert download.value.suggested_filename == f"{invoice.number}.pdf"
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    context.close()


def test_paper_shows_the_invoice_without_buttons(chromium: Any, live_server: Any, invoice: Invoice) -> None:
    context = chromium.new_context(base_url=live_server.url, color_scheme="dark")
    page = context.new_page()
    page.goto(page_of(invoice))
    page.emulate_media(media="print")

    assert not page.locator(".actions").is_visible()
    assert page.locator(".lines").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    context.close()
