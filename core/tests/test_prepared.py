"""Prepared queries: the same rows as the ORM's own query gives, for whatever values."""

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from core.models import IdempotencyKey
from core.prepared import Prepared, Slot

pytestmark = pytest.mark.django_db

BY_KEY = Prepared(
    lambda: IdempotencyKey.objects.filter(key=Slot("key"), user_id=Slot("user_id")).order_by("company_id")
)


def _claim(key: str, *, user_id: int = 1, company_id: int = 1) -> IdempotencyKey:
    return IdempotencyKey.objects.create(user_id=user_id, company_id=company_id, key=key, fingerprint="f")


@pytest.mark.parametrize("key", ["a", "100%s", "'; DROP TABLE x; --", "%(key)s", "Müller 🙂", "", "\\"])
def test_a_prepared_query_finds_what_the_same_filter_finds(key):
    wanted = [_claim(key), _claim(key, company_id=2)]
    _claim(key, user_id=2)
    _claim(key + "!")

    assert BY_KEY.rows(key=key, user_id=1) == wanted
    assert BY_KEY.first(key=key, user_id=1) == wanted[0]
    assert BY_KEY.first(key=key, user_id=3) is None


def test_each_use_sees_the_rows_as_they_are_then():
    claim = _claim("a")
    assert [row.status for row in BY_KEY.rows(key="a", user_id=1)] == [claim.status]

    IdempotencyKey.objects.update(status=201)

    assert [row.status for row in BY_KEY.rows(key="a", user_id=1)] == [201]


def test_rows_of_an_earlier_use_stay_as_they_were():
    _claim("a")
    _claim("b")

    first, second = BY_KEY.rows(key="a", user_id=1), BY_KEY.rows(key="b", user_id=1)

    assert ([row.key for row in first], [row.key for row in second]) == (["a"], ["b"])


def test_the_query_is_built_once_for_a_connection(django_assert_num_queries):
    built = []
    query = Prepared(lambda: built.append("built") or IdempotencyKey.objects.filter(key=Slot("key")))

    with django_assert_num_queries(3):
        for key in ("a", "b", "c"):
            query.rows(key=key)

    assert built == ["built"]


@pytest.mark.parametrize("user_id", [2**63, 10**30, 0, -1])
def test_nobody_has_an_id_that_no_row_can_have(user_id):
    assert BY_KEY.rows(key="a", user_id=user_id) == []


def test_a_slot_needs_its_value():
    with pytest.raises(KeyError, match="user_id"):
        BY_KEY.rows(key="a")


@pytest.mark.django_db(transaction=True)
def test_a_prepared_lock_needs_a_transaction():
    locked = Prepared(lambda: IdempotencyKey.objects.select_for_update().filter(key=Slot("key")).order_by())
    _claim("a")

    with transaction.atomic():
        assert [row.key for row in locked.rows(key="a")] == ["a"]
    if connection.features.has_select_for_update:
        with pytest.raises(TransactionManagementError):
            locked.rows(key="a")
