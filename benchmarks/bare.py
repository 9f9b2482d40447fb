"""The yardsticks: what the layers below the program cost, each as a WSGI application that says {"ok": true}.

`wsgi` is a function, `django` a Django view, `drf` a view of Django REST framework without sign-in, permissions and
database. Both of Django have the two middlewares that every installation has; this is the smallest stack that an
API in this framework can stand on, so a ratio to `drf` says how much of a request is the program's own doing.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    DEBUG=False,
    SECRET_KEY="bare-of-secrets",  # noqa: S106  # nothing is signed with it
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django = drf = get_wsgi_application()

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application without a framework."""
    body = json.dumps({"ok": True}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def plain(request: HttpRequest) -> JsonResponse:
    """A view of Django."""
    return JsonResponse({"ok": True})


class Bare(APIView):
    """A view of Django REST framework."""

    def get(self, request: Request) -> Response:
        """The smallest reply."""
        return Response({"ok": True})


urlpatterns = [path("django", plain), path("drf", Bare.as_view())]
