from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.tests.factories import make_user
from imports.models import ImportFile, State
from imports.services import bring_file, do_work
from parties.models import Company, Customer
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

LIST = "/admin/imports/importfile/"


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def upload(text: str, **values: Any) -> dict[str, Any]:
    file = SimpleUploadedFile("people.csv", text.encode())
    return {"kind": "customers", "file": file, "dates": "iso", "decimals": "point", "mode": "all", **values}


def brought(company: Company, text: str = "Name\nBlue Lagoon\n", kind: str = "customers") -> ImportFile:
    actor = make_user("Finance", company)
    file = bring_file(actor=actor, company=company, kind=kind, file_name="people.csv", content=text.encode())
    do_work(file.pk)
    return ImportFile.objects.get(pk=file.pk)


def page_of(file: ImportFile, name: str = "change") -> str:
    return f"{LIST}{file.pk}/{name}/"


def test_a_clerk_brings_a_file_sees_what_it_holds_and_lets_it_in(company: Company) -> None:
    client = signed_in(make_user("Finance", company))

    shown = client.post(f"{LIST}add/", upload("Name,City\nBlue Lagoon,Durban\n", company=company.pk), follow=True)

    file = ImportFile.objects.get()
    assert shown.redirect_chain == [(page_of(file), 302)]
    text = shown.content.decode()
    assert "1 good, 0 wrong" in text
    assert "Durban" in text
    assert not Customer.objects.exists()

    done = client.post(page_of(file, "start"), {"version": file.version}, follow=True)

    assert "Imported" in done.content.decode()
    assert Customer.objects.get().city == "Durban"


def test_a_wrong_file_is_said_beside_the_field(company: Company) -> None:
    client = signed_in(make_user("Finance", company))

    page = client.post(f"{LIST}add/", upload("", company=company.pk))

    assert page.status_code == 200
    assert page.context["form"].errors["file"]
    assert not ImportFile.objects.exists()


def test_columns_that_were_not_recognised_are_chosen_and_the_file_is_checked_again(company: Company) -> None:
    file = brought(company, "Wer\nBlue Lagoon\n")
    client = signed_in(make_user("Finance", company))
    assert "Say which column of the file is: Name" in client.get(page_of(file)).content.decode()

    values = {"version": file.version, "column_name": "Wer", "dates": "iso", "decimals": "point", "mode": "all"}
    page = client.post(page_of(file), values, follow=True)

    assert "1 good, 0 wrong" in page.content.decode()


def test_two_who_decide_at_once_hear_of_each_other(company: Company) -> None:
    file = brought(company)
    client = signed_in(make_user("Finance", company))
    client.post(page_of(file, "discard"), {"version": file.version})

    page = client.post(page_of(file, "start"), {"version": file.version}, follow=True)

    file.refresh_from_db()
    assert file.state == State.DISCARDED
    assert [message.level_tag for message in page.context["messages"]] == ["error"]
    assert not Customer.objects.exists()


def test_the_file_itself_and_its_problems_can_be_had(company: Company) -> None:
    file = brought(company, "Name,E-mail\n,nobody\n")
    client = signed_in(make_user("Auditor", company))

    original = client.get(page_of(file, "file"))
    problems = client.get(page_of(file, "problems"))

    assert original.content == b"Name,E-mail\n,nobody\n"
    assert original["Content-Type"] == "application/octet-stream"
    assert "attachment" in original["Content-Disposition"]
    assert b"".join(problems.streaming_content).decode().splitlines()[1].startswith("2,name,")


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_those_who_only_read_bring_and_start_nothing(company: Company, role: str) -> None:
    file = brought(company)
    client = signed_in(make_user(role, company))

    assert client.get(page_of(file)).status_code == 200
    assert "Import what is good" not in client.get(page_of(file)).content.decode()
    replies = [
        client.get(f"{LIST}add/"),
        client.post(page_of(file, "start"), {"version": file.version}),
        client.post(page_of(file, "discard"), {"version": file.version}),
        client.post(page_of(file), {"version": file.version}),
    ]
    assert {reply.status_code for reply in replies} == {403}
    file.refresh_from_db()
    assert file.state == State.CHECKED


def test_another_companys_file_does_not_exist(company: Company) -> None:
    file = brought(company)
    client = signed_in(make_user("Finance", make_company(name="Other")))

    for name in ("change", "file", "problems", "progress", "history"):
        assert client.get(page_of(file, name)).status_code == 404
    assert client.post(page_of(file, "start")).status_code == 404
    assert "people.csv" not in client.get(LIST).content.decode()


def test_progress_is_told_until_the_work_is_done(company: Company) -> None:
    file = brought(company)
    client = signed_in(make_user("Finance", company))

    done = client.get(page_of(file, "progress"))
    ImportFile.objects.filter(pk=file.pk).update(rows_read=1)

    assert done["HX-Refresh"] == "true"
    assert "Checked" in done.content.decode()
