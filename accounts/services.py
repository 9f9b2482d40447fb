"""The verbs of users, roles, sign-ins and passwords.

Errors: NotFound, EmailTaken, EmailInvalid, RoleUnknown, RoleMissing, LastAdmin, PasswordWeak, PasswordWrong,
PasswordChosen, ResetLinkRefused, SignInRefused, CodeMissing, CodeWrong, SecondFactorMissing, SecondFactorOff,
NotLockedOut, RefreshRefused, TooManyAttempts, StaleVersion, TextInvalid.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.addresses import UNKNOWN, Origin
from accounts.attempts import FAILED_SIGN_INS, RESET_MAILS, RESET_REQUESTS, Counter, TooManyAttempts, counters_of
from accounts.mail import send_invitation, send_reset_link
from accounts.models import AttemptLog, Membership, SignIn, User
from accounts.roles import PERMISSIONS, Role
from accounts.second_factor import services as second_factor
from accounts.second_factor.services import CodeWrong, Proof
from accounts.selectors import (
    FAMILY_CLAIM,
    INVITATION_DAYS,
    invitation_token,
    only_company_id,
    reset_token,
    user_of_reset_token,
)
from accounts.sign_in_events import record_failed_sign_in, record_lock_out, record_reset_request, record_sign_out
from accounts.sign_ins.services import begin_sign_in, end_sign_ins
from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from parties.models import Company
from parties.services import create_company

EXPIRED_ATTEMPTS_AT_ONCE = 100


class EmailTaken(DomainError):
    """Somebody signs in with this address already."""

    code = "email_taken"
    title = "E-mail address taken"
    default_detail = "There is a user with this e-mail address already."


class EmailInvalid(DomainError):
    """The address is no e-mail address."""

    code = "email_invalid"
    title = "Not an e-mail address"
    default_detail = "Give a complete e-mail address, such as name@example.com."


class RoleUnknown(DomainError):
    """There are four roles."""

    code = "role_unknown"
    title = "Unknown role"
    default_detail = "The roles are Admin, Finance, Viewer and Auditor."


class RoleMissing(DomainError):
    """A user without any role would be out of every Admin's sight."""

    code = "role_missing"
    title = "A role is needed"
    default_detail = "Leave the user a role in one of your companies, or deactivate them."


class LastAdmin(DomainError):
    """A company without an Admin could not be run by anybody any more."""

    code = "last_admin"
    title = "The last Admin"


class PasswordWeak(DomainError):
    """The password is too easy to guess."""

    code = "password_weak"
    title = "Choose a better password"


class PasswordWrong(DomainError):
    """The password that was given as the current one is another."""

    code = "password_wrong"
    title = "Wrong password"
    default_detail = "This is not your current password."


class PasswordChosen(DomainError):
    """Somebody who has a password needs no invitation."""

    code = "password_chosen"
    title = "No invitation is needed"
    default_detail = 'This user has a password, or is not active. "Forgotten your password?" sends a link.'


class ResetLinkRefused(DomainError):
    """The link is forged, more than an hour old, or was used."""

    code = "reset_link_refused"
    title = "The link is not good any more"
    default_detail = "This link is not good any more: ask for a new one."


class SignInRefused(DomainError):
    """E-mail and password do not belong together, or the user is deactivated. Which of them is not said."""

    status = 401
    code = "sign_in_refused"
    title = "Not signed in"
    default_detail = "E-mail address or password is wrong."


class CodeMissing(DomainError):
    """The password is right, and the user has a second factor."""

    status = 401
    code = "otp_required"
    title = "A code is needed"
    default_detail = "Give the code that your authenticator app shows, or a recovery code, as otp."


class SecondFactorMissing(DomainError):
    """The password is right, but here everybody needs a second factor, and the user has none."""

    status = 401
    code = "otp_setup_required"
    title = "Set up a second factor first"
    default_detail = "Everybody needs a second factor here: sign in to the admin in a browser and set yours up first."


class NotLockedOut(DomainError):
    """There is no lock-out to lift."""

    code = "not_locked_out"
    title = "Not locked out"
    default_detail = "This user is not locked out."


class RefreshRefused(DomainError):
    """The refresh token is malformed, expired, used or revoked."""

    status = 401
    code = "refresh_refused"
    title = "Not signed in"
    default_detail = "This refresh token is not valid any more: sign in again."


