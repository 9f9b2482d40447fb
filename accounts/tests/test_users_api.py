"""What the REST API promises about managing users, and about founding companies."""

from typing import Any

import pytest

from accounts.models import Membership, SignIn, User
from accounts.services import sign_in
from accounts.tests.factories import PASSWORD, add_role, api_client, make_user
from audit.books import faults
from audit.models import Change
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    """The Admin's own."""
    return make_company(name="Acme")


@pytest.fixture
def admin(company: Company) -> User:
    """Somebody who runs Acme."""
    return make_user("Admin", company, email="admin@example.test")


@pytest.fixture
def user(company: Company) -> User:
    """Somebody in Acme."""
    return make_user("Viewer", company, email="ben@example.test", full_name="Ben")


def url_of(user: User) -> str:
    return f"/api/users/{user.pk}"


def emails(client: Any, query: str = "") -> list[str]:
    return [row["email"] for row in client.get(f"/api/users{query}").json()["results"]]


def roles_of(user: User) -> dict[int, str]:
    return User.objects.get(pk=user.pk).roles_by_company


def test_a_user_is_read_with_roles_and_version(company: Company, admin: User, user: User) -> None:
    reply = api_client(admin).get(url_of(user))

    assert reply.status_code == 200
    assert reply["ETag"] == '"1"'
    assert reply.json() == {
        "id": user.pk,
        "email": "ben@example.test",
        "fullName": "Ben",
        "active": True,
        "role": "Viewer",
        "memberships": [{"companyId": company.pk, "role": "Viewer"}],
        "lastLogin": None,
        "secondFactorSince": None,
        "version": 1,
    }


def test_people_are_listed_if_all_their_companies_are_the_admin_s_to_run(
    company: Company, admin: User, user: User
) -> None:
    # given: people elsewhere, in both, in a company where the Admin is only a Viewer, and a superuser in Acme
    make_user("Finance", make_company())
    add_role(make_user("Finance", company), make_company(), "Viewer")
    add_role(User.objects.create_superuser("root@example.test", PASSWORD), company, "Admin")
    both = make_company()
    second = add_role(make_user("Admin", company, email="second@example.test"), both, "Viewer")
    make_user("Viewer", both, email="watched@example.test")

    assert emails(api_client(admin)) == ["admin@example.test", "ben@example.test"]
    assert emails(api_client(second)) == ["admin@example.test", "ben@example.test"]
    assert len(emails(api_client(User.objects.get(is_superuser=True)))) == User.objects.count()


def test_people_are_filtered_and_paged(company: Company, admin: User, user: User) -> None:
    client = api_client(admin)
    client.patch(url_of(user), {"version": 1, "active": False})

    first = client.get("/api/users?pageSize=1").json()

    assert emails(client, "?active=true") == ["admin@example.test"]
    assert emails(client, "?active=false") == ["ben@example.test"]
    assert emails(client, f"?companyId={company.pk}&ordering=-email") == ["ben@example.test", "admin@example.test"]
    assert emails(client, f"?companyId={make_company().pk}") == []
    assert [row["email"] for row in first["results"]] == ["admin@example.test"]
    assert [row["email"] for row in client.get(first["next"]).json()["results"]] == ["ben@example.test"]
    assert client.get("/api/users?role=Admin").json()["code"] == "unknown_parameter"


def test_whoever_is_not_all_mine_does_not_exist(company: Company, admin: User) -> None:
    elsewhere = make_user("Finance", make_company())
    shared = add_role(make_user("Finance", company), make_company(), "Viewer")
    root = add_role(User.objects.create_superuser("root@example.test", PASSWORD), company, "Admin")
    nobody = make_user(None)
    client = api_client(admin)

    for other in (elsewhere, shared, root, nobody):
        assert client.get(url_of(other)).status_code == 404
        assert client.patch(url_of(other), {"version": 1, "fullName": "X"}).status_code == 404
    assert not User.objects.filter(full_name="X").exists()


def test_name_role_and_activity_change_in_one_version(company: Company, admin: User, user: User) -> None:
    body = {"version": 1, "fullName": " Benjamin ", "memberships": [{"companyId": company.pk, "role": "Finance"}]}

    reply = api_client(admin).patch(url_of(user), body)

    assert (reply.status_code, reply["ETag"]) == (200, '"2"')
    assert (reply.json()["fullName"], reply.json()["role"], reply.json()["version"]) == ("Benjamin", "Finance", 2)
    entry = Change.objects.get(action="user.updated")
    assert (entry.actor, entry.company_id) == ("admin@example.test", company.pk)
    assert user.history.first().change == Membership.objects.get(user=user).change == entry
    assert list(faults()) == []


def test_a_change_of_role_counts_in_the_next_request(company: Company, admin: User, user: User) -> None:
    theirs = api_client(user)
    before = theirs.post("/api/customers", {"name": "X"}).status_code

    api_client(admin).patch(url_of(user), {"version": 1, "memberships": [{"companyId": company.pk, "role": "Finance"}]})

    assert (before, theirs.post("/api/customers", {"name": "X"}).status_code) == (403, 201)


