"""The promise: the admin opens after password and code, to nobody in between; devices can be signed out."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import SignIn, User
from accounts.selectors import reset_token
from accounts.services import reset_password
from accounts.tests.factories import PASSWORD, api_client, make_user
from accounts.tests.second_factors import current_code, switched_on
from audit.models import Change

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
CODE = "/admin/login/code/"
SECURITY = "/admin/security/"
SET_UP = "/admin/security/second-factor/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


@pytest.fixture
def user() -> User:
    return make_user(email="ann@example.test")


def password_given(next_page: str = "/admin/", **headers: Any) -> tuple[Client, Any]:
    client = Client(REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT=FIREFOX, **headers)
    body = {"username": "ann@example.test", "password": PASSWORD, "next": next_page}
    return client, client.post(LOGIN, body)


def signed_in() -> Client:
    return password_given()[0]


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def tokens() -> Any:
    body = {"email": "ann@example.test", "password": PASSWORD}
    return api_client().post("/api/auth/login", body, HTTP_USER_AGENT="ledger-robot/2").json()


def test_without_a_second_factor_the_password_opens_the_admin(user: User) -> None:
    client, reply = password_given("/admin/accounts/")

    assert (reply.status_code, reply["Location"]) == (302, "/admin/accounts/")
    assert is_in(client)
    row = SignIn.objects.get()
    assert (row.user_id, row.address, row.user_agent) == (user.pk, "192.0.2.1", FIREFOX)
    assert row.session_key == client.session.session_key
    assert Change.objects.filter(action="user.signed_in").count() == 1


def test_with_one_the_password_opens_nothing_and_the_code_does(user: User) -> None:
    factor = switched_on(user)
    client, reply = password_given("/admin/accounts/?x=1")

    assert (reply.status_code, reply["Location"]) == (302, f"{CODE}?next=%2Fadmin%2Faccounts%2F%3Fx%3D1")
    assert not is_in(client)
    assert not Change.objects.filter(action="user.signed_in").exists()
    page = client.get(reply["Location"]).content.decode()
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page

    key_before = client.session.session_key
    wrong = client.post(CODE, {"code": "000000", "next": "/admin/accounts/?x=1"})
    assert "This code is not right" in wrong.content.decode()
    assert not is_in(client)
    done = client.post(CODE, {"code": current_code(factor.secret, ahead=1), "next": "/admin/accounts/?x=1"})

    assert (done.status_code, done["Location"]) == (302, "/admin/accounts/?x=1")
    assert is_in(client)
    assert client.session.session_key != key_before
    entry = Change.objects.get(action="user.signed_in")
    assert entry.reason == "From 192.0.2.1. With a code of the app."


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_nobody_is_led_away_from_the_site(user: User, next_page: str) -> None:
    factor = switched_on(user)
    client, reply = password_given(next_page)
    assert reply["Location"] == f"{CODE}?next=%2Fadmin%2F"

    done = client.post(f"{CODE}?next={next_page}", {"code": factor.recovery_codes[0], "next": next_page})
    assert done["Location"] == "/admin/"


def test_the_code_has_to_follow_within_ten_minutes(user: User) -> None:
    factor = switched_on(user)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, _ = password_given()
        clock.shift(timedelta(minutes=10))
        late = client.post(CODE, {"code": factor.recovery_codes[0]})

    assert (late.status_code, late["Location"]) == (302, "/admin/login/?next=%2Fadmin%2F")
    assert not is_in(client)


def test_a_password_changed_before_the_code_ends_the_attempt(user: User) -> None:
    factor = switched_on(user)
    client, _ = password_given()
    reset_password(token=reset_token(user), password="another-good-password")

    assert client.post(CODE, {"code": factor.recovery_codes[0]}).status_code == 302
    assert not is_in(client)


def test_the_page_of_the_code_is_closed_to_strangers(user: User) -> None:
    assert Client().get(CODE)["Location"].startswith(LOGIN)
    assert Client().post(CODE, {"code": "000000"})["Location"].startswith(LOGIN)


def test_wrong_codes_in_the_admin_lock_out_with_the_time_left(user: User) -> None:
    switched_on(user)
    client, _ = password_given()
    replies = [client.post(CODE, {"code": "000000"}).status_code for _ in range(10)]
    locked = client.post(CODE, {"code": "000000"})

    assert replies == [200] * 10
    assert locked.status_code == 429
    assert "Try again in 15 minutes." in locked.content.decode()


def test_a_session_from_before_the_second_factor_ends(user: User) -> None:
    other = signed_in()
    assert is_in(other)
    switched_on(user)

    assert other.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert other.get(SECURITY)["Location"].startswith(LOGIN)


def test_one_sets_it_up_in_the_admin_and_stays_signed_in(user: User) -> None:
    client = signed_in()
    page = client.get(SET_UP)
    text = page.content.decode()
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', text)
    assert secret is not None
    assert "<svg" in text
    assert "no-store" in page["Cache-Control"]
    assert secret[1].replace(" ", "") not in str(client.session.items())
    assert client.get(SET_UP).content.decode().count(secret[1]) == 1

    wrong = client.post(SET_UP, {"code": "12345"})
    done = client.post(SET_UP, {"code": current_code(secret[1])})

    assert "This code is not right" in wrong.content.decode()
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", done.content.decode())
    assert len(codes) == 10
    assert is_in(client)
    assert "10 recovery codes are left" in client.get(SECURITY).content.decode()
    assert codes[0] not in client.get(SECURITY).content.decode()

    again, _ = password_given()
    again.post(CODE, {"code": codes[0]})
    assert is_in(again)


def test_recovery_codes_are_renewed_and_the_factor_switched_off_on_its_pages(user: User) -> None:
    factor = switched_on(user)
    client, _ = password_given()
    client.post(CODE, {"code": factor.recovery_codes[0]})

    refused = client.post(f"{SECURITY}recovery-codes/", {"code": "000000"})
    new = client.post(f"{SECURITY}recovery-codes/", {"code": factor.recovery_codes[1]}).content.decode()
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", new)
    wrong = client.post(f"{SET_UP}off/", {"password": "wrong-password", "code": codes[0]})
    off = client.post(f"{SET_UP}off/", {"password": PASSWORD, "code": codes[0]})

    assert "This code is not right" in refused.content.decode()
    assert "This is not your current password." in wrong.content.decode()
    assert off["Location"] == SECURITY
    assert is_in(client)
    assert is_in(signed_in())


def test_where_it_is_required_everything_else_is_closed_until_it_is_set_up(user: User, settings: Any) -> None:
    settings.TWO_FACTOR_REQUIRED = True
    client = signed_in()

    for address in ("/admin/", "/admin/invoices/invoice/", SECURITY, "/admin/password_change/", "/admin/jsi18n/"):
        reply = client.get(address)
        assert (reply.status_code, reply["Location"]) == (302, SET_UP)
    assert client.post(f"{SECURITY}devices/end-others/")["Location"] == SET_UP
    text = client.get(SET_UP).content.decode()
    assert "Everybody needs a second factor here." in text
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', text)
    assert secret is not None
    client.post(SET_UP, {"code": current_code(secret[1])})

    assert is_in(client)


def test_devices_are_listed_and_signed_out_one_by_one(user: User) -> None:
    here, there = signed_in(), signed_in()
    robot = tokens()
    text = here.get(SECURITY).content.decode()
    assert text.count("Firefox on Windows</strong>") == 2
    assert text.count("ledger-robot/2</strong>") == 1
    assert text.count(">this one<") == 1

    for agent in ("ledger-robot/2", FIREFOX):
        rows = SignIn.objects.filter(user_agent=agent).exclude(session_key=here.session.session_key)
        reply = here.post(f"{SECURITY}devices/{rows.get().family}/end/")
        assert reply["Location"] == SECURITY
    assert not is_in(there)
    assert api_client().post("/api/auth/refresh", {"refresh": robot["refresh"]}).status_code == 401
    assert is_in(here)


def test_all_others_are_signed_out_at_once(user: User) -> None:
    here, there, robot = signed_in(), signed_in(), tokens()
    stranger = make_user(email="bob@example.test")
    strangers_tokens = api_client().post("/api/auth/login", {"email": stranger.email, "password": PASSWORD}).json()

    here.post(f"{SECURITY}devices/end-others/")

    assert (is_in(here), is_in(there)) == (True, False)
    assert api_client().post("/api/auth/refresh", {"refresh": robot["refresh"]}).status_code == 401
    assert api_client().post("/api/auth/refresh", {"refresh": strangers_tokens["refresh"]}).status_code == 200
    entry = Change.objects.get(action="user.signed_out")
    assert entry.reason == "From 192.0.2.1. On all other devices."


def test_a_device_of_somebody_else_is_not_there(user: User) -> None:
    here = signed_in()
    bob = make_user(email="bob@example.test")
    theirs = SignIn.objects.create(user=bob, expires_at=timezone.now() + timedelta(days=1))

    assert here.post(f"{SECURITY}devices/{theirs.family}/end/").status_code == 404
    assert here.get(f"{SECURITY}devices/{theirs.family}/end/").status_code == 405
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_signing_out_here_ends_the_sign_in(user: User) -> None:
    here = signed_in()
    key = here.session.session_key
    here.post("/admin/logout/")

    assert SignIn.objects.get().revoked_at is not None
    assert not Session.objects.filter(pk=key).exists()


def test_ones_own_new_password_ends_all_but_this_one(user: User) -> None:
    here, there, robot = signed_in(), signed_in(), tokens()
    new = "an-entirely-other-one"
    body = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    assert here.post("/admin/password_change/", body).status_code == 302

    assert (is_in(here), is_in(there)) == (True, False)
    assert api_client().post("/api/auth/refresh", {"refresh": robot["refresh"]}).status_code == 401
    standing = SignIn.objects.get(revoked_at=None)
    assert standing.session_key == here.session.session_key


def test_use_is_noted_every_few_minutes(user: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = signed_in()
        first = SignIn.objects.get().last_used_at
        clock.shift(timedelta(minutes=4))
        is_in(client)
        soon = SignIn.objects.get().last_used_at
        clock.shift(timedelta(minutes=2))
        client.get("/admin/", REMOTE_ADDR="192.0.2.9")
        later = SignIn.objects.get()

        assert soon == first
        assert later.last_used_at == timezone.now()
        assert later.address == "192.0.2.9"


def test_a_password_too_long_is_refused_and_not_cut_off(user: User) -> None:
    client = signed_in()
    too_long = "long-and-good-" * 15
    body = {"old_password": PASSWORD, "new_password1": too_long, "new_password2": too_long}

    assert "too long" in client.post("/admin/password_change/", body).content.decode()
    body = {"username": user.email, "password": PASSWORD + "x" * 200}
    assert Client().post(LOGIN, body).status_code == 200


def test_the_rules_stand_where_a_new_password_is_typed(user: User) -> None:
    pages = [Client().get(f"/reset/{reset_token(user)}"), signed_in().get("/admin/password_change/")]

    for page in pages:
        text = page.content.decode()
        assert "at least 10 characters" in text
        assert "up to 200 characters" in text


def test_sessions_over_rest(user: User) -> None:
    browser, robot, other = signed_in(), tokens(), tokens()
    api = api_client()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {robot['access']}")

    listed = api.get("/api/auth/sessions").json()

    assert (listed["next"], listed["previous"]) == (None, None)
    assert sorted((row["kind"], row["device"], row["current"]) for row in listed["results"]) == [
        ("Admin", "Firefox on Windows", False),
        ("Api", "ledger-robot/2", False),
        ("Api", "ledger-robot/2", True),
    ]
    for row in listed["results"]:
        if not row["current"]:
            assert api.delete(f"/api/auth/sessions/{row['id']}").status_code == 204
            assert api.delete(f"/api/auth/sessions/{row['id']}").status_code == 404
    assert not is_in(browser)
    assert api_client().post("/api/auth/refresh", {"refresh": other["refresh"]}).status_code == 401
    assert len(api.get("/api/auth/sessions").json()["results"]) == 1
    assert Change.objects.filter(action="user.signed_out").count() == 2
