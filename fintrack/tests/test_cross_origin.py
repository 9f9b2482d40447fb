"""Programs in browsers on other origins: named ones may call the API with a token, and read what they need."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.tests.factories import api_client, make_user
from invoices.tests.factories import make_draft
from parties.tests.factories import make_company

SHOP = "https://shop.example.com"
STRANGER = "https://stranger.example.com"
EXPOSED = {"ETag", "Location", "Retry-After", "Idempotent-Replayed", "X-Request-ID", "Content-Disposition"}
SENT = {"authorization", "content-type", "if-match", "idempotency-key", "x-request-id"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop_allowed(settings):
    settings.CORS_ALLOWED_ORIGINS = [SHOP]


def preflight(path, origin=SHOP, method="POST"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return Client().options(path, headers=headers)


def listed(response, name):
    return {item.strip() for item in response.headers[name].split(",")}


def cors_headers(response):
    return [name for name in response.headers if name.lower().startswith("access-control-")]


def assert_readable_in_the_shop(response):
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert listed(response, "Access-Control-Expose-Headers") == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "origin" in response.headers["Vary"].lower()
    assert response.headers["X-Request-ID"]


@pytest.mark.usefixtures("shop_allowed")
def test_a_browser_may_ask_before_it_calls_and_needs_no_sign_in_for_that():
    response = preflight("/api/invoices")

    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert listed(response, "Access-Control-Allow-Headers") == SENT
    assert listed(response, "Access-Control-Allow-Methods") == {"GET", "POST", "PATCH", "DELETE"}
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.usefixtures("shop_allowed")
def test_a_named_origin_reads_replies_and_the_headers_it_needs():
    company = make_company()
    invoice = make_draft(company)

    response = api_client(make_user("Finance", company)).get(f"/api/invoices/{invoice.pk}", headers={"Origin": SHOP})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"1"'
    assert_readable_in_the_shop(response)


@pytest.mark.usefixtures("shop_allowed")
def test_an_unknown_origin_gets_no_permission():
    client = api_client(make_user("Viewer"))

    assert cors_headers(client.get("/api/invoices", headers={"Origin": STRANGER})) == []
    assert cors_headers(preflight("/api/invoices", origin=STRANGER)) == []


def test_by_default_no_origin_gets_permission():
    client = api_client(make_user("Viewer"))

    assert cors_headers(client.get("/api/invoices", headers={"Origin": SHOP})) == []
    assert cors_headers(preflight("/api/invoices")) == []


@pytest.mark.usefixtures("shop_allowed")
@pytest.mark.parametrize("path", ["/", "/health", "/admin/login/", "/apiary"])
def test_only_the_api_is_open_to_other_origins(path):
    assert cors_headers(Client().get(path, headers={"Origin": SHOP})) == []
    assert cors_headers(preflight(path, method="GET")) == []


@pytest.mark.usefixtures("shop_allowed")
def test_errors_can_be_read_too():
    company = make_company()
    client = api_client(make_user("Finance", company))
    path = f"/api/invoices/{make_draft(company).pk}"
    client.patch(path, {"dueDate": "2099-12-31", "version": 1})
    origin = {"Origin": SHOP}

    replies = {
        401: APIClient().get("/api/invoices", headers=origin),
        404: client.get("/api/invoices/999999", headers=origin),
        409: client.patch(path, {"dueDate": "2099-12-30", "version": 1}, headers=origin),
    }

    for status, response in replies.items():
        assert response.status_code == status
        assert response.json()["requestId"] == response.headers["X-Request-ID"]
        assert_readable_in_the_shop(response)


@pytest.mark.usefixtures("shop_allowed")
def test_an_address_that_does_not_exist_says_so_to_other_origins_too():
    response = Client().get("/api/nothing-here", headers={"Origin": SHOP})

    assert response.status_code == 404
    assert_readable_in_the_shop(response)


@pytest.mark.usefixtures("shop_allowed")
def test_a_defect_says_so_to_other_origins_too(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a defect")

    monkeypatch.setattr("invoices.api.filtered_invoices", fail)
    client = api_client(make_user("Viewer"))
    client.raise_request_exception = False

    response = client.get("/api/invoices", headers={"Origin": SHOP})

    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert_readable_in_the_shop(response)
