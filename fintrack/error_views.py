"""Django's own error pages: problem documents below /api/, short plain pages elsewhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from core.api.problems import problem_response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django refused, such as one for a host that is not ours."""
    if request.path.startswith("/api/"):
        return problem_response(status=400, code="bad_request", detail="The request is malformed.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that does not exist."""
    if request.path.startswith("/api/"):
        return problem_response(status=404, code="not_found", detail="There is no such address. See /api/docs.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest, *_: Any) -> HttpResponse:
    """A defect. The log knows more, under the request's id."""
    if request.path.startswith("/api/"):
        return problem_response(
            status=500, code="internal_error", detail="Something went wrong here. Report it with the requestId."
        )
    return defaults.server_error(request)
