"""What every command over REST has in common: it can be tried and repeated, and says what it made and where."""

import uuid
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.books import faults
from fintrack.tests.test_permissions import endpoints
from fintrack.tests.test_scopes import rows
from fintrack.tests.worlds import Ask, World, admin_of, good_requests, make_world

pytestmark = pytest.mark.django_db

READING = {"GET"}
SIGNING_IN = {"login", "refresh", "logout", "password", "password-reset", "password-reset-confirm"}
"""Of these nothing is tried or repeated: what they change is a sign-in or a secret."""

DEVICES = {("sessions", "GET"): Ask({}, {}, None), ("session", "DELETE"): Ask({"id": uuid.UUID(int=7)}, {}, None)}
"""Nor of these: they are about one's own sign-ins (accounts/tests/test_sign_in_pages.py)."""

OF_MANY = {"invoices-bulk", "exchange-rates-import"}
"""Its reply is about many documents, each with its version."""

NEW_DOCUMENTS = {
    "companies",
    "customers",
    "invoices",
    "payments",
    "bank-accounts",
    "exchange-rates",
    "recurring-invoices",
}
"""What is made there is new, so that no version can be named."""

OF_THE_QUEUE = {"message-bounced", "statement-runs"}
"""Messages and runs are not recorded, and have no version."""

QUICK = {"customerName": "Beta", "amount": "5.00", "dueDate": "2026-01-31"}
CHANGING = {
    *("id", "customerId", "paymentId", "refundPaymentId", "refundPaymentIds", "reversalPaymentId", "messageId"),
    *("paymentIds", "paidAt"),
    *("createdAt", "issuedAt", "bouncedAt", "capturedAt", "requestId", "url"),
}
"""What differs between two runs of the same command: ids, moments, and addresses that nobody can guess."""


def commands() -> list[tuple[str, str]]:
    """Route and method of each command."""
    changing = {(name, method) for name, method in endpoints() if method not in READING and name not in SIGNING_IN}
    return sorted(changing - set(DEVICES))


def stable(value: Any) -> Any:
    """The reply without ids and moments."""
    if isinstance(value, dict):
        return {name: stable(inner) for name, inner in value.items() if name not in CHANGING}
    return [stable(inner) for inner in value] if isinstance(value, list) else value


def requests_of(world: World, name: str, method: str) -> list[Ask]:
    """A request that succeeds, others that are refused, and for invoices the quick form."""
    good = good_requests(world)[name, method]
    stale = {"version": 7}
    refused = Ask(good.path, good.query and good.query | stale, (good.body or {}) | stale)
    named = QUICK | {"companyId": world.company.pk}
    return [good, refused, *([Ask({}, {}, named)] if (name, method) == ("invoices", "POST") else [])]


def test_there_is_a_good_request_for_every_command():
    assert len(commands()) == 40
    assert set(commands()) <= set(good_requests(make_world()))


@pytest.mark.parametrize(("name", "method"), commands())
def test_a_command_answers_dry_as_it_does_for_real_and_writes_nothing(name: str, method: str) -> None:
    world = make_world()
    client = admin_of(world.company)

    for ask in requests_of(world, name, method):
        before = rows()
        dry = ask.send(client, name, method, dryRun="true")
        assert (rows(), "Location" in dry) == (before, False)
        real = ask.send(client, name, method, dryRun="false")

        assert dry.status_code == real.status_code, (dry.content, real.content)
        assert dry.headers.get("ETag") == real.headers.get("ETag")
        if real.content:
            assert stable(dry.json()) == stable(real.json())
        assert (rows() != before) == (real.status_code < 300)
    assert list(faults()) == []


@pytest.mark.parametrize(("name", "method"), commands())
def test_a_dry_run_is_true_or_false(name: str, method: str) -> None:
    world = make_world()
    client = admin_of(world.company)
    before = rows()

    reply = good_requests(world)[name, method].send(client, name, method, dryRun="perhaps")

    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_parameter")
    assert rows() == before


