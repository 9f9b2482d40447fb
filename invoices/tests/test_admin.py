import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.services import Item, delete_draft, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import move_period_lock, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, reverse_payment

pytestmark = pytest.mark.django_db

LIST = "/admin/invoices/invoice/"
ADD = "/admin/invoices/invoice/add/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change_url(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_change", args=[invoice.pk])


def issue_url(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_issue", args=[invoice.pk])


def typed(*lines: dict[str, str], opened_with: int = 0, **values: Any) -> dict[str, Any]:
    """A submitted form with these lines, the first of which were there when it was opened."""
    data = {"lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": opened_with, **values}
    for index, line in enumerate(lines):
        data.update({f"lines-{index}-{name}": value for name, value in line.items()})
    return data


def line(unit_price: str = "100", quantity: str = "1", vat_rate: str = "0.15", **values: str) -> dict[str, str]:
    return {"description": "Work", "quantity": quantity, "unit_price": unit_price, "vat_rate": vat_rate, **values}


def form_of(invoice: Invoice, *lines: dict[str, str], **values: Any) -> dict[str, Any]:
    """The change form of a draft as it opens, its lines first, with further lines typed."""
    stored = [
        line(str(row.unit_price), str(row.quantity), str(row.vat_rate), id=str(row.pk), description=row.description)
        for row in invoice.lines.all()
    ]
    defaults = {
        "version": invoice.version,
        "customer": invoice.customer_id,
        "issue_date": invoice.issue_date.isoformat(),
        "due_date": invoice.due_date.isoformat(),
        "currency": invoice.currency,
    }
    return typed(*stored, *lines, opened_with=len(stored), **defaults | values)


def errors_of(response: Any) -> str:
    """All that the page says in its error lists."""
    form = response.context["adminform"].form
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    return " ".join(str(part) for part in (form.errors, *(formset.errors for formset in formsets)))


def test_a_draft_is_made_with_its_lines_and_totals() -> None:
    company = make_company()
    customer = make_customer(company)
    finance = make_user("Finance", company)

    response = signed_in(finance).post(
        ADD, typed(line("100", "2"), line("50", vat_rate="0.1"), customer=customer.pk, due_date="2999-01-31")
    )

    invoice = Invoice.objects.get()
    assert response.status_code == 302
    assert (invoice.subtotal, invoice.vat_total, invoice.total) == (250, 35, 285)
    assert (invoice.company, invoice.issue_date, invoice.currency) == (company, company.today(), "ZAR")
    assert [row.quantity for row in invoice.lines.all()] == [2, 1]
    assert invoice.change.actor == finance.email
    assert not LogEntry.objects.exists()


def test_what_is_left_empty_takes_the_companys_defaults() -> None:
    company = make_company(payment_days=14)
    customer = make_customer(company)

    signed_in(make_user("Finance", company)).post(ADD, typed(line(vat_rate=""), customer=customer.pk))

    invoice = Invoice.objects.get()
    assert invoice.due_date == company.today() + timedelta(days=14)
    assert (invoice.total, invoice.currency) == (115, "ZAR")


def test_an_untouched_empty_row_is_no_line() -> None:
    company = make_company()
    blank = {"description": "", "quantity": "", "unit_price": "", "vat_rate": "", "vat_category": ""}

    signed_in(make_user("Finance", company)).post(
        ADD, typed(blank, line("7"), blank, customer=make_customer(company).pk)
    )

    assert [row.unit_price for row in InvoiceLine.objects.all()] == [7]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"unit_price": "2,500"}, "“2,500” can be read as 2\u202f500 or as 2.5."),
        ({"unit_price": "1e3"}, "This is no amount that can be read for sure."),
        ({"quantity": "NaN"}, "This is no amount that can be read for sure."),
        ({"quantity": "٣"}, "This is no amount that can be read for sure."),
        ({"quantity": "0"}, "A quantity is above zero."),
        ({"unit_price": "-1"}, "A price is not negative."),
        ({"unit_price": "0.1234567"}, "At most 6 decimals are possible here"),
        ({"unit_price": "1000000000"}, "Prices and quantities stay below 1 000 000 000."),
        ({"vat_rate": "115"}, "A VAT rate is a fraction from 0 to 1: 0.15 is 15 %."),
        ({"vat_rate": "1"}, "“1” can be read as 1 % or as 100 %"),
        ({"vat_category": "E"}, "Category S has a rate above 0, all other categories have rate 0."),
        ({"description": "   "}, "This field is required."),
    ],
)
def test_a_line_that_cannot_be_billed_says_why_and_stays_as_typed(values: dict[str, str], sentence: str) -> None:
    company = make_company()

    response = signed_in(make_user("Finance", company)).post(
        ADD, typed(line("1"), line(**values), customer=make_customer(company).pk)
    )

    (inline,) = response.context["inline_admin_formsets"]
    field = next(iter(values))
    assert response.status_code == 200
    assert inline.formset.errors[0] == {}
    assert sentence in str(inline.formset.errors[1][field])
    assert inline.formset.forms[1][field].value() == values[field]
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"issue_date": "2026-02-10", "due_date": "2026-02-09"}, "due_date", "The due date is before the issue date."),
        ({"issue_date": "2026-02-30"}, "issue_date", "Enter a valid date."),
        ({"issue_date": "0001-01-01"}, "issue_date", "Dates run from 1900-01-01 to 2999-12-31."),
        ({"customer": ""}, "customer", "This field is required."),
        ({"currency": "XXX"}, "currency", "Select a valid choice."),
    ],
)
def test_what_is_wrong_with_a_draft_stands_beside_its_field(values: dict[str, str], field: str, sentence: str) -> None:
    company = make_company()

    response = signed_in(make_user("Finance", company)).post(
        ADD, typed(line(), **{"customer": make_customer(company).pk, **values})
    )

    assert sentence in str(response.context["adminform"].form.errors[field])
    assert not Invoice.objects.exists()


