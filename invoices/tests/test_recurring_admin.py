"""Recurring invoices in the admin: typed with their lines, paused, resumed, run and ended by buttons."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.run import run_company, run_recurring
from invoices.recurring.services import pause_recurring, update_recurring
from invoices.services import issue_invoice
from invoices.tests.factories import make_recurring
from invoices.tests.test_admin import errors_of, line, signed_in, typed
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

LIST = "/admin/invoices/recurringinvoice/"
ADD = f"{LIST}add/"


@pytest.fixture(autouse=True)
def today() -> Any:
    """The first of April 2026, at noon."""
    with time_machine.travel(datetime(2026, 4, 1, 12, tzinfo=UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def client(company: Company) -> Client:
    return signed_in(make_user("Finance", company))


def page_of(recurring: RecurringInvoice, name: str = "change") -> str:
    return reverse(f"admin:invoices_recurringinvoice_{name}", args=[recurring.pk])


def form_of(recurring: RecurringInvoice, **values: Any) -> dict[str, Any]:
    """The change form as it opens."""
    lines = [
        line(str(row.unit_price), str(row.quantity), "", id=str(row.pk), description=row.description)
        for row in recurring.lines.all()
    ]
    defaults = {
        "version": recurring.version,
        "customer": recurring.customer_id,
        "name": recurring.name,
        "interval": recurring.interval,
        "interval_count": recurring.interval_count,
        "start_date": recurring.start_date.isoformat(),
        "on_run": recurring.on_run,
        "currency": recurring.currency,
    }
    return typed(*lines, opened_with=len(lines), **defaults | values)


def new_form(company: Company, *lines: dict[str, str], **values: Any) -> dict[str, Any]:
    defaults = {"customer": make_customer(company).pk, "name": "Rent", "interval": "month", "interval_count": "1"}
    return typed(*(lines or [line(vat_rate="")]), **{**defaults, "on_run": "draft", **values})


def test_one_is_made_with_its_lines(client: Client, company: Company) -> None:
    response = client.post(
        ADD, new_form(company, line("80", description="Rent {month}", vat_rate=""), payment_days="7")
    )

    recurring = RecurringInvoice.objects.get()
    assert response.status_code == 302
    assert (recurring.start_date, recurring.next_date, recurring.currency) == (date(2026, 4, 1),) * 2 + ("ZAR",)
    row = recurring.lines.get()
    assert (row.description, row.unit_price, row.vat_rate, row.vat_category) == ("Rent {month}", 80, None, None)
    assert recurring.payment_days == 7


def test_what_is_refused_is_said_beside_its_field(client: Client, company: Company) -> None:
    response = client.post(ADD, new_form(company, line(description="Rent {mnth}"), end_date="2026-03-01"))
    assert "It ends before it starts." in errors_of(response)
    response = client.post(ADD, new_form(company, line(description="Rent {mnth}")))
    assert "{mnth} is not filled in by anything" in errors_of(response)
    assert not RecurringInvoice.objects.exists()


def test_the_page_shows_how_it_stands_and_leads_to_its_invoices(client: Client, company: Company) -> None:
    recurring = make_recurring(company)
    run_company(company_id=company.pk, day=company.today())

    page = client.get(page_of(recurring)).content.decode()

    assert "2026-04-30, 2026-05-31, 2026-06-30" in page
    assert "ZAR 115.00" in page
    assert "{period}" in page
    address = f"{reverse('admin:invoices_invoice_changelist')}?recurring_invoice__id__exact={recurring.pk}"
    assert f'href="{address}">3 made</a>' in page
    assert client.get(address).context["cl"].result_count == 3
    other = make_recurring(company)
    assert (
        client.get(f"/admin/invoices/invoice/?recurring_invoice__id__exact={other.pk}").context["cl"].result_count == 0
    )


def test_it_is_edited_and_a_stale_form_is_shown_what_changed(client: Client, company: Company) -> None:
    recurring = make_recurring(company)
    form = form_of(recurring, interval="quarter", discount_percent="10")
    update_recurring(actor=SYSTEM, recurring_id=recurring.pk, name="Lease")

    stale = client.post(page_of(recurring), form)
    assert "changed this at" in stale.content.decode()
    saved = client.post(page_of(recurring), {**form, "version": 2})

    recurring.refresh_from_db()
    assert saved.status_code == 302
    assert (recurring.interval, recurring.name, recurring.discount_percent) == ("quarter", "Rent", 10)
    assert recurring.lines.get().version == 1


def test_the_buttons_do_what_they_say(client: Client, company: Company) -> None:
    recurring = make_recurring(company)

    def press(name: str) -> str:
        recurring.refresh_from_db()
        assert client.get(page_of(recurring, name)).status_code == 200
        response = client.post(page_of(recurring, name), {"version": recurring.version}, follow=True)
        recurring.refresh_from_db()
        return " ".join(str(message) for message in response.context["messages"])

    assert press("run").startswith("Made: Draft ")
    assert Invoice.objects.count() == 3
    assert press("run") == "Nothing is due yet."
    assert press("pause").startswith("Paused")
    assert "is paused" in client.get(page_of(recurring, "run"), follow=True).content.decode()
    assert press("resume") == "It goes on. Next: 2026-04-30."
    assert press("end").startswith("Ended")
    assert recurring.status == "Ended"
    response = client.post(page_of(recurring, "delete"), {"post": "yes", "version": recurring.version}, follow=True)
    assert "Not deleted. Invoices were made from it" in response.content.decode()


def test_a_refused_run_says_why_and_the_list_shows_what_is_wrong(client: Client, company: Company) -> None:
    recurring = make_recurring(company, name="Broken")
    update_customer(actor=SYSTEM, customer_id=recurring.customer_id, archived=True)
    make_recurring(company, name="Fine", start_date=date(2026, 5, 1))
    run_company(company_id=company.pk, day=company.today())
    recurring.refresh_from_db()

    assert "This customer is archived." in client.get(LIST).content.decode()
    failed = client.get(f"{LIST}?status=Failed").context["cl"]
    assert [row.name for row in failed.result_list] == ["Broken"]
    refused = client.post(page_of(recurring, "run"), {"version": recurring.version}, follow=True)
    assert "This customer is archived." in refused.content.decode()
    assert not Invoice.objects.exists()


def test_the_timeline_is_on_the_history_page(client: Client, company: Company) -> None:
    recurring = make_recurring(company)
    pause_recurring(actor=SYSTEM, recurring_id=recurring.pk)

    page = client.get(page_of(recurring, "history")).content.decode()

    assert "recurring_invoice.paused" in page
    assert "recurring_invoice.created" in page


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_readers_read_and_do_nothing(company: Company, role: str) -> None:
    recurring = make_recurring(company)
    reader = signed_in(make_user(role, company))

    page = reader.get(page_of(recurring))
    assert page.status_code == 200
    assert b"Pause" not in page.content
    for name in ("run", "pause", "resume", "end", "delete"):
        assert reader.post(page_of(recurring, name), {"version": 1, "post": "yes"}).status_code == 403
    assert reader.get(ADD).status_code == 403
    assert reader.post(page_of(recurring), form_of(recurring, name="X")).status_code == 403
    recurring.refresh_from_db()
    assert recurring.version == 1


def test_what_belongs_to_another_company_does_not_exist(client: Client) -> None:
    foreign = make_recurring(make_company())

    assert client.get(LIST).context["cl"].result_count == 0
    for name in ("change", "run", "pause", "delete", "history"):
        assert client.get(page_of(foreign, name)).status_code == 404


def test_an_invoice_names_what_made_it_as_draft_and_as_document(company: Company, client: Client) -> None:
    recurring = make_recurring(company, name="Support, Blue Lagoon", start_date=date(2026, 4, 1))
    (made,) = run_recurring(actor=SYSTEM, recurring_id=recurring.pk)
    address = reverse("admin:invoices_invoice_change", args=[made.pk])

    pages = [client.get(address).content.decode()]
    issue_invoice(actor=SYSTEM, invoice_id=made.pk)
    pages.append(client.get(address).content.decode())

    for page in pages:
        link = f'<a href="{page_of(recurring)}">Support, Blue Lagoon</a>'
        assert f"Made by {link} for the period from 2026-04-01." in page


def test_a_button_says_what_comes_of_it_before_it_is_pressed(company: Company, client: Client) -> None:
    recurring = make_recurring(company, start_date=date(2026, 4, 1))

    assert "Nothing is made of it until it is resumed." in client.get(page_of(recurring, "pause")).content.decode()
