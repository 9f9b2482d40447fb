"""The promise: whatever a program sends, as whoever it likes, the answer is one that the API's document declares.

Requests are generated from the document, well formed and malformed. HOSTILE_CASES says how many (500), sent by callers
of all roles; from 10,000 on, that many by each role. They go to documents that exist, that belong to others, or that do
not exist, and are taken back.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from audit.books import faults
from core.testing.documents import operations
from core.testing.rollback import taken_back
from currencies.tests.factories import make_rate
from invoices.tests.factories import make_draft, make_issued
from parties.tests.factories import make_bank_account, make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

ROLES = ("Admin", "Finance", "Viewer", "Auditor")
CASES = int(os.environ.get("HOSTILE_CASES", "500"))
THOROUGH = 10_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@cache
def served_operations() -> dict[str, Any]:
    """The operations of the document that the program serves, by label."""
    schema = schemathesis.openapi.from_wsgi("/api/schema", WSGIHandler())
    return {result.ok().label: result.ok() for result in schema.get_all_operations()}


@dataclass(frozen=True)
class World:
    """A caller of each role, and ids: of one company's documents, of another's, and of nothing."""

    tokens: dict[str, str]
    ids: dict[str, list[int]]


@pytest.fixture(autouse=True)
def connection_stays_open() -> Iterator[None]:
    """The requests run in the test's own transaction, as those of Django's test client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def world() -> World:
    company, other = make_company(), make_company()
    own, foreign = populated(company), populated(other)
    tokens = {role: str(AccessToken.for_user(make_user(role, company))) for role in ROLES}
    kinds = {kind: [*own[kind], *foreign[kind], 999_999] for kind in own}
    return World(tokens, kinds)


def populated(company: Any) -> dict[str, list[int]]:
    """The ids of one of everything in the company."""
    issued = make_issued(company, customer=make_customer(company, email="accounts@acme.test"))
    payment = apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1", reference="R-1")
    return {
        "invoices": [make_draft(company).pk, issued.pk],
        "customers": [make_customer(company).pk, issued.customer_id],
        "payments": [payment.pk],
        "companies": [company.pk],
        "users": [make_user("Viewer", company).pk],
        "exchange-rates": [make_rate(company).pk],
        "bank-accounts": [make_bank_account(company).pk],
    }


def at_home(case: Case, world: World, pick: int) -> None:
    """Let the path name something that exists, in this company or another; three times in four."""
    parts = case.path.strip("/").split("/")
    for position, part in enumerate(parts):
        kind = parts[position - 1]
        if part.startswith("{") and kind in world.ids and pick % 4:
            case.path_parameters[part.strip("{}")] = world.ids[kind][pick % len(world.ids[kind])]


@pytest.mark.parametrize("operation_id", operations())
def test_every_answer_is_one_that_the_document_declares(operation_id: str, world: World) -> None:
    operation = served_operations()[operations()[operation_id].label]
    count = -(-CASES * (len(ROLES) if CASES >= THOROUGH else 1) // len(operations()))

    @hypothesis_settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=CASES <= 500,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)),
        role=st.sampled_from(ROLES),
        pick=st.integers(0, 1000),
    )
    def answers(case: Case, role: str, pick: int) -> None:
        at_home(case, world, pick)
        with taken_back():
            reply = case.call(headers={"Authorization": f"Bearer {world.tokens[role]}"})
            case.validate_response(reply, checks=CHECKS)

    answers()
    assert list(faults()) == []
