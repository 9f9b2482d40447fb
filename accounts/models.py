"""Users, their memberships (a role in a company), second factors and sign-ins, and attempts that failed."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group
from django.db import models
from django.utils.functional import cached_property

from accounts.roles import Role, allows, allows_module
from audit.actors import SYSTEM
from audit.models import Recorded, RecordedHistory
from audit.services import recording
from core.database import DatabaseNow
from parties.models import Company


class UserManager(BaseUserManager["User"]):
    """Makes users the way Django's own commands and forms expect, on the record."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user with `email` (kept in lower case). Joins the open journal entry, or opens one for the system."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        with recording(actor=SYSTEM, action="user.created") as change:
            user.change = change
            user.save(force_insert=True, using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who sees all companies and passes every role check (``manage.py createsuperuser``)."""
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user of an e-mail address, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, Recorded):
    """Somebody who signs in. What they may do follows from their memberships, looked up afresh in each request."""

    api_names: ClassVar[dict[str, str]] = {"is_active": "active"}
    internal_fields: ClassVar[frozenset[str]] = frozenset({"is_superuser"})

    email = models.EmailField("e-mail", unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField("active", default=True)
    is_superuser = models.BooleanField(default=False, help_text="Sees all companies and passes every role check.")
    second_factor_since = models.DateTimeField(null=True, editable=False, help_text="When it was switched on.")
    objects: ClassVar[UserManager] = UserManager()
    history = RecordedHistory(excluded_fields=["password", "last_login"])

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.email

    @classmethod
    def audit_scope(cls, company_ids: Sequence[int]) -> models.Q:
        """Auditors see the people all of whose companies are theirs."""
        return models.Q(id__in=people_of(company_ids))

    @property
    def actor_id(self) -> int | None:
        """The id that the journal keeps."""
        return self.pk

    @property
    def actor_name(self) -> str:
        """The name that the journal keeps: the e-mail address as it is now."""
        return self.email

    @cached_property
    def roles_by_company(self) -> dict[int, str]:
        """Company id -> the role held there. One query per request."""
        return dict(self.memberships.order_by("company_id").values_list("company_id", "group__name"))

    @property
    def company_ids(self) -> list[int]:
        """The companies the user belongs to."""
        return list(self.roles_by_company)

    @property
    def roles(self) -> set[str]:
        """The names of all roles held in any company."""
        return set(self.roles_by_company.values())

    @property
    def is_staff(self) -> bool:
        """Whether the admin site opens: for everybody who has a role."""
        return self.is_active and (self.is_superuser or bool(self.roles_by_company))

    def may(self, permission: str, company_id: int | None = None) -> bool:
        """Whether the role in that company (in any company, where none is given) carries `permission`."""
        if not self.is_active or self.is_superuser:
            return self.is_active
        if company_id is None:
            return any(allows(role, permission) for role in self.roles)
        return allows(self.roles_by_company.get(company_id, ""), permission)

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        """Django's own question, answered by role; an object is judged in its company."""
        return self.may(permission, getattr(obj, "company_id", None))

    def has_perms(self, permissions: list[str], obj: Any = None) -> bool:
        """Whether all of `permissions` are held."""
        return all(self.has_perm(permission, obj) for permission in permissions)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the admin shows the room at all."""
        if self.is_superuser:
            return self.is_active
        return self.is_active and any(allows_module(role, app_label) for role in self.roles)


class Membership(Recorded):
    """A role that a user holds in a company; one role a company. The groups are the four roles."""

    api_names: ClassVar[dict[str, str]] = {"group": "groupId"}

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+", verbose_name="role")

    history = RecordedHistory(indexed_fields=["user"])

    class Meta:
        ordering = ("company_id", "user_id")
        constraints = [
            models.UniqueConstraint(
                fields=("user", "company"),
                name="membership_one_role_per_company",
                violation_error_code="membership_exists",
                violation_error_message="This user already has a role in this company.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.company}"

    @classmethod
    def audit_scope(cls, company_ids: Sequence[int]) -> models.Q:
        """Auditors of a company see the roles held in it."""
        return models.Q(company_id__in=company_ids)

    @property
    def role(self) -> Role:
        """The role's name."""
        return Role(self.group.name)


def people_of(company_ids: Sequence[int]) -> models.QuerySet[User]:
    """The users with a role in one of the companies and with none in any other."""
    here = Membership.objects.filter(user=models.OuterRef("pk"), company_id__in=company_ids)
    elsewhere = Membership.objects.filter(user=models.OuterRef("pk")).exclude(company_id__in=company_ids)
    return User.objects.filter(models.Exists(here), ~models.Exists(elsewhere))


class SecondFactor(models.Model):
    """The secret that a user shares with an authenticator app. That it is on stands on record with the user."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="second_factor")
    secret = models.TextField(help_text="Encrypted.")
    last_step = models.BigIntegerField(help_text="The time step of the last code that was used: later ones are good.")

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class RecoveryCode(models.Model):
    """A code that is good once in place of one from the app, kept as its digest."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, help_text="SHA-256.")
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Recovery code of {self.user}"


class SignIn(models.Model):
    """One sign-in: through the API a family of refresh tokens, of which only the newest is good, once; or a session."""

    family = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    current_token_id = models.CharField(max_length=64, blank=True)
    session_key = models.CharField(max_length=40, blank=True, db_default="", help_text="Of a browser in the admin.")
    address = models.CharField(max_length=45, blank=True, db_default="", help_text="Where it was last used from.")
    user_agent = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=DatabaseNow())
    last_used_at = models.DateTimeField(db_default=DatabaseNow())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} since {self.created_at:%Y-%m-%d %H:%M}"


class AttemptLog(models.Model):
    """The attempts that count against one limit (``accounts.attempts``): on one account, or from one address."""

    key = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of what is counted.")
    moments = models.JSONField(default=list, help_text="Seconds since 1970 of each attempt, oldest first.")
    expires_at = models.DateTimeField(db_index=True, help_text="The row says nothing any more.")

    def __str__(self) -> str:
        return f"{len(self.moments)} attempts"
