"""The accounts room: who signs in, and what they may do where."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.db.models import Q
from django.db.models.signals import post_migrate

EVENTS = ("user.signed_in", "user.sign_in_failed", "user.locked_out", "user.password_reset_requested")


class AccountsConfig(AppConfig):
    """Users, memberships, the four roles, tokens."""

    name = "accounts"
    verbose_name = "Users and roles"

    def ready(self) -> None:
        """Bring the four groups in line with the roles after every migrate; let auditors read of sign-ins."""
        post_migrate.connect(after_migrate)
        register_events()


def after_migrate(*, sender: AppConfig, using: str, **_: Any) -> None:
    """Once, after the last app that Django signals (those with models): all permissions exist then."""
    from accounts.services import synchronize_role_groups

    if sender is [config for config in apps.get_app_configs() if config.models_module][-1]:
        synchronize_role_groups(using=using)


def register_events() -> None:
    """What people did without changing a row, for those who read the record of all of their companies."""
    from accounts.models import people_of
    from audit.feed import register_event

    def of_people(company_ids: Sequence[int]) -> Q:
        return Q(actor_id__in=people_of(company_ids).values("pk"))

    for action in EVENTS:
        register_event(action, entity_type="User", scope=of_people)
