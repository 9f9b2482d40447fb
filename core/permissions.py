"""Who may do what: every endpoint declares the permission of each of its actions, and what is undeclared is denied."""

from typing import Any, Protocol

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

PUBLIC = "public"
SIGNED_IN = "signed-in"


class Principal(Protocol):
    """The part of a user that permission checks need; ``accounts.User`` and AnonymousUser provide it."""

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody is signed in."""
        ...

    def may(self, permission: str, company_id: int | None = None) -> bool:
        """Whether the role in that company (in any company, where none is given) carries `permission`."""
        ...


class DeclaredPermission(BasePermission):
    """Asks the view which permission the action needs (``required_permissions``) and denies what is not declared.

    Only the sign-in is decided here. Whether an object exists for the caller (404) comes before whether they may
    (403), so the role is checked by the view, in the object's company.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller may come as far as the view."""
        action = getattr(view, "action", None)
        if action is None or action == "metadata":
            return bool(request.user and request.user.is_authenticated)
        required = getattr(view, "required_permissions", {}).get(action)
        if required is None:
            return False
        return required == PUBLIC or bool(request.user and request.user.is_authenticated)
