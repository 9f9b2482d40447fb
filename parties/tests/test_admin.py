import re
from datetime import date
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Membership, User
from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.tests.factories import make_draft
from parties.models import Company, Customer
from parties.services import move_period_lock, update_company, update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db

CUSTOMERS = "/admin/parties/customer/"
COMPANIES = "/admin/parties/company/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form_of(customer: Customer, **values: Any) -> dict[str, Any]:
    return {"version": customer.version, "name": customer.name, "city": customer.city, **values}


def company_form(**values: Any) -> dict[str, Any]:
    defaults = {
        "name": "Acme",
        "currency": "ZAR",
        "time_zone": "Africa/Johannesburg",
        "default_vat_rate": "0.15",
        "payment_days": "30",
        "vat_rounding": "document",
    }
    return {**defaults, **values}


def test_a_customer_is_made_for_the_only_company_there_is_to_choose() -> None:
    company = make_company()
    finance = make_user("Finance", company)
    client = signed_in(finance)

    form = client.get(f"{CUSTOMERS}add/").context["adminform"].form
    response = client.post(f"{CUSTOMERS}add/", {"company": company.pk, "name": " Blue Lagoon ", "country_code": "za"})

    customer = Customer.objects.get()
    assert form["company"].value() == company.pk
    assert response.status_code == 302
    assert (customer.name, customer.country_code, customer.company) == ("Blue Lagoon", "ZA", company)
    assert customer.change.actor == finance.email
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"email": "nobody"}, "email", "Enter a valid email address."),
        ({"country_code": "Z1"}, "country_code", "A country is its two letters in ISO 3166-1"),
        ({"name": "a\x07b"}, "name", "The character U+0007 is not possible in a text."),
        ({"name": "a" * 201}, "name", "Ensure this value has at most 200 characters"),
    ],
)
def test_what_cannot_be_right_stands_beside_its_field_and_stays_as_typed(
    values: dict[str, str], field: str, sentence: str
) -> None:
    company = make_company()

    response = signed_in(make_user("Finance", company)).post(
        f"{CUSTOMERS}add/", {"company": company.pk, "name": "Blue", "city": "Durban", **values}
    )

    form = response.context["adminform"].form
    assert sentence in str(form.errors[field])
    assert form["city"].value() == "Durban"
    assert not Customer.objects.exists()


def test_the_second_tab_is_told_what_changed_and_then_decides() -> None:
    company = make_company()
    customer = make_customer(company, city="Durban")
    client = signed_in(make_user("Finance", company))
    rival = make_user("Finance", company, email="rival@example.test")
    update_customer(actor=rival, customer_id=customer.pk, city="Pretoria")
    address = f"{CUSTOMERS}{customer.pk}/change/"

    response = client.post(address, form_of(customer, phone="555"))

    form = response.context["adminform"].form
    assert "rival@example.test changed this at " in response.content.decode()
    assert response.context["news"][0].changes[0].values == (("city", "Durban", "Pretoria"),)
    assert (form["phone"].value(), form["city"].value(), form["version"].value()) == ("555", "Durban", "2")
    customer.refresh_from_db()
    assert (customer.city, customer.phone) == ("Pretoria", "")

    assert client.post(address, form_of(customer, phone="555", city="Durban")).status_code == 302
    customer.refresh_from_db()
    assert (customer.city, customer.phone, customer.version) == ("Durban", "555", 3)


def test_a_customer_without_documents_is_deleted_and_one_with_documents_is_not() -> None:
    company = make_company()
    unused = make_customer(company)
    used = make_draft(company).customer
    client = signed_in(make_user("Finance", company))

    gone = client.post(f"{CUSTOMERS}{unused.pk}/delete/", {"post": "yes", "version": "1"})
    kept = client.post(f"{CUSTOMERS}{used.pk}/delete/", {"post": "yes", "version": "1"}, follow=True)

    assert gone.status_code == 302
    assert "This customer has documents and cannot be deleted. Archive it instead." in kept.content.decode()
    assert list(Customer.objects.all()) == [used]


def test_a_customer_is_archived() -> None:
    company = make_company()
    customer = make_customer(company)

    signed_in(make_user("Finance", company)).post(f"{CUSTOMERS}{customer.pk}/change/", form_of(customer, archived="on"))

    customer.refresh_from_db()
    assert customer.archived


