"""The base of every endpoint: scoping to the caller's companies, permissions, filters, versions, ETags, caching."""

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import IntegerField, Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from core.api.idempotency import once
from core.api.pagination import PAGE_PARAMETERS, KeysetPagination
from core.api.serializers import CamelCaseSerializer
from core.errors import DomainError, NotFound, PermissionDenied, StaleVersion
from core.scope import sees

ENTITY_TAG = re.compile(r'"([0-9]{1,9})"')
VERSION = re.compile(r"[1-9][0-9]{0,8}")
COMMAND_PARAMETERS = {"POST": ("dryRun",), "PATCH": ("dryRun",), "DELETE": ("version", "dryRun")}


class VersionRequired(DomainError):
    """An edit must say which version it is about, or it could undo somebody else's."""

    status = 428
    code = "version_required"
    title = "Which version?"
    default_detail = "Send the version that you read, in the body (or ?version=), or as If-Match."


class PreconditionFailed(StaleVersion):
    """The If-Match header names another version than the current one."""

    status = 412
    code = "precondition_failed"


def rehearsed(command: Callable[[], Response]) -> Response:
    """The reply that `command` gives, with all that it wrote taken back."""
    with transaction.atomic():
        response = command()
        transaction.set_rollback(True)
    response.headers.pop("Location", None)  # nothing is there
    return response


def read_id(value: Any, name: str) -> int:
    """`value` as an id. Raises a 400 about the field or parameter `name`."""
    try:
        return int(IntegerField().run_validation(value))
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from None


def refuse_parameter(name: str, known: Sequence[str]) -> NoReturn:
    """Raise the 400 about a query parameter that is none of `known`."""
    sentence = f"known are: {', '.join(known)}" if known else "none is known"
    raise ValidationError({name: [f"There is no such parameter here; {sentence}."]}, code="unknown_parameter")


class Endpoint(APIView):
    """What every endpoint shares: its replies, business data or tokens, are not for caches; a command can be tried."""

    filter_serializers: ClassVar[dict[str, type[Serializer]]] = {}

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The reply, kept nowhere."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        return response

    @property
    def is_dry_run(self) -> bool:
        """Whether ``?dryRun=true`` asks what a command would do. A parameter not known is a 400."""
        self.require_known_parameters()
        text = self.request.query_params.get("dryRun", "false")
        if text not in ("true", "false"):
            raise ValidationError({"dryRun": ["Say true or false."]}, code="invalid_parameter")
        return text == "true"

    def require_known_parameters(self) -> None:
        """Raise a 400 for a query parameter that a command, or a document that is read, does not take."""
        if not self.request.query_params:
            return
        known = COMMAND_PARAMETERS.get(str(self.request.method), ())
        if not known and (serializer_class := self.filter_serializers.get(str(getattr(self, "action", "")))):
            known = tuple(serializer_class().fields)
        unknown = next((name for name in self.request.query_params if name not in known), None)
        if unknown is not None:
            refuse_parameter(unknown, known)