def test_a_deactivated_user_is_out_at_once_and_stays_out_of_old_sign_ins(
    company: Company, admin: User, user: User
) -> None:
    pair = sign_in(email=user.email, password=PASSWORD)
    theirs, client = api_client(), api_client(admin)
    theirs.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")

    off = client.patch(url_of(user), {"version": 1, "active": False})
    refused = theirs.get("/api/auth/me").status_code
    on = client.patch(url_of(user), {"version": 2, "active": True})

    assert (off.json()["active"], refused, on.json()["active"]) == (False, 401, True)
    assert theirs.get("/api/auth/me").status_code == 401
    assert api_client().post("/api/auth/refresh", {"refresh": pair.refresh}).status_code == 401
    assert not SignIn.objects.filter(revoked_at=None).exists()


def test_memberships_replace_the_roles_in_all_companies(company: Company, admin: User, user: User) -> None:
    other, third = make_company(), make_company()
    for more in (other, third):
        admin = add_role(admin, more, "Admin")
    user = add_role(user, other, "Finance")
    wanted = [{"companyId": company.pk, "role": "Viewer"}, {"companyId": third.pk, "role": "Auditor"}]

    reply = api_client(admin).patch(url_of(user), {"version": 2, "memberships": wanted})

    assert reply.json()["memberships"] == wanted
    assert roles_of(user) == {company.pk: "Viewer", third.pk: "Auditor"}
    assert Membership.objects.get(user=user, company=company).version == 1  # the same as before, so no version
    assert Membership.history.filter(user_id=user.pk, company_id=other.pk, history_type="-").count() == 1
    assert list(faults()) == []


def test_a_stale_version_says_what_differs_and_a_missing_one_is_asked_for(
    company: Company, admin: User, user: User
) -> None:
    client = api_client(admin)
    client.patch(url_of(user), {"version": 1, "fullName": "Benjamin", "active": False})

    missing = client.patch(url_of(user), {"fullName": "X"})
    stale = client.patch(url_of(user), {"version": 1, "fullName": "X"})
    precondition = client.patch(url_of(user), {"fullName": "X"}, headers={"If-Match": '"1"'})
    current = client.patch(url_of(user), {"fullName": "Y"}, headers={"If-Match": '"2"'})

    assert [reply.status_code for reply in (missing, stale, precondition, current)] == [428, 409, 412, 200]
    assert (stale.json()["currentVersion"], stale.json()["changedBy"]) == (2, "admin@example.test")
    assert stale.json()["changes"] == {"fullName": ["Ben", "Benjamin"], "active": [True, False]}


def test_roles_given_meanwhile_are_a_conflict(company: Company, admin: User, user: User) -> None:
    add_role(user, company, "Finance")

    reply = api_client(admin).patch(
        url_of(user), {"version": 1, "memberships": [{"companyId": company.pk, "role": "Auditor"}]}
    )

    assert (reply.status_code, roles_of(user)) == (409, {company.pk: "Finance"})


@pytest.mark.parametrize(
    ("change", "field"),
    [({"active": False}, "active"), ({"memberships": "Viewer"}, "memberships")],
)
def test_the_last_active_admin_stays(company: Company, admin: User, change: Any, field: str) -> None:
    # given: another Admin, who is deactivated
    idle, client = make_user("Admin", company), api_client(admin)
    client.patch(url_of(idle), {"version": 1, "active": False})
    if "memberships" in change:
        change = {"memberships": [{"companyId": company.pk, "role": change["memberships"]}]}

    reply = client.patch(url_of(admin), {"version": 1} | change)

    assert (reply.status_code, reply.json()["code"]) == (400, "last_admin")
    assert reply.json()["errors"][0]["field"] == field
    assert (User.objects.get(pk=admin.pk).is_active, roles_of(admin)) == (True, {company.pk: "Admin"})


def test_an_admin_may_go_where_another_stays(company: Company, admin: User) -> None:
    make_user("Admin", company)

    reply = api_client(admin).patch(
        url_of(admin), {"version": 1, "memberships": [{"companyId": company.pk, "role": "Viewer"}]}
    )

    assert (reply.status_code, roles_of(admin)) == (200, {company.pk: "Viewer"})


def test_nobody_raises_themselves(company: Company) -> None:
    other = make_company()
    users = [make_user(role, company) for role in ("Finance", "Viewer", "Auditor")]
    mixed = add_role(make_user("Admin", company), other, "Viewer")

    for user in users:
        body = {"version": 1, "memberships": [{"companyId": company.pk, "role": "Admin"}]}
        assert api_client(user).patch(url_of(user), body).status_code == 403
    body = {"version": 2, "memberships": [{"companyId": row.pk, "role": "Admin"} for row in (company, other)]}
    assert api_client(mixed).patch(url_of(mixed), body).status_code == 403
    assert roles_of(mixed) == {company.pk: "Admin", other.pk: "Viewer"}
    assert not Change.objects.filter(action="user.updated").exists()


