"""What a browser's session in the admin knows about its sign-in."""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.addresses import origin_of
from accounts.models import User
from accounts.second_factor.services import Proof
from accounts.sign_ins.services import begin_sign_in, note_use

SIGN_IN = "sign_in"
SECOND_FACTOR = "second_factor"
PENDING = "pending_sign_in"
USED_AT = "used_at"
PENDING_SECONDS = 10 * 60
"""How long a code may be given after the password."""
NOTED_EVERY_SECONDS = 5 * 60


def sign_in_of(request: HttpRequest) -> str | None:
    """The sign-in that this session is; None for one of another making."""
    return request.session.get(SIGN_IN)


def admit(request: HttpRequest, user: User, *, proof: Proof | None = None) -> None:
    """Sign somebody in who has proved who they are, on record; `proof` says how, beside the password."""
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.pop(PENDING, None)
    if proof is not None:
        remember_second_factor(request)
    if request.session.session_key is None:
        request.session.create()
    sign_in = begin_sign_in(
        user=user,
        origin=origin_of(request),
        session_key=request.session.session_key,
        expires_at=_expires_at(request),
        detail=proof or "",
    )
    request.session[SIGN_IN] = str(sign_in.family)
    request.session[USED_AT] = int(time.time())


def remember_second_factor(request: HttpRequest) -> None:
    """The second factor was proved in this session."""
    request.session[SECOND_FACTOR] = True


def forget_second_factor(request: HttpRequest) -> None:
    """There is none any more."""
    request.session.pop(SECOND_FACTOR, None)


def has_second_factor(request: HttpRequest) -> bool:
    """Whether the second factor was proved in this session."""
    return SECOND_FACTOR in request.session


def wait_for_code(request: HttpRequest, user: User) -> None:
    """Remember who gave the right password, until the code comes. Nobody is signed in by it."""
    request.session[PENDING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "since": int(time.time()),
    }


def waiting_user(request: HttpRequest) -> User | None:
    """Who gave the right password a moment ago, and has it still; None where nobody did."""
    pending: dict[str, Any] = request.session.get(PENDING) or {}
    if not 0 <= time.time() - pending.get("since", 0) < PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True, second_factor_since__isnull=False).first()
    same = user is not None and constant_time_compare(user.get_session_auth_hash(), pending["password"])
    return user if same else None


def note_session_use(request: HttpRequest, *, now: bool = False) -> None:
    """Keep the list of devices right: every few minutes, or `now`, because the session has another key."""
    family = sign_in_of(request)
    since_noted = time.time() - request.session.get(USED_AT, 0)
    if family is None or (since_noted < NOTED_EVERY_SECONDS and not now):
        return
    request.session[USED_AT] = int(time.time())
    note_use(
        family=family,
        session_key=request.session.session_key or "",
        origin=origin_of(request),
        expires_at=_expires_at(request),
    )


def _expires_at(request: HttpRequest) -> datetime:
    return request.session.get_expiry_date()