@dataclass(frozen=True)
class TokenPair:
    """What a signed-in program holds."""

    user: User
    access: str
    refresh: str
    expires_in: int
    """Seconds until the access token expires."""


def create_user(
    *, actor: Actor, email: str, password: str | None, memberships: Mapping[Company, str], full_name: str = ""
) -> User:
    """A new user with a role in each of the companies of `memberships`; without a password nobody signs in as them."""
    full_name = clean_text(full_name, max_length=200, field="full_name")
    email = email.strip().lower()
    require_email(email)
    if password is not None:
        require_password(password, email=email)
    groups = {company: _group(role) for company, role in memberships.items()}
    company_id = next((company.pk for company in memberships), None)
    with transaction.atomic():
        if User.objects.filter(email=email).exists():
            raise EmailTaken(field="email")
        with recording(actor=actor, action="user.created", company_id=company_id) as change:
            user = User.objects.create_user(email, password, full_name=full_name)
            for company, group in groups.items():
                Membership.objects.create(user=user, company=company, group=group, change=change)
    return user


def invite_user(
    *,
    actor: Actor,
    email: str,
    memberships: Mapping[Company, str],
    link_of: Callable[[str], str],
    full_name: str = "",
) -> User:
    """A new user, who gets a mail with a link (`link_of` makes it from a token) that leads to a password of theirs."""
    with transaction.atomic():
        user = create_user(actor=actor, email=email, password=None, memberships=memberships, full_name=full_name)
        _mail_invitation(actor, user, link_of)
    return user


def invite_again(*, actor: Actor, user: User, link_of: Callable[[str], str], version: int | None = None) -> None:
    """Mail another link to somebody who has no password yet. Raises PasswordChosen."""
    with transaction.atomic():
        row = locked(User.objects.all(), pk=user.pk)
        require_version(row, version)
        if row.has_usable_password() or not row.is_active:
            raise PasswordChosen
        with recording(actor=actor, action="user.invited", company_id=only_company_id(row)) as change:
            write_version(row, change=change)
        _mail_invitation(actor, row, link_of)


def update_user(
    *,
    actor: Actor,
    user_id: int,
    version: int | None = None,
    roles: Mapping[Company, str] | None = None,
    **values: Any,
) -> User:
    """The user with `full_name` or `is_active` changed, and with exactly the roles of `roles` where they are given.

    A deactivated user is signed out everywhere. The last active Admin of a company stays Admin, and active.
    """
    if "full_name" in values:
        values["full_name"] = clean_text(values["full_name"], max_length=200, field="full_name")
    if roles is not None and not roles:
        raise RoleMissing(field="memberships")
    groups = None if roles is None else {company.pk: _group(role) for company, role in roles.items()}
    with transaction.atomic():
        user = locked(User.objects.all(), pk=user_id)
        require_version(user, version)
        held = {row.company_id: row for row in user.memberships.select_related("group")}
        before = {company_id: row.group for company_id, row in held.items()}
        after = before if groups is None else groups
        deactivated = not values.get("is_active", user.is_active)
        changed = [company_id for company_id in before | after if before.get(company_id) != after.get(company_id)]
        if user.is_active:
            leaving = list(held) if deactivated else [company_id for company_id in changed if company_id in held]
            field = "is_active" if deactivated else "memberships"
            _require_other_admins(user, Company.objects.filter(pk__in=leaving), field=field)
        company_id = changed[0] if len(changed) == 1 else only_company_id(user)
        with recording(actor=actor, action="user.updated", company_id=company_id) as change:
            for changed_id in changed:
                if changed_id in after:
                    _set_role(user, changed_id, held.get(changed_id), after[changed_id], change)
                else:
                    held[changed_id].delete()
            write_version(user, change=change, **values)
        if deactivated:
            end_sign_ins(user)
    return user


