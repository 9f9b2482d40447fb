"""Signing in to the admin: e-mail and password, as in the API, and permissions by role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.addresses import client_address
from accounts.models import User
from accounts.roles import PERMISSIONS
from accounts.services import prove_identity


class RoleBackend(ModelBackend):
    """Sign-ins are limited and recorded; permissions come from the roles and from nowhere else."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """The user with this e-mail address and password. Raises TooManyAttempts."""
        if username is None or password is None:
            return None
        return prove_identity(email=username, password=password, address=client_address(request))

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Nobody has permissions of their own."""
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The permissions of all roles held."""
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return set()
        return {permission for role in user_obj.roles for permission in PERMISSIONS.get(role, ())}

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The permissions of all roles held."""
        return self.get_group_permissions(user_obj, obj)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """The user's own answer."""
        return isinstance(user_obj, User) and user_obj.has_perm(perm, obj)
