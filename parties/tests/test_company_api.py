"""What the REST API promises about changing a company. Founding one is in the accounts room."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from audit.models import Change
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    """Acme, a company in South Africa."""
    return make_company(name="Acme")


@pytest.fixture
def client(company: Company) -> Any:
    """Acme's Admin."""
    return api_client(make_user("Admin", company, email="admin@example.test"))


def url_of(company: Company) -> str:
    return f"/api/companies/{company.pk}"


def actions() -> list[str]:
    rows = Change.objects.filter(action__in=["company.updated", "company.period_lock_moved"])
    return list(rows.order_by("id").values_list("action", flat=True))


def test_an_admin_changes_a_company(company: Company, client: Any) -> None:
    body = {
        "name": "Acme Ltd",
        "vatRounding": "line",
        "timeZone": "Europe/Berlin",
        "defaultVatRate": "0.19",
        "paymentDays": 10,
        "addressLine1": "1 Long Street",
        "postalCode": "8001",
        "registrationNumber": "2026/1",
    }

    reply = client.patch(url_of(company), {"version": 1} | body)

    assert (reply.status_code, reply["ETag"]) == (200, '"2"')
    assert reply.json().items() >= (body | {"version": 2, "currency": "ZAR"}).items()
    assert reply.json() == client.get(url_of(company)).json()
    company.refresh_from_db()
    assert (company.default_vat_rate, company.payment_days, company.zone.key) == (Decimal("0.19"), 10, "Europe/Berlin")
    entry = Change.objects.get(action="company.updated")
    assert (entry.actor, entry.company_id) == ("admin@example.test", company.pk)


def test_moving_the_lock_needs_a_reason_that_is_recorded(company: Company, client: Any) -> None:
    without = client.patch(url_of(company), {"version": 1, "lockedThrough": "2026-01-31"})
    blank = client.patch(url_of(company), {"version": 1, "lockedThrough": "2026-01-31", "lockReason": " "})
    closed = client.patch(url_of(company), {"version": 1, "lockedThrough": "2026-01-31", "lockReason": "VAT filed"})
    opened = client.patch(url_of(company), {"version": 2, "lockedThrough": None, "lockReason": "Late invoice"})

    for refused in (without, blank):
        assert (refused.status_code, refused.json()["code"]) == (400, "required")
        assert refused.json()["errors"][0]["field"] == "lockReason"
    assert (closed.json()["lockedThrough"], closed.json()["version"]) == ("2026-01-31", 2)
    assert (opened.json()["lockedThrough"], opened.json()["version"]) == (None, 3)
    reasons = Change.objects.filter(action="company.period_lock_moved").order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["VAT filed", "Late invoice"]
    assert list(faults()) == []


def test_a_lock_that_does_not_move_needs_no_reason(company: Company, client: Any) -> None:
    client.patch(url_of(company), {"version": 1, "lockedThrough": "2026-01-31", "lockReason": "VAT filed"})

    reply = client.patch(url_of(company), {"version": 2, "lockedThrough": "2026-01-31", "city": "Cape Town"})

    assert (reply.status_code, reply.json()["city"]) == (200, "Cape Town")
    assert actions() == ["company.period_lock_moved", "company.updated"]


def test_details_and_lock_change_together_or_not_at_all(company: Company, client: Any) -> None:
    lock = {"lockedThrough": "2026-01-31", "lockReason": "VAT filed"}

    refused = client.patch(url_of(company), {"version": 1, "timeZone": "Mars/Olympus"} | lock)
    stale = client.patch(url_of(company), {"version": 7, "city": "Cape Town"} | lock)
    assert (refused.status_code, stale.status_code, actions()) == (400, 409, [])
    done = client.patch(url_of(company), {"version": 1, "city": "Cape Town"} | lock)

    assert (done.status_code, done["ETag"]) == (200, '"3"')
    company.refresh_from_db()
    assert (company.city, company.locked_through) == ("Cape Town", date(2026, 1, 31))
    assert actions() == ["company.updated", "company.period_lock_moved"]


def test_versions_are_asked_for_and_kept(company: Company, client: Any) -> None:
    client.patch(url_of(company), {"version": 1, "city": "Cape Town"})

    missing = client.patch(url_of(company), {"city": "X"})
    stale = client.patch(url_of(company), {"version": 1, "city": "X"})
    precondition = client.patch(url_of(company), {"city": "X"}, headers={"If-Match": '"1"'})
    current = client.patch(url_of(company), {"city": "Durban"}, headers={"If-Match": '"2"'})

    assert [reply.status_code for reply in (missing, stale, precondition, current)] == [428, 409, 412, 200]
    assert stale.json()["changes"] == {"city": ["", "Cape Town"]}


def test_members_read_and_only_admins_write(company: Company) -> None:
    for role in ("Finance", "Viewer", "Auditor"):
        member = api_client(make_user(role, company))
        assert member.get(url_of(company)).status_code == 200
        assert member.patch(url_of(company), {"version": 1, "city": "X"}).status_code == 403
    stranger = api_client(make_user("Admin"))
    assert stranger.get(url_of(company)).status_code == 404
    assert stranger.patch(url_of(company), {"version": 1, "city": "X"}).status_code == 404
    assert Company.objects.get(pk=company.pk).version == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"currency": "ZZZ"}, "currency"),
        ({"timeZone": ""}, "timeZone"),
        ({"defaultVatRate": "1.5"}, "defaultVatRate"),
        ({"defaultVatRate": "0.12345"}, "defaultVatRate"),
        ({"paymentDays": 3651}, "paymentDays"),
        ({"vatRounding": "total"}, "vatRounding"),
        ({"lockedThrough": "soon"}, "lockedThrough"),
        ({"id": 7}, "id"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(company: Company, client: Any, body: Any, field: str) -> None:
    reply = client.patch(url_of(company), {"version": 1} | body)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert Company.objects.get(pk=company.pk).version == 1
