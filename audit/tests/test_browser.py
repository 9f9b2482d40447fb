"""The change browser: an auditor finds who changed what, page by page, and takes it away as a file, on record."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import change_password
from accounts.tests.factories import PASSWORD, add_role, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from invoices.services import update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

CHANGES = "/admin/audit/change/changes/"


@pytest.fixture
def company() -> Company:
    return make_company()


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def auditor(company: Company) -> Client:
    return signed_in(make_user("Auditor", company, email="auditor@example.test"))


def found(client: Client, **asked: Any) -> list[tuple[str, str, int | None]]:
    page = client.get(CHANGES, asked)
    assert page.status_code == 200
    return [
        (change.entry.command, change.entry.entity_type, change.entry.entity_id)
        for group in page.context["groups"]
        for change in group.changes
    ]


def test_only_readers_of_the_record_open_it_and_nobody_posts_to_it(company: Company) -> None:
    for role, status in (("Admin", 200), ("Auditor", 200), ("Finance", 403), ("Viewer", 403)):
        client = signed_in(make_user(role, company))
        assert [client.get(f"{CHANGES}{file}").status_code for file in ("", "csv/", "jsonl/")] == [status] * 3
    before = Change.objects.count()
    assert [client.post(f"{CHANGES}{file}").status_code for file in ("", "csv/")] == [405, 405]
    assert Change.objects.count() == before


def test_each_filter_narrows_what_is_shown(auditor: Client, company: Company) -> None:
    clerk = make_user("Finance", company, email="clerk@example.test")
    customer = make_customer(company)
    signed_in(clerk).post(
        f"/admin/parties/customer/{customer.pk}/change/",
        {"version": 1, "name": "Renamed", "city": "Durban"},
        headers={"X-Request-ID": "request-0815"},
    )
    invoice = make_issued(company)
    paid = apply_payment(actor=clerk, invoice_id=invoice.pk, amount="5")
    renamed = ("customer.updated", "Customer", customer.pk)
    settled = ("payment.applied", "Invoice", invoice.pk)
    taken = ("payment.applied", "Payment", paid.pk)

    assert found(auditor, performed_by="CLERK@example.test") == [settled, taken, renamed]
    assert found(auditor, command="payment.applied") == [settled, taken]
    assert found(auditor, entity_type="Payment") == [taken]
    assert found(auditor, request_id="request-0815") == [renamed]
    assert found(auditor, entity_type="Customer", object=str(customer.pk))[0] == renamed
    assert found(auditor, object=f" {str(invoice.number).lower()} ") == [
        settled,
        ("invoice.issued", "Invoice", invoice.pk),
        ("invoice.created", "Invoice", invoice.pk),
    ]
    assert found(auditor, action="Deleted") == []


def test_days_are_those_of_the_company(auditor: Client, company: Company) -> None:
    assert company.time_zone == "Africa/Johannesburg"
    customer = make_customer(company)
    at = Change.objects.get(pk=customer.change_id).at.astimezone(company.zone)
    day, page = at.date().isoformat(), auditor.get(CHANGES)

    assert ("customer.created", "Customer", customer.pk) in found(auditor, since=day, until=day)
    assert found(auditor, since=(at + timedelta(days=1)).date().isoformat()) == []
    assert "Africa/Johannesburg" in page.content.decode()
    assert f"{at:%Y-%m-%d %H:%M:%S} SAST" in page.content.decode()


def test_a_wrong_filter_says_what_is_wrong_and_finds_nothing(auditor: Client) -> None:
    for asked in ({"object": "INV-1999-000001"}, {"since": "soon"}, {"entity_type": "Secret"}):
        page = auditor.get(CHANGES, asked)
        assert page.status_code == 200
        assert page.context["groups"] == []
        assert page.context["form"].errors
    assert auditor.get(CHANGES, {"cursor": "nonsense"}).status_code == 200
    assert auditor.get(CHANGES, {"performed_by": "a\x00b"}).status_code == 200


def test_pages_run_through_all_changes_and_back(auditor: Client, company: Company) -> None:
    for _ in range(40):
        make_draft(company)
    whole, query = [], ""
    pages = []
    while True:
        page = auditor.get(f"{CHANGES}?{query}")
        rows = [change.entry for group in page.context["groups"] for change in group.changes]
        pages.append(rows)
        whole += [(row.entity_type, row.entity_id, row.version) for row in rows]
        if not (query := page.context["older"]):
            break

    assert len(whole) == len(set(whole)) > 100
    back = auditor.get(f"{CHANGES}?{page.context['newer']}")
    assert [change.entry for group in back.context["groups"] for change in group.changes] == pages[-2]


def test_more_changes_take_no_more_statements(
    auditor: Client, company: Company, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_issued(company)
    with django_assert_max_num_queries(40) as few:
        auditor.get(CHANGES)
    for _ in range(30):
        make_issued(company, *[make_item("1")] * 3)
    with django_assert_max_num_queries(len(few.captured_queries)):
        auditor.get(CHANGES)


def test_old_and_new_stand_side_by_side_with_links_and_only_the_difference_marked(
    auditor: Client, company: Company
) -> None:
    customer = make_customer(company, address_line_1="12 <Long> Street")
    update_customer(actor=SYSTEM, customer_id=customer.pk, address_line_1="14 <Long> Street")
    draft = make_draft(company, make_item("1", description="Work of March"), customer=customer)
    line = draft.lines.get()
    update_draft(actor=SYSTEM, invoice_id=draft.pk, version=1, items=[])

    page = auditor.get(CHANGES).content.decode()

    assert "<del>12</del> &lt;Long&gt; Street" in page
    assert "<ins>14</ins> &lt;Long&gt; Street" in page
    assert f'href="/admin/parties/customer/{customer.pk}/change/"' in page
    assert f'href="/admin/invoices/invoice/{draft.pk}/past/?version=1"' in page
    assert f"InvoiceLine {line.pk} of Invoice {draft.pk}" in page  # deleted since, and still found
    assert f'href="/admin/audit/change/{customer.change_id + 1}/change/"' in page


def test_what_belongs_to_others_is_not_there(auditor: Client, company: Company) -> None:
    elsewhere = make_company(name="Elsewhere")
    make_customer(company, name="Mine")
    foreign = make_issued(elsewhere)
    viewed = add_role(make_user("Auditor", company), elsewhere, "Viewer")

    for client in (auditor, signed_in(viewed)):
        assert {row[1] for row in found(client)} <= {"Customer", "User", "Membership", "Company"}
        assert ("invoice.issued", "Invoice", foreign.pk) not in found(client, object=str(foreign.number))
        assert "Elsewhere" not in client.get(CHANGES).content.decode()
        files = [b"".join(client.get(f"{CHANGES}{kind}/").streaming_content).decode() for kind in ("csv", "jsonl")]
        assert all("Mine" in file and "Elsewhere" not in file for file in files)
    root = signed_in(User.objects.create_superuser("root@example.test", PASSWORD))
    assert ("invoice.issued", "Invoice", foreign.pk) in found(root)


def test_sign_ins_role_changes_and_exports_are_rows_too(company: Company) -> None:
    auditor = make_user("Auditor", company, email="auditor@example.test")
    client = Client()
    for password in ("wrong", PASSWORD):
        client.post("/admin/login/", {"username": auditor.email, "password": password}, REMOTE_ADDR="192.0.2.1")
    change_password(actor=auditor, user=make_user("Viewer", company), password="a-good-new-password")
    list(client.get(f"{CHANGES}csv/", {"command": "invoice.issued"}).streaming_content)

    page = client.get(CHANGES, {"performed_by": auditor.email})
    shown = [(group.entry.command, group.entry.reason) for group in page.context["groups"]]

    assert shown == [
        ("data.exported", "Changes as csv: command invoice.issued."),
        ("user.password_changed", ""),
        ("user.signed_in", "From 192.0.2.1."),
        ("user.sign_in_failed", "As auditor@example.test from 192.0.2.1."),
    ]
    assert PASSWORD not in page.content.decode()
    assert list(faults()) == []


def test_the_journal_is_listed_without_being_counted(auditor: Client, company: Company) -> None:
    make_issued(company)
    with CaptureQueriesContext(connection) as statements:
        page = auditor.get("/admin/audit/change/")
    assert page.context["cl"].result_list[0].action == "invoice.issued"
    assert [one["sql"] for one in statements if "COUNT(" in one["sql"]] == []
