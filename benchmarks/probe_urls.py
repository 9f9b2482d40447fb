"""The program's routes, and one that asks the database for nothing but an answer."""

from typing import ClassVar

from django.db import connection
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


urlpatterns = [*urls.urlpatterns, path("select-1", SelectOne.as_view({"get": "ask"}))]
