"""The promise: a second factor is set up, used and replaced by a recovery code, by whoever sits before the screen."""

from typing import Any

from accounts.tests.factories import PASSWORD, make_user
from accounts.tests.second_factors import current_code
from fintrack.tests.browsing import BROWSER_TEST

pytestmark = BROWSER_TEST


def give_password(page: Any, email: str) -> None:
    page.goto("/admin/invoices/invoice/")
    page.fill("#id_username", email)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_selector("#id_code")


def leave(page: Any) -> None:
    page.evaluate("document.querySelector('#logout-form').submit()")
    page.wait_for_url("**/admin/logout/")


def is_too_wide(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_the_second_factor_from_the_first_code_to_a_recovery_code(sign_in: Any) -> None:
    user = make_user("Finance", email="ann@example.test")
    page = sign_in(user, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto("/admin/security/")
    page.click("text=Set up a second factor")
    assert page.locator(".qr-code svg").bounding_box()["width"] > 150
    assert not is_too_wide(page)
    secret = page.inner_text("#secret")
    page.fill("#id_code", current_code(secret))
    page.press("#id_code", "Enter")
    page.wait_for_selector(".recovery-codes")
    recovery_codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(recovery_codes) == 10
    assert not is_too_wide(page)
    page.click("text=I have kept them")
    assert "10 recovery codes are left" in page.inner_text("#content-main")
    leave(page)

    give_password(page, user.email)
    assert page.evaluate("document.activeElement.id") == "id_code"
    assert not is_too_wide(page)
    page.keyboard.type(current_code(secret, ahead=1))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/invoices/invoice/")
    leave(page)

    give_password(page, user.email)
    page.click("text=Use a recovery code")
    page.fill("#id_code", recovery_codes[0].lower())
    page.press("#id_code", "Enter")
    page.wait_for_url("**/admin/invoices/invoice/")
    page.goto("/admin/security/")
    assert "9 recovery codes are left" in page.inner_text("#content-main")
    assert page.locator(".devices li").count() == 1


def test_another_browser_is_signed_out_from_here(sign_in: Any) -> None:
    user = make_user("Finance", email="ann@example.test")
    here, there = sign_in(user), sign_in(user)
    here.goto("/admin/security/")
    assert here.locator(".devices li").count() == 2
    here.click("text=Sign out all others")
    here.wait_for_selector("text=You are signed out everywhere but here.")

    there.goto("/admin/")
    assert "/admin/login/" in there.url
    assert here.locator(".devices li").count() == 1
