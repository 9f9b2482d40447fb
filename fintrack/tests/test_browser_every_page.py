"""Every page of the admin in a real browser: it says nothing to the console, stays on this machine, fits a telephone
and can be read by everybody, in the light and in the dark.

The pages are those of the URL map: one that is added and is in none of the tables here is visited, and fails where it
cannot be opened.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django_tasks_db.models import DBTaskResult

from accounts.models import User
from accounts.tests.factories import api_client, make_user
from accounts.tests.second_factors import switched_on
from audit.actors import SYSTEM
from audit.models import Change
from fintrack.desk import REPORT_SYMBOLS
from fintrack.tests.browsing import BROWSER_TEST, CONTRAST, EVERYTHING, contrast_and_names
from fintrack.tests.worlds import World, make_world
from imports.services import bring_file, do_work
from invoices.models import NumberSeries
from invoices.recurring.run import run_recurring
from notifications.agreements.services import save_settings, save_template
from notifications.bounces.services import record_bounce
from notifications.digests.services import ask_for_digest
from notifications.models import Message
from parties.tests.factories import make_company

pytestmark = BROWSER_TEST

SETTLED = """document.fonts.ready.then(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
)"""
"""The fonts have come, and what follows from another size was done: two frames later."""
TELEPHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
LONG_NAME = "Grundstücksverwaltungsgesellschaft"
PEOPLE = "Name,City,Email\nBlue Lagoon,Durban,a@blue.test\n,Cape Town,b@blue.test\nNord,Oslo,none\n"

NO_PAGES = {
    "logout": "a button",
    "autocomplete": "JSON",
    "jsi18n": "a script",
    "view_on_site": "a redirect",
    "search": "a part of a page",
    "end-sign-in": "a button",
    "end-other-sign-ins": "a button",
    "invoices_invoice_live_totals": "a part of a page",
    "invoices_invoice_totals": "a part of a page",
    "invoices_invoice_pdf": "a file",
    "invoices_invoice_bulk": "opened by the list's own form, as test_browser_invoicing does",
    "invoices_numberseries_file": "a file",
    "audit_changes_file": "a file",
    "payments_payment_pdf": "a file",
    "credits_creditnote_pdf": "a file",
    "notifications_message_retry": "a button",
    "notifications_message_bounced": "a button",
    "imports_importfile_file": "a file",
    "imports_importfile_problems": "a file",
    "imports_importfile_progress": "a part of a page",
    "imports_importfile_start": "a button",
    "imports_importfile_discard": "a button",
    "parties_company_logo": "a picture",
    "notifications_message_history": "leads to the message, which has none",
    "notifications_statementrun_history": "leads to the run, which has none",
    "payments_payment_add": "leads to the page that finds the invoice",
    "recovery-codes": "for who has a second factor: test_browser_sign_in",
    "second-factor-off": "for who has a second factor: test_browser_sign_in",
    "login": "for who is not signed in: test_browser_sign_in",
    "sign-in-code": "for who is not signed in: test_browser_sign_in",
    "password_change_done": "opened by the form before it",
}
"""Addresses below /admin/ that are no pages, or that nobody opens by their address; and why."""
FILES = ("_export",)
ALIKE = {"_history": "invoices_invoice_history", "_delete": "invoices_invoice_delete"}
"""Pages that look the same for each model: one of them is visited, and those that have a look of their own."""


def names_below(patterns: list[URLPattern | URLResolver]) -> set[str]:
    """The names of all addresses, those of included maps too."""
    names: set[str] = set()
    for pattern in patterns:
        names |= names_below(pattern.url_patterns) if isinstance(pattern, URLResolver) else {pattern.name or ""}
    return names - {""}


def pages_of_the_map() -> set[str]:
    """The names of all pages below /admin/."""
    below = [pattern for pattern in get_resolver().url_patterns if str(pattern.pattern).startswith("admin/")]
    names = {name for name in names_below(below) - set(NO_PAGES) if not name.endswith(FILES)}
    return {name for name in names if not is_alike(name)}


def is_alike(name: str) -> bool:
    """Whether another page is visited in place of this one."""
    return any(name.endswith(suffix) and name != shown for suffix, shown in ALIKE.items()) and name not in REFUSED


REFUSED = {
    "accounts_user_delete",
    "audit_change_add",
    "audit_change_delete",
    "credits_creditnote_add",
    "credits_creditnote_delete",
    "currencies_exchangerate_delete",
    "imports_importfile_delete",
    "invoices_numberseries_add",
    "invoices_numberseries_delete",
    "notifications_mailsettings_delete",
    "notifications_message_add",
    "notifications_message_delete",
    "notifications_statementrun_add",
    "notifications_statementrun_delete",
    "parties_company_delete",
    "payments_payment_delete",
    *(f"django_tasks_database_dbtaskresult_{page}" for page in ("changelist", "add", "change", "history", "delete")),
}
"""Pages that not even an Admin has: what they would do is done by a command, or never. The refusal is a page too."""


def visits(world: World, reader: User) -> dict[str, list[str]]:
    """By the name of each page, the addresses to open it by: where it is about an object, one that it is open for."""
    company = world.company
    message = Message.objects.get(state="sent", kind="invoice")
    record_bounce(actor=SYSTEM, message_id=message.pk, reason="550 5.1.1 " + "x" * 80)
    file = bring_file(actor=reader, company=company, kind="customers", file_name="people.csv", content=PEOPLE.encode())
    do_work(file.pk)
    texts = {"kind": "invoice", "language": "en", "subject": "Invoice", "body": "Here it is."}
    (made,) = run_recurring(actor=SYSTEM, recurring_id=world.recurring.pk)
    objects = {
        "accounts_membership": [world.user.memberships.get()],
        "accounts_user": [world.user],
        "audit_change": Change.objects.filter(company_id=company.pk)[:1],
        "credits_creditnote": [world.credit_note],
        "django_tasks_database_dbtaskresult": DBTaskResult.objects.all()[:1],
        "imports_importfile": [file],
        "invoices_invoice": [world.draft, world.issued, world.paid, world.credited, made],
        "invoices_numberseries": NumberSeries.objects.filter(company=company)[:1],
        "invoices_recurringinvoice": [world.recurring],
        "notifications_digestwish": [ask_for_digest(actor=reader, company=company)],
        "notifications_mailsettings": [save_settings(actor=SYSTEM, company=company, remind=True)],
        "notifications_mailtemplate": [save_template(actor=SYSTEM, company=company, **texts)],
        "notifications_message": Message.objects.all(),
        "notifications_statementrun": [world.statement_run],
        "currencies_exchangerate": [world.exchange_rate],
        "parties_bankaccount": [world.bank_account],
        "parties_company": [company],
        "parties_customer": [world.customer, world.paid.customer],
        "payments_payment": [world.payment],
    }
    of_its_own = {
        "invoices_invoice_agreement": [world.issued],
        "invoices_invoice_cancel": [world.draft, world.issued],
        "invoices_invoice_credit": [world.credited],
        "invoices_invoice_customer_page": [world.issued],
        "invoices_invoice_delete": [world.draft],
        "invoices_invoice_issue": [world.draft],
        "invoices_invoice_make-link": [world.issued],
        "invoices_invoice_pay": [world.issued],
        "invoices_invoice_refund": [world.paid],
        "invoices_invoice_use-credit": [world.paid],
        "invoices_invoice_write-off": [world.issued],
        "invoices_invoice_renew-link": [world.paid],
        "invoices_invoice_revoke-link": [world.paid],
        "invoices_invoice_send": [world.issued],
        "invoices_recurringinvoice_resume": [world.paused],
        "parties_customer_confirm-address": [world.paid.customer],
        "accounts_user_invite": [make_user("Viewer", company, password=None)],
        "accounts_user_lift-lock-out": [locked_out(make_user("Viewer", company))],
        "accounts_user_reset-second-factor": [with_second_factor(make_user("Viewer", company))],
        "auth_user_password_change": [world.user],
        "currencies_exchangerate_import": [],
        "payments_payment_take": [],
    }
    addresses = {
        "app_list": [reverse("admin:app_list", args=["invoices"])],
        "report-page": [reverse("report-page", args=[name]) for name in REPORT_SYMBOLS],
    }
    for name in pages_of_the_map() - set(addresses):
        model = name.rpartition("_")[0]
        rows = [] if name.endswith(("_changelist", "_add")) else of_its_own.get(name, objects.get(model, []))
        rows = rows if name.endswith("_change") or name in of_its_own else rows[:1]
        addresses[name] = [reverse(f"admin:{name}", args=[row.pk]) for row in rows] or [address_of(name)]
    return addresses


def address_of(name: str) -> str:
    """The address of a page that is about no object."""
    try:
        return reverse(f"admin:{name}")
    except NoReverseMatch:
        return reverse(name)


def locked_out(user: User) -> User:
    """`user`, who typed a wrong password too often."""
    for _ in range(10):
        api_client().post("/api/auth/login", {"email": user.email, "password": "wrong"}, REMOTE_ADDR="192.0.2.1")
    return user


def with_second_factor(user: User) -> User:
    """`user`, who has one."""
    switched_on(user)
    return user


def faults_of(page: Any, axe: str, name: str, address: str) -> list[str]:
    """What is wrong with the page at `address`."""
    if name in REFUSED and name != min(REFUSED):
        refusal = page.request.get(address)
        return [] if refusal.status == 403 else [f"answered {refusal.status}"]
    page.set_viewport_size(DESK)
    answer = page.goto(address)
    expected = 403 if name in REFUSED else 200
    found = [f"answered {answer.status}"] if answer.status != expected else []
    found += [f"led to {page.url}"] if not page.url.endswith(address) else []
    for theme, size, rules in (("dark", DESK, CONTRAST), ("light", TELEPHONE, EVERYTHING)):
        page.set_viewport_size(size)
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", theme == "dark")
        page.evaluate(SETTLED)
        found += [f"{theme}, {size['width']} px: {fault}" for fault in contrast_and_names(page, axe, rules)]
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{wider} px too wide at {size['width']} px"] if wider > 0 else []
    return found


@pytest.mark.skipif(connection.vendor == "postgresql", reason="pages look the same on either database: see SQLite")
@pytest.mark.parametrize("half", [0, 1])
def test_every_page_of_the_admin(sign_in: Callable[..., Any], axe: str, half: int) -> None:
    company = make_company(name=f"{LONG_NAME} {LONG_NAME}")
    reader = make_user("Admin", company)
    addresses = visits(make_world(company), reader)
    page = sign_in(reader, reduced_motion="reduce")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    faults: list[str] = []

    for name, address in [(which, address) for which in sorted(addresses)[half::2] for address in addresses[which]]:
        said.clear()
        found = faults_of(page, axe, name, address)
        found += [text for text in said if not (name in REFUSED and "403" in text)]
        faults += [f"{address}: {fault}" for fault in found]

    assert not faults, "\n".join(faults)
