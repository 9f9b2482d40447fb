"""The verbs of sign-ins: beginning, using and ending them, through the API and in the admin alike.

Errors: NotFound.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts.addresses import Origin
from accounts.models import SignIn, User
from accounts.sign_in_events import record_sign_in, record_sign_out
from core.errors import NotFound


def begin_sign_in(*, user: User, origin: Origin, expires_at: datetime, detail: str = "", **columns: Any) -> SignIn:
    """A new sign-in, on record. `columns` are those of its token or session, `detail` a sentence about how."""
    with transaction.atomic():
        sign_in = SignIn(
            user=user, address=origin.address, user_agent=origin.user_agent, expires_at=expires_at, **columns
        )
        sign_in.save(force_insert=True)
        record_sign_in(user, address=origin.address, detail=detail)
    return sign_in


def note_use(*, family: str, session_key: str, origin: Origin, expires_at: datetime) -> None:
    """A session is in use: from where, and under which key it is kept now."""
    SignIn.objects.filter(family=family, revoked_at=None).update(
        session_key=session_key,
        address=origin.address,
        user_agent=origin.user_agent,
        last_used_at=timezone.now(),
        expires_at=expires_at,
    )


def end_sign_in(*, user: User, family: UUID | str, origin: Origin) -> None:
    """End one of the sign-ins of `user`, on record. Raises NotFound where it is none of theirs, or has ended."""
    with transaction.atomic():
        if not end_sign_ins(user, family=family):
            raise NotFound
        record_sign_out(user, address=origin.address, detail="From the list of devices.")


def end_other_sign_ins(*, user: User, but: str | None, origin: Origin) -> None:
    """End all sign-ins of `user` but one, on record."""
    with transaction.atomic():
        if end_sign_ins(user, but=but):
            record_sign_out(user, address=origin.address, detail="On all other devices.")


def end_sign_ins(user: User, *, family: UUID | str | None = None, but: str | None = None) -> int:
    """End all sign-ins of `user`, or only `family`, or all `but` one, sessions in browsers too; how many there were."""
    standing = user.sign_ins.filter(revoked_at=None)
    if family is not None:
        standing = standing.filter(family=family)
    if but is not None:
        standing = standing.exclude(family=but)
    sessions = list(standing.exclude(session_key="").values_list("session_key", flat=True))
    Session.objects.filter(pk__in=sessions).delete()
    return standing.update(revoked_at=timezone.now())
