"""What somebody sees in the browser who tried to sign in too often."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.attempts import TooManyAttempts
from core.api.problems import problem_response


class TooManyAttemptsMiddleware:
    """Answers TooManyAttempts outside the API: a page for browsers, a problem document for programs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The reply to TooManyAttempts; any other exception is left alone."""
        if not isinstance(exception, TooManyAttempts):
            return None
        response: HttpResponse
        if request.accepts("text/html"):
            response = render(request, "accounts/too_many_attempts.html", {"error": exception}, status=exception.status)
        else:
            response = problem_response(status=exception.status, code=exception.code, detail=exception.detail)
        response["Retry-After"] = str(exception.wait)
        response["Cache-Control"] = "no-store"
        return response
