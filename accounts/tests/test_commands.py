"""The promise: Django's own ways to make users and to change passwords work, on the record or exempt from it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import update_last_login
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import SignIn, User
from accounts.services import sign_in
from accounts.tests.factories import PASSWORD, make_user
from audit.books import faults
from audit.models import Change

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another-horse-battery"


@pytest.fixture
def user() -> User:
    """Somebody who signs in as ann@example.test."""
    return make_user(email="ann@example.test")


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the person at the terminal types when asked for a password."""

    def types(*answers: str) -> None:
        remaining = iter(answers)
        monkeypatch.setattr("getpass.getpass", lambda prompt: next(remaining))

    return types


def versions(user: User) -> list[tuple[int, str, str]]:
    """(version, command, performed by) of each version of the user."""
    rows = User.history.filter(id=user.pk).order_by("version")
    return list(rows.values_list("version", "change__action", "change__actor"))


def test_createsuperuser_works_and_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="Root@Example.test", interactive=False, verbosity=0)
    root = User.objects.get(email="root@example.test")
    assert root.is_superuser
    assert root.check_password(PASSWORD)
    assert versions(root) == [(1, "user.created", "system")]


def test_signing_in_to_the_admin_moves_last_login_without_a_version(user: User) -> None:
    assert Client().login(username="ann@example.test", password=PASSWORD)
    user.refresh_from_db()
    assert user.last_login is not None
    assert versions(user) == [(1, "user.created", "system")]


def test_djangos_own_update_of_last_login_works(user: User) -> None:
    update_last_login(User, user)
    assert User.objects.get().last_login == user.last_login
    assert len(versions(user)) == 1


def test_signing_in_through_the_api_moves_last_login_without_a_version(user: User) -> None:
    sign_in(email="ann@example.test", password=PASSWORD)
    assert User.objects.get().last_login is not None
    assert len(versions(user)) == 1


def test_an_old_hash_is_upgraded_at_sign_in_without_a_version(user: User, settings: Any) -> None:
    # given: a hash of yesterday's hasher (as an import would bring it; exempt, so it needs no entry)
    hashers = "django.contrib.auth.hashers"
    settings.PASSWORD_HASHERS = [f"{hashers}.Argon2PasswordHasher", f"{hashers}.PBKDF2PasswordHasher"]
    old = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    User.objects.filter(pk=user.pk).update(password=old)
    # when
    assert authenticate(username="ann@example.test", password=PASSWORD) == user
    # then
    assert User.objects.get().password.startswith("argon2$")
    assert len(versions(user)) == 1
    assert list(faults()) == []


def test_changepassword_is_a_version_that_names_no_value(
    user: User, typing: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(email="ann@example.test", password=PASSWORD)
    typing(NEW_PASSWORD, NEW_PASSWORD)
    # when
    call_command("changepassword", "ANN@example.test")
    # then
    assert capsys.readouterr().out == "Changed the password of ann@example.test.\n"
    assert User.objects.get().check_password(NEW_PASSWORD)
    assert versions(user)[1:] == [(2, "user.password_changed", "system:changepassword")]
    assert not SignIn.objects.filter(revoked_at=None).exists()
    hashed = User.objects.get().password
    assert not any(hashed in str(value) for row in User.history.values() for value in row.values())


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ((NEW_PASSWORD, "something-else-entirely"), "The passwords differ. Nothing was changed."),
        (("12345678", "12345678"), "Nothing was changed."),
    ],
)
def test_changepassword_changes_nothing_where_the_password_will_not_do(
    user: User, typing: Callable[..., None], answers: tuple[str, str], complaint: str
) -> None:
    typing(*answers)
    with pytest.raises(CommandError, match=complaint):
        call_command("changepassword", "ann@example.test")
    assert User.objects.get().check_password(PASSWORD)
    assert len(versions(user)) == 1


def test_changepassword_needs_somebody_to_change(typing: Callable[..., None]) -> None:
    with pytest.raises(CommandError, match=r"Nobody signs in as nobody@example.test\."):
        call_command("changepassword", "nobody@example.test")


def test_changepassword_is_interrupted_without_a_trace(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", interrupted)
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("changepassword", "ann@example.test")
    assert len(versions(user)) == 1


def test_control_djangos_own_way_to_change_a_password_leaves_no_entry(user: User) -> None:
    # which is why the command of that name is our own
    entries = Change.objects.count()
    user.set_password(NEW_PASSWORD)
    user.save(update_fields=["password"])
    assert User.objects.get().check_password(NEW_PASSWORD)
    assert Change.objects.count() == entries


def test_nothing_but_the_exempt_columns_is_saved_without_an_entry(user: User) -> None:
    user.is_superuser = True
    with pytest.raises(IntegrityError, match="no journal entry is open"), transaction.atomic():
        user.save()
    assert not User.objects.get().is_superuser
