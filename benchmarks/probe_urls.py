"""The program's routes, and two that ask the database for nothing but an answer."""

from typing import ClassVar

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from core.api.viewsets import Endpoint
from core.permissions import SIGNED_IN
from fintrack import urls

handler400, handler404, handler500 = urls.handler400, urls.handler404, urls.handler500


class SelectOne(ViewSetMixin, Endpoint):
    """What a request costs before it does anything: the whole stack, a user signed in, and `SELECT 1`."""

    required_permissions: ClassVar[dict[str, str]] = {"ask": SIGNED_IN}

    def ask(self, request: Request) -> Response:
        """What the database answers."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return Response({"answer": cursor.fetchone()[0]})


def select_one_at_the_desk(request: HttpRequest) -> HttpResponse:
    """What a page of the desk costs before it does anything: its middleware, a session signed in, and `SELECT 1`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return HttpResponse(str(cursor.fetchone()[0]))


urlpatterns = [
    path("admin/select-1", admin.site.admin_view(select_one_at_the_desk)),
    *urls.urlpatterns,
    path("select-1", SelectOne.as_view({"get": "ask"})),
]
