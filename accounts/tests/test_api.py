"""What the REST API promises about signing in."""

import time

import jwt
import pytest
from django.conf import settings

from accounts.models import SignIn, User
from accounts.services import change_password, update_user
from accounts.tests.factories import PASSWORD, add_role, api_client, make_user
from audit.models import Change
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


def sign_in(user, password=PASSWORD):
    return api_client().post("/api/auth/login", {"email": user.email, "password": password})


def bearer(token):
    client = api_client()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_signing_in_gives_tokens_and_says_who_i_am():
    company = make_company()
    user = make_user("Finance", company)
    other = make_company()
    user = add_role(user, other, "Viewer")

    reply = api_client().post("/api/auth/login", {"email": user.email.upper(), "password": PASSWORD})

    body = reply.json()
    assert reply.status_code == 200
    assert (body["email"], body["role"], body["roles"]) == (user.email, "Finance", ["Finance", "Viewer"])
    assert body["memberships"] == [
        {"companyId": company.pk, "role": "Finance"},
        {"companyId": other.pk, "role": "Viewer"},
    ]
    assert body["expiresIn"] == 900
    assert bearer(body["access"]).get("/api/auth/me").json()["email"] == user.email


@pytest.mark.parametrize(
    ("email", "password"), [("nobody@example.test", PASSWORD), (None, "wrong-password"), (None, "")]
)
def test_a_wrong_sign_in_does_not_say_what_was_wrong(email, password):
    user = make_user()

    reply = api_client().post("/api/auth/login", {"email": email or user.email, "password": password})

    assert reply.status_code in (400, 401)
    assert "access" not in reply.json()


def test_a_deactivated_user_is_out_at_once():
    user = make_user()
    access = sign_in(user).json()["access"]

    update_user(actor=make_user("Admin"), user_id=user.pk, is_active=False)

    assert bearer(access).get("/api/auth/me").status_code == 401
    assert sign_in(user).status_code == 401


def test_a_refresh_token_is_good_once_and_a_second_use_ends_the_sign_in():
    first = sign_in(make_user()).json()["refresh"]

    second = api_client().post("/api/auth/refresh", {"refresh": first})
    again = api_client().post("/api/auth/refresh", {"refresh": first})
    after = api_client().post("/api/auth/refresh", {"refresh": second.json()["refresh"]})

    assert [second.status_code, again.status_code, after.status_code] == [200, 401, 401]
    assert SignIn.objects.get().revoked_at is not None


def test_signing_out_ends_the_refresh_token():
    refresh = sign_in(make_user()).json()["refresh"]

    assert api_client().post("/api/auth/logout", {"refresh": refresh}).status_code == 204
    assert api_client().post("/api/auth/refresh", {"refresh": refresh}).status_code == 401


def test_a_changed_password_ends_all_sign_ins_and_is_recorded_without_its_value():
    user = make_user()
    refresh = sign_in(user).json()["refresh"]

    change_password(actor=user, user=user, password="another-good-password")

    assert api_client().post("/api/auth/refresh", {"refresh": refresh}).status_code == 401
    assert sign_in(user, "another-good-password").status_code == 200
    entry = Change.objects.get(action="user.password_changed")
    assert entry.actor == user.email
    assert user.history.first().version == 2
    assert not hasattr(user.history.first(), "password")


def _token(**claims):
    base = {
        "token_type": "access",
        "exp": int(time.time()) + 300,
        "iat": 0,
        "jti": "x",
        "iss": "FinTrack",
        "aud": "FinTrack",
    }
    return base | claims


@pytest.mark.parametrize(
    ("claims", "key", "algorithm"),
    [
        ({}, "", "none"),
        ({}, "somebody-elses-signing-key-of-some-length", "HS256"),
        ({"exp": 1}, settings.JWT_SIGNING_KEY, "HS256"),
        ({"iss": "Elsewhere"}, settings.JWT_SIGNING_KEY, "HS256"),
        ({"aud": "Elsewhere"}, settings.JWT_SIGNING_KEY, "HS256"),
        ({"token_type": "refresh"}, settings.JWT_SIGNING_KEY, "HS256"),
        ({"sub": "999999"}, settings.JWT_SIGNING_KEY, "HS256"),
    ],
)
def test_a_token_that_is_not_ours_is_a_401(claims, key, algorithm):
    user = make_user()
    token = jwt.encode(_token(**{"sub": str(user.pk)} | claims), key, algorithm=algorithm)

    reply = bearer(token).get("/api/auth/me")

    assert reply.status_code == 401
    assert reply["Content-Type"] == "application/problem+json"


def test_a_stale_header_does_not_stand_in_the_way_of_signing_in():
    user = make_user()

    reply = bearer("stale").post("/api/auth/login", {"email": user.email, "password": PASSWORD})

    assert reply.status_code == 200


def test_nobody_registers_themselves():
    body = {"email": "new@example.test", "password": PASSWORD, "role": "Admin"}

    replies = [
        api_client().post("/api/auth/register", body),
        *(api_client(make_user(role)).post("/api/auth/register", body) for role in ("Finance", "Viewer", "Auditor")),
    ]

    assert [reply.status_code for reply in replies] == [401, 403, 403, 403]
    assert not User.objects.filter(email="new@example.test").exists()


def test_an_admin_registers_people_in_their_own_companies():
    company = make_company()
    admin = make_user("Admin", company)
    client = api_client(admin)
    body = {"email": "New@Example.test", "password": PASSWORD, "role": "Viewer"}

    made = client.post("/api/auth/register", body)
    taken = client.post("/api/auth/register", body)
    unknown_role = client.post("/api/auth/register", body | {"email": "b@example.test", "role": "Owner"})
    weak = client.post("/api/auth/register", body | {"email": "c@example.test", "password": "12345"})
    foreign = client.post("/api/auth/register", body | {"email": "d@example.test", "companyIds": [make_company().pk]})

    assert made.status_code == 201
    assert (made.json()["email"], made.json()["role"]) == ("new@example.test", "Viewer")
    assert User.objects.get(email="new@example.test").roles_by_company == {company.pk: "Viewer"}
    assert [reply.status_code for reply in (taken, unknown_role, weak, foreign)] == [400, 400, 400, 404]
    assert [reply.json()["code"] for reply in (taken, unknown_role, weak)] == [
        "email_taken",
        "role_unknown",
        "password_weak",
    ]


def test_an_admin_here_is_no_admin_where_they_are_viewer():
    admin_here, viewer_there = make_company(), make_company()
    user = add_role(make_user("Admin", admin_here), viewer_there, "Viewer")

    reply = api_client(user).post(
        "/api/auth/register",
        {"email": "n@example.test", "password": PASSWORD, "role": "Admin", "companyIds": [viewer_there.pk]},
    )

    assert reply.status_code == 403


@pytest.mark.parametrize(
    ("path", "query"), [("login", "dryRun=true"), ("logout", "x=1"), ("password/reset", "dryrun=true"), ("me", "x=1")]
)
def test_a_parameter_that_signing_in_does_not_take_is_a_400(path, query):
    client = api_client(make_user())
    reply = client.get(f"/api/auth/{path}?{query}") if path == "me" else client.post(f"/api/auth/{path}?{query}", {})
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_parameter")


def test_a_stranger_s_company_is_a_404_whatever_else_is_wrong_with_the_new_user():
    client = api_client(make_user("Admin"))
    reply = client.post("/api/auth/register", {"email": "x", "nonsense": 1, "companyIds": [make_company().pk]})
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
