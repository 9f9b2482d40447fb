"""Every list of the desk as a file: what is filtered, for those who see it, on record."""

import csv
import io
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from openpyxl import load_workbook

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.list_exports import ExportedList
from audit.models import Change
from fintrack.tests.worlds import World, make_world
from imports.columns import Kind
from imports.services import bring_file
from invoices.models import Invoice
from notifications.models import DigestWish
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

NOT_EXPORTED = {DigestWish, DBTaskResult}
"""One's own wishes, and the jobs of the workers, which are no business of anybody's but the operator's."""
LISTS = sorted(
    (model for model, page in admin.site._registry.items() if isinstance(page, ExportedList)),
    key=lambda model: model._meta.label,
)
EXPORTED = [model for model in LISTS if model not in NOT_EXPORTED]
CHANGES = "/admin/audit/change/changes/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address_of(model: Any, file_format: str = "csv") -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export", args=[file_format])


def content_of(reply: Any) -> bytes:
    assert reply.status_code == 200, reply
    return b"".join(reply.streaming_content)


def rows_of(reply: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content_of(reply).decode(), newline="")))


@pytest.fixture
def world() -> World:
    made = make_world()
    bring_file(
        actor=SYSTEM, company=made.company, kind=Kind.CUSTOMERS, file_name="new.csv", content=b"Name\nBlue Lagoon\n"
    )
    return made


def test_every_list_of_the_desk_says_which_columns_its_file_has() -> None:
    without = {model for model, page in admin.site._registry.items() if not getattr(page, "export_columns", ())}

    assert without == NOT_EXPORTED


@pytest.mark.parametrize("model", EXPORTED, ids=lambda model: model.__name__)
def test_the_file_of_a_list_has_its_rows_and_a_link_to_it_stands_below_the_list(world: World, model: Any) -> None:
    client = signed_in(make_user("Admin", world.company))
    listed = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
    count = len(listed.context["cl"].result_list)

    rows = rows_of(client.get(address_of(model)))
    sheet = load_workbook(io.BytesIO(content_of(client.get(address_of(model, "xlsx"))))).active

    assert address_of(model) in listed.content.decode()
    is_journal = model is Change  # the export itself is an entry of it
    assert len(rows) == count + is_journal
    assert sheet.max_row == count + 1 + 2 * is_journal
    assert [cell.value for cell in sheet[1]] == [name for name, _ in admin.site.get_model_admin(model).export_columns]


def test_a_file_holds_what_is_filtered_and_no_text_becomes_a_formula(world: World) -> None:
    client = signed_in(make_user("Viewer", world.company))
    update_customer(actor=SYSTEM, customer_id=world.unused.pk, name="=HYPERLINK(1)", archived=True)

    [row] = rows_of(client.get(address_of(type(world.customer)), {"archived__exact": "1"}))
    [payment] = rows_of(client.get(address_of(type(world.payment)), {"kind__exact": "Payment"}))

    assert (row["name"], row["archived"]) == ("'=HYPERLINK(1)", "yes")
    assert (payment["amount"], payment["invoice"]) == ("50.00", world.paid.number)
    assert rows_of(client.get(address_of(type(world.payment)), {"kind__exact": "Refund"})) == []


def test_an_export_is_a_row_of_the_change_browser_with_filters_format_and_number_of_rows(world: World) -> None:
    clerk = make_user("Finance", world.company, email="clerk@example.test")
    query = {"status": ["Issued", "Paid"], "issue_date__gte": "2020-01-01", "o": "1", "p": "1"}
    content_of(signed_in(clerk).get(address_of(Invoice, "xlsx"), query))

    page = signed_in(make_user("Auditor", world.company)).get(CHANGES, {"performed_by": clerk.email})

    [entry] = [group.entry for group in page.context["groups"] if group.entry.command == "data.exported"]
    assert entry.reason == "Invoices as xlsx, 2 rows: status Issued or Paid, issueDate from 2020-01-01."
    assert Change.objects.get(pk=entry.entry_id).company_id == world.company.pk


def test_those_who_may_not_see_a_list_do_not_get_its_file_and_nothing_is_on_record(world: World) -> None:
    viewer = signed_in(make_user("Viewer", world.company))
    before = Change.objects.filter(action="data.exported").count()

    refused = [model for model in EXPORTED if viewer.get(address_of(model)).status_code == 403]

    allowed = [model for model in EXPORTED if model not in refused]
    assert Change in refused
    assert Invoice in allowed
    assert Change.objects.filter(action="data.exported").count() == before + len(allowed)
    assert viewer.get(address_of(Invoice, "exe")).status_code == 403
    assert Client().get(address_of(Invoice)).status_code == 302


@pytest.mark.parametrize("model", EXPORTED, ids=lambda model: model.__name__)
def test_no_row_of_another_company_is_in_a_file(world: World, model: Any) -> None:
    client = signed_in(make_user("Admin", make_company(name="Elsewhere")))

    file = content_of(client.get(address_of(model))).decode()

    assert world.company.name not in file
    assert str(world.paid.number) not in file


def test_a_filter_that_makes_no_sense_leads_back_to_the_list(world: World) -> None:
    client = signed_in(make_user("Finance", world.company))

    for query in ({"kind__exact": "a\x00b"}, {"nothing": "1"}):
        reply = client.get(address_of(type(world.payment)), query)
        assert (reply.status_code, reply["Location"]) == (302, "/admin/payments/payment/?e=1")


def test_the_change_browser_gives_a_workbook_of_what_it_shows(world: World) -> None:
    auditor = signed_in(make_user("Auditor", world.company))

    reply = auditor.get(f"{CHANGES}xlsx/", {"command": "payment.applied"})
    sheet = load_workbook(io.BytesIO(content_of(reply))).active

    assert {row[2].value for row in sheet.iter_rows(min_row=2)} == {"payment.applied"}


def test_a_long_list_is_read_some_rows_at_a_time(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("core.exports.ROWS_AT_A_TIME", 2)
    names = [make_customer(world.company, name=f"Customer {number}").name for number in range(7)]

    rows = rows_of(signed_in(make_user("Viewer", world.company)).get(address_of(type(world.customer))))

    assert [row["name"] for row in rows][-7:] == names
