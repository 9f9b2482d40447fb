"""The accounts room: who signs in, and what they may do where."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """Users, memberships, the four roles, tokens."""

    name = "accounts"
    verbose_name = "Users and roles"

    def ready(self) -> None:
        """Bring the four groups in line with the roles after every migrate."""
        post_migrate.connect(after_migrate)


def after_migrate(*, sender: AppConfig, using: str, **_: Any) -> None:
    """Once, after the last app: all permissions exist then."""
    from accounts.services import synchronize_role_groups

    if sender is list(apps.get_app_configs())[-1]:
        synchronize_role_groups(using=using)