def grant_role(*, actor: Actor, user: User, company: Company, role: str, version: int | None = None) -> Membership:
    """Give `user` the role in the company, in place of the one held there (in `version`, where that is given).

    It is a version of the user too: whoever read their roles before is told. The last active Admin stays Admin.
    """
    group = _group(role)
    with transaction.atomic():
        row = locked(User.objects.all(), pk=user.pk)
        membership = Membership.objects.select_for_update().filter(user=user, company=company).first()
        if membership is not None:
            require_version(membership, version)
            if role != Role.ADMIN:
                _require_other_admins(row, Company.objects.filter(pk=company.pk), field="role")
        with recording(actor=actor, action="role.granted", company_id=company.pk) as change:
            _raise_version(row, change)
            return _set_role(row, company.pk, membership, group, change)


def revoke_role(*, actor: Actor, user: User, company: Company, version: int | None = None) -> None:
    """End the membership of `user` in the company: a version of the user too. The last active Admin stays."""
    with transaction.atomic():
        row = locked(User.objects.all(), pk=user.pk)
        membership = locked(Membership.objects.all(), user=user, company=company)
        require_version(membership, version)
        _require_other_admins(row, Company.objects.filter(pk=company.pk))
        with recording(actor=actor, action="role.revoked", company_id=company.pk) as change:
            _raise_version(row, change)
            membership.delete()


def found_company(*, actor: User, **details: Any) -> Company:
    """A new company, of which `actor` becomes the first Admin. `details` are columns of Company."""
    with transaction.atomic():
        company = create_company(actor=actor, **details)
        if not actor.is_superuser:
            grant_role(actor=actor, user=actor, company=company, role=Role.ADMIN)
    return company


def change_password(
    *,
    actor: Actor,
    user: User,
    password: str,
    version: int | None = None,
    kept_sign_in: str | None = None,
    reason: str = "",
) -> None:
    """Set a new password: a version of its own that names no value.

    All sign-ins end, but for `kept_sign_in`.
    """
    require_password(password, email=user.email)
    with transaction.atomic():
        user = locked(User.objects.all(), pk=user.pk)
        require_version(user, version)
        user.set_password(password)
        with recording(
            actor=actor, action="user.password_changed", company_id=only_company_id(user), reason=reason
        ) as change:
            write_version(user, change=change, password=user.password)
        end_sign_ins(user, but=kept_sign_in)


def change_own_password(
    *, user: User, current: str, new: str, address: str = "", kept_sign_in: str | None = None
) -> None:
    """Set a new password for somebody who knows the current one; a wrong one is a failed attempt to sign in.

    Raises PasswordWrong, TooManyAttempts, PasswordWeak.
    """
    _require_own_password(user, current, address, field="current")
    require_password(new, email=user.email, field="new")
    change_password(actor=user, user=user, password=new, kept_sign_in=kept_sign_in)


def request_password_reset(*, email: str, link_of: Callable[[str], str], address: str = "") -> None:
    """Mail a reset link (`link_of` makes it from a token) if somebody signs in with `email`.

    Whether somebody does is not said, neither by an error nor by the time it takes. A few mails an hour are enough:
    further requests are noted nowhere and change nothing.
    """
    email = email.strip().lower()
    user = User.objects.filter(email=email, is_active=True).first()
    _forget_expired_attempts()
    try:
        with transaction.atomic():
            _count_attempt(counters_of(email, address, on_account=RESET_MAILS, from_address=RESET_REQUESTS))
            record_reset_request(user, email=email, address=address)
    except TooManyAttempts:
        return
    if user is not None:
        transaction.on_commit(partial(send_reset_link, user.email, link_of(reset_token(user))))


def reset_password(*, token: str, password: str, field: str = "new") -> User:
    """The user of a reset link with a new password. The link is good once, also for several at the same moment.

    Raises ResetLinkRefused, PasswordWeak.
    """
    with transaction.atomic():
        user = user_of_reset_token(token, lock=True)
        if user is None:
            raise ResetLinkRefused(field="token")
        require_password(password, email=user.email, field=field)
        change_password(actor=user, user=user, password=password, reason="By a reset link.")
    return user


def prove_identity(*, email: str, password: str, address: str = "") -> User | None:
    """The active user with this e-mail address and password; None where there is none, which counts as a failure.

    It is the first step: whoever has a second factor is not signed in by it (``prove_second_factor``).

    Raises TooManyAttempts where the account or the address has failed too often, whatever the password. The limit is
    asked again once the password was found right: of any number who try at the same moment, only as many as the limit
    allows learn whether they guessed right, because each failure is counted under a lock before it is answered.
    """
    email = email.strip().lower()
    counters = counters_of(email, address)
    _require_room(counters)
    user = User.objects.filter(email=email).first()
    if user is None:
        User().set_password(password)  # takes as long as checking one
    elif user.check_password(password) and user.is_active:
        _require_room(counters)
        return user
    _record_failure(user, email, address)
    return None


