"""Signing in to the admin: e-mail and password, and permissions by role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.models import User
from accounts.roles import PERMISSIONS


class RoleBackend(ModelBackend):
    """Django's own check of passwords; permissions come from the roles and from nowhere else."""

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
