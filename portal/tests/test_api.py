"""The promise: programs get the link, learn whether it was used, and can take it back."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import api_client, make_user
from audit.models import Change
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def invoice(company: Company) -> Invoice:
    return make_issued(company)


@pytest.fixture
def finance(company: Company) -> Any:
    return api_client(make_user("Finance", company))


def url_of(invoice: Invoice) -> str:
    return f"/api/invoices/{invoice.pk}/link"


def test_a_link_is_made_looked_at_and_revoked(company: Company, invoice: Invoice, finance: Any) -> None:
    none = finance.get(url_of(invoice))
    made = finance.post(url_of(invoice), {})
    again = finance.post(url_of(invoice), {})
    path = made.json()["url"].removeprefix("http://testserver")
    page = Client().get(path)
    Client().get(f"{path}/pdf")
    seen = api_client(make_user("Viewer", company)).get(url_of(invoice))
    unversioned = finance.delete(url_of(invoice))
    revoked = finance.delete(f"{url_of(invoice)}?version=1")

    assert (none.status_code, none.json()["code"]) == (404, "not_found")
    assert (made.status_code, again.status_code, page.status_code) == (201, 200, 200)
    assert made.json() == again.json() | {"views": 0}
    assert (made["ETag"], made["Location"]) == ('"1"', url_of(invoice))
    body = seen.json()
    assert sorted(body) == [
        *("createdAt", "downloads", "firstViewedAt", "id", "invoiceId", "lastViewedAt", "url", "version", "views")
    ]
    assert (body["views"], body["downloads"], body["url"]) == (1, 1, made.json()["url"])
    assert body["firstViewedAt"] == body["lastViewedAt"] is not None
    assert (unversioned.status_code, revoked.status_code) == (428, 204)
    assert Client().get(path).status_code == finance.get(url_of(invoice)).status_code == 404


def test_renewing_gives_another_address(invoice: Invoice, finance: Any) -> None:
    first = finance.post(url_of(invoice), {"renew": True}).json()
    renewed = finance.post(url_of(invoice), {"renew": True, "version": 1})
    stale = finance.post(url_of(invoice), {"renew": True, "version": 1})

    assert (first["version"], renewed.status_code, renewed.json()["version"]) == (1, 201, 2)
    assert renewed.json()["url"] != first["url"]
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")


def test_a_draft_has_none(company: Company, finance: Any) -> None:
    reply = finance.post(url_of(make_draft(company)), {})

    assert (reply.status_code, reply.json()["code"]) == (400, "wrong_status")


def test_a_dry_run_gives_away_no_link(invoice: Invoice, finance: Any) -> None:
    before = Change.objects.count()
    tried = finance.post(f"{url_of(invoice)}?dryRun=true", {}).json()["url"]
    made = finance.post(url_of(invoice), {}).json()["url"]

    # on SQLite both have the same id; the nonce tells them apart
    assert tried != made
    assert Client().get(tried.removeprefix("http://testserver")).status_code == 404
    assert Change.objects.count() == before + 1


def test_the_public_address_is_the_one_that_is_set(invoice: Invoice, finance: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://books.example.com"

    assert finance.post(url_of(invoice), {}).json()["url"].startswith("https://books.example.com/i/")
