"""The verbs of second factors: on, off, reset, recovery codes, and using a code up.

That it is on is a column of the user, so each of these is a version of the user; secrets are in tables of their own
that no history keeps. A secret that is lost shuts out, and never lets in.

Errors: CodeWrong, SecondFactorOn, SecondFactorOff, StaleVersion, NotFound.
"""

import logging
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from accounts.models import RecoveryCode, SecondFactor, User
from accounts.second_factor.codes import (
    decrypted,
    encrypted,
    new_recovery_codes,
    recovery_digest,
    step_of,
)
from accounts.selectors import only_company_id
from accounts.sign_ins.services import end_sign_ins
from audit.actors import Actor
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError

logger = logging.getLogger(__name__)


class CodeWrong(DomainError):
    """The code is not the one that the app shows now, was used, or is no recovery code that is left."""

    status = 401
    code = "otp_invalid"
    title = "Wrong code"
    default_detail = "This code is not right, or was used already. Wait for the next one, or use a recovery code."


class SecondFactorOn(DomainError):
    """There is one already."""

    code = "second_factor_on"
    title = "The second factor is on"
    default_detail = "Your second factor is on already. Switch it off before you set up another one."


class SecondFactorOff(DomainError):
    """There is none."""

    code = "second_factor_off"
    title = "There is no second factor"
    default_detail = "No second factor is switched on."


class Proof(StrEnum):
    """What a second factor was proved with."""

    APP = "With a code of the app."
    RECOVERY = "With a recovery code."


def switch_on(*, user: User, secret: str, code: str) -> list[str]:
    """Switch the second factor of `user` on, once `code` shows that an app knows the secret; the recovery codes.

    They are never shown again. Raises CodeWrong, SecondFactorOn.
    """
    now = timezone.now()
    step = step_of(secret, code, now=now.timestamp())
    if step is None:
        raise CodeWrong("This code is not right. Check the clock of your telephone, then give the next code.")
    with transaction.atomic():
        row = locked(User.objects.all(), pk=user.pk)
        if row.second_factor_since is not None:
            raise SecondFactorOn
        _record(row, actor=user, action="user.second_factor_switched_on", since=now)
        SecondFactor.objects.create(user=row, secret=encrypted(secret), last_step=step)
        return _replace_recovery_codes(row)


def make_recovery_codes(*, user: User) -> list[str]:
    """New recovery codes, in place of those there were. They are never shown again. Raises SecondFactorOff."""
    with transaction.atomic():
        row = _with_second_factor(user)
        _record(row, actor=user, action="user.recovery_codes_made", since=row.second_factor_since)
        return _replace_recovery_codes(row)


def switch_off(*, user: User) -> None:
    """Switch one's own second factor off; who asks has proved who they are. Raises SecondFactorOff."""
    with transaction.atomic():
        row = _with_second_factor(user)
        _record(row, actor=user, action="user.second_factor_switched_off", since=None)
        _forget(row)


def reset_second_factor(*, actor: Actor, user: User, reason: str, version: int | None = None) -> None:
    """Switch off the second factor of somebody who lost it. All their sign-ins end. Raises SecondFactorOff."""
    with transaction.atomic():
        row = _with_second_factor(user)
        require_version(row, version)
        _record(row, actor=actor, action="user.second_factor_reset", since=None, reason=reason)
        _forget(row)
        end_sign_ins(row)


def use_code(*, user: User, code: str) -> Proof | None:
    """What `code` proves, which it does once: one conditional UPDATE decides between several who come with it."""
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is None:
        return None
    now = timezone.now()
    step = _step(factor, code, now)
    if step is not None:
        used = SecondFactor.objects.filter(pk=user.pk, last_step__lt=step).update(last_step=step)
        return Proof.APP if used else None
    unused = RecoveryCode.objects.filter(user=user, digest=recovery_digest(code), used_at=None)
    return Proof.RECOVERY if unused.update(used_at=now) else None


def _step(factor: SecondFactor, code: str, now: datetime) -> int | None:
    secret = decrypted(factor.secret)
    if secret is None:
        logger.error("The second factor of user %s cannot be read: was SECRET_KEY changed?", factor.pk)
        return None
    return step_of(secret, code, now=now.timestamp(), after=factor.last_step)


def _with_second_factor(user: User) -> User:
    row = locked(User.objects.all(), pk=user.pk)
    if row.second_factor_since is None:
        raise SecondFactorOff
    return row


def _record(row: User, *, actor: Actor, action: str, since: datetime | None, reason: str = "") -> None:
    with recording(actor=actor, action=action, company_id=only_company_id(row), reason=reason) as change:
        write_version(row, change=change, second_factor_since=since)


def _replace_recovery_codes(row: User) -> list[str]:
    row.recovery_codes.all().delete()
    codes = new_recovery_codes()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=row, digest=recovery_digest(code)) for code in codes])
    return codes


def _forget(row: User) -> None:
    SecondFactor.objects.filter(user=row).delete()
    row.recovery_codes.all().delete()
