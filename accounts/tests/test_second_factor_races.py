"""The promise: whoever comes at the same moment, a code is good once, and the limit on wrong ones holds."""

import time
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.addresses import UNKNOWN
from accounts.models import RecoveryCode, SecondFactor, SignIn, User
from accounts.second_factor.codes import decrypted, new_secret, recovery_digest, step_of
from accounts.second_factor.services import SecondFactorOn, switch_on, use_code
from accounts.sign_ins.services import end_sign_in
from accounts.tests.factories import PASSWORD, api_client, make_user
from accounts.tests.second_factors import current_code, switched_on
from audit.books import faults
from audit.models import Change
from audit.tests.races import outcomes, race

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RIVALS = 8
ROUNDS = 5


@pytest.fixture
def user() -> User:
    return make_user(email="ann@example.test")


def sign_in(otp: str) -> int:
    body = {"email": "ann@example.test", "password": PASSWORD, "otp": otp}
    return int(api_client().post("/api/auth/login", body, REMOTE_ADDR="192.0.2.1").status_code)


def accepted(results: list[Any]) -> int:
    return sum(1 for result in results if result is not None)


def test_of_eight_with_the_same_code_one_gets_in(user: User) -> None:
    factor = switched_on(user)
    for _ in range(ROUNDS):
        SecondFactor.objects.update(last_step=0)
        results = race([partial(use_code, user=user, code=current_code(factor.secret))] * RIVALS)
        assert accepted(results) == 1


def test_control_a_code_that_is_read_and_then_written_lets_several_in(user: User) -> None:
    def use_without_condition(code: str) -> Any:
        row = SecondFactor.objects.get(user=user)
        step = step_of(decrypted(row.secret) or "", code, now=timezone.now().timestamp(), after=row.last_step)
        if step is None:
            return None
        time.sleep(0.2)
        row.last_step = step
        row.save()
        return step

    factor = switched_on(user)
    SecondFactor.objects.update(last_step=0)
    assert accepted(race([partial(use_without_condition, current_code(factor.secret))] * RIVALS)) == RIVALS


def test_of_eight_with_the_same_recovery_code_one_gets_in(user: User) -> None:
    factor = switched_on(user)
    for code in factor.recovery_codes[:ROUNDS]:
        assert accepted(race([partial(use_code, user=user, code=code)] * RIVALS)) == 1


def test_control_a_recovery_code_that_is_read_and_then_written_lets_several_in(user: User) -> None:
    def use_without_condition(code: str) -> Any:
        row = RecoveryCode.objects.filter(user=user, digest=recovery_digest(code), used_at=None).first()
        if row is None:
            return None
        time.sleep(0.2)
        row.used_at = timezone.now()
        row.save()
        return row

    factor = switched_on(user)
    code = factor.recovery_codes[0]
    assert accepted(race([partial(use_without_condition, code)] * RIVALS)) == RIVALS


def test_of_eight_sign_ins_with_the_same_code_one_succeeds(user: User) -> None:
    factor = switched_on(user)
    SecondFactor.objects.update(last_step=0)

    statuses = race([partial(sign_in, current_code(factor.secret))] * RIVALS)

    assert sorted(statuses) == [200, *[401] * (RIVALS - 1)]
    assert SignIn.objects.count() == 1
    assert Change.objects.filter(action="user.signed_in").count() == 1
    assert list(faults()) == []


def test_of_many_wrong_codes_at_once_ten_are_answered(user: User) -> None:
    switched_on(user)

    statuses = race([partial(sign_in, "000000")] * 24)

    assert (statuses.count(401), statuses.count(429)) == (10, 14)


def test_switching_on_twice_at_once_leaves_one_secret(user: User) -> None:
    deeds = []
    for _ in range(RIVALS):
        secret = new_secret()
        deeds.append(partial(switch_on, user=user, secret=secret, code=current_code(secret)))

    assert outcomes(race(deeds)) == {"done": 1, SecondFactorOn.__name__: RIVALS - 1}
    assert RecoveryCode.objects.filter(user=user).count() == 10
    assert list(faults()) == []


def test_a_device_is_signed_out_once(user: User) -> None:
    api_client().post("/api/auth/login", {"email": "ann@example.test", "password": PASSWORD})
    family = SignIn.objects.get().family

    results = race([partial(end_sign_in, user=user, family=family, origin=UNKNOWN)] * RIVALS)

    assert outcomes(results) == {"done": 1, "NotFound": RIVALS - 1}
    assert Change.objects.filter(action="user.signed_out").count() == 1