def test_a_draft_is_changed_its_lines_edited_added_and_deleted() -> None:
    company = make_company()
    invoice = make_draft(company, make_item("100"), make_item("50"))
    first, second = invoice.lines.all()
    form = form_of(invoice, line("7"))
    form |= {"lines-0-unit_price": "120", "lines-1-DELETE": "on", "prices_include_vat": "on"}

    response = signed_in(make_user("Finance", company)).post(change_url(invoice), form)

    invoice.refresh_from_db()
    assert response.status_code == 302
    assert invoice.lines.get(pk=first.pk).unit_price == 120
    assert [row.unit_price for row in invoice.lines.all()] == [120, 7]
    assert not InvoiceLine.objects.filter(pk=second.pk).exists()
    assert (invoice.prices_include_vat, invoice.total, invoice.version) == (True, 127, 2)


def test_a_line_keeps_its_category_when_the_form_is_saved_as_it_opened() -> None:
    company = make_company()
    invoice = make_draft(company, make_item(vat_rate="0", vat_category="E"), make_item(vat_rate="0"), make_item())
    client = signed_in(make_user("Finance", company))
    page = client.get(change_url(invoice))
    (inline,) = page.context["inline_admin_formsets"]
    shown = [form["vat_category"].value() for form in inline.formset.initial_forms]

    form = form_of(invoice)
    form |= {f"lines-{index}-vat_category": category for index, category in enumerate(shown)}
    client.post(change_url(invoice), form)

    assert shown == ["E", "", ""]
    assert [row.vat_category for row in invoice.lines.all()] == ["E", "Z", "S"]


def test_the_second_tab_is_told_what_changed_and_then_decides() -> None:
    company = make_company()
    invoice = make_draft(company, make_item("100", description="Work"), make_item("50", description="Travel"))
    mine, rival = make_user("Finance", company), make_user("Finance", company, email="rival@example.test")
    form = form_of(invoice, line("20", description="Parking"), due_date="2999-01-31")
    form["lines-1-unit_price"] = "75"
    work = invoice.lines.get(description="Work")
    update_draft(
        actor=rival,
        invoice_id=invoice.pk,
        issue_date=invoice.issue_date - timedelta(days=1),
        items=[Item("Work", Decimal(1), Decimal(100), id=work.pk), Item("Hotel", Decimal(1), Decimal(900))],
    )
    client = signed_in(mine)

    response = client.post(change_url(invoice), form)

    # Told: who, when and what, lines included; nothing was saved.
    page = response.content.decode()
    assert response.status_code == 200
    assert "rival@example.test changed this at " in page
    assert "Hotel" in page
    assert [change.entry.entity_type for change in response.context["news"][0].changes] == [
        "Invoice",
        "InvoiceLine",
        "InvoiceLine",
    ]
    assert ("issueDate", form["issue_date"], (invoice.issue_date - timedelta(days=1)).isoformat()) in (
        response.context["news"][0].changes[0].values
    )
    # Kept: all that was typed, the deleted line included, on a page that still shows every row.
    (inline,) = response.context["inline_admin_formsets"]
    rows = [row.form["description"].value() for row in inline]
    assert rows[:3] == ["Work", "Travel", "Parking"]
    assert inline.formset.forms[1]["unit_price"].value() == "75"
    assert response.context["adminform"].form["due_date"].value() == "2999-01-31"
    # And the hidden version is the current one, so that saving again is a decision.
    assert response.context["adminform"].form["version"].value() == "2"
    invoice.refresh_from_db()
    assert (invoice.version, [row.description for row in invoice.lines.all()]) == (2, ["Work", "Hotel"])

    again = client.post(change_url(invoice), form | {"version": "2"})

    invoice.refresh_from_db()
    assert again.status_code == 302
    assert [(row.description, row.unit_price) for row in invoice.lines.all()] == [
        ("Work", 100),
        ("Travel", 75),
        ("Parking", 20),
    ]
    assert invoice.version == 3


