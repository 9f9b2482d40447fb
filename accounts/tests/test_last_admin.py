"""The promise: a company keeps an active Admin, even when all of its Admins leave at the same moment."""

from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models import QuerySet

from accounts import services
from accounts.models import Membership, User
from accounts.services import revoke_role, update_user
from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.tests.races import PATIENCE_SECONDS, outcomes, race_rounds
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ROUNDS = 5


def leave_together() -> list[dict[str, int]]:
    """What came of each round in which the two Admins of a company leave: one deactivated, one without the role."""
    pairs: list[tuple[Company, User, User]] = []
    for _ in range(ROUNDS):
        company = make_company()
        pairs.append((company, make_user("Admin", company), make_user("Admin", company)))

    def deactivate(number: int) -> None:
        update_user(actor=SYSTEM, user_id=pairs[number][1].pk, is_active=False)

    def revoke(number: int) -> None:
        company, _, user = pairs[number]
        revoke_role(actor=SYSTEM, user=user, company=company)

    return [outcomes(results) for results in race_rounds([deactivate, revoke], rounds=ROUNDS)]


def companies_without_admin() -> int:
    active = Membership.objects.filter(group__name="Admin", user__is_active=True).values("company")
    return Company.objects.exclude(pk__in=active).count()


def test_of_two_admins_who_leave_at_the_same_moment_one_stays() -> None:
    assert leave_together() == [{"done": 1, "LastAdmin": 1}] * ROUNDS
    assert companies_without_admin() == 0


def test_control_without_the_lock_a_company_is_left_alone() -> None:
    # given: nobody locks, and both have asked who else is Admin before either leaves
    both_asked = Barrier(2, timeout=PATIENCE_SECONDS)
    ask = services._require_other_admins

    def ask_and_wait(*args: Any, **options: Any) -> None:
        ask(*args, **options)
        both_asked.wait()

    with (
        patch.object(QuerySet, "select_for_update", lambda rows, **_: rows),
        patch.object(services, "_require_other_admins", ask_and_wait),
    ):
        assert leave_together() == [{"done": 2}] * ROUNDS
    assert companies_without_admin() == ROUNDS