@pytest.mark.parametrize(("name", "method"), commands())
def test_each_command_says_which_version_it_made_and_where_to_find_what_is_new(name: str, method: str) -> None:
    world = make_world()
    client = admin_of(world.company)

    reply = good_requests(world)[name, method].send(client, name, method)

    assert reply["Cache-Control"] == "no-store"
    assert (reply.status_code == 204) == (method == "DELETE")
    if method != "DELETE" and name not in OF_MANY | OF_THE_QUEUE:
        assert reply["ETag"] == f'"{reply.json()["version"]}"'
    assert ("Location" in reply) == (reply.status_code == 201)
    if "Location" in reply:
        found = client.get(reply["Location"])
        body = reply.json()
        new = next(body[key] for key in ("paymentId", "refundPaymentId", "reversalPaymentId", "id") if key in body)
        assert (found.status_code, found.json()["id"]) == (200, new)


def repeatable() -> list[str]:
    """The routes whose POST takes an Idempotency-Key: all but those below /auth/."""
    return [name for name, method in commands() if method == "POST" and name != "register"]


@pytest.mark.parametrize("name", repeatable())
def test_a_repeated_command_has_one_effect_and_one_reply(name: str) -> None:
    world = make_world()
    client = admin_of(world.company)
    ask = good_requests(world)[name, "POST"]
    client.credentials(**client._credentials, HTTP_IDEMPOTENCY_KEY="key-1")

    first = ask.send(client, name, "POST")
    after_first = rows()
    again = ask.send(client, name, "POST")
    changed = Ask(ask.path, ask.query, ask.body | {"version": 3}).send(client, name, "POST")

    assert (first.status_code, again.status_code, rows()) == (first.status_code, first.status_code, after_first)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    for header in ("ETag", "Location"):
        assert again.headers.get(header) == first.headers.get(header)
    assert changed.status_code == (422 if name not in (*NEW_DOCUMENTS, *OF_MANY, *OF_THE_QUEUE) else 400)


def test_founders_do_not_share_their_keys():
    world = make_world()
    founders = [admin_of(world.company), admin_of(world.company)]
    body, key = {"name": "X", "currency": "EUR"}, {"HTTP_IDEMPOTENCY_KEY": "key-1"}

    replies = [client.post("/api/companies", body, **key) for client in founders]
    customer = founders[0].post("/api/customers", {"name": "X", "companyId": world.company.pk}, **key)

    assert [reply.status_code for reply in (*replies, customer)] == [201] * 3
    assert replies[0].json()["id"] != replies[1].json()["id"]
    assert not any("Idempotent-Replayed" in reply for reply in (*replies, customer))


def test_no_reply_is_for_caches_and_each_bears_the_id_of_its_request():
    world = make_world()
    user = make_user("Admin", world.company)
    body = {"email": user.email, "password": PASSWORD}
    requests = (
        good_requests(world)
        | {(name, "POST"): Ask({}, {}, body) for name in SIGNING_IN}
        | {("me", "GET"): Ask({}, {}, None)}
        | DEVICES
    )

    assert set(requests) == endpoints()
    for client in (api_client(user), api_client(make_user("Viewer", world.company)), api_client()):
        client.credentials(**client._credentials, HTTP_X_REQUEST_ID="request-4711")
        for (name, method), ask in requests.items():
            with transaction.atomic():
                reply = ask.send(client, name, method)
                transaction.set_rollback(True)
            assert (reply.get("Cache-Control"), reply["X-Request-ID"]) == ("no-store", "request-4711"), name
            if reply.status_code >= 400:
                assert reply["Content-Type"] == "application/problem+json"
                assert (reply.json()["requestId"], reply.json()["status"]) == ("request-4711", reply.status_code)


@pytest.mark.parametrize("parameter", ["dryrun", "dry_run", "nonsense"])
def test_a_parameter_that_is_not_known_is_refused_and_nothing_is_done(parameter: str) -> None:
    world = make_world()
    client = admin_of(world.company)
    before = rows()

    for (name, method), ask in good_requests(world).items():
        reply = ask.send(client, name, method, **{parameter: "true"})
        assert reply.status_code == 400, (name, method, reply.content)
        assert reply.json()["code"] == "unknown_parameter", (name, method)
        assert reply.json()["errors"][0]["field"] == parameter
    assert rows() == before


def test_registering_can_be_tried():
    world = make_world()

    reply = good_requests(world)["register", "POST"].send(admin_of(world.company), "register", "POST", dryRun="true")

    assert (reply.status_code, reply.json()["email"]) == (201, "new@example.test")
    assert not User.objects.filter(email="new@example.test").exists()
