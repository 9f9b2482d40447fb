"""Who comes as far as a view: what a view does not declare is denied to everybody."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.permissions import PUBLIC, SIGNED_IN, DeclaredPermission

SOMEBODY, NOBODY = SimpleNamespace(is_authenticated=True), SimpleNamespace(is_authenticated=False)


def comes_through(user: Any, **view: Any) -> bool:
    request: Any = SimpleNamespace(user=user)
    return DeclaredPermission().has_permission(request, SimpleNamespace(**view))


@pytest.mark.parametrize(
    "view", [{"required_permissions": {"list": "a.view"}, "action": "destroy"}, {"action": "list"}]
)
def test_an_action_that_is_not_declared_is_denied_to_everybody(view: dict[str, Any]) -> None:
    assert not comes_through(SOMEBODY, **view)
    assert not comes_through(NOBODY, **view)


@pytest.mark.parametrize("permission", ["a.view", SIGNED_IN])
def test_a_declared_action_is_for_who_is_signed_in(permission: str) -> None:
    view = {"required_permissions": {"list": permission}, "action": "list"}
    assert comes_through(SOMEBODY, **view)
    assert not comes_through(NOBODY, **view)
    assert not comes_through(None, **view)


def test_a_public_action_is_for_everybody() -> None:
    assert comes_through(NOBODY, required_permissions={"sign_in": PUBLIC}, action="sign_in")


@pytest.mark.parametrize("view", [{}, {"action": None}, {"action": "metadata"}])
def test_what_a_view_answers_without_an_action_is_for_who_is_signed_in(view: dict[str, Any]) -> None:
    assert comes_through(SOMEBODY, **view)
    assert not comes_through(NOBODY, **view)
    assert not comes_through(None, **view)
