"""What a document says that can be done to it is what can be done to it, for each role and in each state."""

from datetime import date

import pytest
from django.db import transaction

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from credits.tests.factories import make_credit_note
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued
from notifications.services import request_sending
from parties.services import move_period_lock, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, refund_payment, reverse_payment
from payments.tests.factories import make_credit

pytestmark = pytest.mark.django_db

REQUESTS = {
    "edit": ("patch", "", {"version": None}),
    "delete": ("delete", "?version={version}", None),
    "issue": ("post", "/issue", {}),
    "cancel": ("post", "/cancel", {}),
    "pay": ("post", "/payments", {"amount": "1"}),
    "refund": ("post", "/refunds", {"amount": "1"}),
    "send": ("post", "/send", {}),
    "creditNote": ("post", "/credit-notes", {"reason": "Came back"}),
    "allocate": ("post", "/allocations", {"amount": "1"}),
    "writeOff": ("post", "/write-off", {"reason": "Small"}),
}


def archived_draft(company):
    draft = make_draft(company)
    update_customer(actor=SYSTEM, customer_id=draft.customer_id, archived=True)
    return draft


def locked_draft(company):
    draft = make_draft(company, issue_date=date(2026, 1, 5))
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 31), reason="closed")
    return draft


def locked_issued(company):
    issued = make_issued(company, issue_date=date(2026, 1, 5))
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 1, 31), reason="closed")
    return issued


def part_paid(company, amount="10"):
    issued = make_issued(company)
    apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount=amount)
    return issued


def with_address(company):
    return make_issued(company, customer=make_customer(company, email="accounts@acme.test"))


def on_its_way(company):
    invoice = with_address(company)
    request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    return invoice


def with_credit(company):
    invoice = make_issued(company)
    make_credit(invoice.customer)
    return invoice


def paid(company):
    return part_paid(company, "115")


def refunded(company):
    invoice = part_paid(company)
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="10")
    return invoice


def reversed_payment(company):
    invoice = part_paid(company)
    reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=invoice.payments.get().pk)
    return invoice


def part_credited(company):
    invoice = make_issued(company)
    make_credit_note(invoice, "0.5")
    return invoice


def credited(company):
    invoice = make_issued(company)
    make_credit_note(invoice)
    return invoice


def cancelled(company):
    return cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company).pk)


STATES = [
    make_draft,
    archived_draft,
    locked_draft,
    make_issued,
    with_address,
    on_its_way,
    locked_issued,
    part_paid,
    with_credit,
    paid,
    refunded,
    reversed_payment,
    part_credited,
    credited,
    cancelled,
]


def attempt(client, url, action, document):
    """The status and code of the command, tried and taken back."""
    method, suffix, body = REQUESTS[action]
    version = document["version"]
    if action == "creditNote":
        body = {**body, "items": [{"itemId": document["items"][0]["id"], "qty": "0.01"}]}
    body = {**body, "version": version} if body is not None else None
    with transaction.atomic():
        reply = getattr(client, method)(url + suffix.format(version=version), body)
        transaction.set_rollback(True)
    return reply.status_code, reply.json()["code"] if reply.status_code >= 400 else None


@pytest.mark.parametrize("role", ["Admin", "Finance", "Viewer", "Auditor"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_allowed_actions_succeed_and_blocked_ones_end_in_their_code(state, role):
    company = make_company()
    invoice = state(company)
    client = api_client(make_user(role, company))
    url = f"/api/invoices/{invoice.pk}"

    document = client.get(url).json()

    assert sorted([*document["allowedActions"], *document["blockedActions"]]) == sorted(REQUESTS)
    for action in REQUESTS:
        status, code = attempt(client, url, action, document)
        if action in document["allowedActions"]:
            assert status < 300, (action, code)
        else:
            assert code == document["blockedActions"][action], action


WITH_ENTRIES = [part_paid, paid, refunded, reversed_payment, credited]


@pytest.mark.parametrize("state", WITH_ENTRIES, ids=lambda state: state.__name__)
def test_a_payment_says_whether_it_can_be_reversed(state):
    company = make_company()
    invoice = state(company)
    client = api_client(make_user("Finance", company))

    for entry in client.get(f"/api/invoices/{invoice.pk}").json()["payments"]:
        single = client.get(f"/api/payments/{entry['id']}").json()
        assert single["allowedActions"] == entry["allowedActions"]
        with transaction.atomic():
            reply = client.post(f"/api/invoices/{invoice.pk}/payments/{entry['id']}/reverse", {})
            transaction.set_rollback(True)
        if entry["allowedActions"] == ["reverse"]:
            assert reply.status_code == 201
        else:
            assert reply.json()["code"] == entry["blockedActions"]["reverse"]


def test_a_draft_without_lines_is_not_offered_for_issue():
    company = make_company()
    client = api_client(make_user("Finance", company))
    made = client.post("/api/invoices", {"customerId": make_draft(company).customer_id}).json()

    assert made["blockedActions"]["issue"] == "invoice_without_lines"
    assert "issue" not in made["allowedActions"]