def prove_second_factor(*, user: User, code: str, address: str = "") -> Proof | None:
    """What `code` proves, which uses it up; None where it is wrong, which counts as a failed sign-in.

    The one place where a second factor succeeds or fails. Raises TooManyAttempts, as for a password: then a code that
    is right is not used up.
    """
    counters = counters_of(user.email, address)
    _require_room(counters)
    with transaction.atomic():
        proof = second_factor.use_code(user=user, code=code)
        if proof is not None:
            _require_room(counters)
            return proof
    _record_failure(user, user.email, address, detail="The second factor was wrong.")
    return None


def switch_off_second_factor(*, user: User, password: str, code: str, address: str = "") -> None:
    """Switch off one's own second factor, which takes the password and a code.

    Raises PasswordWrong, CodeWrong, TooManyAttempts, SecondFactorOff.
    """
    _require_own_password(user, password, address, field="password")
    _require_code(user, code, address)
    second_factor.switch_off(user=user)


def replace_recovery_codes(*, user: User, code: str, address: str = "") -> list[str]:
    """New recovery codes for somebody with a code of the app, or one of the old ones; shown this once.

    Raises CodeWrong, TooManyAttempts, SecondFactorOff.
    """
    _require_code(user, code, address)
    return second_factor.make_recovery_codes(user=user)


def lift_lock_out(*, actor: Actor, user: User, reason: str = "", version: int | None = None) -> None:
    """Forget the failed sign-ins on an account, which then count no more against their addresses either.

    Raises NotLockedOut, StaleVersion.
    """
    with transaction.atomic():
        row = locked(User.objects.all(), pk=user.pk)
        require_version(row, version)
        _forget_attempts(Counter(FAILED_SIGN_INS, f"account {row.email}"))
        with recording(
            actor=actor, action="user.lock_out_lifted", company_id=only_company_id(row), reason=reason
        ) as change:
            write_version(row, change=change)


def sign_in(*, email: str, password: str, otp: str = "", origin: Origin = UNKNOWN) -> TokenPair:
    """A new pair of tokens, the first of its family; `otp` is the code of somebody who has a second factor.

    Raises SignInRefused, CodeMissing, CodeWrong, SecondFactorMissing, TooManyAttempts.
    """
    user = prove_identity(email=email, password=password, address=origin.address)
    if user is None:
        raise SignInRefused
    proof = _require_second_factor(user, otp, origin.address)
    family = uuid.uuid4()
    refresh = _refresh_token(user, family)
    with transaction.atomic():
        # A password or second factor that is changed at this moment ends this sign-in too: the change waits for the
        # row, or we find it changed.
        unchanged = User.objects.filter(
            pk=user.pk, password=user.password, second_factor_since=user.second_factor_since, is_active=True
        )
        if not unchanged.update(last_login=timezone.now()):
            raise SignInRefused
        begin_sign_in(
            user=user,
            origin=origin,
            expires_at=_expiry(refresh),
            detail=proof or "",
            family=family,
            current_token_id=refresh["jti"],
        )
    return _pair(user, refresh)


def refresh_sign_in(*, token: str, origin: Origin = UNKNOWN) -> TokenPair:
    """A new pair in place of `token`, which dies. A token that comes a second time kills its whole family.

    One conditional UPDATE decides who of several callers with the same token wins. Raises RefreshRefused.
    """
    old = _read_refresh(token)
    sign_in = SignIn.objects.select_related("user").filter(family=old[FAMILY_CLAIM]).first()
    if sign_in is None or not sign_in.user.is_active:
        raise RefreshRefused
    new = _refresh_token(sign_in.user, sign_in.family)
    won = SignIn.objects.filter(family=sign_in.family, current_token_id=old["jti"], revoked_at=None).update(
        current_token_id=new["jti"],
        expires_at=_expiry(new),
        last_used_at=timezone.now(),
        address=origin.address,
        user_agent=origin.user_agent,
    )
    if not won:
        # Outside any transaction that the refusal would roll back: the family must stay dead.
        SignIn.objects.filter(family=sign_in.family, revoked_at=None).update(revoked_at=timezone.now())
        raise RefreshRefused
    return _pair(sign_in.user, new)