def test_a_draft_issued_in_another_tab_is_not_changed_and_nothing_typed_is_lost() -> None:
    company = make_company()
    invoice = make_draft(company)
    form = form_of(invoice, line("20", description="Parking"))
    issue_invoice(actor=make_user("Finance", company, email="rival@example.test"), invoice_id=invoice.pk)
    client = signed_in(make_user("Finance", company))

    stale = client.post(change_url(invoice), form)
    again = client.post(change_url(invoice), form | {"version": "2"})

    assert "rival@example.test changed this at " in stale.content.decode()
    assert "Parking" in stale.content.decode()
    assert "Only drafts can be edited; this invoice is issued." in errors_of(again)
    assert "Parking" in again.content.decode()
    assert InvoiceLine.objects.count() == 1


def test_a_form_without_its_version_is_refused() -> None:
    company = make_company()
    invoice = make_draft(company)
    form = form_of(invoice)
    del form["version"]

    response = signed_in(make_user("Finance", company)).post(change_url(invoice), form)

    assert "This page is incomplete: open it again, then repeat." in errors_of(response)
    invoice.refresh_from_db()
    assert invoice.version == 1


def test_a_draft_is_issued_after_a_confirmation() -> None:
    company = make_company()
    invoice = make_draft(company, issue_date=date(2026, 3, 1))
    client = signed_in(make_user("Finance", company))

    form = client.get(change_url(invoice))
    page = client.get(issue_url(invoice))
    response = client.post(issue_url(invoice), {"version": 1})

    invoice.refresh_from_db()
    assert issue_url(invoice) in form.content.decode()
    assert page.status_code == 200
    assert 'name="version" value="1"' in page.content.decode()
    assert (response.status_code, response["Location"]) == (302, change_url(invoice))
    assert (invoice.status, invoice.number) == ("Issued", "INV-2026-000001")


def test_a_second_click_on_issue_does_nothing_and_says_so() -> None:
    company = make_company()
    invoice = make_draft(company, issue_date=date(2026, 3, 1))
    client = signed_in(make_user("Finance", company, email="quick@example.test"))

    client.post(issue_url(invoice), {"version": 1})
    response = client.post(issue_url(invoice), {"version": 1}, follow=True)

    text = " ".join(str(message) for message in response.context["messages"])
    invoice.refresh_from_db()
    assert "Nothing was done. Only drafts can be issued; this invoice is issued. quick@example.test changed it" in text
    assert invoice.version == 2
    assert Change.objects.filter(action="invoice.issued").count() == 1


def test_a_draft_changed_meanwhile_is_shown_again_before_it_is_issued() -> None:
    company = make_company()
    invoice = make_draft(company, make_item("100"))
    rival = make_user("Finance", company, email="rival@example.test")
    update_draft(actor=rival, invoice_id=invoice.pk, items=[make_item("999")])
    client = signed_in(make_user("Finance", company))

    response = client.post(issue_url(invoice), {"version": 1})

    page = response.content.decode()
    invoice.refresh_from_db()
    assert "rival@example.test changed this at " in page
    assert "1148.85" in page
    assert 'name="version" value="2"' in page
    assert invoice.status == "Draft"
    assert client.post(issue_url(invoice), {"version": 2}).status_code == 302


def test_an_issue_that_a_rule_refuses_says_why() -> None:
    company = make_company()
    empty = signed_in(make_user("Finance", company))
    without_lines = make_draft(company)
    update_draft(actor=make_user("Finance", company), invoice_id=without_lines.pk, items=[])
    archived = make_draft(company)
    update_customer(actor=make_user("Finance", company), customer_id=archived.customer_id, archived=True)

    no_lines = empty.post(issue_url(without_lines), {"version": 2}, follow=True)
    no_customer = empty.post(issue_url(archived), {"version": 1}, follow=True)
    no_version = empty.post(issue_url(archived), {}, follow=True)

    assert "Add at least one line before issuing the invoice." in no_lines.content.decode()
    assert issue_url(without_lines) not in no_lines.content.decode()
    assert "This customer is archived." in no_customer.content.decode()
    assert "This page is incomplete" in no_version.content.decode()
    assert not Invoice.objects.exclude(status="Draft").exists()


def test_issuing_needs_the_token_of_the_form() -> None:
    company = make_company()
    invoice = make_draft(company)
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("Finance", company))

    assert client.post(issue_url(invoice), {"version": 1}).status_code == 403
    invoice.refresh_from_db()
    assert invoice.status == "Draft"


def test_an_issued_invoice_reads_like_one() -> None:
    company = make_company(name="Acme Trading")
    customer = make_customer(company, name="Blue Lagoon", city="Durban")
    invoice = make_issued(
        company, make_item("100", "2", description="Work"), make_item("50", vat_rate="0.1"), customer=customer
    )
    update_customer(actor=make_user("Finance", company), customer_id=customer.pk, name="Renamed")

    response = signed_in(make_user("Finance", company)).get(change_url(invoice))

    page = response.content.decode()
    for text in (
        "Acme Trading",
        "Blue Lagoon",
        "Durban",
        "Work",
        "200.00",
        "30.00",
        "5.00",
        "250.00",
        "285.00",
        "15 %",
    ):
        assert text in page
    assert "Renamed" not in page
    assert "id_customer" not in page
    assert f"/admin/payments/payment/add/?invoice={invoice.pk}" in page
    assert issue_url(invoice) not in page


