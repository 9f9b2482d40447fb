"""What somebody sees in the browser while the database cannot, and who sends too much."""

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.api.parsers import BODY_LIMIT_BYTES, BodyTooLarge
from core.outages import logged_outage

API = "/api/"


class BodyLimitMiddleware:
    """Refuses, outside the API, a body larger than any honest form before anybody reads it, signed in or not.

    Django bounds what it keeps in memory of a form, and writes files of any size to the disk. Inside the API the
    parser refuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_too_large = not length.isdecimal() or int(length[:20]) > BODY_LIMIT_BYTES
        if is_too_large and not request.path.startswith(API):
            return HttpResponse(BodyTooLarge.default_detail, status=BodyTooLarge.status_code, content_type="text/plain")
        return self.get_response(request)


class OutageMiddleware:
    """Answers an outage outside the API with a page and a Retry-After, in place of "something went wrong here"."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The page of the outage behind `exception`; any other exception is left alone."""
        if not isinstance(exception, (DatabaseError, InterfaceError)):
            return None
        outage = logged_outage(exception)
        if outage is None:
            return None
        page = render_to_string(
            "core/outage.html", {"outage": outage}
        )  # without the request: its user needs the database
        response = HttpResponse(page, status=outage.status)
        response["Retry-After"] = str(outage.wait)
        response["Cache-Control"] = "no-store"
        return response
