"""The promise: whoever comes at the same moment, limits hold, tokens and links are good once, an Admin remains."""

import time
from functools import partial

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone

from accounts import services
from accounts.models import AttemptLog, Membership, SignIn, User
from accounts.selectors import reset_token
from accounts.services import refresh_sign_in, reset_password, update_user
from accounts.tests.factories import PASSWORD, add_role, api_client, make_user
from audit.books import faults
from audit.models import Change
from audit.tests.races import outcomes, race, race_rounds
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RIVALS = 24
WRONG = "wrong-password"
ROUNDS = 10


@pytest.fixture
def user() -> User:
    """Somebody whom everybody wants to be."""
    return make_user(email="ann@example.test")


def attempt(email="ann@example.test", password=WRONG, address="192.0.2.1"):
    body = {"email": email, "password": password}
    return api_client().post("/api/auth/login", body, REMOTE_ADDR=address).status_code


def tally(statuses):
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def test_of_many_failures_at_once_ten_are_answered(user: User) -> None:
    assert tally(race([attempt] * RIVALS)) == {401: 10, 429: RIVALS - 10}
    assert Change.objects.filter(action="user.sign_in_failed").count() == 10
    assert Change.objects.filter(action="user.locked_out").count() == 2
    assert list(faults()) == []


def test_two_hundred_attempts_with_forged_addresses_are_ten(user: User) -> None:
    def forged(number):
        body = {"email": f"nobody{number}@example.test", "password": WRONG}
        return api_client().post("/api/auth/login", body, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code

    statuses = [status for round_ in race_rounds([forged] * 20, rounds=10) for status in round_]
    assert tally(statuses) == {401: 10, 429: 190}


def test_of_many_failures_at_once_from_one_address_on_many_accounts_ten_are_answered() -> None:
    attempts = [partial(attempt, f"nobody{number}@example.test") for number in range(RIVALS)]
    assert tally(race(attempts)) == {401: 10, 429: RIVALS - 10}


def test_many_good_sign_ins_at_once_all_succeed(user: User) -> None:
    assert tally(race([partial(attempt, password=PASSWORD)] * RIVALS)) == {200: RIVALS}


def test_accounts_and_addresses_that_cross_block_each_other_for_a_moment_only(user: User) -> None:
    attempts = [
        partial(attempt, f"nobody{number % 3}@example.test", address=f"192.0.2.{number % 4}")
        for number in range(RIVALS)
    ]
    assert tally(race(attempts)) == {401: RIVALS}


def test_control_a_limit_that_reads_and_then_writes_lets_everybody_through(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_without_lock(counters):
        moments = services._require_room(counters)
        time.sleep(0.5)
        for counter in counters:
            values = {"moments": [*moments[counter], time.time()], "expires_at": timezone.now()}
            AttemptLog.objects.update_or_create(key=counter.key, defaults=values)
        return []

    monkeypatch.setattr(services, "_count_attempt", count_without_lock)
    assert tally(race([attempt] * RIVALS)) == {401: RIVALS}


def refresh(token):
    return api_client().post("/api/auth/refresh", {"refresh": token}).status_code


def signed_in(user: User):
    return services.sign_in(email=user.email, password=PASSWORD)


def test_of_eight_refreshes_of_one_token_one_wins_and_the_sign_in_ends(user: User) -> None:
    for _ in range(ROUNDS):
        pair = signed_in(user)
        pairs = race([partial(refresh_sign_in, token=pair.refresh)] * 8)
        assert outcomes(pairs) == {"done": 1, "RefreshRefused": 7}
        # then: the new pair is dead too, on both its sides
        new = next(result for result in pairs if not isinstance(result, Exception))
        assert refresh(new.refresh) == 401
        client = api_client()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {new.access}")
        assert client.get("/api/auth/me").status_code == 401
    assert not SignIn.objects.filter(revoked_at=None).exists()


def test_eight_refreshes_over_http(user: User) -> None:
    assert tally(race([partial(refresh, signed_in(user).refresh)] * 8)) == {200: 1, 401: 7}


def test_control_a_refresh_that_reads_and_then_writes_is_good_for_several(user: User) -> None:
    def refresh_without_condition(token):
        old = services._read_refresh(token)
        sign_in = SignIn.objects.get(family=old["family"])
        if sign_in.current_token_id != old["jti"]:
            raise services.RefreshRefused
        time.sleep(0.2)
        sign_in.current_token_id = services._refresh_token(sign_in.user, sign_in.family)["jti"]
        sign_in.save()

    assert outcomes(race([partial(refresh_without_condition, signed_in(user).refresh)] * 8)) == {"done": 8}


def test_a_reset_link_is_good_once(user: User) -> None:
    for number in range(ROUNDS):
        user.refresh_from_db()
        token = reset_token(user)
        deeds = [
            partial(reset_password, token=token, password=f"good-new-words-{number}-{rival}") for rival in range(8)
        ]
        assert outcomes(race(deeds)) == {"done": 1, "ResetLinkRefused": 7}
    assert Change.objects.filter(action="user.password_changed").count() == ROUNDS
    assert list(faults()) == []


def test_control_a_link_that_is_looked_at_without_a_lock_is_good_for_several(user: User) -> None:
    token = reset_token(user).split("/")[1]

    def reset_without_lock(password):
        found = User.objects.get(pk=user.pk)
        if not default_token_generator.check_token(found, token):
            raise services.ResetLinkRefused
        time.sleep(0.2)
        services.change_password(actor=found, user=found, password=password)

    deeds = [partial(reset_without_lock, f"good-new-words-{rival}") for rival in range(4)]
    assert outcomes(race(deeds)) == {"done": 4}


def two_admins() -> tuple[Company, User, User]:
    company = make_company()
    return company, make_user("Admin", company), make_user("Admin", company)


def test_two_admins_who_take_each_other_s_role_leave_one(user: User) -> None:
    for _ in range(ROUNDS):
        company, first, second = two_admins()
        results = race(
            [
                partial(update_user, actor=second, user_id=first.pk, roles={company: "Viewer"}),
                partial(update_user, actor=first, user_id=second.pk, is_active=False),
            ]
        )
        assert outcomes(results) == {"done": 1, "LastAdmin": 1}
        admins = Membership.objects.filter(company=company, group__name="Admin", user__is_active=True)
        assert admins.count() == 1
    assert list(faults()) == []


def test_control_without_the_lock_on_the_company_no_admin_is_left(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_without_lock(leaving_user, companies, **_):
        for company in companies:
            admins = Membership.objects.filter(company=company, group__name="Admin", user__is_active=True)
            if not admins.exclude(user=leaving_user).exists():
                raise services.LastAdmin
        time.sleep(0.2)

    monkeypatch.setattr(services, "_require_other_admins", look_without_lock)
    _, first, second = two_admins()
    deeds = [
        partial(update_user, actor=one, user_id=other.pk, is_active=False)
        for one, other in ((first, second), (second, first))
    ]
    assert outcomes(race(deeds)) == {"done": 2}


def test_of_eight_changes_with_one_version_one_is_made(user: User) -> None:
    deeds = [partial(update_user, actor=user, user_id=user.pk, version=1, full_name=f"Ann {n}") for n in range(8)]
    assert outcomes(race(deeds)) == {"done": 1, "StaleVersion": 7}
    assert User.objects.get().version == 2


def test_roles_given_elsewhere_meanwhile_are_not_overwritten(user: User) -> None:
    # given: somebody read version 1 of the user, and then a role was given
    add_role(user, company := make_company(), "Finance")
    results = race([partial(update_user, actor=user, user_id=user.pk, version=1, roles={company: "Viewer"})])
    assert outcomes(results) == {"StaleVersion": 1}
    assert User.objects.get().roles_by_company[company.pk] == "Finance"
