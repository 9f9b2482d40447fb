"""Where one is signed in, and signing out there."""

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from rest_framework_simplejwt.tokens import Token

from accounts.addresses import origin_of
from accounts.devices import device_name
from accounts.models import SignIn, User
from accounts.selectors import FAMILY_CLAIM, sign_ins_of
from accounts.sign_ins.services import end_sign_in
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import Endpoint
from core.permissions import SIGNED_IN

KINDS = [("Api", "Api"), ("Admin", "Admin")]


class SessionSerializer(CamelCaseSerializer):
    """Somewhere one is signed in: a program that holds tokens, or a browser in the admin."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(KINDS)
    device = serializers.CharField(help_text="For people; made of userAgent.")
    address = serializers.CharField(help_text="The IP address it was last used from, empty where it is unknown.")
    user_agent = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="To a few minutes; of a program, when it last took new tokens.")
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="Whether it is the one that asks.")


class SessionListSerializer(CamelCaseSerializer):
    """The sign-ins used last, a hundred at most, on one page."""

    results = SessionSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class SessionViewSet(Endpoint, ViewSet):
    """One's own sign-ins, and nobody else's."""

    required_permissions = {"list_own": SIGNED_IN, "destroy": SIGNED_IN}

    @extend_schema(operation_id="listSessions", responses=SessionListSerializer, tags=["auth"])
    def list_own(self, request: Request) -> Response:
        """Where you are signed in: programs and browsers, those used last first."""
        self.require_known_parameters()
        token = cast(Token, request.auth)
        own = token.payload.get(FAMILY_CLAIM)
        rows = [SessionSerializer.represent(_described(row, own)) for row in sign_ins_of(cast(User, request.user))]
        return Response({"results": rows, "next": None, "previous": None})

    @extend_schema(operation_id="endSession", responses={204: None}, tags=["auth"])
    def destroy(self, request: Request, id: UUID) -> Response:
        """Sign out there: its tokens, or its session, are not good any more. 404 for what is none of yours."""
        self.require_known_parameters()
        end_sign_in(user=cast(User, request.user), family=id, origin=origin_of(request))
        return Response(status=204)


def _described(sign_in: SignIn, own: str | None) -> dict[str, Any]:
    return {
        "id": sign_in.family,
        "kind": "Admin" if sign_in.session_key else "Api",
        "device": device_name(sign_in),
        "address": sign_in.address,
        "user_agent": sign_in.user_agent,
        "created_at": sign_in.created_at,
        "last_used_at": sign_in.last_used_at,
        "expires_at": sign_in.expires_at,
        "current": str(sign_in.family) == own,
    }