def sign_out(*, token: str, address: str = "") -> None:
    """End the family of `token`. Raises RefreshRefused for a token that is none."""
    standing = SignIn.objects.filter(family=_read_refresh(token)[FAMILY_CLAIM], revoked_at=None)
    with transaction.atomic():
        sign_in = standing.select_related("user").first()
        if sign_in is not None and standing.update(revoked_at=timezone.now()):
            record_sign_out(sign_in.user, address=address)


def synchronize_role_groups(*, using: str = "default") -> None:
    """Make the four groups and give each exactly the permissions of its role (``accounts.roles``)."""
    ids = {
        f"{app_label}.{codename}": pk
        for pk, app_label, codename in Permission.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for role, permissions in PERMISSIONS.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([ids[permission] for permission in permissions if permission in ids])


def require_password(password: str, *, email: str, field: str = "password") -> None:
    """Raise PasswordWeak unless the password passes the validators of the settings."""
    try:
        validate_password(password, user=User(email=email))
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages), field=field) from error


def require_email(email: str) -> None:
    """Raise EmailInvalid unless `email` is an e-mail address."""
    try:
        validate_email(email)
    except ValidationError:
        raise EmailInvalid(field="email") from None


def _require_other_admins(user: User, companies: QuerySet[Company], *, field: str | None = None) -> None:
    """Raise LastAdmin if `user` is the only active Admin of one of `companies`.

    The companies are locked first: of two Admins who leave at the same time the second sees that the first is gone.
    """
    admins = Membership.objects.filter(group__name=Role.ADMIN, user__is_active=True)
    for company in companies.order_by("pk").select_for_update(of=("self",), no_key=True):
        others = admins.filter(company=company).exclude(user=user)
        if admins.filter(company=company, user=user).exists() and not others.exists():
            raise LastAdmin(
                f"{user} is the last active Admin of {company}: make somebody else Admin first.", field=field
            )


def _mail_invitation(actor: Actor, user: User, link_of: Callable[[str], str]) -> None:
    link = link_of(invitation_token(user))
    send = partial(send_invitation, user.email, link, inviter=actor.actor_name, days=INVITATION_DAYS)
    transaction.on_commit(send)


def _group(role: str) -> Group:
    if role not in Role.values:
        raise RoleUnknown(field="role")
    return Group.objects.get(name=role)


def _set_role(user: User, company_id: int, membership: Membership | None, group: Group, change: Change) -> Membership:
    if membership is None:
        return Membership.objects.create(user=user, company_id=company_id, group=group, change=change)
    write_version(membership, change=change, group=group)
    return membership


def _raise_version(user: User, change: Change) -> None:
    """A version of the user under this entry, unless the entry made one already."""
    if user.change_id != change.pk:
        write_version(user, change=change)


def _require_own_password(user: User, password: str, address: str, *, field: str) -> None:
    """Raise PasswordWrong, which counts as a failed sign-in, or TooManyAttempts."""
    counters = counters_of(user.email, address)
    _require_room(counters)
    if not user.check_password(password):
        _record_failure(user, user.email, address)
        raise PasswordWrong(field=field)
    _require_room(counters)


def _require_code(user: User, code: str, address: str) -> Proof:
    proof = prove_second_factor(user=user, code=code, address=address)
    if proof is None:
        raise CodeWrong(field="code")
    return proof


def _require_second_factor(user: User, otp: str, address: str) -> Proof | None:
    """What a program proves beside the password; None where nothing is asked for."""
    if user.second_factor_since is None:
        if settings.TWO_FACTOR_REQUIRED:
            raise SecondFactorMissing
        return None
    if not otp:
        raise CodeMissing(field="otp")
    proof = prove_second_factor(user=user, code=otp, address=address)
    if proof is None:
        raise CodeWrong(field="otp")
    return proof