def test_viewers_and_auditors_read_customers_and_change_nothing() -> None:
    company = make_company()
    customer = make_customer(company, name="Blue Lagoon")
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))

        page = client.get(f"{CUSTOMERS}{customer.pk}/change/")
        assert "Blue Lagoon" in page.content.decode()
        assert 'name="name"' not in page.content.decode()
        assert client.post(f"{CUSTOMERS}{customer.pk}/change/", form_of(customer, name="X")).status_code == 403
        assert client.get(f"{CUSTOMERS}add/").status_code == 403
        assert client.post(f"{CUSTOMERS}{customer.pk}/delete/", {"post": "yes"}).status_code == 403

    customer.refresh_from_db()
    assert customer.version == 1


def test_another_companys_customer_and_company_answer_like_ones_that_do_not_exist() -> None:
    foreign = make_customer(make_company(name="Foreign"), name="Secret")
    client = signed_in(make_user("Admin"))

    for page in ("change", "history", "delete"):
        assert client.get(f"{CUSTOMERS}{foreign.pk}/{page}/").status_code == 404
        assert client.get(f"{CUSTOMERS}{foreign.pk + 1000}/{page}/").status_code == 404
    assert client.post(f"{CUSTOMERS}{foreign.pk}/change/", form_of(foreign)).status_code == 404
    assert client.get(f"{COMPANIES}{foreign.company_id}/change/").status_code == 404
    assert client.get(f"{COMPANIES}{foreign.company_id}/history/").status_code == 404
    assert "Secret" not in client.get(CUSTOMERS).content.decode()
    assert "Foreign" not in client.get(f"{CUSTOMERS}add/").content.decode()


def test_a_customer_is_not_added_to_a_foreign_company() -> None:
    response = signed_in(make_user("Finance")).post(
        f"{CUSTOMERS}add/", {"company": make_company().pk, "name": "Planted"}
    )

    assert "Select a valid choice." in str(response.context["adminform"].form.errors["company"])
    assert not Customer.objects.exists()


def test_who_founds_a_company_becomes_its_admin() -> None:
    founder = make_user("Admin")

    response = signed_in(founder).post(f"{COMPANIES}add/", company_form(name="New Venture"))

    company = Company.objects.get(name="New Venture")
    assert response.status_code == 302
    assert Membership.objects.get(user=founder, company=company).role == "Admin"
    assert signed_in(User.objects.get(pk=founder.pk)).get(f"{COMPANIES}{company.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"default_vat_rate": "115"}, "default_vat_rate", "A VAT rate is a fraction from 0 to 1"),
        ({"default_vat_rate": "0,1,5"}, "default_vat_rate", "This is no amount that can be read for sure."),
        ({"default_vat_rate": "0.12345"}, "default_vat_rate", "At most 4 decimals are possible here"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "is no time zone"),
        ({"currency": "ABC"}, "currency", "Select a valid choice."),
        ({"payment_days": "4000"}, "payment_days", "Payment days run from 0 to 3650."),
        ({"payment_days": "-1"}, "payment_days", "greater than or equal to 0"),
    ],
)
def test_a_company_that_cannot_be_right_says_why(values: dict[str, str], field: str, sentence: str) -> None:
    response = signed_in(make_user("Admin")).post(f"{COMPANIES}add/", company_form(**values))

    assert sentence in str(response.context["adminform"].form.errors[field])
    assert Company.objects.count() == 1


def test_a_company_is_changed_by_its_admin_and_by_nobody_else() -> None:
    company = make_company(name="Acme")
    address = f"{COMPANIES}{company.pk}/change/"

    refused = signed_in(make_user("Finance", company)).post(address, company_form(version=1, payment_days="7"))
    changed = signed_in(make_user("Admin", company)).post(address, company_form(version=1, payment_days="7"))

    company.refresh_from_db()
    assert (refused.status_code, changed.status_code) == (403, 302)
    assert (company.payment_days, company.version) == (7, 2)


def test_a_stale_company_form_keeps_what_was_typed() -> None:
    company = make_company(name="Acme")
    update_company(actor=SYSTEM, company_id=company.pk, payment_days=14)

    response = signed_in(make_user("Admin", company)).post(
        f"{COMPANIES}{company.pk}/change/", company_form(version=1, payment_days="7")
    )

    form = response.context["adminform"].form
    assert response.context["news"][0].changes[0].values == (("paymentDays", "30", "14"),)
    assert (form["payment_days"].value(), form["version"].value()) == ("7", "2")


