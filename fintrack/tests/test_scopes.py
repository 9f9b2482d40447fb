"""What belongs to another company does not exist: each id in each place of each request, a foreign one is like none.

The places come from the URL map and from the API's own description; a new one without a row in the table fails.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from accounts.tests.factories import add_role, api_client, make_user
from fintrack.tests.worlds import Ask, World, admin_of, good_requests, make_world

NEVER = 987_654_321
NOBODYS = uuid.UUID(int=NEVER)
OF_ONESELF = {"/api/auth/sessions/{id}"}
"""What is a user's and no company's; accounts/tests/test_sign_in_pages.py tries the sign-ins of others."""
EMPTY = "an empty list"
NOT_FOUND = "not_found"

FOREIGN: dict[tuple[str, str, str], tuple[str, str]] = {
    ("register", "POST", "body.companyIds.0"): ("company", NOT_FOUND),
    ("users", "GET", "query.companyId"): ("company", EMPTY),
    ("user", "GET", "path.id"): ("user", NOT_FOUND),
    ("user", "PATCH", "path.id"): ("user", NOT_FOUND),
    ("user", "PATCH", "body.memberships.0.companyId"): ("company", NOT_FOUND),
    ("audit", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("audit", "GET", "query.entityId"): ("paid", EMPTY),
    ("events", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("company", "GET", "path.id"): ("company", NOT_FOUND),
    ("company", "PATCH", "path.id"): ("company", NOT_FOUND),
    ("bank-accounts", "GET", "query.companyId"): ("company", EMPTY),
    ("bank-accounts", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("bank-account", "GET", "path.id"): ("bank_account", NOT_FOUND),
    ("bank-account", "PATCH", "path.id"): ("bank_account", NOT_FOUND),
    ("bank-account", "DELETE", "path.id"): ("bank_account", NOT_FOUND),
    ("exchange-rates", "GET", "query.companyId"): ("company", EMPTY),
    ("exchange-rates", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("exchange-rates-import", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("exchange-rate", "GET", "path.id"): ("exchange_rate", NOT_FOUND),
    ("customers", "GET", "query.companyId"): ("company", EMPTY),
    ("customers", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("customer", "GET", "path.id"): ("customer", NOT_FOUND),
    ("customer", "PATCH", "path.id"): ("customer", NOT_FOUND),
    ("customer", "DELETE", "path.id"): ("unused", NOT_FOUND),
    ("invoices", "GET", "query.companyId"): ("company", EMPTY),
    ("invoices", "GET", "query.customerId"): ("customer", EMPTY),
    ("invoices", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("invoices", "POST", "body.customerId"): ("customer", "customer_unknown"),
    ("invoices", "POST", "body.items.0.id"): ("line", "item_invalid"),
    ("invoices-bulk", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("invoices-bulk", "POST", "body.invoices.0.companyId"): ("company", NOT_FOUND),
    ("invoices-bulk", "POST", "body.invoices.0.customerId"): ("customer", "customer_unknown"),
    ("invoices-bulk", "POST", "body.invoices.0.items.0.id"): ("line", "item_invalid"),
    ("invoices-bulk", "POST", "body.invoices.0.id"): ("draft", NOT_FOUND),
    ("invoice", "GET", "path.id"): ("draft", NOT_FOUND),
    ("invoice", "PATCH", "path.id"): ("draft", NOT_FOUND),
    ("invoice", "PATCH", "body.customerId"): ("customer", "customer_unknown"),
    ("invoice", "PATCH", "body.items.0.id"): ("line", "item_invalid"),
    ("invoice", "DELETE", "path.id"): ("draft", NOT_FOUND),
    ("invoice-issue", "POST", "path.id"): ("draft", NOT_FOUND),
    ("invoice-cancel", "POST", "path.id"): ("issued", NOT_FOUND),
    ("invoice-explain", "GET", "path.id"): ("draft", NOT_FOUND),
    ("invoice-history", "GET", "path.id"): ("draft", NOT_FOUND),
    ("invoice-pdf", "GET", "path.id"): ("draft", NOT_FOUND),
    ("invoices", "GET", "query.recurringInvoiceId"): ("recurring", EMPTY),
    ("recurring-invoices", "GET", "query.companyId"): ("company", EMPTY),
    ("recurring-invoices", "GET", "query.customerId"): ("customer", EMPTY),
    ("recurring-invoices", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("recurring-invoices", "POST", "body.customerId"): ("customer", "customer_unknown"),
    ("recurring-invoices", "POST", "body.items.0.id"): ("recurring_line", "item_invalid"),
    ("recurring-invoice", "GET", "path.id"): ("recurring", NOT_FOUND),
    ("recurring-invoice", "PATCH", "path.id"): ("recurring", NOT_FOUND),
    ("recurring-invoice", "PATCH", "body.customerId"): ("customer", "customer_unknown"),
    ("recurring-invoice", "PATCH", "body.items.0.id"): ("recurring_line", "item_invalid"),
    ("recurring-invoice", "DELETE", "path.id"): ("recurring", NOT_FOUND),
    **{
        (f"recurring-invoice-{verb}", "POST", "path.id"): ("recurring", NOT_FOUND)
        for verb in ("pause", "resume", "end", "run")
    },
    ("recurring-invoice-history", "GET", "path.id"): ("recurring", NOT_FOUND),
    ("invoice-send", "POST", "path.id"): ("issued", NOT_FOUND),
    ("invoice-messages", "GET", "path.id"): ("paid", NOT_FOUND),
    ("invoice-link", "GET", "path.id"): ("paid", NOT_FOUND),
    ("invoice-link", "POST", "path.id"): ("issued", NOT_FOUND),
    ("invoice-link", "DELETE", "path.id"): ("paid", NOT_FOUND),
    ("invoice-payments", "POST", "path.id"): ("issued", NOT_FOUND),
    ("invoice-refunds", "POST", "path.id"): ("paid", NOT_FOUND),
    ("invoice-refunds", "POST", "body.paymentId"): ("payment", "payment_invalid"),
    ("payment-reverse", "POST", "path.id"): ("paid", NOT_FOUND),
    ("payment-reverse", "POST", "path.payment_id"): ("payment", NOT_FOUND),
    ("payments", "GET", "query.companyId"): ("company", EMPTY),
    ("payments", "GET", "query.customerId"): ("customer", EMPTY),
    ("payments", "GET", "query.invoiceId"): ("paid", EMPTY),
    ("payments", "POST", "body.customerId"): ("customer", "customer_unknown"),
    ("payments", "POST", "body.allocations.0.invoiceId"): ("issued", "allocation_invalid"),
    ("receipt", "GET", "path.id"): ("receipt", NOT_FOUND),
    ("invoice-allocations", "POST", "path.id"): ("paid", NOT_FOUND),
    ("allocation-reverse", "POST", "path.id"): ("allocation", NOT_FOUND),
    ("invoice-write-off", "POST", "path.id"): ("paid", NOT_FOUND),
    ("invoice-reinstate", "POST", "path.id"): ("written_off", NOT_FOUND),
    ("customer-credit", "GET", "path.id"): ("customer", NOT_FOUND),
    ("customer-credit-refunds", "POST", "path.id"): ("customer", NOT_FOUND),
    ("credit-entries", "GET", "query.companyId"): ("company", EMPTY),
    ("credit-entries", "GET", "query.customerId"): ("customer", EMPTY),
    ("credit-entry", "GET", "path.id"): ("credit_entry", NOT_FOUND),
    ("payment", "GET", "path.id"): ("payment", NOT_FOUND),
    ("payment-pdf", "GET", "path.id"): ("payment", NOT_FOUND),
    ("invoice-credit-notes", "POST", "path.id"): ("credited", NOT_FOUND),
    ("invoice-credit-notes", "POST", "body.items.0.itemId"): ("credited_line", "credit_note_invalid"),
    ("invoice-credit-notes", "GET", "path.id"): ("credited", NOT_FOUND),
    ("credit-notes", "GET", "query.companyId"): ("company", EMPTY),
    ("credit-notes", "GET", "query.customerId"): ("customer", EMPTY),
    ("credit-notes", "GET", "query.invoiceId"): ("credited", EMPTY),
    ("credit-note", "GET", "path.id"): ("credit_note", NOT_FOUND),
    ("credit-note-pdf", "GET", "path.id"): ("credit_note", NOT_FOUND),
    ("customer-statement", "GET", "path.id"): ("customer", NOT_FOUND),
    ("report-dashboard", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("message-bounced", "POST", "path.id"): ("message", NOT_FOUND),
    ("statement-runs", "GET", "query.companyId"): ("company", EMPTY),
    ("statement-runs", "POST", "body.companyId"): ("company", NOT_FOUND),
    ("statement-runs", "POST", "body.customerIds.0"): ("customer", NOT_FOUND),
    ("statement-run", "GET", "path.id"): ("statement_run", NOT_FOUND),
    ("statement-run-results", "GET", "path.id"): ("statement_run", NOT_FOUND),
    ("report-revenue", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("report-outstanding", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("report-vat", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("report-aging", "GET", "query.companyId"): ("company", NOT_FOUND),
    ("report-numbers", "GET", "query.companyId"): ("company", NOT_FOUND),
}
"""By route, method and place of the id: what of the other company is named there, and how it is answered."""


def places() -> set[tuple[str, str, str]]:
    """Every place for an id in the API, as its own description has it."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return {
        (_route_of(path), method.upper(), place)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path not in OF_ONESELF
        for place in _places_of(operation, document["components"]["schemas"])
    }