def test_viewers_and_auditors_read_and_change_nothing() -> None:
    company = make_company()
    draft, issued = make_draft(company), make_issued(company)
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))

        for invoice in (draft, issued):
            page = client.get(change_url(invoice))
            assert page.status_code == 200
            assert '<input type="submit"' not in page.content.decode()
            assert "Apply payment" not in page.content.decode()
            assert client.post(change_url(invoice), form_of(invoice)).status_code == 403
            assert client.get(issue_url(invoice)).status_code == 403
            assert client.post(issue_url(invoice), {"version": invoice.version}).status_code == 403
        assert client.get(ADD).status_code == 403
        assert client.post(f"{LIST}{draft.pk}/delete/", {"post": "yes"}).status_code == 403

    assert Invoice.objects.filter(pk=draft.pk, version=1, status="Draft").exists()


def test_another_companys_invoice_answers_like_one_that_does_not_exist() -> None:
    foreign = make_draft(make_company())
    client = signed_in(make_user("Finance"))

    for pk in (foreign.pk, foreign.pk + 1000):
        address = f"{LIST}{pk}/"
        replies = [
            client.get(f"{address}change/"),
            client.post(f"{address}change/", form_of(foreign)),
            client.get(f"{address}history/"),
            client.get(f"{address}issue/"),
            client.post(f"{address}issue/", {"version": 1}),
            client.get(f"{address}delete/"),
            client.post(f"{address}delete/", {"post": "yes"}),
        ]
        assert {reply.status_code for reply in replies} == {404}
    assert "No invoices yet" in client.get(LIST).content.decode()
    assert Invoice.objects.filter(pk=foreign.pk, version=1).exists()


def test_a_foreign_customer_cannot_be_chosen_or_found() -> None:
    company = make_company()
    foreign = make_customer(make_company(), name="Foreign Fruit")
    make_customer(company, name="Fresh Fruit")
    make_customer(company, name="Former Fruit", archived=True)
    client = signed_in(make_user("Finance", company))
    question = {"app_label": "invoices", "model_name": "invoice", "field_name": "customer", "term": "fruit"}

    found = client.get("/admin/autocomplete/", question).json()["results"]
    response = client.post(ADD, typed(line(), customer=foreign.pk))

    assert [row["text"] for row in found] == ["Fresh Fruit"]
    assert "Select a valid choice." in errors_of(response)
    assert not Invoice.objects.exists()


def test_a_role_counts_where_it_is_held() -> None:
    mine, read_only = make_company(), make_company()
    user = add_role(make_user("Finance", mine), read_only, "Viewer")
    theirs = make_draft(read_only)
    client = signed_in(user)

    added = client.post(ADD, typed(line(), customer=make_customer(read_only).pk))

    assert "Your role does not allow this." in errors_of(added)
    assert client.get(change_url(theirs)).status_code == 200
    assert client.post(change_url(theirs), form_of(theirs)).status_code == 403
    assert client.get(issue_url(theirs)).status_code == 403
    assert Invoice.objects.count() == 1


def test_the_list_shows_filters_and_finds() -> None:
    company = make_company(currency="JPY", default_vat_rate="0")
    late = make_issued(
        company,
        make_item("250", vat_rate="0"),
        customer=make_customer(company, name="Blue Lagoon"),
        issue_date=date(2026, 1, 1),
        due_date=date(2026, 1, 31),
    )
    make_draft(company, make_item("70", vat_rate="0"), customer=make_customer(company, name="Green Hill"))
    client = signed_in(make_user("Viewer", company))

    everything = client.get(LIST).content.decode()
    assert late.number in everything
    assert everything.count('class="status status-overdue"') == 1
    assert '<span class="currency">JPY</span> 250</span>' in everything
    for address, only in (
        (f"{LIST}?status__exact=Issued", "Blue Lagoon"),
        (f"{LIST}?status__exact=Draft", "Green Hill"),
        (f"{LIST}?q=green", "Green Hill"),
        (f"{LIST}?q=2026-000001", "Blue Lagoon"),
        (f"{LIST}?issue_date__gte=2026-01-01&issue_date__lt=2026-01-02", "Blue Lagoon"),
    ):
        page = client.get(address).content.decode()
        assert [name for name in ("Blue Lagoon", "Green Hill") if name in page] == [only]


