"""The promise: a password is changed by whoever knows it, or by a link that is good once, always on record."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts import mail as accounts_mail
from accounts.models import SignIn, User
from accounts.selectors import reset_token
from accounts.services import change_password, prove_identity, sign_in, update_user
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change

pytestmark = pytest.mark.django_db

NEW = "another-good-password"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    """Somebody who signs in as ann@example.test."""
    return make_user(email="ann@example.test")


def bearer(access):
    client = api_client()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def knows(password):
    return User.objects.get(email="ann@example.test").check_password(password)


def password_entries():
    return list(Change.objects.filter(action="user.password_changed").values_list("actor", "reason"))


# Changing it


def test_a_changed_password_ends_all_other_sign_ins(user: User) -> None:
    here = sign_in(email=user.email, password=PASSWORD)
    there = sign_in(email=user.email, password=PASSWORD)

    reply = bearer(here.access).post("/api/auth/password", {"current": PASSWORD, "new": NEW})

    assert (reply.status_code, reply.content) == (204, b"")
    assert knows(NEW)
    assert bearer(here.access).get("/api/auth/me").status_code == 200
    assert bearer(there.access).get("/api/auth/me").json()["code"] == "signed_out"
    assert api_client().post("/api/auth/refresh", {"refresh": there.refresh}).status_code == 401
    assert api_client().post("/api/auth/refresh", {"refresh": here.refresh}).status_code == 200
    assert password_entries() == [("ann@example.test", "")]
    assert user.history.first().version == 2
    assert list(faults()) == []


def test_an_admin_session_ends_with_the_password(user: User) -> None:
    browser = Client()
    browser.force_login(user)

    api_client(user).post("/api/auth/password", {"current": PASSWORD, "new": NEW})

    assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"current": "wrong-password", "new": NEW}, "password_wrong", "current"),
        ({"current": PASSWORD, "new": "12345"}, "password_weak", "new"),
        ({"current": PASSWORD, "new": "ann@example.test"}, "password_weak", "new"),
        ({"current": PASSWORD}, "required", "new"),
        ({"current": PASSWORD, "new": NEW, "email": "x"}, "unknown_field", "email"),
    ],
)
def test_what_will_not_do_changes_nothing(user: User, body, code, field) -> None:
    reply = api_client(user).post("/api/auth/password", body)

    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert reply.json()["errors"][0]["field"] == field
    assert knows(PASSWORD)
    assert password_entries() == []


def test_wrong_current_passwords_are_failed_sign_ins(user: User) -> None:
    client = api_client(user)
    wrong, right = {"current": "wrong-password", "new": NEW}, {"current": PASSWORD, "new": NEW}

    statuses = [client.post("/api/auth/password", wrong).status_code for _ in range(11)]

    assert statuses == [400] * 10 + [429]
    assert client.post("/api/auth/password", right).status_code == 429
    assert api_client().post("/api/auth/login", {"email": user.email, "password": PASSWORD}).status_code == 429
    assert Change.objects.filter(action="user.sign_in_failed", actor_id=user.pk).count() == 10
    assert knows(PASSWORD)


def test_nobody_changes_a_password_without_being_signed_in(user: User) -> None:
    assert api_client().post("/api/auth/password", {"current": PASSWORD, "new": NEW}).status_code == 401


# A link by mail


@pytest.fixture
def ask(django_capture_on_commit_callbacks):
    """Ask for a link over REST; gives the reply, once the mail is out."""

    def ask(email="ann@example.test", **headers):
        with django_capture_on_commit_callbacks(execute=True):
            reply = api_client().post("/api/auth/password/reset", {"email": email}, **headers)
        accounts_mail.post_office.submit(int).result()  # behind all that was posted before
        return reply

    return ask


def link_in(message):
    return re.search(r"http://testserver(/reset/(\S+))", message.body).groups()


def confirm(token, new=NEW):
    return api_client().post("/api/auth/password/reset/confirm", {"token": token, "new": new})


def test_a_link_comes_by_mail_and_sets_a_password_once(user: User, ask) -> None:
    pair = sign_in(email=user.email, password=PASSWORD)

    asked = ask(" ANN@example.test")
    message = mail.outbox[0]
    _, token = link_in(message)
    confirmed, again = confirm(token), confirm(token, "one-more-good-password")

    assert (asked.status_code, asked.content, confirmed.status_code) == (204, b"", 204)
    assert (message.to, message.from_email) == (["ann@example.test"], "FinTrack <fintrack@localhost>")
    assert message.subject == "Choose a new FinTrack password"
    assert "for ann@example.test in FinTrack" in message.body
    assert (again.status_code, again.json()["code"]) == (400, "reset_link_refused")
    assert knows(NEW)
    assert bearer(pair.access).get("/api/auth/me").status_code == 401
    assert password_entries() == [("ann@example.test", "By a reset link.")]
    assert list(faults()) == []


def test_an_unknown_address_gets_the_same_reply_and_no_mail(ask) -> None:
    User.objects.create_user("gone@example.test", PASSWORD, is_active=False)

    for email in ("nobody@example.test", "gone@example.test", "no address"):
        assert (ask(email).status_code, ask(email).content) == (204, b"")
    assert mail.outbox == []


def test_a_few_mails_an_hour_are_enough_for_an_account(user: User, ask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert [ask(REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(5)] == [204] * 5
        assert len(mail.outbox) == 3
        clock.shift(timedelta(hours=1))
        ask()

    assert len(mail.outbox) == 4
    assert Change.objects.filter(action="user.password_reset_requested").count() == 4


def test_ten_requests_an_hour_are_enough_for_an_address(user: User, ask) -> None:
    for number in range(10):
        ask(f"nobody{number}@example.test")

    assert ask().status_code == 204
    assert mail.outbox == []


def test_asking_for_links_locks_nobody_out(user: User, ask) -> None:
    for _ in range(12):
        ask()

    assert prove_identity(email=user.email, password=PASSWORD, address="127.0.0.1") == user


def test_a_link_is_good_for_an_hour(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        token = reset_token(user)
        clock.shift(timedelta(hours=1, seconds=1))
        late = confirm(token)
        clock.shift(timedelta(seconds=-1))
        in_time = confirm(token)

    assert (late.status_code, in_time.status_code) == (400, 204)


def test_links_end_with_the_password_the_sign_in_and_the_user(user: User) -> None:
    changed = reset_token(user)
    change_password(actor=SYSTEM, user=user, password=NEW)
    user.refresh_from_db()
    used = reset_token(user)
    sign_in(email=user.email, password=NEW)
    user.refresh_from_db()
    deactivated = reset_token(user)
    update_user(actor=SYSTEM, user_id=user.pk, is_active=False)
    foreign = f"{deactivated.split('/')[0]}/{reset_token(make_user()).split('/')[1]}"

    replies = [confirm(token) for token in (changed, used, deactivated, foreign)]

    assert [reply.json()["code"] for reply in replies] == ["reset_link_refused"] * 4
    assert knows(NEW)


@pytest.mark.parametrize(
    "token",
    ["", "x", "/", "MQ/", "MQ/a-b", "!!/abc-def", "LTE/abc-def", "\u0661/a-b", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5/a-b"],
)
def test_what_is_no_link_is_refused(user: User, token) -> None:
    reply = confirm(token)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "token")


def test_a_weak_password_leaves_the_link_good(user: User) -> None:
    token = reset_token(user)

    weak = confirm(token, "12345")

    assert (weak.status_code, weak.json()["code"], weak.json()["errors"][0]["field"]) == (400, "password_weak", "new")
    assert confirm(token).status_code == 204


def test_the_link_leads_to_a_page(user: User, ask) -> None:
    ask()
    address, _ = link_in(mail.outbox[0])
    browser = Client(enforce_csrf_checks=True)

    page = browser.get(address)
    secret = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    differing = browser.post(address, secret | {"new_password1": NEW, "new_password2": "x"})
    forged = browser.post(address, {"new_password1": NEW, "new_password2": NEW})
    done = browser.post(address, secret | {"new_password1": NEW, "new_password2": NEW}, follow=True)
    again = browser.get(address)

    assert page.status_code == 200
    assert "For ann@example.test." in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert "The two password fields didn’t match." in differing.content.decode()  # noqa: RUF001  # as Django writes it
    assert forged.status_code == 403
    assert done.redirect_chain == [("/reset/done", 302)]
    assert "The password is set" in done.content.decode()
    assert (again.status_code, "not good any more" in again.content.decode()) == (400, True)
    assert knows(NEW)
    assert password_entries() == [("ann@example.test", "By a reset link.")]
    assert not SignIn.objects.filter(revoked_at=None).exists()


def test_the_sign_in_page_leads_to_a_link_by_mail(user: User, django_capture_on_commit_callbacks) -> None:
    browser = Client(enforce_csrf_checks=True)
    (address,) = re.findall(r'href="(\S+)">Forgotten your password\?', browser.get("/admin/login/").content.decode())

    page = browser.get(address)
    secret = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    forged = browser.post(address, {"email": user.email})
    malformed = browser.post(address, secret | {"email": "ann"})
    with django_capture_on_commit_callbacks(execute=True):
        replies = [
            browser.post(address, secret | {"email": email}, follow=True)
            for email in ("nobody@example.test", " ANN@example.test")
        ]
    accounts_mail.post_office.submit(int).result()

    assert (page.status_code, forged.status_code) == (200, 403)
    assert "no-store" in page["Cache-Control"]
    assert "Enter a valid email address." in malformed.content.decode()
    assert [reply.redirect_chain for reply in replies] == [[("/reset/sent", 302)]] * 2
    assert replies[0].content == replies[1].content
    (message,) = mail.outbox
    link, _ = link_in(message)
    done = browser.post(link, secret | {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert done.redirect_chain == [("/reset/done", 302)]
    assert knows(NEW)
    refused = browser.get(link)
    assert (refused.status_code, f'href="{address}"' in refused.content.decode()) == (400, True)


def test_the_pages_need_nothing_from_elsewhere(user: User) -> None:
    addresses = (f"/reset/{reset_token(user)}", "/reset/done", "/reset/", "/reset/sent")
    pages = [Client().get(address).content.decode() for address in addresses]

    assert not [page for page in pages if re.search(r"<script|<img|@import|url\(|(src|href)=\"(https?:)?//", page)]


def test_a_mail_that_cannot_be_sent_is_logged_without_its_link(user: User, ask, settings, caplog) -> None:
    settings.EMAIL_BACKEND = "accounts.tests.test_passwords.Broken"

    assert ask().status_code == 204
    assert "The mail to ann@example.test was not sent." in caplog.text
    assert "/reset/" not in caplog.text


class Broken:
    """A mail server that is down."""

    def __init__(self, **options) -> None:
        pass

    def send_messages(self, messages) -> None:
        raise ConnectionRefusedError("no mail server")


def test_tokens_are_good_for_their_own_purpose_only(user: User) -> None:
    pair = sign_in(email=user.email, password=PASSWORD)

    assert bearer(pair.refresh).get("/api/auth/me").status_code == 401
    assert api_client().post("/api/auth/refresh", {"refresh": pair.access}).status_code == 401
    assert api_client().post("/api/auth/logout", {"refresh": pair.access}).status_code == 401
    assert api_client().post("/api/auth/refresh", {"refresh": pair.refresh}).status_code == 200


def test_signing_out_ends_the_access_token_too(user: User) -> None:
    pair = sign_in(email=user.email, password=PASSWORD)

    api_client().post("/api/auth/logout", {"refresh": pair.refresh})

    assert bearer(pair.access).get("/api/auth/me").status_code == 401
