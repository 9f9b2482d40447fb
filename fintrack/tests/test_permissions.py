"""The permission matrix: each endpoint, method and kind of caller has a declared answer; a URL without a row fails.

The table says which roles may. The endpoints and methods come from the URL map, so nothing is left out by forgetting.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import update_user
from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from audit.models import Change
from credits.tests.factories import make_printed_credit_note
from currencies.tests.factories import make_rate
from invoices.tests.factories import make_draft, make_issued, make_recurring
from notifications.services import request_sending
from parties.models import Company
from parties.tests.factories import make_bank_account, make_company, make_customer
from payments.services import apply_payment
from payments.tests.factories import make_allocation, make_credit
from portal.services import create_link
from reports.statement_runs.services import run_statements

pytestmark = pytest.mark.django_db

EVERYBODY = frozenset({"Admin", "Finance", "Viewer", "Auditor"})
BOOKKEEPERS = frozenset({"Admin", "Finance"})
RECORD_READERS = frozenset({"Admin", "Auditor"})
ADMINS = frozenset({"Admin"})
PUBLIC = frozenset({"anonymous", *EVERYBODY})

ROLES: dict[tuple[str, str], frozenset[str]] = {
    ("login", "POST"): PUBLIC,
    ("refresh", "POST"): PUBLIC,
    ("logout", "POST"): PUBLIC,
    ("me", "GET"): EVERYBODY,
    ("sessions", "GET"): EVERYBODY,
    ("session", "DELETE"): EVERYBODY,
    ("register", "POST"): ADMINS,
    ("password", "POST"): EVERYBODY,
    ("password-reset", "POST"): PUBLIC,
    ("password-reset-confirm", "POST"): PUBLIC,
    ("users", "GET"): ADMINS,
    ("user", "GET"): ADMINS,
    ("user", "PATCH"): ADMINS,
    ("audit", "GET"): RECORD_READERS,
    ("events", "GET"): EVERYBODY,
    ("recurring-invoices", "GET"): EVERYBODY,
    ("recurring-invoices", "POST"): BOOKKEEPERS,
    ("recurring-invoice", "GET"): EVERYBODY,
    ("recurring-invoice", "PATCH"): BOOKKEEPERS,
    ("recurring-invoice", "DELETE"): BOOKKEEPERS,
    ("recurring-invoice-pause", "POST"): BOOKKEEPERS,
    ("recurring-invoice-resume", "POST"): BOOKKEEPERS,
    ("recurring-invoice-end", "POST"): BOOKKEEPERS,
    ("recurring-invoice-run", "POST"): BOOKKEEPERS,
    ("recurring-invoice-history", "GET"): EVERYBODY,
    ("companies", "GET"): EVERYBODY,
    ("companies", "POST"): ADMINS,
    ("company", "GET"): EVERYBODY,
    ("company", "PATCH"): ADMINS,
    ("bank-accounts", "GET"): EVERYBODY,
    ("bank-accounts", "POST"): ADMINS,
    ("bank-account", "GET"): EVERYBODY,
    ("bank-account", "PATCH"): ADMINS,
    ("bank-account", "DELETE"): ADMINS,
    ("exchange-rates", "GET"): EVERYBODY,
    ("exchange-rates", "POST"): BOOKKEEPERS,
    ("exchange-rates-import", "POST"): BOOKKEEPERS,
    ("exchange-rate", "GET"): EVERYBODY,
    ("customers", "GET"): EVERYBODY,
    ("customers", "POST"): BOOKKEEPERS,
    ("customer", "GET"): EVERYBODY,
    ("customer", "PATCH"): BOOKKEEPERS,
    ("customer", "DELETE"): BOOKKEEPERS,
    ("invoices", "GET"): EVERYBODY,
    ("invoices", "POST"): BOOKKEEPERS,
    ("invoices-bulk", "POST"): BOOKKEEPERS,
    ("invoice", "GET"): EVERYBODY,
    ("invoice", "PATCH"): BOOKKEEPERS,
    ("invoice", "DELETE"): BOOKKEEPERS,
    ("invoice-issue", "POST"): BOOKKEEPERS,
    ("invoice-cancel", "POST"): BOOKKEEPERS,
    ("invoice-explain", "GET"): EVERYBODY,
    ("invoice-history", "GET"): EVERYBODY,
    ("invoice-pdf", "GET"): EVERYBODY,
    ("invoice-send", "POST"): BOOKKEEPERS,
    ("invoice-messages", "GET"): EVERYBODY,
    ("invoice-link", "GET"): EVERYBODY,
    ("invoice-link", "POST"): BOOKKEEPERS,
    ("invoice-link", "DELETE"): BOOKKEEPERS,
    ("invoice-payments", "POST"): BOOKKEEPERS,
    ("invoice-refunds", "POST"): BOOKKEEPERS,
    ("payment-reverse", "POST"): BOOKKEEPERS,
    ("payments", "GET"): EVERYBODY,
    ("payments", "POST"): BOOKKEEPERS,
    ("receipt", "GET"): EVERYBODY,
    ("invoice-allocations", "POST"): BOOKKEEPERS,
    ("allocation-reverse", "POST"): BOOKKEEPERS,
    ("invoice-write-off", "POST"): BOOKKEEPERS,
    ("invoice-reinstate", "POST"): BOOKKEEPERS,
    ("customer-credit", "GET"): EVERYBODY,
    ("customer-credit-refunds", "POST"): BOOKKEEPERS,
    ("credit-entries", "GET"): EVERYBODY,
    ("credit-entry", "GET"): EVERYBODY,
    ("report-dashboard", "GET"): EVERYBODY,
    ("report-revenue", "GET"): EVERYBODY,
    ("report-outstanding", "GET"): EVERYBODY,
    ("report-vat", "GET"): EVERYBODY,
    ("report-aging", "GET"): EVERYBODY,
    ("report-numbers", "GET"): EVERYBODY,
    ("payment", "GET"): EVERYBODY,
    ("payment-pdf", "GET"): EVERYBODY,
    ("invoice-credit-notes", "GET"): EVERYBODY,
    ("invoice-credit-notes", "POST"): BOOKKEEPERS,
    ("credit-notes", "GET"): EVERYBODY,
    ("credit-note", "GET"): EVERYBODY,
    ("credit-note-pdf", "GET"): EVERYBODY,
    ("customer-statement", "GET"): EVERYBODY,
    ("message-bounced", "POST"): BOOKKEEPERS,
    ("statement-runs", "GET"): EVERYBODY,
    ("statement-runs", "POST"): BOOKKEEPERS,
    ("statement-run", "GET"): EVERYBODY,
    ("statement-run-results", "GET"): EVERYBODY,
}
"""Who may, by the name of the route and the method."""

NOT_OURS = {"docs", "schema"}
"""Documentation, open to everybody, tested in test_openapi.py."""


def api_routes() -> dict[str, Any]:
    """The routes below /api/, name -> callback."""
    found: dict[str, Any] = {}

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern) and path.startswith("api/") and pattern.name not in NOT_OURS:
                assert pattern.name, f"{path} has no name"
                found[pattern.name] = pattern.callback

    walk(get_resolver().url_patterns, "")
    return found


def endpoints() -> set[tuple[str, str]]:
    """Every route and method that the program answers."""
    return {
        (name, method.upper())
        for name, callback in api_routes().items()
        for method in callback.actions
        if method != "head"
    }


@dataclass(frozen=True)
class World:
    """One of everything, in a company."""

    ids: dict[str, dict[str, Any]]
    company: Any
    entries: int


def make_world(company: Any = None) -> World:
    company = company or make_company()
    issued = make_issued(company)
    payment = apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="1")
    received = make_credit(issued.customer)
    create_link(actor=SYSTEM, invoice_id=issued.pk)
    invoice = {"id": make_draft(company).pk}
    recurring = {"id": make_recurring(company).pk}
    mailed = make_issued(company, customer=make_customer(company, email="accounts@acme.test"))
    world = World(
        company=company,
        entries=0,
        ids={
            "company": {"id": company.pk},
            "customer": (customer := {"id": make_customer(company).pk}),
            "customer-statement": customer,
            "message-bounced": {"id": request_sending(actor=SYSTEM, invoice_id=mailed.pk).pk},
            "statement-run": (run := {"id": run_statements(actor=SYSTEM, company=company, month=date(2020, 1, 1)).pk}),
            "statement-run-results": run,
            "payment": {"id": payment.pk},
            "receipt": {"id": received.receipt.pk},
            "allocation-reverse": {"id": make_allocation(issued).pk},
            "customer-credit": customer,
            "customer-credit-refunds": customer,
            "credit-entry": {"id": received.credit.pk},
            "payment-pdf": {"id": payment.pk},
            "credit-note": (note := {"id": make_printed_credit_note(make_issued(company)).pk}),
            "credit-note-pdf": note,
            "exchange-rate": {"id": make_rate(company).pk},
            "bank-account": {"id": make_bank_account(company).pk},
            "payment-reverse": {"id": issued.pk, "payment_id": payment.pk},
            "user": {"id": make_user("Viewer", company).pk},
            "session": {"id": uuid.uuid4()},
            **{name: invoice for name in api_routes() if name.startswith("invoice-") or name == "invoice"},
            **{name: recurring for name in api_routes() if name.startswith("recurring-invoice-")},
            "recurring-invoice": recurring,
            "invoice-link": {"id": issued.pk},
        },
    )
    return replace(world, entries=Change.objects.count())


def ask(client: Any, world: World, name: str, method: str) -> Any:
    """The reply to an empty request; what it wrote is taken back, so that the next one finds the same world."""
    url = reverse(name, kwargs=world.ids.get(name))
    body = () if method in ("GET", "DELETE") else ({},)
    with transaction.atomic():
        reply = getattr(client, method.lower())(url, *body)
        reply.entries_written = Change.objects.count() - world.entries
        transaction.set_rollback(True)
    return reply


def test_every_endpoint_has_a_row_and_every_row_an_endpoint():
    assert endpoints() == set(ROLES)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_may_what_its_row_says_and_a_denial_changes_nothing(role):
    client = api_client(make_user(role, company := make_company()))
    world = make_world(company)

    for name, method in sorted(ROLES):
        reply = ask(client, world, name, method)
        status = reply.status_code
        if role in ROLES[name, method]:
            assert status not in (401, 403, 404, 405, 500) or name in ("login", "refresh", "logout", "session"), (
                name,
                method,
                status,
            )
        else:
            assert status == 403, (name, method, status)
            assert reply.entries_written == 0


def test_without_a_sign_in_only_signing_in_is_open():
    world = make_world()

    for name, method in sorted(ROLES):
        status = ask(api_client(), world, name, method).status_code
        assert status == (400 if ROLES[name, method] is PUBLIC else 401), (name, method, status)


def expired_client(user: User) -> Any:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=-1))
    client = api_client()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def deactivated_client(user: User) -> Any:
    client = api_client(user)
    for company_id in user.company_ids:
        make_user("Admin", Company.objects.get(pk=company_id))  # the last one could not be deactivated
    update_user(actor=SYSTEM, user_id=user.pk, is_active=False)
    return client


@pytest.mark.parametrize("make_client", [expired_client, deactivated_client])
def test_an_expired_token_and_a_deactivated_user_are_as_good_as_none(make_client):
    world = make_world()
    client = make_client(make_user("Admin", world.company))

    for name, method in sorted(ROLES):
        if ROLES[name, method] is not PUBLIC:
            assert ask(client, world, name, method).status_code == 401, (name, method)


def test_what_belongs_to_another_company_is_a_404_for_its_neighbour_s_admin():
    world = make_world()
    client = api_client(make_user("Admin"))

    for name, method in sorted(ROLES):
        if name in world.ids:
            assert ask(client, world, name, method).status_code == 404, (name, method)


def test_the_role_counts_in_the_company_it_is_held_in():
    world = make_world()
    elsewhere = make_company()
    client = api_client(add_role(make_user("Viewer", world.company), elsewhere, "Admin"))

    for name, method in sorted(ROLES):
        if name in world.ids:
            status = ask(client, world, name, method).status_code
            assert (status == 403) == ("Viewer" not in ROLES[name, method]), (name, method, status)


def test_a_superuser_passes_every_role_check():
    world = make_world()
    superuser = User.objects.create_superuser("root@example.test", "a-long-enough-password")
    client = api_client(superuser)

    for name, method in sorted(ROLES):
        status = ask(client, world, name, method).status_code
        assert status not in (403, 404, 405, 500) or name == "session", (name, method, status)
        assert status != 401 or ROLES[name, method] is PUBLIC