def test_the_company_filter_offers_only_ones_own() -> None:
    first, second = make_company(name="First"), make_company(name="Second")
    make_draft(make_company(name="Foreign"))
    make_draft(first, customer=make_customer(first, name="Of the first"))
    make_draft(second, customer=make_customer(second, name="Of the second"))
    client = signed_in(add_role(make_user("Finance", first), second, "Viewer"))

    page = client.get(LIST).content.decode()
    filtered = client.get(f"{LIST}?company__id__exact={second.pk}").content.decode()

    assert "Foreign" not in page
    assert 'name="company__id__exact"' in page
    assert ("Of the first" in filtered, "Of the second" in filtered) == (False, True)


def test_a_longer_list_takes_no_more_statements(django_assert_max_num_queries: Any) -> None:
    company = make_company()
    for _ in range(12):
        make_issued(company)
    client = signed_in(make_user("Finance", company))

    with django_assert_max_num_queries(8):
        assert client.get(LIST).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["issue_date__gte=soon", "status__exact=%00", "q=%00", "p=99", "o=x.y", "company__id__exact=zz", "nonsense=1"],
)
def test_a_senseless_address_is_no_error(query: str) -> None:
    response = signed_in(make_user("Finance")).get(f"{LIST}?{query}")

    assert response.status_code in (200, 302)


@pytest.mark.parametrize("object_id", ["abc", "0", "99999999999999999999999", "1_2F", "-1"])
def test_a_senseless_id_is_not_found(object_id: str) -> None:
    client = signed_in(make_user("Finance"))

    for page in ("change", "history", "delete", "issue", "cancel", "refund"):
        assert client.get(f"{LIST}{object_id}/{page}/").status_code == 404


def test_a_draft_is_deleted_after_a_confirmation() -> None:
    company = make_company()
    invoice = make_draft(company)
    client = signed_in(make_user("Finance", company))

    page = client.get(f"{LIST}{invoice.pk}/delete/")
    response = client.post(f"{LIST}{invoice.pk}/delete/", {"post": "yes", "version": "1"})

    assert "Draft" in page.content.decode()
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert not Invoice.objects.exists()
    assert not LogEntry.objects.exists()
    assert Change.objects.filter(action="invoice.deleted").count() == 1


def test_what_changed_meanwhile_or_is_issued_is_not_deleted() -> None:
    company = make_company()
    changed, issued = make_draft(company), make_issued(company)
    rival = make_user("Finance", company, email="rival@example.test")
    update_draft(actor=rival, invoice_id=changed.pk, items=[make_item("5")])
    client = signed_in(make_user("Finance", company))

    stale = client.post(f"{LIST}{changed.pk}/delete/", {"post": "yes", "version": "1"}, follow=True)
    frozen = client.get(f"{LIST}{issued.pk}/delete/", follow=True)
    forced = client.post(f"{LIST}{issued.pk}/delete/", {"post": "yes"}, follow=True)

    assert "Not deleted. rival@example.test changed it meanwhile" in stale.content.decode()
    assert "Only drafts can be deleted; this invoice is issued." in frozen.content.decode()
    assert "Only drafts can be deleted; this invoice is issued." in forced.content.decode()
    assert Invoice.objects.count() == 2


def test_an_invoice_deleted_in_another_tab_is_gone() -> None:
    company = make_company()
    invoice = make_draft(company)
    form = form_of(invoice)
    delete_draft(actor=make_user("Finance", company), invoice_id=invoice.pk)
    client = signed_in(make_user("Finance", company))

    assert client.post(change_url(invoice), form).status_code == 404
    assert client.post(issue_url(invoice), {"version": 1}).status_code == 404


def test_the_history_tells_who_changed_what_lines_included() -> None:
    company = make_company()
    author = make_user("Finance", company, email="author@example.test")
    invoice = make_draft(company, make_item("100"))
    row = invoice.lines.get()
    update_draft(actor=author, invoice_id=invoice.pk, items=[Item("Work", Decimal(1), Decimal(110), id=row.pk)])

    response = signed_in(make_user("Viewer", company)).get(f"{LIST}{invoice.pk}/history/")

    newest, oldest = response.context["groups"]
    assert (newest.entry.command, newest.entry.performed_by) == ("invoice.updated", "author@example.test")
    assert ("total", "115.00", "126.50") in newest.changes[0].values
    assert ("unitPrice", "100", "110") in newest.changes[1].values
    assert "dueDate" not in [name for name, _, _ in newest.changes[0].values]
    assert oldest.entry.command == "invoice.created"


def cancel_url(invoice: Invoice) -> str:
    return reverse("admin:invoices_invoice_cancel", args=[invoice.pk])


