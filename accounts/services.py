"""The verbs of users, roles, sign-ins and passwords.

Errors: NotFound, EmailTaken, EmailInvalid, RoleUnknown, RoleMissing, LastAdmin, PasswordWeak, PasswordWrong,
ResetLinkRefused, SignInRefused, RefreshRefused, TooManyAttempts, StaleVersion, TextInvalid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.attempts import RESET_MAILS, RESET_REQUESTS, Counter, TooManyAttempts, counters_of
from accounts.mail import send_reset_link
from accounts.models import AttemptLog, Membership, SignIn, User
from accounts.roles import PERMISSIONS, Role
from accounts.selectors import FAMILY_CLAIM, reset_token, user_of_reset_token
from audit.actors import Actor, SystemActor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from parties.models import Company
from parties.services import create_company

SIGN_IN = SystemActor("system:sign-in")
"""Who acts where nobody is known yet."""

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
    *, actor: Actor, email: str, password: str, memberships: Mapping[Company, str], full_name: str = ""
) -> User:
    """A new user with a role in each of the companies of `memberships`."""
    full_name = clean_text(full_name, max_length=200, field="full_name")
    email = email.strip().lower()
    require_email(email)
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
        company_id = changed[0] if len(changed) == 1 else _only_company_id(user)
        with recording(actor=actor, action="user.updated", company_id=company_id) as change:
            for changed_id in changed:
                if changed_id in after:
                    _set_role(user, changed_id, held.get(changed_id), after[changed_id], change)
                else:
                    held[changed_id].delete()
            write_version(user, change=change, **values)
        if deactivated:
            _end_sign_ins(user)
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

    All sign-ins through the API end, but for the one of the family `kept_sign_in`.
    """
    require_password(password, email=user.email)
    with transaction.atomic():
        user = locked(User.objects.all(), pk=user.pk)
        require_version(user, version)
        user.set_password(password)
        with recording(
            actor=actor, action="user.password_changed", company_id=_only_company_id(user), reason=reason
        ) as change:
            write_version(user, change=change, password=user.password)
        _end_sign_ins(user, but=kept_sign_in)


def change_own_password(
    *, user: User, current: str, new: str, address: str = "", kept_sign_in: str | None = None
) -> None:
    """Set a new password for somebody who knows the current one; a wrong one is a failed attempt to sign in.

    Raises PasswordWrong, TooManyAttempts, PasswordWeak.
    """
    counters = counters_of(user.email, address)
    _require_room(counters)
    if not user.check_password(current):
        _record_failure(user, user.email, address)
        raise PasswordWrong(field="current")
    _require_room(counters)
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
            _note(user or SIGN_IN, "user.password_reset_requested", _attempt_text(email, address))
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
        _note(user, "user.signed_in", f"From {address}." if address else "")
        return user
    _record_failure(user, email, address)
    return None


def sign_in(*, email: str, password: str, address: str = "") -> TokenPair:
    """A new pair of tokens, the first of its family. Raises SignInRefused, TooManyAttempts."""
    user = prove_identity(email=email, password=password, address=address)
    if user is None:
        raise SignInRefused
    sign_in = SignIn(user=user)
    refresh = _refresh_token(sign_in)
    sign_in.current_token_id = refresh["jti"]
    sign_in.expires_at = _expiry(refresh)
    with transaction.atomic():
        # A password that is changed at this moment ends this sign-in too: it waits for the row, or we find it changed.
        unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
        if not unchanged.update(last_login=timezone.now()):
            raise SignInRefused
        sign_in.save(force_insert=True)
    return _pair(user, refresh)


def refresh_sign_in(*, token: str) -> TokenPair:
    """A new pair in place of `token`, which dies. A token that comes a second time kills its whole family.

    One conditional UPDATE decides who of several callers with the same token wins. Raises RefreshRefused.
    """
    old = _read_refresh(token)
    sign_in = SignIn.objects.select_related("user").filter(family=old[FAMILY_CLAIM]).first()
    if sign_in is None or not sign_in.user.is_active:
        raise RefreshRefused
    new = _refresh_token(sign_in)
    won = SignIn.objects.filter(family=sign_in.family, current_token_id=old["jti"], revoked_at=None).update(
        current_token_id=new["jti"], expires_at=_expiry(new)
    )
    if not won:
        # Outside any transaction that the refusal would roll back: the family must stay dead.
        SignIn.objects.filter(family=sign_in.family, revoked_at=None).update(revoked_at=timezone.now())
        raise RefreshRefused
    return _pair(sign_in.user, new)


def sign_out(*, token: str) -> None:
    """End the family of `token`. Raises RefreshRefused for a token that is none."""
    family = _read_refresh(token)[FAMILY_CLAIM]
    SignIn.objects.filter(family=family, revoked_at=None).update(revoked_at=timezone.now())


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


def _only_company_id(user: User) -> int | None:
    """The company of a user who belongs to one; None where there are several, or none."""
    ids = list(user.memberships.values_list("company_id", flat=True)[:2])
    return ids[0] if len(ids) == 1 else None


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


def _end_sign_ins(user: User, *, but: str | None = None) -> None:
    standing = user.sign_ins.filter(revoked_at=None)
    if but is not None:
        standing = standing.exclude(family=but)
    standing.update(revoked_at=timezone.now())


def _record_failure(user: User | None, email: str, address: str) -> None:
    """Count a failed attempt and put it on record, before anybody is told. Raises TooManyAttempts."""
    actor = user or SIGN_IN
    _forget_expired_attempts()
    with transaction.atomic():
        filled = _count_attempt(counters_of(email, address))
        _note(actor, "user.sign_in_failed", _attempt_text(email, address))
        for counter in filled:
            minutes = counter.limit.window_seconds // 60
            _note(
                actor,
                "user.locked_out",
                f"{counter.limit.attempts} {counter.limit.name} in {minutes} minutes: {_printable(counter.subject)}.",
            )


def _note(actor: Actor, action: str, reason: str) -> None:
    """A journal entry about something that changes no row."""
    company_id = _only_company_id(actor) if isinstance(actor, User) else None
    with recording(actor=actor, action=action, company_id=company_id, reason=reason):
        pass


def _attempt_text(email: str, address: str) -> str:
    return f"As {_printable(email)} from {address}." if address else f"As {_printable(email)}."


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:254]


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


def _forget_expired_attempts() -> None:
    """Delete rows that say nothing any more; in a transaction of its own, locked in the order that everybody keeps."""
    expired = AttemptLog.objects.select_for_update().filter(expires_at__lt=timezone.now()).order_by("key")
    with transaction.atomic():
        keys = [log.key for log in expired[:EXPIRED_ATTEMPTS_AT_ONCE]]
        if keys:
            AttemptLog.objects.filter(key__in=keys).delete()


def _refresh_token(sign_in: SignIn) -> RefreshToken:
    token = RefreshToken.for_user(sign_in.user)
    token[FAMILY_CLAIM] = str(sign_in.family)
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