def _record_failure(user: User | None, email: str, address: str, *, detail: str = "") -> None:
    """Count a failed attempt and put it on record, before anybody is told. Raises TooManyAttempts."""
    _forget_expired_attempts()
    with transaction.atomic():
        filled = _count_attempt(counters_of(email, address))
        record_failed_sign_in(user, email=email, address=address, detail=detail)
        for counter in filled:
            record_lock_out(user, counter=counter)


def _require_room(counters: Sequence[Counter]) -> dict[Counter, list[float]]:
    """The moments that count against each of `counters`. Raises TooManyAttempts where one is full."""
    kept = dict(AttemptLog.objects.filter(key__in=[counter.key for counter in counters]).values_list("key", "moments"))
    now = timezone.now().timestamp()
    moments = {counter: counter.recent(kept.get(counter.key, []), now) for counter in counters}
    wait_seconds = max(counter.wait_seconds(moments[counter], now) for counter in counters)
    if wait_seconds:
        raise TooManyAttempts(wait_seconds)
    return moments


def _count_attempt(counters: Sequence[Counter]) -> list[Counter]:
    """Count one attempt with each of `counters` and return those that are full now. Raises TooManyAttempts.

    In a transaction, whose lock on the rows makes rivals queue: who comes after the last one permitted is refused. An
    attempt that is refused counts with none of them.
    """
    counters = sorted(counters, key=lambda counter: counter.key)
    now = timezone.now()
    AttemptLog.objects.bulk_create(
        [
            AttemptLog(key=counter.key, expires_at=now + timedelta(seconds=counter.limit.window_seconds))
            for counter in counters
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["expires_at"],
    )
    counted = {counter: [*moments, now.timestamp()] for counter, moments in _require_room(counters).items()}
    for counter, moments in counted.items():
        AttemptLog.objects.filter(key=counter.key).update(moments=moments)
    return [counter for counter, moments in counted.items() if len(moments) >= counter.limit.attempts]


def _forget_attempts(counter: Counter) -> None:
    """Forget what counts against `counter`, everywhere: an attempt is noted with the same moment wherever it counts."""
    log = AttemptLog.objects.filter(key=counter.key).first()
    moments = set(log.moments) if log else set()
    if not log or not counter.wait_seconds(log.moments, timezone.now().timestamp()):
        raise NotLockedOut
    current = AttemptLog.objects.filter(expires_at__gte=timezone.now())
    keys = [key for key, noted in current.values_list("key", "moments") if moments.intersection(noted)]
    for touched in AttemptLog.objects.select_for_update().filter(key__in=keys).order_by("key"):
        left = [moment for moment in touched.moments if moment not in moments]
        AttemptLog.objects.filter(key=touched.key).update(moments=left)


def count_attempt(counters: Sequence[Counter]) -> None:
    """Count one attempt at something that is limited but needs no sign-in. Raises TooManyAttempts."""
    if not counters:
        return
    _forget_expired_attempts()
    with transaction.atomic():
        _count_attempt(counters)


def _forget_expired_attempts() -> None:
    """Delete rows that say nothing any more; in a transaction of its own, locked in the order that everybody keeps."""
    expired = AttemptLog.objects.select_for_update().filter(expires_at__lt=timezone.now()).order_by("key")
    with transaction.atomic():
        keys = [log.key for log in expired[:EXPIRED_ATTEMPTS_AT_ONCE]]
        if keys:
            AttemptLog.objects.filter(key__in=keys).delete()


def _refresh_token(user: User, family: uuid.UUID) -> RefreshToken:
    token = RefreshToken.for_user(user)
    token[FAMILY_CLAIM] = str(family)
    return token


def _read_refresh(token: str) -> RefreshToken:
    try:
        refresh = RefreshToken(token)  # type: ignore[arg-type]  # the stubs leave out str
    except TokenError:
        raise RefreshRefused from None
    if FAMILY_CLAIM not in refresh:
        raise RefreshRefused
    return refresh


def _expiry(token: RefreshToken) -> datetime:
    return datetime.fromtimestamp(token["exp"], tz=timezone.get_default_timezone())


def _pair(user: User, refresh: RefreshToken) -> TokenPair:
    access = refresh.access_token
    return TokenPair(
        user=user,
        access=str(access),
        refresh=str(refresh),
        expires_in=int(AccessToken.lifetime.total_seconds()),
    )