def _route_of(path: str) -> str:
    return str(resolve(re.sub(r"\{\w+\}", str(NOBODYS) if path in OF_ONESELF else "1", path)).url_name)


def _places_of(operation: Any, schemas: Any) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            yield f"path.{_argument(parameter['name'])}"
        elif _is_id(parameter["name"], parameter["schema"]):
            yield f"{parameter['in']}.{parameter['name']}"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _ids_in(content["schema"], schemas, "body")


def _argument(name: str) -> str:
    """The name of the view's argument."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _ids_in(schema: Any, schemas: Any, path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    for choice in (*schema.get("oneOf", []), *schema.get("allOf", [])):
        yield from _ids_in(choice, schemas, path)
    for name, inner in schema.get("properties", {}).items():
        if _is_id(name, inner):
            yield f"{path}.{name}"
        elif _is_id(name.removesuffix("s"), inner.get("items", {})):
            yield f"{path}.{name}.0"
        else:
            yield from _ids_in(inner, schemas, f"{path}.{name}")
    if "items" in schema:
        yield from _ids_in(schema["items"], schemas, f"{path}.0")


def _is_id(name: str, schema: Any) -> bool:
    return bool(re.fullmatch(r"id|\w+Id", name)) and schema.get("type") == "integer"


def naming(ask: Ask, place: str, value: int) -> Ask:
    """The request with `value` in that place."""
    part, *path = place.split(".")
    return replace(ask, **{part: _with(getattr(ask, part), path, value)})


def _with(data: Any, path: list[str], value: int) -> Any:
    if not path:
        return value
    if isinstance(data, list):
        return [_with(data[0], path[1:], value), *data[1:]]
    return {**data, path[0]: _with(data.get(path[0]), path[1:], value)}


def rows() -> dict[str, int]:
    """How many rows each table has."""
    return {model._meta.db_table: model._base_manager.count() for model in apps.get_models()}


def answer(client: Any, ask: Ask, name: str, method: str) -> tuple[int, Any]:
    """Status and body, without what names the request; what it wrote is counted and taken back."""
    before = rows()
    with transaction.atomic():
        reply = ask.send(client, name, method)
        written = rows() != before
        transaction.set_rollback(True)
    is_json = reply.get("Content-Type", "").endswith("json")
    status, body = reply.status_code, reply.json() if is_json else {}
    if name == "invoices-bulk" and status == 200:  # a bulk of one row, which has the answer
        (row,) = body["results"]
        status, body = row["status"], row.get("error", row.get("invoice"))
    body.pop("requestId", None)
    return status, body | ({"written": True} if written else {})


def test_every_place_for_an_id_has_a_row_and_every_row_a_place():
    assert sorted(places()) == sorted(FOREIGN)


@pytest.mark.django_db
def test_each_of_the_requests_succeeds_with_ids_of_ones_own():
    world = make_world()
    client = admin_of(world.company)

    for (name, method), ask in good_requests(world).items():
        status, body = answer(client, ask, name, method)
        assert status < 300, (name, method, body)
        assert body.get("results") != [], name


def request_about(own: World, name: str, method: str, place: str) -> Ask:
    """The good request that has the place."""
    if (name, place) == ("invoices-bulk", "body.invoices.0.id"):
        return Ask({}, {}, {"action": "issue", "invoices": [{"id": own.draft.pk}]})
    return good_requests(own)[name, method]


def places_refused(client: Any, own: World, foreign: World, wanted: Any) -> Iterator[str]:
    """The places in which the foreign id is not answered like one that never was, or not as the table says."""
    for (name, method, place), (thing, outcome) in wanted:
        ask = request_about(own, name, method, place)
        status, body = answer(client, naming(ask, place, foreign.ids[thing]), name, method)
        if (status, body) != answer(client, naming(ask, place, NEVER), name, method) or "written" in body:
            yield f"{method} {name} {place} tells that it exists: {status} {body}"
        if outcome == EMPTY:
            good = status == 200 and body["results"] == []
        else:
            good = (status, body["code"]) == (404 if outcome == NOT_FOUND else 400, outcome)
        if not good:
            yield f"{method} {name} {place}: {status} {body}"


@pytest.mark.django_db
def test_what_belongs_to_a_stranger_is_answered_like_what_never_was_and_changes_nothing():
    own, foreign = make_world(), make_world()

    assert list(places_refused(admin_of(own.company), own, foreign, FOREIGN.items())) == []


@pytest.mark.django_db
def test_what_belongs_to_two_companies_of_one_member_does_not_mix():
    own, other = make_world(), make_world()
    member = api_client(add_role(make_user("Admin", own.company), other.company, "Admin"))
    between = ("customerId", "items.0.id", "paymentId", "path.payment_id", "invoiceId")
    wanted = [row for row in FOREIGN.items() if row[0][1] != "GET" and row[0][2].endswith(between)]
    # The customer of a receipt says itself which company is meant.
    wanted = [row for row in wanted if row[0] != ("payments", "POST", "body.customerId")]

    assert len(wanted) == 13
    assert list(places_refused(member, own, other, wanted)) == []


@pytest.mark.django_db
def test_an_entry_of_another_invoice_of_ones_own_is_none_of_this_one():
    own = make_world()
    second = make_world(own.company)
    wanted = [row for row in FOREIGN.items() if row[0][2].endswith(("items.0.id", "paymentId", "path.payment_id"))]

    assert len(wanted) == 7
    assert list(places_refused(admin_of(own.company), own, second, wanted)) == []


@pytest.mark.django_db
def test_whoever_is_also_elsewhere_is_nobody_to_the_admin_of_one_company():
    own, foreign = make_world(), make_world()
    foreign = replace(foreign, user=add_role(make_user("Viewer", own.company), foreign.company, "Viewer"))
    wanted = [row for row in FOREIGN.items() if row[1][0] == "user"]

    assert list(places_refused(admin_of(own.company), own, foreign, wanted)) == []


SPELLED = [
    ("customers", "body.companyId"),
    ("invoices", "body.companyId"),
    ("invoices-bulk", "body.companyId"),
    ("invoices-bulk", "body.invoices.0.companyId"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", [str, float, lambda number: f" {number}"], ids=["text", "decimal", "blank"])
def test_a_company_is_the_same_however_its_id_is_spelled(spelling):
    own, foreign = make_world(), make_world()
    client = admin_of(own.company)

    for name, place in SPELLED:
        ask = good_requests(own)[name, "POST"]
        mine = answer(client, naming(ask, place, spelling(own.company.pk)), name, "POST")
        theirs = answer(client, naming(ask, place, spelling(foreign.company.pk)), name, "POST")
        assert (mine[0], mine[1].get("companyId", own.company.pk)) == (201, own.company.pk)
        assert (theirs[0], "written" in theirs[1]) == (404, False)


@pytest.mark.django_db
@pytest.mark.parametrize("value", [2**31, 2**63, 10**30, -1, 0])
def test_an_id_that_no_row_can_have_is_like_any_other_that_never_was(value):
    own = make_world()
    client = admin_of(own.company)

    for (name, method, place), (_, outcome) in FOREIGN.items():
        if value < 0 and place.startswith("path"):
            continue
        status, body = answer(client, naming(request_about(own, name, method, place), place, value), name, method)
        expected = {EMPTY: 200, NOT_FOUND: 404}.get(outcome, 400)
        assert status == expected, (name, method, place, body)
