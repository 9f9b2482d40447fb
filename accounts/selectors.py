"""The users that exist for somebody, and who is behind a token or a link."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts.attempts import FAILED_SIGN_INS, Counter
from accounts.models import AttemptLog, SignIn, User, people_of
from core.prepared import Prepared, Slot

FAMILY_CLAIM = "family"
"""The claim that names the sign-in, in access and refresh tokens alike."""

INVITATION_DAYS = 3
SIGN_INS_SHOWN = 100


def users_visible_to(user: User, company_ids: list[int]) -> QuerySet[User]:
    """The people all of whose companies are among `company_ids`, and no superuser; for a superuser, everybody."""
    if user.is_superuser:
        return User.objects.all()
    return User.objects.filter(pk__in=people_of(company_ids).values("pk"), is_superuser=False)


def companies_where(user: User, permission: str) -> list[int]:
    """The companies in which the user's role carries `permission`."""
    return [company_id for company_id in user.company_ids if user.may(permission, company_id)]


def only_company_id(user: User) -> int | None:
    """The company of a user who belongs to one; None where there are several, or none."""
    ids = list(user.memberships.values_list("company_id", flat=True)[:2])
    return ids[0] if len(ids) == 1 else None


def signed_in_user(claims: Any) -> User | None:
    """The active user that a token names, with the roles they hold now, unless its sign-in has ended. One statement."""
    if FAMILY_CLAIM in claims:
        rows = _USER_OF_SIGN_IN.rows(id=claims.get("sub"), family=claims[FAMILY_CLAIM])
    else:
        rows = _USER_WITH_ROLES.rows(id=claims.get("sub"))
    if not rows:
        return None
    user = rows[0]
    user.roles_by_company = {row.member_of: row.member_as for row in rows if row.member_of is not None}  # type: ignore[attr-defined]  # annotated
    return user


def _user_with_roles() -> QuerySet[User]:
    """The user, once for each company that they belong to."""
    return (
        User.objects.filter(pk=Slot("id", User._meta.pk), is_active=True)
        .annotate(member_of=F("memberships__company_id"), member_as=F("memberships__group__name"))
        .order_by("memberships__company_id")
    )


def _user_of_sign_in() -> QuerySet[User]:
    family = Slot("family", SignIn._meta.pk)
    return _user_with_roles().filter(Exists(SignIn.objects.filter(family=family, user=OuterRef("pk"), revoked_at=None)))


_USER_WITH_ROLES = Prepared(_user_with_roles)
_USER_OF_SIGN_IN = Prepared(_user_of_sign_in)


def reset_token(user: User) -> str:
    """What a reset link ends in: who, and a signature over the password as it is now (so it is good once, for an hour).

    Links that were sent earlier stay good as well, until one of them is used.
    """
    return f"{urlsafe_base64_encode(str(user.pk).encode())}/{default_token_generator.make_token(user)}"


class _InvitationTokens(PasswordResetTokenGenerator):
    """Tokens as those of reset links, dated so that they last for days."""

    key_salt = default_token_generator.key_salt

    def _now(self) -> datetime:
        lasting_longer = timedelta(days=INVITATION_DAYS) - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        return super()._now() + lasting_longer


def invitation_token(user: User) -> str:
    """What the link of an invitation ends in: as that of a reset link, but good for INVITATION_DAYS."""
    return f"{urlsafe_base64_encode(str(user.pk).encode())}/{_InvitationTokens().make_token(user)}"


def user_of_reset_token(token: str, *, lock: bool = False) -> User | None:
    """Whose reset link it is; None where it is forged, old or used. With `lock`, the row is locked until commit."""
    encoded, _, signature = token.partition("/")
    try:
        pk = int(urlsafe_base64_decode(encoded))
    except ValueError:
        return None
    users = User.objects.select_for_update() if lock else User.objects.all()
    user = users.filter(pk=pk, is_active=True).first() if 0 < pk < 2**63 else None
    return user if user is not None and default_token_generator.check_token(user, signature) else None


def sign_ins_of(user: User) -> QuerySet[SignIn]:
    """Where the user is signed in, the sign-ins used last first."""
    standing = user.sign_ins.filter(revoked_at=None, expires_at__gt=timezone.now())
    return standing.order_by("-last_used_at", "family")[:SIGN_INS_SHOWN]


def lock_out_seconds(user: User) -> int:
    """For how long the account stays locked after failed sign-ins; 0 where it is not."""
    counter = Counter(FAILED_SIGN_INS, f"account {user.email}")
    log = AttemptLog.objects.filter(key=counter.key).first()
    return counter.wait_seconds(log.moments, timezone.now().timestamp()) if log else 0
