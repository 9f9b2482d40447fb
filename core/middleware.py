"""What somebody sees in the browser while the database cannot."""

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.outages import logged_outage


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
