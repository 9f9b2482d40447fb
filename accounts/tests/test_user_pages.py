"""The promise: an Admin manages people and their companies on one page each, and nobody raises themselves."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.mail import post_office
from accounts.models import Membership, User
from accounts.selectors import invitation_token, user_of_reset_token
from accounts.tests.factories import PASSWORD, add_role, api_client, make_user
from accounts.tests.second_factors import switched_on
from audit.books import faults
from audit.models import Change
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme")


@pytest.fixture
def admin(company: Company) -> User:
    return make_user("Admin", company, email="admin@example.test")


@pytest.fixture
def clerk(company: Company) -> User:
    return make_user("Finance", company, email="clerk@example.test")


def save(client: Client, user: User, **values: Any) -> Any:
    form = {"version": user.version, "full_name": user.full_name, "is_active": "on", **values}
    return client.post(f"{USERS}{user.pk}/change/", form)


def roles(user: User) -> dict[int, str]:
    return User.objects.get(pk=user.pk).roles_by_company


def test_roles_are_given_changed_and_taken_on_the_users_page(company: Company, admin: User, clerk: User) -> None:
    other = make_company(name="Other")
    add_role(admin, other, "Admin")
    client = signed_in(admin)
    page = client.get(f"{USERS}{clerk.pk}/change/").content.decode()
    assert f'name="role_{company.pk}"' in page
    assert "Give another role" in page

    both = {f"role_{company.pk}": "Viewer", "new_company": other.pk, "new_role": "Auditor"}
    assert save(client, clerk, **both).status_code == 302
    assert roles(clerk) == {company.pk: "Viewer", other.pk: "Auditor"}
    clerk.refresh_from_db()
    assert (clerk.version, clerk.change.action, clerk.change.actor) == (2, "user.updated", "admin@example.test")

    taken = {f"role_{company.pk}": "", f"role_{other.pk}": "Auditor"}
    assert save(client, clerk, **taken).status_code == 302
    assert roles(clerk) == {other.pk: "Auditor"}
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"new_company": "{other}", "new_role": ""}, "Choose the role."),
        ({"new_company": "", "new_role": "Viewer"}, "Choose the company."),
        ({"new_company": "{foreign}", "new_role": "Viewer"}, "Select a valid choice."),
        ({"role_{company}": "Owner"}, "Select a valid choice."),
        ({"role_{company}": ""}, "Leave the user a role"),
    ],
)
def test_roles_that_cannot_be_given_say_why(
    company: Company, admin: User, clerk: User, values: dict[str, str], sentence: str
) -> None:
    other, foreign = make_company(name="Other"), make_company(name="Foreign")
    add_role(admin, other, "Admin")
    ids = {"company": company.pk, "other": other.pk, "foreign": foreign.pk}
    filled = {name.format(**ids): value.format(**ids) for name, value in values.items()}

    reply = save(signed_in(admin), clerk, **filled)

    assert reply.status_code == 200
    assert sentence in reply.content.decode()
    assert roles(clerk) == {company.pk: "Finance"}


def test_nobody_raises_themselves(company: Company, admin: User, clerk: User) -> None:
    foreign = make_company(name="Foreign")
    add_role(admin, foreign, "Viewer")
    forged = {"is_superuser": "on", "is_staff": "on", f"role_{foreign.pk}": "Admin"}

    save(signed_in(admin), admin, **forged)
    save(signed_in(admin), clerk, **forged, new_company=foreign.pk, new_role="Admin")
    for user in (clerk, make_user("Auditor", company), make_user("Viewer", company)):
        client = signed_in(user)
        assert save(client, user, **{f"role_{company.pk}": "Admin"}).status_code in (403, 404)
        assert save(client, admin, **{f"role_{company.pk}": "Viewer"}).status_code in (403, 404)

    assert not User.objects.filter(is_superuser=True).exists()
    assert roles(admin) == {company.pk: "Admin", foreign.pk: "Viewer"}
    assert roles(clerk) == {company.pk: "Finance"}
    assert Membership.objects.filter(group__name="Admin").count() == 1


def test_a_user_with_a_foreign_company_and_a_superuser_are_out_of_reach(
    company: Company, admin: User, clerk: User
) -> None:
    add_role(clerk, make_company(), "Viewer")
    root = User.objects.create_superuser("root@example.test", PASSWORD)
    add_role(root, company, "Viewer")
    switched_on(clerk)
    switched_on(root)
    client = signed_in(admin)

    for user in (clerk, root):
        for page in ("reset-second-factor", "lift-lock-out", "invite", "password"):
            body = {"version": user.version, "reason": "Because."}
            assert client.post(f"{USERS}{user.pk}/{page}/", body).status_code in (403, 404)
        assert User.objects.get(pk=user.pk).second_factor_since is not None


def test_an_admin_resets_a_colleagues_second_factor_with_a_reason(company: Company, admin: User, clerk: User) -> None:
    factor = switched_on(clerk)
    client = signed_in(admin)
    address = f"{USERS}{clerk.pk}/reset-second-factor/"
    page = client.get(f"{USERS}{clerk.pk}/change/").content.decode()
    assert address in page
    assert factor.secret not in page

    assert client.post(address, {"version": clerk.version}).status_code == 200
    done = client.post(address, {"version": clerk.version, "reason": "Lost the telephone."})

    assert done.status_code == 302
    clerk.refresh_from_db()
    assert clerk.second_factor_since is None
    assert (clerk.change.actor, clerk.change.reason) == ("admin@example.test", "Lost the telephone.")
    assert address not in client.get(f"{USERS}{clerk.pk}/change/").content.decode()


def test_ones_own_second_factor_is_not_reset_without_a_code(admin: User) -> None:
    client = signed_in(admin)
    switched_on(admin)
    session = client.session
    session["second_factor"] = True
    session.save()

    client.post(f"{USERS}{admin.pk}/reset-second-factor/", {"version": admin.version, "reason": "Quick."})

    assert User.objects.get(pk=admin.pk).second_factor_since is not None


def test_finance_does_none_of_it(company: Company, admin: User, clerk: User) -> None:
    switched_on(admin)
    client = signed_in(clerk)

    for page in ("reset-second-factor", "lift-lock-out", "invite", "password", "change"):
        body = {"version": admin.version, "reason": "Because."}
        assert client.post(f"{USERS}{admin.pk}/{page}/", body).status_code in (403, 404)
    assert client.get(USERS).status_code == 403
    assert User.objects.get(pk=admin.pk).second_factor_since is not None


def test_an_admin_lifts_a_lock_out(company: Company, admin: User, clerk: User) -> None:
    def attempt(password: str) -> int:
        body = {"email": clerk.email, "password": password}
        return int(api_client().post("/api/auth/login", body, REMOTE_ADDR="192.0.2.1").status_code)

    client = signed_in(admin)
    address = f"{USERS}{clerk.pk}/lift-lock-out/"
    assert address not in client.get(f"{USERS}{clerk.pk}/change/").content.decode()
    assert [attempt("wrong-password") for _ in range(10)] == [401] * 10
    assert attempt(PASSWORD) == 429
    page = client.get(f"{USERS}{clerk.pk}/change/").content.decode()
    assert "Locked after too many failures, for 15 minutes" in page
    assert address in page

    client.post(address, {"version": clerk.version, "reason": "Caps lock."})

    assert attempt(PASSWORD) == 200
    clerk.refresh_from_db()
    assert (clerk.change.action, clerk.change.reason) == ("user.lock_out_lifted", "Caps lock.")


@pytest.mark.django_db(transaction=True)
def test_an_invitation_leads_to_a_password_and_is_good_once(company: Company, admin: User) -> None:
    client = signed_in(admin)
    form = {"email": "New@Example.test", "full_name": "New", "company": company.pk, "role": "Finance"}
    client.post(f"{USERS}add/", form)
    post_office.submit(int).result()
    user = User.objects.get(email="new@example.test")
    assert "Invited, no password chosen yet" in client.get(f"{USERS}{user.pk}/change/").content.decode()
    client.post(f"{USERS}{user.pk}/invite/", {"version": user.version})
    post_office.submit(int).result()

    assert [message.to for message in mail.outbox] == [["new@example.test"]] * 2
    assert "admin@example.test made a FinTrack account for you." in mail.outbox[0].body
    links = [re.search(r"/reset/\S+", str(message.body)) for message in mail.outbox]
    first, second = (link[0] for link in links if link)
    chosen = {"new_password1": "seven-green-bottles", "new_password2": "seven-green-bottles"}
    assert Client().post(first, chosen)["Location"] == "/reset/done"
    assert [Client().post(link, chosen).status_code for link in (first, second)] == [400, 400]
    body = {"email": "new@example.test", "password": "seven-green-bottles"}
    assert api_client().post("/api/auth/login", body).status_code == 200
    user.refresh_from_db()
    again = client.post(f"{USERS}{user.pk}/invite/", {"version": user.version})
    assert again.status_code in (200, 302)
    assert len(mail.outbox) == 2
    assert Change.objects.filter(action="user.invited").count() == 1


def test_an_invitation_lasts_three_days(company: Company) -> None:
    user = make_user("Viewer", company)
    with time_machine.travel(datetime(2026, 3, 2, 12, tzinfo=UTC), tick=False) as clock:
        token = invitation_token(user)
        clock.shift(timedelta(days=3))
        assert user_of_reset_token(token) == user
        clock.shift(timedelta(seconds=1))
        assert user_of_reset_token(token) is None