def test_roles_are_given_only_where_the_caller_is_admin(company: Company, admin: User, user: User) -> None:
    viewed, foreign = make_company(), make_company()
    admin = add_role(admin, viewed, "Viewer")

    def give(target: Company, role: str = "Viewer") -> int:
        rows = [{"companyId": company.pk, "role": "Viewer"}, {"companyId": target.pk, "role": role}]
        return api_client(admin).patch(url_of(user), {"version": 1, "memberships": rows}).status_code

    assert (give(viewed), give(foreign)) == (403, 404)
    assert roles_of(user) == {company.pk: "Viewer"}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"email": "x@example.test"}, "unknown_field", "email"),
        ({"isSuperuser": True}, "unknown_field", "isSuperuser"),
        ({"password": PASSWORD}, "unknown_field", "password"),
        ({"active": "perhaps"}, "invalid", "active"),
        ({"fullName": "x" * 201}, "text_invalid", "fullName"),
        ({"memberships": []}, "role_missing", "memberships"),
        ({"memberships": [{"companyId": 0, "role": "Owner"}]}, "role_unknown", "role"),
        ({"memberships": [{"companyId": 0, "role": "Viewer"}] * 2}, "duplicate_company", "memberships"),
        ({"memberships": [{"companyId": 0}]}, "required", "memberships.0.role"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(admin: User, user: User, body: Any, code: str, field: str) -> None:
    if "memberships" in body:
        company_id = user.company_ids[0]
        body = {"memberships": [row | {"companyId": company_id} for row in body["memberships"]]}

    reply = api_client(admin).patch(url_of(user), {"version": 1} | body)

    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert reply.json()["errors"][0]["field"] == field
    assert User.objects.get(pk=user.pk).version == 1


# Founding companies


def test_an_admin_founds_a_company_and_becomes_its_admin(admin: User) -> None:
    body = {
        "name": " Karoo Wool ",
        "currency": "ZAR",
        "timeZone": "Africa/Johannesburg",
        "defaultVatRate": "0.15",
        "vatRounding": "line",
        "paymentDays": 14,
        "vatNumber": "4987654321",
        "city": "Graaff-Reinet",
        "countryCode": "za",
    }
    client = api_client(admin)

    reply = client.post("/api/companies", body)

    assert (reply.status_code, reply["ETag"]) == (201, '"1"')
    wanted = body | {"name": "Karoo Wool", "countryCode": "ZA", "lockedThrough": None, "version": 1}
    assert reply.json().items() >= wanted.items()
    company = Company.objects.get(name="Karoo Wool")
    assert roles_of(admin)[company.pk] == "Admin"
    assert client.get(f"/api/companies/{company.pk}").status_code == 200
    assert client.patch(f"/api/companies/{company.pk}", {"version": 1, "city": "Aberdeen"}).status_code == 200
    assert list(faults()) == []


def test_a_superuser_founds_a_company_without_a_role_in_it() -> None:
    root = User.objects.create_superuser("root@example.test", PASSWORD)

    reply = api_client(root).post("/api/companies", {"name": "X", "currency": "EUR"})

    assert (reply.status_code, reply.json()["timeZone"]) == (201, "UTC")
    assert not Membership.objects.exists()


def test_only_admins_found_companies(company: Company) -> None:
    for role in ("Finance", "Viewer", "Auditor", None):
        client = api_client(make_user(role, company))
        assert client.post("/api/companies", {"name": "X", "currency": "EUR"}).status_code == 403
    assert api_client().post("/api/companies", {"name": "X", "currency": "EUR"}).status_code == 401
    assert not Company.objects.filter(name="X").exists()


def test_a_repeated_key_founds_one_company(admin: User) -> None:
    client, body, headers = api_client(admin), {"name": "X", "currency": "EUR"}, {"Idempotency-Key": "key-1"}

    first = client.post("/api/companies", body, headers=headers)
    again = client.post("/api/companies", body, headers=headers)
    other = client.post("/api/companies", body | {"name": "Y"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert Company.objects.filter(name="X").count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"currency": "ZZZ"}, "currency"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"defaultVatRate": 15}, "defaultVatRate"),
        ({"paymentDays": -1}, "paymentDays"),
        ({"vatRounding": "never"}, "vatRounding"),
        ({"countryCode": "Z1"}, "countryCode"),
        ({"email": "nobody"}, "email"),
        ({"lockedThrough": "2026-01-31"}, "lockedThrough"),
        ({"version": 1}, "version"),
    ],
)
def test_bad_companies_are_refused_and_the_field_is_named(admin: User, change: Any, field: str) -> None:
    reply = api_client(admin).post("/api/companies", {"name": "X", "currency": "EUR"} | change)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert Company.objects.count() == 1
