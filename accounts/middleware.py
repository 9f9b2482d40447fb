"""Between a browser and the admin: nobody past a missing second factor, and a page for who tried too often."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.attempts import TooManyAttempts
from accounts.sign_ins.session import has_second_factor, note_session_use
from core.api.problems import problem_response

OPEN_PAGES = {"admin:login", "admin:logout", "sign-in-code"}
SET_UP_PAGE = "second-factor"


class SignInMiddleware:
    """Keeps everybody out of the admin who has, or needs, a second factor that was not proved in this session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, positional: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponse | None:
        """Where to instead; None lets the request through."""
        match = request.resolver_match
        if match is None or match.view_name in OPEN_PAGES or not request.path.startswith(reverse("admin:index")):
            return None
        if not request.user.is_authenticated:
            return None
        if not has_second_factor(request):
            if request.user.second_factor_since is not None:
                logout(request)
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            if settings.TWO_FACTOR_REQUIRED and match.view_name != SET_UP_PAGE:
                return redirect(SET_UP_PAGE)
        note_session_use(request)
        return None


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
