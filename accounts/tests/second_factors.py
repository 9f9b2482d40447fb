"""An authenticator app for tests."""

import base64
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import User
from accounts.second_factor.codes import STEP_SECONDS, code_at, new_secret
from accounts.second_factor.services import switch_on


@dataclass(frozen=True)
class Factor:
    """What somebody holds who has a second factor."""

    secret: str
    recovery_codes: list[str]


def current_code(secret: str, ahead: int = 0) -> str:
    """What an app shows now, or will show some steps `ahead`."""
    step = int(timezone.now().timestamp()) // STEP_SECONDS + ahead
    return code_at(base64.b32decode(secret.replace(" ", "")), step)


def switched_on(user: User) -> Factor:
    """The second factor of `user`, switched on."""
    secret = new_secret()
    codes = switch_on(user=user, secret=secret, code=current_code(secret))
    user.refresh_from_db()
    return Factor(secret, codes)
