"""The accounts room: who signs in, and what they may do where."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_out
from django.db.models import Q
from django.db.models.signals import post_migrate
from django.http import HttpRequest


class AccountsConfig(AppConfig):
    """Users, memberships, the four roles, tokens."""

    name = "accounts"
    verbose_name = "Users and roles"

    def ready(self) -> None:
        """Bring the four groups in line with the roles after every migrate; let auditors read of sign-ins."""
        post_migrate.connect(after_migrate)
        user_logged_out.connect(after_sign_out)
        register_events()


def after_migrate(*, sender: AppConfig, using: str, **_: Any) -> None:
    """Once, after the last app that Django signals (those with models): all permissions exist then."""
    from accounts.services import synchronize_role_groups

    if sender is [config for config in apps.get_app_configs() if config.models_module][-1]:
        synchronize_role_groups(using=using)


def after_sign_out(*, request: HttpRequest, user: Any, **_: Any) -> None:
    """Record that somebody left the admin. Their session may have named nobody any more."""
    from accounts.addresses import client_address
    from accounts.sign_in_events import record_sign_out
    from accounts.sign_ins.services import end_sign_ins
    from accounts.sign_ins.session import sign_in_of

    if user is not None and user.is_authenticated:
        if family := sign_in_of(request):
            end_sign_ins(user, family=family)
        record_sign_out(user, address=client_address(request))


def register_events() -> None:
    """What people did without changing a row, for those who read the record of all of their companies."""
    from accounts.models import people_of
    from accounts.sign_in_events import EVENTS
    from audit.exports import EXPORTED
    from audit.feed import register_event

    def of_people(company_ids: Sequence[int]) -> Q:
        return Q(actor_id__in=people_of(company_ids).values("pk"))

    def of_exports(company_ids: Sequence[int]) -> Q:
        return Q(company_id__in=company_ids) | of_people(company_ids)

    for action in EVENTS:
        register_event(action, entity_type="User", scope=of_people)
    register_event(EXPORTED, entity_type="User", scope=of_exports)
