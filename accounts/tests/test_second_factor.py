"""The promise: with a second factor on, a password alone signs nobody in, and each code is good once."""

import base64
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import services
from accounts.models import RecoveryCode, SecondFactor, User
from accounts.second_factor.codes import (
    RECOVERY_CODES,
    app_address,
    code_at,
    decrypted,
    encrypted,
    new_recovery_codes,
    new_secret,
    qr_code,
    recovery_digest,
    step_of,
)
from accounts.second_factor.services import (
    CodeWrong,
    Proof,
    SecondFactorOff,
    SecondFactorOn,
    make_recovery_codes,
    reset_second_factor,
    switch_on,
    use_code,
)
from accounts.services import PasswordWrong, lift_lock_out, prove_second_factor, switch_off_second_factor
from accounts.tests.factories import PASSWORD, api_client, make_user
from accounts.tests.second_factors import current_code, switched_on
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.fixture
def user() -> User:
    return make_user(email="ann@example.test")


def sign_in(otp: str | None = None, **headers: Any) -> Any:
    body = {"email": "ann@example.test", "password": PASSWORD} | ({} if otp is None else {"otp": otp})
    return api_client().post("/api/auth/login", body, REMOTE_ADDR="192.0.2.1", **headers)


def actions() -> list[str]:
    return list(Change.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert step_of(RFC_SECRET, code, now=seconds) == seconds // 30
    assert step_of(RFC_SECRET, f" {code[:3]} {code[3:]} ", now=seconds) == seconds // 30


def test_a_clock_may_be_off_by_one_step_and_no_more() -> None:
    key = base64.b32decode(RFC_SECRET)
    now = 1_234_567_890
    good = [offset for offset in range(-4, 5) if step_of(RFC_SECRET, code_at(key, now // 30 + offset), now=now)]

    assert good == [-1, 0, 1]
    assert step_of(RFC_SECRET, code_at(key, now // 30), now=now, after=now // 30) is None


@pytest.mark.parametrize(
    "code", ["", "28708", "2870822", "28708a", "\uff12\uff18\uff17\uff10\uff18\uff12", "-28708", "+28708", "2_8708"]
)
def test_what_is_no_code_is_none(code: str) -> None:
    assert step_of(RFC_SECRET, code, now=59) is None


def test_a_secret_is_kept_encrypted_and_read_with_an_earlier_key_too(settings: Any) -> None:
    secret = new_secret()
    stored = encrypted(secret)
    assert secret not in stored

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-of-a-later-year-0123456789"
    assert decrypted(stored) == secret
    settings.SECRET_KEY_FALLBACKS = []
    assert decrypted(stored) is None


def test_what_an_app_reads() -> None:
    address = app_address(RFC_SECRET, "ann+x@example.test")

    assert address == f"otpauth://totp/FinTrack%3Aann%2Bx%40example.test?secret={RFC_SECRET}&issuer=FinTrack"
    assert qr_code(address).startswith("<svg")


def test_recovery_codes_differ_and_are_read_however_they_are_typed() -> None:
    codes = new_recovery_codes()

    assert len(set(codes)) == RECOVERY_CODES == 10
    assert recovery_digest("abcd efgh-2345-oib7") == recovery_digest("ABCD-EFGH-2345-OIB7")
    assert recovery_digest("ABCD-EFGH-2345-0187") == recovery_digest("ABCD-EFGH-2345-OIB7")


def test_switching_on_is_on_record_without_a_secret(user: User) -> None:
    factor = switched_on(user)

    user.refresh_from_db()
    entry = user.change
    assert (entry.action, entry.actor) == ("user.second_factor_switched_on", "ann@example.test")
    assert user.second_factor_since is not None
    kept = SecondFactor.objects.get(user=user)
    assert factor.secret not in kept.secret
    assert RecoveryCode.objects.filter(user=user).count() == 10
    assert not RecoveryCode.objects.filter(digest__in=factor.recovery_codes).exists()
    stored = [str(value) for row in User.history.filter(id=user.pk).values() for value in row.values()]
    assert not any(factor.secret in value or kept.secret in value for value in stored)
    assert list(faults()) == []


def test_switching_on_takes_a_right_code_and_happens_once(user: User) -> None:
    secret = new_secret()
    with pytest.raises(CodeWrong):
        switch_on(user=user, secret=secret, code="000000" if current_code(secret) != "000000" else "111111")
    assert not SecondFactor.objects.exists()

    switched_on(user)
    with pytest.raises(SecondFactorOn):
        switch_on(user=user, secret=secret, code=current_code(secret))


def test_the_api_asks_for_a_code_and_takes_it_once(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        factor = switched_on(user)
        clock.shift(timedelta(minutes=1))
        missing, wrong = sign_in(), sign_in("000000")
        blank = sign_in("")
        code = current_code(factor.secret)
        good, again = sign_in(code), sign_in(code)

    assert [reply.status_code for reply in (missing, blank, wrong, good, again)] == [401, 401, 401, 200, 401]
    assert [reply.json()["code"] for reply in (missing, blank, wrong, again)] == [
        "otp_required",
        "otp_required",
        "otp_invalid",
        "otp_invalid",
    ]
    assert missing["Content-Type"] == "application/problem+json"
    assert "access" in good.json()
    assert actions().count("user.signed_in") == 1
    assert actions().count("user.sign_in_failed") == 2


def test_a_code_is_not_asked_for_before_the_password_is_right(user: User) -> None:
    switched_on(user)

    reply = api_client().post("/api/auth/login", {"email": user.email, "password": "wrong-password", "otp": "000000"})

    assert (reply.status_code, reply.json()["code"]) == (401, "sign_in_refused")


def test_a_second_factor_switched_on_during_a_sign_in_ends_it(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token = services._refresh_token

    def switch_on_first(*whose: Any) -> Any:
        switched_on(user)
        return make_token(*whose)

    monkeypatch.setattr(services, "_refresh_token", switch_on_first)

    assert sign_in().status_code == 401


def test_refresh_tokens_go_on_without_a_code(user: User) -> None:
    factor = switched_on(user)
    pair = sign_in(factor.recovery_codes[0]).json()

    reply = api_client().post("/api/auth/refresh", {"refresh": pair["refresh"]})

    assert reply.status_code == 200


def test_a_recovery_code_signs_in_once(user: User) -> None:
    factor = switched_on(user)
    first, second = factor.recovery_codes[:2]

    assert [sign_in(code).status_code for code in (first.lower(), first, second)] == [200, 401, 200]
    entry = Change.objects.filter(action="user.signed_in").first()
    assert entry is not None
    assert entry.reason == "From 192.0.2.1. With a recovery code."


def test_new_recovery_codes_end_the_old_ones(user: User) -> None:
    factor = switched_on(user)
    new = make_recovery_codes(user=user)

    assert [sign_in(code).status_code for code in (factor.recovery_codes[0], new[0])] == [401, 200]
    assert actions().count("user.recovery_codes_made") == 1


def test_wrong_codes_lock_the_account_for_codes_and_passwords(user: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        factor = switched_on(user)
        clock.shift(timedelta(minutes=1))
        statuses = [sign_in("000000").status_code for _ in range(11)]
        locked = sign_in(current_code(factor.secret))
        clock.shift(timedelta(minutes=15))
        opened = sign_in(current_code(factor.secret))

    assert statuses == [401] * 10 + [429]
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert opened.status_code == 200


def test_a_right_code_is_not_used_up_while_the_account_is_locked(user: User) -> None:
    factor = switched_on(user)
    for _ in range(10):
        sign_in("000000")

    assert sign_in(factor.recovery_codes[0]).status_code == 429
    lift_lock_out(actor=SYSTEM, user=user, reason="It was me.")
    assert sign_in(factor.recovery_codes[0]).status_code == 200


def test_a_secret_that_cannot_be_read_lets_nobody_in_but_recovery_codes_do(user: User, settings: Any) -> None:
    factor = switched_on(user)
    code = current_code(factor.secret, ahead=1)
    settings.SECRET_KEY = "another-secret-key-of-a-later-year-0123456789"

    assert use_code(user=user, code=code) is None
    assert use_code(user=user, code=factor.recovery_codes[0]) is Proof.RECOVERY


def test_a_secret_that_is_gone_lets_nobody_in(user: User) -> None:
    factor = switched_on(user)
    SecondFactor.objects.all().delete()
    RecoveryCode.objects.all().delete()

    assert sign_in().json()["code"] == "otp_required"
    assert sign_in(current_code(factor.secret, ahead=1)).json()["code"] == "otp_invalid"


def test_switching_off_takes_password_and_code(user: User) -> None:
    factor = switched_on(user)
    code = factor.recovery_codes[0]

    with pytest.raises(PasswordWrong):
        switch_off_second_factor(user=user, password="wrong-password", code=code)
    with pytest.raises(CodeWrong):
        switch_off_second_factor(user=user, password=PASSWORD, code="000000")
    switch_off_second_factor(user=user, password=PASSWORD, code=code)

    assert sign_in().status_code == 200
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert actions().count("user.second_factor_switched_off") == 1


def test_a_reset_signs_out_everywhere_and_says_why(user: User) -> None:
    factor = switched_on(user)
    access = sign_in(factor.recovery_codes[0]).json()["access"]

    reset_second_factor(actor=SYSTEM, user=user, reason="Telephone in the sea.")

    api = api_client()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    assert api.get("/api/auth/me").status_code == 401
    assert sign_in().status_code == 200
    entry = Change.objects.get(action="user.second_factor_reset")
    assert entry.reason == "Telephone in the sea."
    with pytest.raises(SecondFactorOff):
        reset_second_factor(actor=SYSTEM, user=user, reason="Again.")


def test_the_command_resets_it_for_the_last_admin(user: User) -> None:
    switched_on(user)
    call_command("reset_second_factor", "ANN@example.test", reason="Lost.", stdout=StringIO())

    assert sign_in().status_code == 200
    with pytest.raises(CommandError, match="No second factor"):
        call_command("reset_second_factor", "ann@example.test", reason="Lost.")
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("reset_second_factor", "bob@example.test", reason="Lost.")


def test_where_it_is_required_a_program_is_told_to_set_it_up_first(user: User, settings: Any) -> None:
    settings.TWO_FACTOR_REQUIRED = True
    refused = sign_in()
    wrong = api_client().post("/api/auth/login", {"email": user.email, "password": "wrong-password"})
    factor = switched_on(user)

    assert (refused.status_code, refused.json()["code"]) == (401, "otp_setup_required")
    assert wrong.json()["code"] == "sign_in_refused"
    assert sign_in(factor.recovery_codes[0]).status_code == 200


def test_a_wrong_code_alone_proves_nothing(user: User) -> None:
    assert prove_second_factor(user=user, code="000000") is None
    assert settings.TWO_FACTOR_REQUIRED is False
    assert Client().get("/admin/").status_code == 302