def test_companies_are_never_deleted() -> None:
    company = make_company()
    client = signed_in(User.objects.create_superuser("root@example.test", "correct-horse-battery"))

    assert client.post(f"{COMPANIES}{company.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Company.objects.filter(pk=company.pk).exists()


def test_a_superuser_sees_all_companies() -> None:
    first, second = make_customer(make_company(), name="One"), make_customer(make_company(), name="Two")
    client = signed_in(User.objects.create_superuser("root@example.test", "correct-horse-battery"))

    page = client.get(CUSTOMERS).content.decode()

    assert first.name in page
    assert second.name in page


def lock_url(company: Company) -> str:
    return f"{COMPANIES}{company.pk}/lock/"


def test_an_admin_moves_the_period_lock_for_a_reason() -> None:
    company = make_company(name="Acme")
    client = signed_in(make_user("Admin", company, email="admin@example.test"))
    page = f"{COMPANIES}{company.pk}/change/"

    before = client.get(page).content.decode()
    closed = client.post(
        lock_url(company), {"version": 1, "locked_through": "2026-01-31", "reason": "January is filed"}
    )
    after = client.get(page).content.decode()
    shown = client.get(lock_url(company)).context["adminform"].form
    opened = client.post(lock_url(company), {"version": 2, "locked_through": "", "reason": "A late bill"}, follow=True)

    assert lock_url(company) in before
    assert closed["Location"] == page
    assert re.search(r'class="readonly[^>]*>closed up to 2026-01-31<', after)
    assert shown["locked_through"].value() == date(2026, 1, 31)
    assert "The books of Acme are open." in opened.content.decode()
    company.refresh_from_db()
    assert (company.locked_through, company.version) == (None, 3)
    entries = Change.objects.filter(action="company.period_lock_moved").order_by("id")
    assert [(entry.reason, entry.actor, entry.company_id) for entry in entries] == [
        ("January is filed", "admin@example.test", company.pk),
        ("A late bill", "admin@example.test", company.pk),
    ]


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"reason": " "}, "reason", "This field is required."),
        ({"locked_through": "2026-02-30"}, "locked_through", "Enter a valid date."),
        ({"locked_through": "soon"}, "locked_through", "Enter a valid date."),
    ],
)
def test_a_lock_that_cannot_be_says_why_beside_its_field(values: dict[str, str], field: str, sentence: str) -> None:
    company = make_company()

    response = signed_in(make_user("Admin", company)).post(
        lock_url(company), {"version": 1, "locked_through": "2026-01-31", "reason": "Filed", **values}
    )

    form = response.context["adminform"].form
    company.refresh_from_db()
    assert sentence in str(form.errors[field])
    assert form[field].value() == values[field]
    assert company.locked_through is None


def test_a_second_click_on_the_lock_moves_it_once() -> None:
    company = make_company()
    client = signed_in(make_user("Admin", company, email="quick@example.test"))
    values = {"version": 1, "locked_through": "2026-01-31", "reason": "Filed"}

    client.post(lock_url(company), values)
    response = client.post(lock_url(company), values)

    assert "quick@example.test changed this at " in response.content.decode()
    assert response.context["news"][0].changes[0].values == (("lockedThrough", "—", "2026-01-31"),)
    assert Change.objects.filter(action="company.period_lock_moved").count() == 1


def test_only_admins_move_the_lock_and_others_see_it() -> None:
    company = make_company()
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 31), reason="Filed")
    for role in ("Finance", "Viewer", "Auditor"):
        client = signed_in(make_user(role, company))
        page = client.get(f"{COMPANIES}{company.pk}/change/").content.decode()
        assert "closed up to 2026-01-31" in page
        assert lock_url(company) not in page
        assert client.get(lock_url(company)).status_code == 403
        assert client.post(lock_url(company), {"version": 2, "locked_through": "", "reason": "x"}).status_code == 403

    assert signed_in(make_user("Admin")).get(lock_url(company)).status_code == 404
    company.refresh_from_db()
    assert company.version == 2


def test_a_company_says_where_it_rounds_vat() -> None:
    company = make_company(name="Acme")
    client = signed_in(make_user("Admin", company))

    client.post(f"{COMPANIES}{company.pk}/change/", company_form(version=1, vat_rounding="line"))
    refused = client.post(f"{COMPANIES}{company.pk}/change/", company_form(version=2, vat_rounding="never"))

    company.refresh_from_db()
    assert (company.vat_rounding, company.version) == ("line", 2)
    assert "Select a valid choice." in str(refused.context["adminform"].form.errors["vat_rounding"])


def test_a_second_click_on_save_makes_no_second_customer() -> None:
    company = make_company()
    client = signed_in(make_user("Finance", company))
    token = client.get(f"{CUSTOMERS}add/").context["adminform"].form["form_token"].value()
    values = {"company": company.pk, "name": "Blue Lagoon", "form_token": token}

    replies = [client.post(f"{CUSTOMERS}add/", values) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [302, 302]
    assert Customer.objects.count() == 1
