"""Signing in, passwords, and who is signed in. Managing users is in ``accounts/management_api.py``."""

from collections.abc import Sequence
from typing import Any, cast

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from rest_framework_simplejwt.tokens import Token

from accounts.addresses import client_address, origin_of
from accounts.models import User
from accounts.pages import links_from
from accounts.password_rules import MAXIMUM_PASSWORD_CHARACTERS
from accounts.roles import Role, leading_role
from accounts.second_factor.forms import CODE_CHARACTERS
from accounts.selectors import FAMILY_CLAIM
from accounts.services import (
    TokenPair,
    change_own_password,
    create_user,
    refresh_sign_in,
    request_password_reset,
    reset_password,
    sign_in,
    sign_out,
)
from core.api.fields import TextField
from core.api.problems import CONTENT_TYPE, ProblemSerializer
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import Endpoint, read_id, refuse_parameter, rehearsed
from core.errors import PermissionDenied
from core.permissions import PUBLIC, SIGNED_IN
from parties.selectors import CompanyUnknown, companies_of

NOT_SIGNED_IN = {(401, CONTENT_TYPE): ProblemSerializer}
TOO_MANY_ATTEMPTS = {(429, CONTENT_TYPE): ProblemSerializer}


class PasswordField(serializers.CharField):
    """A password: as it was typed, blanks included."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=MAXIMUM_PASSWORD_CHARACTERS,
            trim_whitespace=False,
            style={"input_type": "password"},
            **options,
        )


class SignInSerializer(CamelCaseSerializer):
    """E-mail and password; and a code, where the user has a second factor."""

    email = TextField(max_length=254)
    password = PasswordField()
    otp = TextField(
        max_length=CODE_CHARACTERS,
        required=False,
        allow_blank=True,
        help_text="The code of the authenticator app, or a recovery code. Needed where the second factor is on.",
    )


class RefreshTokenSerializer(CamelCaseSerializer):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4000)


class PasswordChangeSerializer(CamelCaseSerializer):
    """The current password and a new one."""

    current = PasswordField()
    new = PasswordField()


@extend_schema_serializer(component_name="ForgottenPassword")
class PasswordResetRequestSerializer(CamelCaseSerializer):
    """Who cannot sign in."""

    email = TextField(max_length=254)


class PasswordResetSerializer(CamelCaseSerializer):
    """The end of a reset link, and a new password."""

    token = serializers.CharField(max_length=200, help_text="What follows /reset/ in the link of the mail.")
    new = PasswordField()


class MembershipSerializer(CamelCaseSerializer):
    """A role in a company."""

    company_id = serializers.IntegerField()
    role = serializers.ChoiceField(Role.choices)


class SignedInUserSerializer(CamelCaseSerializer):
    """Who is signed in, and the roles held where."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    full_name = serializers.CharField()
    role = serializers.ChoiceField(
        Role.choices, allow_null=True, help_text="The first of Admin, Finance, Auditor, Viewer."
    )
    roles = serializers.ListField(child=serializers.ChoiceField(Role.choices))
    memberships = MembershipSerializer(many=True)
    is_superuser = serializers.BooleanField()


class TokenPairSerializer(SignedInUserSerializer):
    """Access and refresh token; the old refresh token dies when it is used."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


@extend_schema_field(serializers.ChoiceField(Role.choices))
class RoleField(TextField):
    """The name of a role; the services refuse names that are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20, **options)


class RegistrationSerializer(CamelCaseSerializer):
    """A new user and the role held in each of the companies."""

    email = TextField(max_length=254)
    password = PasswordField()
    role = RoleField()
    full_name = TextField(max_length=200, required=False, allow_blank=True)
    company_ids = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="Default: all of yours.",
    )


