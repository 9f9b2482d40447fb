import json
import re

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from fintrack.views import health, home

request = RequestFactory()


def test_home_links_what_there_is():
    page = home(request.get("/")).content.decode()

    assert re.findall(r'<a href="([^"]+)"', page) == ["/admin/", "/api/docs", "/api/schema", "/health"]


def test_home_needs_nothing_from_elsewhere():
    page = home(request.get("/")).content.decode()

    assert not re.search(r"<script|<img|<link rel=\"stylesheet|@import|url\(|(src|href)=\"(https?:)?//", page)


@pytest.mark.django_db
def test_health_is_ok_while_the_database_answers():
    response = health(request.get("/health"))

    assert response.status_code == 200
    assert json.loads(response.content) == {"status": "ok", "database": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_health_is_503_where_the_database_does_not_answer(monkeypatch, caplog):
    def refuse():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)

    response = health(request.get("/health"))

    assert response.status_code == 503
    assert json.loads(response.content) == {"status": "unavailable", "database": "unavailable"}
    assert "connection refused" in caplog.text


@pytest.mark.parametrize("view", [home, health])
def test_pages_are_only_read(view):
    assert view(request.post("/")).status_code == 405
