"""Which of two faults a request is refused for: always the one that the contract names first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pytest

from accounts.models import User
from accounts.services import grant_role
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.actors import SYSTEM
from fintrack.tests.worlds import Ask, World, good_requests, make_world
from invoices.services import issue_invoice
from invoices.tests.factories import make_draft
from parties.services import update_company, update_customer
from parties.tests.factories import make_customer
from payments.services import apply_payment, reverse_payment

pytestmark = pytest.mark.django_db


def issued_already(world: World) -> None:
    issue_invoice(actor=SYSTEM, invoice_id=world.draft.pk)


def paid_already(world: World) -> None:
    apply_payment(actor=SYSTEM, invoice_id=world.issued.pk, amount="115")


def reversed_already(world: World) -> None:
    reverse_payment(actor=SYSTEM, invoice_id=world.paid.pk, payment_id=world.payment.pk)


def taken_already(world: World) -> None:
    make_customer(world.company, external_id="crm-1")
    update_customer(actor=SYSTEM, customer_id=world.customer.pk, phone="1")


def billed_already(world: World) -> None:
    make_draft(world.company, customer=world.unused)
    update_customer(actor=SYSTEM, customer_id=world.unused.pk, phone="1")


def last_admin_already(world: World) -> None:
    grant_role(actor=SYSTEM, user=world.user, company=world.company, role="Admin")


def moved_already(world: World) -> None:
    update_company(actor=SYSTEM, company_id=world.company.pk, city="Durban")


@dataclass(frozen=True)
class Command:
    """A command whose versions are checked, and how to break a rule of it; `rule` is the code that this ends in."""

    name: str
    method: str
    thing: str
    prepare: Callable[[World], None]
    rule: str | None
    changes: Any = None
    is_version_needed: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


COMMANDS = [
    Command("invoice-issue", "POST", "draft", issued_already, "wrong_status"),
    Command("invoice-cancel", "POST", "issued", paid_already, "has_payments"),
    Command("invoice-payments", "POST", "issued", paid_already, "wrong_status"),
    Command("invoice-refunds", "POST", "paid", reversed_already, "wrong_status"),
    Command("payment-reverse", "POST", "paid", reversed_already, "already_reversed"),
    Command("invoice", "PATCH", "draft", issued_already, "wrong_status", is_version_needed=True),
    Command("invoice", "DELETE", "draft", issued_already, "wrong_status", is_version_needed=True),
    Command(
        *("customer", "PATCH", "customer", taken_already, "external_id_taken"),
        changes={"externalId": "crm-1"},
        is_version_needed=True,
    ),
    Command("customer", "DELETE", "unused", billed_already, "customer_in_use"),
    Command("company", "PATCH", "company", moved_already, None, is_version_needed=True),
    Command("user", "PATCH", "user", last_admin_already, "last_admin", is_version_needed=True),
]
FAULTS = {
    "nobody": (401, "not_authenticated"),
    "stranger": (404, "not_found"),
    "viewer": (403, "permission_denied"),
    "form": (400, None),
    "no version": (428, "version_required"),
    "If-Match": (412, "precondition_failed"),
    "version": (409, "stale_version"),
    "rule": (400, None),
}
"""In their order: who you are, whether it exists for you, whether you may, the form, the versions, the rules."""
IMPOSSIBLE = {
    ("nobody", "stranger"),
    ("nobody", "viewer"),
    ("stranger", "viewer"),
    ("no version", "If-Match"),
    ("no version", "version"),
}
"""Nobody is two people at once, and a version is stated or not."""


def pairs(command: Command) -> list[tuple[str, str]]:
    """The faults that can meet in one request of the command."""
    found = [pair for pair in combinations(FAULTS, 2) if pair not in IMPOSSIBLE]
    if not command.is_version_needed:
        found = [pair for pair in found if "no version" not in pair]
    if command.rule is None:
        found = [pair for pair in found if "rule" not in pair]
    if command.method == "DELETE":  # what is wrong with its form is its version
        found = [pair for pair in found if "form" not in pair or not {"version", "no version"} & set(pair)]
    return found


def caller(world: World, faults: tuple[str, ...]) -> Any:
    """A client of who gives the command; one who may is in no company, so that its Admins are those it has."""
    if "nobody" in faults:
        return api_client()
    if "stranger" in faults:
        return api_client(make_user("Viewer"))
    if "viewer" in faults:
        return api_client(make_user("Viewer", world.company))
    return api_client(User.objects.create_superuser(f"root{world.company.pk}@example.test", PASSWORD))


def request_with(command: Command, world: World, faults: tuple[str, ...]) -> tuple[Ask, dict[str, str]]:
    """The request and its headers, with these faults and no other."""
    ask = good_requests(world)[command.name, command.method]
    current = type(getattr(world, command.thing)).objects.get(pk=getattr(world, command.thing).pk).version
    stated = {} if "no version" in faults else {"version": current - 1 if "version" in faults else current}
    headers = {"HTTP_IF_MATCH": f'"{current - 1}"' if "If-Match" in faults else f'"{current}"'}
    if "no version" in faults:
        headers = {}
    if command.method == "DELETE":
        query = {"version": "x"} if "form" in faults else stated
        return replace(ask, query=query), headers
    body = {name: value for name, value in ask.body.items() if name != "version"} | (command.changes or {}) | stated
    return replace(ask, body=body | ({"nonsense": 1} if "form" in faults else {})), headers


def send(client: Any, command: Command, ask: Ask, headers: dict[str, str]) -> tuple[int, Any]:
    client.credentials(**client._credentials | headers)
    reply = ask.send(client, command.name, command.method)
    return reply.status_code, reply.json() if reply.content else {}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_of_two_faults_the_first_is_told(command: Command) -> None:
    for pair in pairs(command):
        world = make_world()
        command.prepare(world)
        client = caller(world, pair)
        status, problem = send(client, command, *request_with(command, world, pair))

        expected, code = FAULTS[pair[0]]
        assert (status, problem["code"]) == (expected, code or problem["code"]), (pair, problem)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.rule], ids=str)
def test_control_with_all_else_in_order_the_rule_is_told(command: Command) -> None:
    world = make_world()
    command.prepare(world)

    status, problem = send(caller(world, ()), command, *request_with(command, world, ()))

    assert (status, problem["code"]) == (400, command.rule)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.method == "POST"], ids=str)
def test_a_replay_comes_after_the_form_and_before_versions_and_rules(command: Command) -> None:
    world = make_world()
    client = caller(world, ())
    client.credentials(**client._credentials, HTTP_IDEMPOTENCY_KEY="key-1")
    ask, headers = request_with(command, world, ())

    first = send(client, command, ask, headers)
    again = send(client, command, ask, headers)
    malformed = send(client, command, replace(ask, body=ask.body | {"nonsense": 1}), headers)

    assert again == first
    assert first[0] < 300
    assert malformed[0] == 400
    for faults, status in ((("nobody",), 401), (("stranger",), 404), (("viewer",), 403)):
        rival = caller(world, faults)
        rival.credentials(**rival._credentials, HTTP_IDEMPOTENCY_KEY="key-1")
        assert send(rival, command, ask, headers)[0] == status