class RegisteredUserSerializer(CamelCaseSerializer):
    """The user that was made."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    version = serializers.IntegerField()


class SignInViewSet(Endpoint, ViewSet):
    """Signing in and out. No sign-in is needed, and a stale Authorization header does not stand in the way."""

    authentication_classes: list[Any] = []
    required_permissions = {
        "sign_in": PUBLIC,
        "refresh": PUBLIC,
        "sign_out": PUBLIC,
        "request_reset": PUBLIC,
        "confirm_reset": PUBLIC,
    }

    @extend_schema(
        operation_id="signIn",
        request=SignInSerializer,
        responses={200: TokenPairSerializer} | NOT_SIGNED_IN | TOO_MANY_ATTEMPTS,
        tags=["auth"],
    )
    def sign_in(self, request: Request) -> Response:
        """Sign in with e-mail and password, and a code where the second factor is on (401 `otp_required` without one).

        A code is good once; a recovery code may stand in its place. 401 `otp_setup_required` means that everybody needs
        a second factor here, and that this user has to set theirs up in the admin first. Ten failures in a quarter of
        an hour, wrong codes among them, lock the account or the address.
        """
        return _token_reply(sign_in(**_valid(SignInSerializer, request), origin=origin_of(request)))

    @extend_schema(
        operation_id="refreshTokens",
        request=RefreshTokenSerializer,
        responses={200: TokenPairSerializer} | NOT_SIGNED_IN,
        tags=["auth"],
    )
    def refresh(self, request: Request) -> Response:
        """A new pair of tokens. The refresh token is good once: a second use ends the whole sign-in."""
        token = _valid(RefreshTokenSerializer, request)["refresh"]
        return _token_reply(refresh_sign_in(token=token, origin=origin_of(request)))

    @extend_schema(
        operation_id="signOut",
        request=RefreshTokenSerializer,
        responses={204: None} | NOT_SIGNED_IN,
        tags=["auth"],
    )
    def sign_out(self, request: Request) -> Response:
        """End the sign-in that the refresh token belongs to."""
        sign_out(token=_valid(RefreshTokenSerializer, request)["refresh"], address=client_address(request))
        return Response(status=204)

    @extend_schema(
        operation_id="requestPasswordReset",
        request=PasswordResetRequestSerializer,
        responses={204: None},
        tags=["auth"],
    )
    def request_reset(self, request: Request) -> Response:
        """Mail a link that leads to a new password, if somebody signs in with this address. The reply never says."""
        email = _valid(PasswordResetRequestSerializer, request)["email"]
        request_password_reset(email=email, link_of=links_from(request), address=client_address(request))
        return Response(status=204)

    @extend_schema(
        operation_id="confirmPasswordReset", request=PasswordResetSerializer, responses={204: None}, tags=["auth"]
    )
    def confirm_reset(self, request: Request) -> Response:
        """Set a new password with the link of a mail, which is good for an hour and once. All sign-ins end."""
        data = _valid(PasswordResetSerializer, request)
        reset_password(token=data["token"], password=data["new"])
        return Response(status=204)


class AccountViewSet(Endpoint, ViewSet):
    """The signed-in user, and making further users."""

    required_permissions = {"me": SIGNED_IN, "register": "accounts.add_user", "change_password": SIGNED_IN}

    @property
    def caller(self) -> User:
        """The signed-in user."""
        return cast(User, self.request.user)

    @extend_schema(operation_id="getSignedInUser", responses=SignedInUserSerializer, tags=["auth"])
    def me(self, request: Request) -> Response:
        """Who is signed in, with the role in each company."""
        self.require_known_parameters()
        return Response(SignedInUserSerializer.represent(_description(self.caller)))

    @extend_schema(
        operation_id="changePassword",
        request=PasswordChangeSerializer,
        responses={204: None} | TOO_MANY_ATTEMPTS,
        tags=["auth"],
    )
    def change_password(self, request: Request) -> Response:
        """Change your password. All your other sign-ins end."""
        data = _valid(PasswordChangeSerializer, request)
        change_own_password(
            user=self.caller,
            current=data["current"],
            new=data["new"],
            address=client_address(request),
            kept_sign_in=cast(Token, request.auth).payload.get(FAMILY_CLAIM),
        )
        return Response(status=204)

    @extend_schema(
        operation_id="registerUser",
        request=RegistrationSerializer,
        responses={201: RegisteredUserSerializer},
        tags=["auth"],
    )
    def register(self, request: Request) -> Response:
        """Make a user in companies where you are Admin."""
        if not self.caller.may("accounts.add_user"):
            raise PermissionDenied
        companies = list(companies_of(self.caller))
        wanted = _named_companies(request.data) or {company.pk for company in companies}
        if not wanted <= {company.pk for company in companies}:
            raise CompanyUnknown(field="company_ids")
        if not all(self.caller.may("accounts.add_user", company_id) for company_id in wanted):
            raise PermissionDenied
        data = _valid(RegistrationSerializer, request, parameters=["dryRun"])
        memberships = {company: data["role"] for company in companies if company.pk in wanted}

        def command() -> Response:
            user = create_user(
                actor=self.caller,
                email=data["email"],
                password=data["password"],
                full_name=data.get("full_name", ""),
                memberships=memberships,
            )
            made = {"id": user.pk, "email": user.email, "role": data["role"], "version": user.version}
            headers = {"ETag": f'"{user.version}"', "Location": reverse("user", args=[user.pk])}
            return Response(made, status=201, headers=headers)

        return rehearsed(command) if self.is_dry_run else command()


def _valid(
    serializer_class: type[CamelCaseSerializer], request: Request, parameters: Sequence[str] = ()
) -> dict[str, Any]:
    """The validated body. A query parameter that is none of `parameters` is a 400, too."""
    unknown = next((name for name in request.query_params if name not in parameters), None)
    if unknown is not None:
        refuse_parameter(unknown, parameters)
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _named_companies(body: Any) -> set[int] | None:
    """The ids of the companies that a body names, before the rest of it is read; None where it names none."""
    named = body.get("companyIds") if isinstance(body, dict) else None
    return {read_id(value, "companyIds") for value in named} if isinstance(named, list) and named else None


def _description(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "email": user.email,
        "full_name": user.full_name,
        "role": leading_role(user.roles),
        "roles": [role.value for role in Role if role in user.roles],
        "memberships": [{"company_id": company, "role": role} for company, role in user.roles_by_company.items()],
        "is_superuser": user.is_superuser,
    }


def _token_reply(pair: TokenPair) -> Response:
    tokens = {"access": pair.access, "refresh": pair.refresh, "expires_in": pair.expires_in}
    return Response(TokenPairSerializer.represent(_description(pair.user) | tokens))
