from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import update_user
from accounts.tests.factories import PASSWORD, add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from audit.services import recording
from invoices.tests.factories import make_draft, make_issued
from parties.services import update_company, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

JOURNAL = "/admin/audit/change/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_journal_is_read_by_admins_and_auditors_only() -> None:
    company = make_company()
    entry = make_customer(company).change

    for role, status in (("Admin", 200), ("Auditor", 200), ("Finance", 403), ("Viewer", 403)):
        client = signed_in(make_user(role, company))
        assert client.get(JOURNAL).status_code == status
        assert client.get(f"{JOURNAL}{entry.pk}/change/").status_code == status


def test_the_journal_is_never_written() -> None:
    entry = make_customer(make_company()).change
    client = signed_in(User.objects.create_superuser("root@example.test", PASSWORD))

    assert client.get(f"{JOURNAL}add/").status_code == 403
    assert client.post(f"{JOURNAL}add/", {"action": "x"}).status_code == 403
    client.post(f"{JOURNAL}{entry.pk}/change/", {"action": "x", "reason": "y"})
    assert client.post(f"{JOURNAL}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    entry.refresh_from_db()
    assert (entry.action, entry.reason) == ("customer.created", "")


def test_the_journal_shows_only_companies_whose_record_the_reader_may_read() -> None:
    mine, read_only, foreign = make_company(name="Mine"), make_company(name="Viewed"), make_company(name="Foreign")
    entries = [make_customer(company).change for company in (mine, read_only, foreign)]
    client = signed_in(add_role(make_user("Auditor", mine), read_only, "Viewer"))

    page = client.get(JOURNAL)
    shown = {change.pk for change in page.context["cl"].result_list}

    assert [entry.pk in shown for entry in entries] == [True, False, False]
    assert [client.get(f"{JOURNAL}{entry.pk}/change/").status_code for entry in entries] == [200, 404, 404]
    assert "Foreign" not in page.content.decode()


def test_a_superuser_reads_the_whole_journal() -> None:
    make_customer(make_company())
    make_customer(make_company())
    client = signed_in(User.objects.create_superuser("root@example.test", PASSWORD))

    assert client.get(JOURNAL).context["cl"].result_count == Change.objects.count()


def test_commands_about_users_are_read_by_those_who_see_the_users() -> None:
    company, elsewhere = make_company(), make_company()
    mine = make_user("Finance", company)
    shared = add_role(make_user("Finance", company), elsewhere, "Viewer")
    for user in (mine, shared):
        update_user(actor=SYSTEM, user_id=user.pk, full_name="Renamed")
    update_company(actor=SYSTEM, company_id=company.pk, city="Durban")
    client = signed_in(make_user("Auditor", company))

    shown = {change.pk for change in client.get(JOURNAL).context["cl"].result_list}

    mine.refresh_from_db()
    shared.refresh_from_db()
    company.refresh_from_db()
    assert (mine.change_id in shown, shared.change_id in shown, company.change_id in shown) == (True, False, True)
    assert Change.objects.get(action="company.created", pk__in=company.history.values("change_id")).pk in shown


def test_the_journal_filters_and_finds() -> None:
    first, second = make_company(name="First"), make_company(name="Second")
    with recording(actor=SYSTEM, action="period.locked", company_id=first.pk, reason="Year end"):
        pass
    make_customer(second)
    client = signed_in(add_role(make_user("Auditor", first), second, "Auditor"))

    def found(query: str) -> list[str]:
        return [change.action for change in client.get(f"{JOURNAL}?{query}").context["cl"].result_list]

    assert found("q=year+end") == ["period.locked"]
    assert found("action=customer.created") == ["customer.created"]
    assert found(f"company={first.pk}&action=customer.created") == []
    assert found(f"company={second.pk}&action=customer.created") == ["customer.created"]
    assert found("company=999999") == []
    assert found("company=%27") == []
    tomorrow = (timezone.now() + timedelta(days=1)).date()
    for moment in (tomorrow, f"{tomorrow}T00:00", f"{tomorrow}T00:00:00Z"):
        assert found(f"at__gte={moment}") == []
    assert found(f"at__lt={tomorrow}&q=year+end") == ["period.locked"]


def test_an_entry_shows_all_that_was_changed_under_it() -> None:
    company = make_company()
    invoice = make_issued(company)
    payment = apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal("15.50"), reference="EFT 7")
    client = signed_in(make_user("Auditor", company))

    response = client.get(f"{JOURNAL}{payment.change_id}/change/")

    (group,) = response.context["groups"]
    values = {(change.entry.entity_type, *row) for change in group.changes for row in change.values}
    assert ("Invoice", "paid", "0.00", "15.50") in values
    assert ("Invoice", "status", "Issued", "PartiallyPaid") in values
    assert ("Payment", "reference", "—", "EFT 7") in values
    assert "dueDate" not in response.content.decode()


def test_the_request_and_the_reason_stand_in_the_history() -> None:
    company = make_company()
    customer = make_customer(company, city="Durban")
    client = signed_in(make_user("Finance", company))
    address = f"/admin/parties/customer/{customer.pk}/"
    client.post(
        f"{address}change/",
        {"version": 1, "name": customer.name, "city": "Pretoria"},
        headers={"X-Request-ID": "request-0815"},
    )

    response = client.get(f"{address}history/")

    newest = response.context["groups"][0]
    assert newest.changes[0].values == (("city", "Durban", "Pretoria"),)
    assert "request-0815" in response.content.decode()
    assert f"{newest.entry.performed_at:%Y-%m-%d %H:%M:%S} UTC" in response.content.decode()


def test_the_front_page_shows_the_latest_entries_to_those_who_may_read_them() -> None:
    company = make_company()
    customer = make_customer(company)
    update_customer(actor=SYSTEM, customer_id=customer.pk, city="Durban")
    make_draft(make_company())

    auditor = signed_in(make_user("Auditor", company)).get("/admin/").content.decode()
    finance = signed_in(make_user("Finance", company)).get("/admin/").content.decode()

    assert "customer.updated" in auditor
    assert "invoice.created" not in auditor
    assert "customer.updated" not in finance
    for page in (auditor, finance):
        assert "Recent actions" not in page


def test_a_longer_journal_takes_no_more_statements(django_assert_max_num_queries: Any) -> None:
    company = make_company()
    for _ in range(12):
        make_customer(company)
    client = signed_in(make_user("Auditor", company))

    with django_assert_max_num_queries(9):
        assert client.get(JOURNAL).status_code == 200