def test_an_issued_invoice_is_cancelled_for_a_reason_and_keeps_its_number() -> None:
    company = make_company()
    invoice = make_issued(company, issue_date=date(2026, 3, 1))
    client = signed_in(make_user("Finance", company, email="fin@example.test"))

    asked = client.get(cancel_url(invoice)).content.decode()
    response = client.post(cancel_url(invoice), {"version": 2, "reason": "Sent twice"}, follow=True)

    page = response.content.decode()
    invoice.refresh_from_db()
    assert "It keeps its number and stays in the books as cancelled" in asked
    assert 'name="version" value="2"' in asked
    assert response.redirect_chain == [(change_url(invoice), 302)]
    assert "INV-2026-000001 is cancelled." in page
    assert (invoice.status, invoice.number, invoice.version) == ("Cancelled", "INV-2026-000001", 3)
    assert (invoice.change.actor, invoice.change.reason) == ("fin@example.test", "Sent twice")
    # the document says who cancelled it and why, and offers nothing more
    assert "UTC by fin@example.test" in page
    assert "Sent twice" in page
    assert [page.button for page in response.context["buttons"]] == ["Duplicate"]
    assert re.search(r"<td [^>]*field-outstanding_amount[^>]*>\s*—\s*</td>", client.get(LIST).content.decode())


def test_a_draft_is_cancelled_without_a_number() -> None:
    company = make_company()
    draft = make_draft(company)
    client = signed_in(make_user("Finance", company))

    opened = client.get(change_url(draft)).content.decode()
    asked = client.get(cancel_url(draft)).content.decode()
    client.post(cancel_url(draft), {"version": 1, "reason": "Not wanted"})

    draft.refresh_from_db()
    assert cancel_url(draft) in opened
    assert "without a number, and is not edited or issued any more" in asked
    assert (draft.status, draft.number) == ("Cancelled", None)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reason": " "}, "This field is required."),
        ({"reason": "a" * 1001}, "Ensure this value has at most 1000 characters"),
        ({"reason": "a\x07b"}, "The character U+0007 is not possible in a text."),
        ({"version": ""}, "This page is incomplete: open it again, then repeat."),
    ],
)
def test_a_cancellation_that_is_not_complete_says_why(values: dict[str, str], sentence: str) -> None:
    company = make_company()
    invoice = make_issued(company)

    response = signed_in(make_user("Finance", company)).post(
        cancel_url(invoice), {"version": 2, "reason": "Sent twice", **values}
    )

    invoice.refresh_from_db()
    shown = response.context["adminform"].form
    assert sentence in response.content.decode()
    assert shown["reason"].value() == values.get("reason", "Sent twice")
    assert invoice.status == "Issued"


def test_a_second_click_on_cancel_does_nothing_and_says_so() -> None:
    company = make_company()
    invoice = make_issued(company)
    client = signed_in(make_user("Finance", company, email="quick@example.test"))

    client.post(cancel_url(invoice), {"version": 2, "reason": "Sent twice"})
    response = client.post(cancel_url(invoice), {"version": 2, "reason": "Sent twice"}, follow=True)

    text = " ".join(str(message) for message in response.context["messages"])
    assert "can be cancelled; this invoice is cancelled. quick@example.test changed it at " in text
    assert Change.objects.filter(action="invoice.cancelled").count() == 1


def test_a_draft_changed_meanwhile_is_shown_again_before_it_is_cancelled() -> None:
    company = make_company()
    invoice = make_draft(company)
    rival = make_user("Finance", company, email="rival@example.test")
    update_draft(actor=rival, invoice_id=invoice.pk, items=[make_item("999")])
    client = signed_in(make_user("Finance", company))

    response = client.post(cancel_url(invoice), {"version": 1, "reason": "Not wanted"})

    page = response.content.decode()
    assert "rival@example.test changed this at " in page
    assert "Not wanted" in page
    assert 'name="version" value="2"' in page
    assert client.post(cancel_url(invoice), {"version": 2, "reason": "Not wanted"}).status_code == 302
    invoice.refresh_from_db()
    assert invoice.status == "Cancelled"


def test_what_was_paid_once_or_closed_is_not_cancelled() -> None:
    company = make_company()
    paid, closed = make_issued(company), make_issued(company)
    payment = apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount=Decimal(5))
    reverse_payment(actor=SYSTEM, invoice_id=paid.pk, payment_id=payment.pk)
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=company.today(), reason="Year end")
    client = signed_in(make_user("Finance", company))

    opened = client.get(cancel_url(paid), follow=True)
    refused = client.post(cancel_url(paid), {"version": 4, "reason": "Oops"})
    locked = client.post(cancel_url(closed), {"version": 2, "reason": "Oops"})

    for page in (opened, refused):
        assert "Payments were recorded on this invoice, so it cannot be cancelled" in page.content.decode()
    assert "The books are closed up to " in locked.content.decode()
    assert not Invoice.objects.filter(status="Cancelled").exists()


def test_cancelling_needs_the_role_and_the_company() -> None:
    company = make_company()
    invoice, foreign = make_issued(company), make_issued(make_company())
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))
        assert client.get(cancel_url(invoice)).status_code == 403
        assert client.post(cancel_url(invoice), {"version": 2, "reason": "x"}).status_code == 403

    stranger = signed_in(make_user("Finance", company))
    assert stranger.get(cancel_url(foreign)).status_code == 404
    assert stranger.post(cancel_url(foreign), {"version": 2, "reason": "x"}).status_code == 404
    assert not Invoice.objects.filter(status="Cancelled").exists()


