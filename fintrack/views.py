"""The pages of the program itself: the front page, and whether it is well."""

import logging

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The front page: where the admin, the documentation of the API and the health report are."""
    return render(request, "fintrack/home.html")


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """Whether the program and its database answer: 200, or 503 where the database does not."""
    if database_answers():
        return JsonResponse({"status": "ok", "database": "ok"})
    return JsonResponse({"status": "unavailable", "database": "unavailable"}, status=503)


def database_answers() -> bool:
    """Whether the database answers a question; why not is in the log."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except Error:
        logger.exception("The database does not answer.")
        return False