class ScopedViewSet(Endpoint, GenericViewSet):
    """An endpoint over rows that belong to companies.

    A leaf names its selector (`visible`), the permission of each action, its filters and serializers, and calls one
    service per verb. Who is it (401), does it exist for them (404), may they (403), is the body well formed (400):
    in this order.
    """

    required_permissions: ClassVar[dict[str, str]] = {}
    pagination_class = KeysetPagination
    default_ordering = "-createdAt"
    version_is_precondition = False
    target: Any = None
    """The row of the URL, once it was found."""

    def visible(self) -> QuerySet[Any]:
        """The rows that exist for the caller."""
        raise NotFound

    @property
    def caller(self) -> Any:
        """The signed-in user (``accounts.User``, which this room does not know)."""
        return self.request.user

    @property
    def permission(self) -> str:
        """The permission that the current action needs."""
        return self.required_permissions[str(self.action)]

    def require(self, company_id: int | None = None) -> None:
        """Raise PermissionDenied unless the caller may do this in the company (in any, where none is given)."""
        if not self.caller.may(self.permission, company_id):
            raise PermissionDenied

    def scoped_object(self, find: Callable[[int], Any] | None = None) -> Any:
        """The row of the URL, if it exists for the caller and they may. Raises NotFound, PermissionDenied.

        `find` looks it up by its id among the rows of everybody; without it, it is looked for among the visible ones.
        """
        row_id = self.kwargs["id"]
        row = find(row_id) if find else self.visible().filter(pk=row_id).first()
        if row is None or not sees(self.caller, row.company_id):
            raise NotFound
        self.require(row.company_id)
        self.require_known_parameters()
        self.target = row
        return row

    def company_of_body(self, company_for: Callable[[Any, int | None], Any]) -> Any:
        """The company that the body names (or the caller's only one), where the caller may do this.

        Looked up before the rest of the body is read: what does not exist for the caller comes before what is wrong.
        """
        self.require()
        data = self.request.data if isinstance(self.request.data, dict) else {}
        named = read_id(data["companyId"], "companyId") if "companyId" in data else None
        company = company_for(self.caller, named)
        self.require(company.pk)
        return company

    def body(self, serializer_class: type[Serializer] | None = None) -> dict[str, Any]:
        """The validated body of the request, in snake_case."""
        serializer = (serializer_class or self.get_serializer_class())(
            data=self.request.data, context=self.get_serializer_context()
        )
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def once(self, company_id: int, command: Callable[[], Response]) -> Response:
        """The reply of `command`; of its first run, for a POST with a key; of a rehearsal, for a dry run."""
        if self.is_dry_run:
            return rehearsed(command)
        return once(self.request, company_id, command) if self.request.method == "POST" else command()

    def stated_version(self, version: int | None, *, required: bool = False) -> int | None:
        """The version the caller read: that of If-Match, or else `version`. Raises VersionRequired where none is.

        Where both are stated and differ, one of them is stale: the one that the refusal is about.
        """
        header = self.request.headers.get("If-Match")
        if header is not None:
            match = ENTITY_TAG.fullmatch(header.strip())
            if match is None:
                raise ValidationError({"If-Match": ['Send the ETag as it came, for example "3".']}, code="invalid_etag")
            expected = int(match.group(1))
            if version not in (None, expected) and expected == self.target.version:
                return version
            self.version_is_precondition = True
            return expected
        if version is None and required:
            raise VersionRequired
        return version

    def query_version(self) -> int | None:
        """The version of ``?version=``."""
        text = self.request.query_params.get("version")
        if text is None:
            return None
        if not VERSION.fullmatch(text):
            raise ValidationError({"version": ["Give a whole number from 1."]}, code="invalid_parameter")
        return int(text)

    def handle_exception(self, exc: Exception) -> Response:
        """A stale version is a 412 where it came as If-Match, else a 409."""
        if isinstance(exc, StaleVersion) and self.version_is_precondition:
            exc = PreconditionFailed(
                current_version=exc.current_version,
                changed_by=exc.changed_by,
                changed_at=exc.changed_at,
                changes=exc.changes,
            )
        return super().handle_exception(exc)

    def filters(self) -> dict[str, Any]:
        """The validated query parameters of a list, none of which is required.

        Raises a 400 for an unknown one or a malformed value.
        """
        serializer_class = self.filter_serializers.get(str(self.action))
        parameters = {
            name: self.request.query_params[name] for name in self.request.query_params if name not in PAGE_PARAMETERS
        }
        if not parameters:
            return {}
        if serializer_class is None:
            known: list[str] = []
        else:
            serializer = serializer_class(data=parameters, context=self.get_serializer_context())
            known = list(serializer.fields)
        unknown = [name for name in parameters if name not in known]
        if unknown:
            refuse_parameter(unknown[0], [*known, *sorted(PAGE_PARAMETERS)])
        if serializer_class is None:
            return {}
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def page(self, rows: QuerySet[Any], serializer_class: type[CamelCaseSerializer]) -> Response:
        """One page of `rows`."""
        page = self.paginate_queryset(rows) or ()
        return self.get_paginated_response([serializer_class.represent(row) for row in page])

    def document(self, data: Any, *, status: int = 200, location: str | None = None) -> Response:
        """A reply about one document: its version is the ETag. `location` is where to find what was made."""
        headers = {"ETag": f'"{data["version"]}"'}
        if location is not None:
            headers["Location"] = location
        return Response(data, status=status, headers=headers)