def test_discounts_are_typed_kept_and_taken_away_again() -> None:
    company = make_company()
    client = signed_in(make_user("Finance", company))

    # given: 100 less 10 %, and 50 less 5; 13.50 off the document
    client.post(
        ADD,
        typed(
            line("100", discount_percent="10"),
            line("50", discount_amount="5"),
            customer=make_customer(company).pk,
            discount_amount="13.50",
        ),
    )
    invoice = Invoice.objects.get()
    first = (invoice.lines_total, invoice.discount_total, invoice.subtotal, invoice.vat_total, invoice.total)
    page = client.get(change_url(invoice))
    form, (inline,) = page.context["adminform"].form, page.context["inline_admin_formsets"]
    shown = [[row[name].value() for name in ("discount_percent", "discount_amount")] for row in inline.formset.forms]

    # when: the document gets a percentage in place of the amount, and the first line none
    changed = form_of(invoice, discount_percent="2.5", discount_amount="")
    client.post(change_url(invoice), changed | {"lines-1-discount_amount": "5"})

    invoice.refresh_from_db()
    assert first == (135, Decimal("13.50"), Decimal("121.50"), Decimal("18.23"), Decimal("139.73"))
    assert [form[name].value() for name in ("discount_percent", "discount_amount")] == [None, "13.5"]
    assert shown == [["10", None], [None, "5"], [None, None]]
    assert (invoice.discount_percent, invoice.discount_amount) == (Decimal("2.5"), 0)
    assert [(row.discount_percent, row.discount_amount) for row in invoice.lines.all()] == [(0, 0), (0, 5)]
    assert (invoice.lines_total, invoice.discount_total) == (145, Decimal("3.63"))


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"discount_percent": "101"}, "discount_percent", "A percentage runs from 0 to 100: 10 is 10 %."),
        ({"discount_percent": "-1"}, "discount_percent", "A percentage runs from 0 to 100: 10 is 10 %."),
        ({"discount_percent": "ten"}, "discount_percent", "This is no amount that can be read for sure."),
        ({"discount_amount": "-1"}, "discount_amount", "A discount is not negative."),
        ({"discount_amount": "0.001"}, "discount_amount", "At most 2 decimals are possible here"),
        ({"discount_amount": "100.01"}, "discount_amount", "The discount is more than the line"),
        (
            {"discount_amount": "1", "discount_percent": "1"},
            "discount_amount",
            "A discount is a percentage or an amount, not both.",
        ),
    ],
)
def test_a_discount_that_cannot_be_given_says_why_beside_its_field(
    values: dict[str, str], field: str, sentence: str
) -> None:
    company = make_company()
    client = signed_in(make_user("Finance", company))
    customer = make_customer(company).pk

    of_the_document = client.post(ADD, typed(line("100"), customer=customer, **values))
    of_the_line = client.post(ADD, typed(line("100", **values), customer=customer))

    form = of_the_document.context["adminform"].form
    (inline,) = of_the_line.context["inline_admin_formsets"]
    assert sentence in str(form.errors[field])
    assert sentence in str(inline.formset.errors[0][field])
    for typed_into in (form, inline.formset.forms[0]):
        assert {name: typed_into[name].value() for name in values} == values
    assert not Invoice.objects.exists()


def test_a_document_shows_its_discounts_and_how_it_was_worked_out() -> None:
    company = make_company()
    invoice = make_issued(
        company,
        make_item("1000", "2", discount_percent=Decimal(10)),
        make_item("50", vat_rate="0.1", discount_amount=Decimal(5)),
        discount_percent=Decimal(4),
    )

    page = signed_in(make_user("Viewer", company)).get(change_url(invoice)).content.decode()

    # 1 800.00 + 45.00, less 4 % = 73.80: 1 728.00 at 15 % and 43.20 at 10 %
    for cell in (
        '<td class="number">10 %</td>',
        '<td class="number">5.00</td>',
        "<dd>1\u202f845.00</dd>",
        "<dt>Discount 4 %</dt><dd>-73.80</dd>",
        "<dd>1\u202f771.20</dd>",
        '<td class="number">1\u202f728.00</td><td class="number">259.20</td>',
        '<td class="number">43.20</td><td class="number">4.32</td>',
        "<dd>263.52</dd>",
        "<dd>2\u202f034.72</dd>",
        "How this was worked out",
        "VAT is rounded once per rate of the document, half up; VAT comes on top of the prices.",
        "2 x 1000 - 10 %",
        "4 % of 1845",
        "1728 x 0.15",
        "1\u202f771.20 + 263.52",
    ):
        assert cell in page
    assert "Gross" not in page


