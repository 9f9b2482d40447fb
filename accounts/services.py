"""The verbs of users, roles and sign-ins.

Errors: NotFound, EmailTaken, EmailInvalid, RoleUnknown, LastAdmin, PasswordWeak, SignInRefused, RefreshRefused,
StaleVersion, TextInvalid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.models import update_last_login as django_update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import Membership, SignIn, User
from accounts.roles import PERMISSIONS, Role
from audit.actors import Actor
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from parties.models import Company

FAMILY_CLAIM = "family"


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


class LastAdmin(DomainError):
    """A company without an Admin could not be run by anybody any more."""

    code = "last_admin"
    title = "The last Admin"


class PasswordWeak(DomainError):
    """The password is too easy to guess."""

    code = "password_weak"
    title = "Choose a better password"


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


def update_user(*, actor: Actor, user_id: int, version: int | None = None, **values: Any) -> User:
    """The user with `full_name` or `is_active` changed. The last active Admin of a company stays active."""
    if "full_name" in values:
        values["full_name"] = clean_text(values["full_name"], max_length=200, field="full_name")
    with transaction.atomic():
        user = locked(User.objects.all(), pk=user_id)
        require_version(user, version)
        if user.is_active and not values.get("is_active", True):
            _require_other_admins(user, Company.objects.filter(memberships__user=user), field="is_active")
        with recording(actor=actor, action="user.updated", company_id=_only_company_id(user)) as change:
            write_version(user, change=change, **values)
    return user


def grant_role(*, actor: Actor, user: User, company: Company, role: str, version: int | None = None) -> Membership:
    """Give `user` the role in the company, in place of the one held there (in `version`, where that is given).

    The last active Admin of a company stays Admin.
    """
    group = _group(role)
    with transaction.atomic():
        membership = Membership.objects.select_for_update().filter(user=user, company=company).first()
        if membership is not None:
            require_version(membership, version)
            if role != Role.ADMIN:
                _require_other_admins(user, Company.objects.filter(pk=company.pk), field="role")
        with recording(actor=actor, action="role.granted", company_id=company.pk) as change:
            if membership is None:
                return Membership.objects.create(user=user, company=company, group=group, change=change)
            write_version(membership, change=change, group=group)
    return membership


def revoke_role(*, actor: Actor, user: User, company: Company, version: int | None = None) -> None:
    """End the membership of `user` in the company. The last active Admin stays."""
    with transaction.atomic():
        membership = locked(Membership.objects.all(), user=user, company=company)
        require_version(membership, version)
        _require_other_admins(user, Company.objects.filter(pk=company.pk))
        with recording(actor=actor, action="role.revoked", company_id=company.pk):
            membership.delete()


def change_password(*, actor: Actor, user: User, password: str, version: int | None = None) -> None:
    """Set a new password: a version of its own that names no value. All sign-ins through the API end."""
    require_password(password, email=user.email)
    with transaction.atomic():
        user = locked(User.objects.all(), pk=user.pk)
        require_version(user, version)
        user.set_password(password)
        with recording(actor=actor, action="user.password_changed", company_id=_only_company_id(user)) as change:
            write_version(user, change=change, password=user.password)
        user.sign_ins.filter(revoked_at=None).update(revoked_at=timezone.now())


def sign_in(*, email: str, password: str) -> TokenPair:
    """A new pair of tokens, the first of its family. Raises SignInRefused."""
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        raise SignInRefused
    sign_in = SignIn(user=user)
    refresh = _refresh_token(sign_in)
    sign_in.current_token_id = refresh["jti"]
    sign_in.expires_at = _expiry(refresh)
    sign_in.save(force_insert=True)
    django_update_last_login(User, user)
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


def require_password(password: str, *, email: str) -> None:
    """Raise PasswordWeak unless the password passes the validators of the settings."""
    try:
        validate_password(password, user=User(email=email))
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages), field="password") from error


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
