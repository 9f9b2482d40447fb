"""Managing users over REST, and founding companies, which makes the founder their Admin."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import MembershipSerializer, RoleField
from accounts.models import User
from accounts.roles import Role, leading_role
from accounts.selectors import companies_where, users_visible_to
from accounts.services import LastAdmin, found_company, update_user
from core.api.fields import TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.errors import NotFound
from parties.api import CompanySerializer, CompanyViewSet, NewCompanySerializer
from parties.models import Company
from parties.selectors import CompanyUnknown, companies_of

NO_COMPANY = 0
"""In which an Idempotency-Key is kept where no company is there yet."""


class UserSerializer(CamelCaseSerializer):
    """Somebody who signs in, and the roles held where."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    full_name = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    role = serializers.ChoiceField(
        Role.choices, allow_null=True, help_text="The first of Admin, Finance, Auditor, Viewer."
    )
    memberships = MembershipSerializer(many=True)
    last_login = serializers.DateTimeField(allow_null=True)
    second_factor_since = serializers.DateTimeField(
        allow_null=True, help_text="When the second factor was switched on; null where it is off."
    )
    version = serializers.IntegerField()

    def to_representation(self, user: User) -> dict[str, Any]:
        """The user, roles included; reads them once where they were prefetched."""
        held = [(row.company_id, row.group.name) for row in user.memberships.all()]
        return super().to_representation(
            {
                "id": user.pk,
                "email": user.email,
                "full_name": user.full_name,
                "is_active": user.is_active,
                "role": leading_role({role for _, role in held}),
                "memberships": [{"company_id": company_id, "role": role} for company_id, role in held],
                "last_login": user.last_login,
                "second_factor_since": user.second_factor_since,
                "version": user.version,
            }
        )


class NewMembershipSerializer(CamelCaseSerializer):
    """A role in a company, to be held from now on."""

    company_id = serializers.IntegerField()
    role = RoleField()


class UserChangeSerializer(CamelCaseSerializer):
    """What is to change of a user, and the version it was read in."""

    full_name = TextField(max_length=200, required=False, allow_blank=True)
    active = serializers.BooleanField(source="is_active", required=False)
    memberships = serializers.ListField(
        child=NewMembershipSerializer(),
        required=False,
        max_length=100,
        help_text="All roles, in place of those held.",
    )
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")

    def validate_memberships(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One role a company."""
        if len({row["company_id"] for row in value}) < len(value):
            raise serializers.ValidationError("Name each company once.", code="duplicate_company")
        return value


class UserFilterSerializer(CamelCaseSerializer):
    """Filters of the list of users."""

    company_id = serializers.IntegerField(required=False)
    active = serializers.BooleanField(source="is_active", required=False)


class UserViewSet(ScopedViewSet):
    """The people all of whose companies are yours to run. Superusers do not show."""

    required_permissions = {
        "list": "accounts.change_user",
        "retrieve": "accounts.change_user",
        "partial_update": "accounts.change_user",
    }
    serializer_class = UserSerializer
    filter_serializers = {"list": UserFilterSerializer}
    orderings = {"email": "email"}
    default_ordering = "email"

    def visible(self) -> QuerySet[User]:
        """The people all of whose companies are the caller's, in whatever role."""
        return users_visible_to(self.caller, self.caller.company_ids).prefetch_related("memberships__group")

    def scoped_object(self, find: Callable[[int], Any] | None = None) -> User:
        """The user of the URL, where the caller is Admin in all of their companies."""
        user: User | None = self.visible().filter(pk=self.kwargs["id"]).first()
        if user is None:
            raise NotFound
        self.require()
        self.require_all(membership.company_id for membership in user.memberships.all())
        self.require_known_parameters()
        self.target = user
        return user

    def require_all(self, company_ids: Any) -> None:
        """Raise PermissionDenied unless the caller may do this in each of the companies."""
        for company_id in company_ids:
            self.require(company_id)

    @extend_schema(operation_id="listUsers", tags=["users"], parameters=[UserFilterSerializer])
    def list(self, request: Request) -> Response:
        """The people whom you manage, by e-mail address."""
        self.require()
        filters = self.filters()
        users = users_visible_to(self.caller, companies_where(self.caller, self.permission))
        if "company_id" in filters:
            users = users.filter(memberships__company__id=filters.pop("company_id"))
        return self.page(users.filter(**filters).prefetch_related("memberships__group"), UserSerializer)

    @extend_schema(operation_id="getUser", tags=["users"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One user, whose companies are all yours to run."""
        return self.document(UserSerializer.represent(self.scoped_object()))

    @extend_schema(operation_id="updateUser", tags=["users"], request=UserChangeSerializer)
    def partial_update(self, request: Request, id: int) -> Response:
        """Change a user's name and roles, or deactivate them, which signs them out at once."""
        user = self.scoped_object()
        data = self.body(UserChangeSerializer)
        roles = self.roles_of(data.pop("memberships")) if "memberships" in data else None
        version = self.stated_version(data.pop("version", None), required=True)

        def command() -> Response:
            try:
                update_user(actor=self.caller, user_id=user.pk, version=version, roles=roles, **data)
            except LastAdmin as error:
                error.field = "active" if error.field == "is_active" else error.field
                raise
            return self.document(UserSerializer.represent(User.objects.get(pk=user.pk)))

        return self.once(NO_COMPANY, command)

    def roles_of(self, rows: Sequence[dict[str, Any]]) -> dict[Company, str]:
        """Company -> role. Raises CompanyUnknown, and PermissionDenied where the caller is not Admin."""
        roles = {row["company_id"]: row["role"] for row in rows}
        companies = [company for company in companies_of(self.caller) if company.pk in roles]
        if len(companies) < len(roles):
            raise CompanyUnknown(field="memberships")
        self.require_all(roles)
        return {company: roles[company.pk] for company in companies}


class FoundingViewSet(CompanyViewSet):
    """The companies you belong to, and new ones, of which you become Admin."""

    required_permissions = {"list": "parties.view_company", "create": "parties.add_company"}

    @extend_schema(
        operation_id="createCompany",
        tags=["companies"],
        request=NewCompanySerializer,
        responses={201: CompanySerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a company. You become its Admin."""
        self.require()
        data = self.body(NewCompanySerializer)

        def command() -> Response:
            company = found_company(actor=self.caller, **data)
            location = reverse("company", args=[company.pk])
            return self.document(CompanySerializer.represent(company), status=201, location=location)

        return self.once(NO_COMPANY, command)