def test_a_document_whose_prices_include_vat_shows_net_and_gross() -> None:
    company = make_company(vat_rounding="line")
    invoice = make_issued(company, make_item("115"), prices_include_vat=True)

    page = signed_in(make_user("Viewer", company)).get(change_url(invoice)).content.decode()

    assert '<td class="number">100.00</td><td class="number">115.00</td>' in page
    assert '<th scope="col" class="number">Gross</th>' in page
    assert '<th scope="col" class="number">Discount</th>' not in page
    assert "VAT is rounded on each line, half up; prices include VAT, which is taken out of them." in page
    assert "115 x 0.15 / 1.15" in page


def test_a_second_click_on_save_makes_no_second_draft() -> None:
    company = make_company()
    client = signed_in(make_user("Finance", company))
    token = client.get(ADD).context["adminform"].form["form_token"].value()
    other = client.get(ADD).context["adminform"].form["form_token"].value()
    form = typed(line("100"), customer=make_customer(company).pk, form_token=token)

    first = client.post(ADD, form)
    second = client.post(ADD, form | {"_continue": "Save and continue editing"})

    # the second leads to the draft that the first made
    invoice = Invoice.objects.get()
    assert (first.status_code, second["Location"]) == (302, change_url(invoice))
    # what was changed after Back, or typed on another page, is another draft
    client.post(ADD, form | {"lines-0-unit_price": "101"})
    client.post(ADD, form | {"form_token": other})
    assert [row.total for row in Invoice.objects.order_by("id")] == [115, Decimal("116.15"), 115]


def test_a_form_that_was_refused_is_saved_once_it_is_right() -> None:
    company = make_company()
    client = signed_in(make_user("Finance", company))
    customer = make_customer(company, archived=True)
    form = typed(line("100"), customer=customer.pk, form_token="of this page")

    refused = client.post(ADD, form)
    update_customer(actor=SYSTEM, customer_id=customer.pk, archived=False)
    saved = client.post(ADD, form)
    delete_draft(actor=SYSTEM, invoice_id=Invoice.objects.get().pk)
    gone = client.post(ADD, form)

    assert "This customer is archived." in errors_of(refused)
    assert refused.context["adminform"].form["form_token"].value() == "of this page"
    assert saved.status_code == 302
    assert "This was saved already, and deleted since." in errors_of(gone)
    assert not Invoice.objects.exists()


def test_an_admin_sets_the_next_number_until_the_first_is_given() -> None:
    company = make_company()
    client = signed_in(make_user("Admin", company, email="admin@example.test"))
    numbers = reverse("admin:parties_company_numbers", args=[company.pk])
    page = reverse("admin:parties_company_change", args=[company.pk])
    typed_values = {"version": 1, "year": "2026", "next_value": "42"}

    assert "from 1 in each year" in client.get(page).content.decode()
    opened = client.get(numbers).context["adminform"].form
    set_once = client.post(numbers, typed_values, follow=True)
    client.post(numbers, typed_values | {"next_value": "41"})
    invoice = make_issued(company, issue_date=date(2026, 3, 1))
    refused = client.post(numbers, typed_values)

    assert opened["year"].value() == company.today().year
    assert "The next number of 2026 is INV-2026-000042." in set_once.content.decode()
    assert invoice.number == "INV-2026-000041"
    assert "This series has given numbers already" in str(refused.context["adminform"].form.errors["year"])
    assert "INV-2026-000042" in client.get(page).content.decode()
    entry = Change.objects.filter(action="series.start_set").first()
    assert entry is not None
    assert (entry.actor, entry.company_id, entry.reason) == ("admin@example.test", company.pk, "INV-2026: 41")


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"next_value": "0"}, "next_value", "A series starts between 1 and 999 999 999."),
        ({"next_value": "1000000000"}, "next_value", "A series starts between 1 and 999 999 999."),
        ({"next_value": "many"}, "next_value", "Enter a whole number."),
        ({"year": "26"}, "year", "A year has four digits, from 1900 to 2999."),
        ({"year": ""}, "year", "This field is required."),
    ],
)
def test_a_next_number_that_cannot_be_says_why(values: dict[str, str], field: str, sentence: str) -> None:
    company = make_company()

    response = signed_in(make_user("Admin", company)).post(
        reverse("admin:parties_company_numbers", args=[company.pk]),
        {"version": 1, "year": "2026", "next_value": "42", **values},
    )

    form = response.context["adminform"].form
    assert sentence in str(form.errors[field])
    assert form[field].value() == values[field]
    assert not NumberSeries.objects.exists()


def test_only_admins_set_numbers() -> None:
    company = make_company()
    numbers = reverse("admin:parties_company_numbers", args=[company.pk])
    for role in ("Finance", "Viewer", "Auditor"):
        client = signed_in(make_user(role, company))
        assert client.get(numbers).status_code == 403
        assert client.post(numbers, {"version": 1, "year": "2026", "next_value": "42"}).status_code == 403
        assert numbers not in client.get(reverse("admin:parties_company_change", args=[company.pk])).content.decode()

    assert signed_in(make_user("Admin")).get(numbers).status_code == 404
    assert not NumberSeries.objects.exists()
