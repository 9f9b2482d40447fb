"""Every error reply as application/problem+json (RFC 9457) with a stable code and the request's id."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DatabaseError, IntegrityError, InterfaceError
from django.http import Http404, JsonResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import DomainError, NotFound, PermissionDenied, from_integrity_error
from core.outages import logged_outage
from core.request_context import current_request_id
from core.text import camel_case

CONTENT_TYPE = "application/problem+json"

logger = logging.getLogger(__name__)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One field that is wrong."""

    field = serializers.CharField(help_text="Path of the field, e.g. items.0.qty")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """An error: what happened, and what to do about it (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable; programs decide by it.")
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # the name is RFC 9457's custom, and ours
    requestId = serializers.CharField()
    currentVersion = serializers.IntegerField(required=False, help_text="With stale_version.")
    changedBy = serializers.CharField(required=False, help_text="With stale_version.")
    changedAt = serializers.DateTimeField(required=False, help_text="With stale_version.")
    changes = serializers.DictField(
        child=serializers.ListField(), required=False, help_text="With stale_version: field -> [yours, current]."
    )


def problem(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a problem document."""
    return {
        "type": f"urn:fintrack:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "requestId": current_request_id(),
        **(extra or {}),
    }


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the problem document of `error`, or None for a defect (which is logged as a 500)."""
    if isinstance(error, Http404):
        error = NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = PermissionDenied()
    elif isinstance(error, IntegrityError):
        error = from_integrity_error(error) or error
    elif isinstance(error, (DatabaseError, InterfaceError)):
        error = logged_outage(error) or error
    if not isinstance(error, (DomainError, exceptions.APIException)):
        return None
    body = problem_of(error)
    set_rollback()
    response = Response(body, status=body["status"], content_type=CONTENT_TYPE)
    for header, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait")):
        value = getattr(error, attribute, None)
        if value:
            response[header] = str(value)
    return response


def problem_of(error: DomainError | exceptions.APIException) -> dict[str, Any]:
    """The problem document of a refusal: the body of a reply, or what a reply about many rows says of one."""
    return _domain_problem(error) if isinstance(error, DomainError) else _framework_problem(error)


def _domain_problem(error: DomainError) -> dict[str, Any]:
    code = getattr(error, "constraint_code", error.code)
    errors = [{"field": _camel_path(error.field), "code": code, "detail": error.detail}] if error.field else []
    return problem(
        status=error.status, code=code, title=error.title, detail=error.detail, errors=errors, extra=dict(error.extra())
    )


def _framework_problem(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.get_full_details()))
        sentences = "; ".join(
            f"{entry['field']}: {entry['detail']}" if entry["field"] else entry["detail"] for entry in errors
        )
        code = errors[0]["code"] if len({entry["code"] for entry in errors}) == 1 else "invalid"
        return problem(status=400, code=code, title="The request is not valid", detail=sentences, errors=errors)
    detail: Any = error.detail
    if isinstance(detail, dict):
        detail = detail.get("detail", "")
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return problem(
        status=error.status_code, code=str(code), title=HTTPStatus(error.status_code).phrase, detail=str(detail)
    )


def _field_errors(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        field = path.removesuffix(".nonFieldErrors").removesuffix("non_field_errors").rstrip(".")
        yield {"field": field, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _field_errors(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(details, list):
        is_row_list = any(isinstance(entry, dict) and set(entry) != {"message", "code"} for entry in details)
        for position, entry in enumerate(details):
            yield from _field_errors(entry, f"{path}.{position}" if is_row_list else path)


def _camel_path(path: str) -> str:
    return ".".join(camel_case(part) for part in path.split("."))


def problem_response(*, status: int, code: str, detail: str) -> JsonResponse:
    """A problem document outside DRF: for Django's own 400, 404 and 500 pages under /api."""
    body = problem(status=status, code=code, title=HTTPStatus(status).phrase, detail=detail)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
