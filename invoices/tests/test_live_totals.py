"""The totals of a draft while it is typed, and its duplicate."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice
from invoices.services import CustomerArchived, InvoiceNotFound, duplicate_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

TOTALS = "/admin/invoices/invoice/live-totals/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def company() -> Company:
    return make_company(payment_days=14)


@pytest.fixture
def finance(company: Company) -> Client:
    return signed_in(make_user("Finance", company, email="finance@example.test"))


def typed(*lines: dict[str, str], **values: Any) -> dict[str, Any]:
    data = {"lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": 0, **values}
    for index, line in enumerate(lines):
        data.update({f"lines-{index}-{name}": value for name, value in line.items()})
    return data


def live(client: Client, *lines: dict[str, str], **values: Any) -> Any:
    reply = client.post(TOTALS, typed(*lines, **values))
    assert reply.status_code == 200
    return reply.context["live"]


def line(unit_price: str, quantity: str = "1", **values: str) -> dict[str, str]:
    return {"description": "Work", "quantity": quantity, "unit_price": unit_price, **values}


def test_totals_follow_what_is_typed_and_nothing_is_saved(finance: Client, company: Company) -> None:
    before = Change.objects.count()

    shown = live(finance, line("R 1 250,00", "2"), line("50", vat_rate="0 %"), line(""))

    assert shown.remarks == []
    assert (shown.invoice.subtotal, shown.invoice.vat_total, shown.invoice.total) == (2550, 375, 2925)
    assert shown.line_amounts == {0: "2\u202f500.00", 1: "50.00"}
    assert shown.invoice.due_date == company.today() + timedelta(days=14)
    assert not Invoice.objects.exists()
    assert Change.objects.count() == before


def test_they_are_those_that_are_saved(finance: Client, company: Company) -> None:
    data = typed(
        line("33.3333", "3", discount_percent="10 %"),
        line("99.99", vat_rate="15"),
        customer=make_customer(company).pk,
        prices_include_vat="on",
        discount_amount="7,50",
    )

    shown = finance.post(TOTALS, data).context["live"].invoice
    finance.post("/admin/invoices/invoice/add/", data)

    saved = Invoice.objects.get()
    for name in ("lines_total", "discount_total", "subtotal", "vat_total", "total", "due_date", "currency"):
        assert getattr(shown, name) == getattr(saved, name), name


def test_a_line_without_a_description_counts_already(finance: Client) -> None:
    shown = live(finance, line("100") | {"description": ""})

    assert shown.invoice.total == 115
    assert shown.remarks == []


@pytest.mark.parametrize(
    ("wrong", "values", "remark"),
    [
        (line("2,500"), {}, "Line 2, Unit price: “2,500” can be read as"),
        (line("5", "0"), {}, "Line 2: A quantity is above zero."),
        (line("5", discount_amount="6"), {}, "Line 2: The discount is more than the line."),
        (line("5", vat_rate="15", vat_category="E"), {}, "Line 2: Category S has a rate above 0"),
        (line("10"), {"discount_amount": "1000"}, "The discount is more than the lines."),
        (line("10"), {"issue_date": "2026-02-02", "due_date": "2026-02-01"}, "The due date is before the issue date."),
        (line("10"), {"issue_date": "soon"}, "Enter a valid date."),
        (line("10"), {"discount_percent": "ten"}, "This is no amount that can be read for sure."),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_is_added_up(
    finance: Client, wrong: dict[str, str], values: dict[str, str], remark: str
) -> None:
    shown = live(finance, line("100"), wrong, **values)

    assert [text for text in shown.remarks if remark in text]
    assert shown.invoice.total >= 115


def test_the_company_decides_so_a_customer_is_chosen_first_where_there_are_several(company: Company) -> None:
    other = make_company(currency="JPY", default_vat_rate="0.1")
    client = signed_in(add_role(make_user("Finance", company), other, "Finance"))

    unknown = live(client, line("100"))
    known = live(client, line("100"), customer=make_customer(other).pk)

    assert unknown.invoice is None
    assert "Choose the customer" in unknown.remarks[0]
    assert (known.invoice.currency, known.invoice.total) == ("JPY", 110)


def test_rates_are_offered_as_the_company_bills(finance: Client, company: Company) -> None:
    make_draft(company, make_item("1", vat_rate="0.05"))

    assert live(finance).vat_rates == ["15 %", "0 %", "5 %"]


def test_totals_are_for_those_who_may_write_and_only_of_their_drafts(finance: Client, company: Company) -> None:
    draft, theirs = make_draft(company), make_draft(make_company())
    viewer = signed_in(make_user("Viewer", company))

    assert viewer.post(TOTALS, typed(line("1"))).status_code == 403
    assert finance.get(TOTALS).status_code == 403
    assert finance.post(f"{TOTALS}?draft={theirs.pk}", typed(line("1"))).status_code == 404
    assert finance.post(f"{TOTALS}?draft=x", typed(line("1"))).status_code == 404
    assert finance.post(f"{TOTALS}?draft={draft.pk}", typed(line("1"))).context["live"].invoice.total == Decimal("1.15")


def test_a_duplicate_is_a_new_draft_of_today_with_the_same_lines(finance: Client, company: Company) -> None:
    issued = make_issued(
        company,
        make_item("100", quantity="3", description="Work", discount_percent=Decimal(5)),
        make_item("7", vat_rate="0"),
        currency="EUR",
        prices_include_vat=True,
        discount_amount=Decimal(3),
        external_id="ORDER 1",
    )
    address = reverse("admin:invoices_invoice_duplicate", args=[issued.pk])

    asked = finance.get(address)
    done = finance.post(address, {"version": issued.version})

    copy = Invoice.objects.exclude(pk=issued.pk).get()
    assert "Make a new draft" in asked.content.decode()
    assert done.headers["Location"] == reverse("admin:invoices_invoice_change", args=[copy.pk])
    assert (copy.status, copy.number, copy.external_id, copy.version) == ("Draft", None, None, 1)
    assert (copy.total, copy.currency, copy.customer, copy.issue_date) == (
        issued.total,
        "EUR",
        issued.customer,
        company.today(),
    )
    assert copy.due_date == company.today() + timedelta(days=14)
    assert [(row.description, row.line_total) for row in copy.lines.all()] == [
        (row.description, row.line_total) for row in issued.lines.all()
    ]
    assert (copy.change.action, copy.change.actor) == ("invoice.created", "finance@example.test")


def test_what_cannot_be_duplicated_says_why(finance: Client, company: Company) -> None:
    invoice, theirs = make_issued(company), make_issued(make_company())
    update_customer(actor=SYSTEM, customer_id=invoice.customer_id, archived=True)

    with pytest.raises(CustomerArchived):
        duplicate_invoice(actor=SYSTEM, invoice_id=invoice.pk)
    with pytest.raises(InvoiceNotFound):
        duplicate_invoice(actor=SYSTEM, invoice_id=10**9)
    refused = finance.get(reverse("admin:invoices_invoice_duplicate", args=[invoice.pk]), follow=True)
    viewer = signed_in(make_user("Viewer", company))

    assert "This customer is archived." in refused.content.decode()
    assert finance.get(reverse("admin:invoices_invoice_duplicate", args=[theirs.pk])).status_code == 404
    assert viewer.post(reverse("admin:invoices_invoice_duplicate", args=[invoice.pk]), {}).status_code == 403
    assert Invoice.objects.count() == 2
