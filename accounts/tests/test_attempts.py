"""The promise: ten failed sign-ins in a quarter of an hour lock an account and an address, and all is on record."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client, RequestFactory

from accounts import services
from accounts.addresses import client_address
from accounts.attempts import FAILED_SIGN_INS, Counter, counters_of
from accounts.models import AttemptLog, SignIn, User
from accounts.services import change_password, prove_identity
from accounts.tests.factories import PASSWORD, add_role, api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WRONG = "wrong-password"


@pytest.fixture
def user() -> User:
    """Somebody who signs in as ann@example.test."""
    return make_user(email="ann@example.test")


def sign_in(email="ann@example.test", password=PASSWORD, address="192.0.2.1", **headers):
    body = {"email": email, "password": password}
    return api_client().post("/api/auth/login", body, REMOTE_ADDR=address, **headers)


def sign_in_to_admin(password, address="192.0.2.1", **headers):
    body = {"username": "ann@example.test", "password": password, "next": "/admin/"}
    return Client().post("/admin/login/", body, REMOTE_ADDR=address, **headers)


def statuses(times, *args, **options):
    return [sign_in(*args, **options).status_code for _ in range(times)]


def events():
    rows = Change.objects.filter(action__in=["user.signed_in", "user.sign_in_failed", "user.locked_out"])
    return list(rows.order_by("id").values_list("action", "actor", "reason"))


def test_the_eleventh_failure_is_a_429_that_says_when_to_come_back(user: User) -> None:
    with time_machine.travel(NOON, tick=False):
        assert statuses(10, password=WRONG) == [401] * 10
        refused = sign_in(password=WRONG)

    assert (refused.status_code, refused["Content-Type"]) == (429, "application/problem+json")
    assert refused["Retry-After"] == "900"
    assert refused.json()["code"] == "too_many_attempts"
    assert refused.json()["detail"] == "There were too many attempts. Try again in 15 minutes."


def test_a_locked_account_refuses_the_right_password_too_and_opens_again(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        statuses(10, password=WRONG)
        locked = sign_in().status_code
        clock.shift(timedelta(minutes=14, seconds=59))
        still_locked = sign_in()
        clock.shift(timedelta(seconds=1))
        open_again = sign_in().status_code

    assert (locked, still_locked.status_code, still_locked["Retry-After"], open_again) == (429, 429, "1", 200)


def test_the_window_slides(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        statuses(1, password=WRONG)
        clock.shift(timedelta(minutes=14))
        assert statuses(9, password=WRONG) == [401] * 9
        clock.shift(timedelta(minutes=1))  # the first failure is out of the window, the other nine are not
        assert statuses(2, password=WRONG) == [401, 429]


def test_good_sign_ins_are_not_counted_and_forgive_nothing(user: User) -> None:
    assert statuses(9, password=WRONG) == [401] * 9
    assert statuses(20) == [200] * 20
    assert statuses(2, password=WRONG) == [401, 429]


def test_an_account_is_locked_whatever_the_address_and_others_are_not(user: User) -> None:
    make_user(email="ben@example.test")

    failures = [sign_in(password=WRONG, address=f"192.0.2.{number}").status_code for number in range(10)]

    assert failures == [401] * 10
    assert sign_in(address="198.51.100.7").status_code == 429
    assert sign_in("ANN@example.test ", address="198.51.100.7").status_code == 429
    assert sign_in("ben@example.test", address="192.0.2.1").status_code == 200


def test_an_address_is_locked_whatever_the_account_and_others_are_not(user: User) -> None:
    failures = [sign_in(f"nobody{number}@example.test").status_code for number in range(10)]

    assert failures == [401] * 10
    assert sign_in().status_code == 429
    assert sign_in(address="192.0.2.2").status_code == 200


def test_a_network_of_ipv6_is_one_address(user: User) -> None:
    for number in range(10):
        sign_in(f"nobody{number}@example.test", address=f"2001:db8:1:2::{number}")

    assert sign_in(address="2001:db8:1:2:ffff::1").status_code == 429
    assert sign_in(address="2001:db8:1:3::1").status_code == 200


def test_a_forged_header_changes_nothing(user: User) -> None:
    failures = [
        sign_in(f"nobody{number}@example.test", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}").status_code
        for number in range(10)
    ]

    assert failures == [401] * 10
    assert sign_in(HTTP_X_FORWARDED_FOR="203.0.113.99").status_code == 429


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "203.0.113.1", "192.0.2.1"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "forged, 203.0.113.1", "203.0.113.1"),
        (1, "198.51.100.1, 203.0.113.1", "203.0.113.1"),
        (2, "198.51.100.1, 203.0.113.1 , 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", "192.0.2.1"),
        (1, "nonsense", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "::ffff:203.0.113.1", "203.0.113.1"),
    ],
)
def test_the_address_is_that_which_the_outermost_trusted_proxy_saw(settings, proxies, header, address) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=header)

    assert client_address(request) == address


def test_without_an_address_the_account_alone_counts() -> None:
    assert client_address(None) == ""
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) == ""
    assert counters_of("Ann@example.test", "") == [Counter(FAILED_SIGN_INS, "account ann@example.test")]


def test_unknown_and_deactivated_accounts_count_and_are_locked_like_others(user: User) -> None:
    User.objects.create_user("gone@example.test", PASSWORD, is_active=False)

    for address, email in (("192.0.2.1", "nobody@example.test"), ("192.0.2.2", "gone@example.test")):
        assert statuses(11, email, address=address) == [401] * 10 + [429]


def test_an_unknown_account_takes_the_work_of_a_known_one(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *args: hashed.append("once") or encode(self, *args))

    assert (sign_in(password=WRONG).status_code, len(hashed)) == (401, 1)
    assert (sign_in("nobody@example.test").status_code, len(hashed)) == (401, 2)


def test_a_right_password_is_no_use_once_rivals_have_used_up_the_limit(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: while the right password is being checked, ten others fail
    check = User.check_password

    def check_slowly(self: User, password: str) -> bool:
        monkeypatch.setattr(User, "check_password", check)
        statuses(10, password=WRONG)
        return check(self, password)

    monkeypatch.setattr(User, "check_password", check_slowly)

    assert sign_in().status_code == 429
    assert not SignIn.objects.exists()


def test_the_admin_s_form_counts_with_the_api(user: User) -> None:
    assert [sign_in_to_admin(WRONG).status_code for _ in range(5)] == [200] * 5
    assert statuses(5, password=WRONG) == [401] * 5

    page = sign_in_to_admin(PASSWORD)
    program = sign_in_to_admin(PASSWORD, HTTP_ACCEPT="application/json")

    assert (page.status_code, program.status_code) == (429, 429)
    assert 890 <= int(page["Retry-After"]) <= 900
    assert "Try again in 15 minutes." in page.content.decode()
    assert (program["Content-Type"], program.json()["code"]) == ("application/problem+json", "too_many_attempts")
    assert "_auth_user_id" not in page.client.session


def test_the_admin_s_form_lets_good_people_in(user: User) -> None:
    reply = sign_in_to_admin(PASSWORD)

    assert (reply.status_code, reply["Location"]) == (302, "/admin/")
    assert events() == [("user.signed_in", "ann@example.test", "From 192.0.2.1.")]


def test_sign_ins_failures_and_locks_are_on_record_and_name_no_password(user: User) -> None:
    sign_in()
    statuses(11, password=WRONG)

    failed = ("user.sign_in_failed", "ann@example.test", "As ann@example.test from 192.0.2.1.")
    recorded = events()
    assert recorded[:11] == [("user.signed_in", "ann@example.test", "From 192.0.2.1."), *[failed] * 10]
    assert sorted(recorded[11:]) == [
        ("user.locked_out", "ann@example.test", "10 failed sign-ins in 15 minutes: account ann@example.test."),
        ("user.locked_out", "ann@example.test", "10 failed sign-ins in 15 minutes: address 192.0.2.1."),
    ]
    assert list(faults()) == []


def test_who_is_unknown_is_recorded_by_the_system_without_control_characters() -> None:
    assert prove_identity(email=" No\x07body\n@Example.test ", password=WRONG) is None

    assert events() == [("user.sign_in_failed", "system:sign-in", "As nobody@example.test.")]


def test_the_table_keeps_no_address_in_the_clear_and_forgets(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in(password=WRONG)
        assert sorted(AttemptLog.objects.values_list("key", flat=True)) == sorted(
            counter.key for counter in counters_of("ann@example.test", "192.0.2.1")
        )
        clock.shift(timedelta(minutes=16))
        sign_in("ben@example.test", address="192.0.2.2")

    assert AttemptLog.objects.count() == 2


def test_auditors_read_of_the_sign_ins_of_their_people_only(user: User) -> None:
    company = make_company()
    stranger = make_user("Viewer", company, email="both@example.test")
    add_role(stranger, make_company(), "Viewer")
    auditor = make_user("Auditor", company)
    make_user("Viewer", company, email="cat@example.test")
    for email in ("ann@example.test", "both@example.test", "cat@example.test"):
        sign_in(email, WRONG)

    rows = api_client(auditor).get("/api/audit?command=user.sign_in_failed").json()["results"]

    assert [(row["entityType"], row["action"], row["performedBy"]) for row in rows] == [
        ("User", "Event", "cat@example.test")
    ]


def test_a_password_changed_during_a_sign_in_ends_it(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token = services._refresh_token

    def change_first(*whose):
        change_password(actor=SYSTEM, user=user, password="another-good-password")
        return make_token(*whose)

    monkeypatch.setattr(services, "_refresh_token", change_first)

    assert sign_in().status_code == 401
    assert not SignIn.objects.exists()


def test_signing_out_is_on_record_once_wherever_it_happens(user: User) -> None:
    tokens = sign_in().json()
    for _ in range(2):
        Client().post("/api/auth/logout", {"refresh": tokens["refresh"]}, "application/json", REMOTE_ADDR="192.0.2.1")
    browser = sign_in_to_admin(PASSWORD).client
    for _ in range(2):
        browser.post("/admin/logout/", REMOTE_ADDR="192.0.2.7")

    rows = Change.objects.filter(action="user.signed_out").order_by("id")
    assert [(row.actor_id, row.reason) for row in rows] == [(user.pk, "From 192.0.2.1."), (user.pk, "From 192.0.2.7.")]
    assert list(faults()) == []


def test_an_attack_leaves_no_more_entries_than_the_limit_allows(user: User) -> None:
    before = Change.objects.count()
    statuses(40, password=WRONG)

    assert Change.objects.count() - before == 12
