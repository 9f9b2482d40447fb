"""The examples of the OpenAPI document are true: this story plays each of them against the program.

A request is sent as the document shows it, but for the ids and tokens that differ from run to run; its reply must be
the one shown, but for those, the times and the links. REFRESH_BASELINES=1 writes the replies anew (then: make openapi).
"""

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
import yaml
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from accounts.models import User
from accounts.selectors import reset_token
from accounts.tests.factories import PASSWORD, api_client, make_user
from core.errors import DomainError
from fintrack.api_document import EXAMPLES, REFUSALS, TAGS, examples
from fintrack.demo import PASSWORD as DEMO_PASSWORD
from fintrack.tests.test_openapi import DOCUMENT
from notifications.services import deliver_due
from parties.tests.factories import make_company

TODAY = "2026-03-02T08:00:00Z"
TOMORROW = "2026-03-03"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SECRETS = {
    "access": "eyJhbGciOi...",
    "refresh": "eyJhbGciOi...",
    "requestId": "0d5c2a7e5f3b4c6e9a1d8b7f6e5c4d3a",
    "id": "5b0e7c4a-8d1f-4e62-9a37-0c6f2b9d1e84",  # where it is text: of a sign-in; all others are numbers
    "url": "https://books.example.com/i/7.Gk2bXc7RwQ9sVtYz0LhJ4nM8aPfD1eK5uI3oT6yB2cE",
    "internetMessageId": "<Gk2bXc7RwQ9sVtYz@books.example.com>",
}
NUMBERED = ("id", "Id", "Ids")


@dataclass(frozen=True)
class Step:
    """One request of the story: whose, which example of which operation, and which ids of the reply come back later."""

    who: str
    operation: str
    request: str
    name: str = "example"
    remember: dict[str, str] = field(default_factory=dict)


STORY = [
    Step("nobody", "signIn", "POST auth/login", remember={"refresh": "refresh"}),
    Step("nobody", "refreshTokens", "POST auth/refresh", remember={"refresh": "refresh"}),
    Step("finance", "listSessions", "GET auth/sessions"),
    Step("nobody", "signOut", "POST auth/logout"),
    Step("finance", "getSignedInUser", "GET auth/me"),
    Step("viewer", "changePassword", "POST auth/password"),
    Step("admin", "registerUser", "POST auth/register", remember={"userId": "id"}),
    Step("nobody", "requestPasswordReset", "POST auth/password/reset"),
    Step("nobody", "confirmPasswordReset", "POST auth/password/reset/confirm"),
    Step("admin", "listUsers", "GET users"),
    Step("admin", "getUser", "GET users/{userId}"),
    Step("admin", "updateUser", "PATCH users/{userId}"),
    Step("admin", "listCompanies", "GET companies"),
    Step("admin", "getCompany", "GET companies/{companyId}"),
    Step("admin", "updateCompany", "PATCH companies/{companyId}"),
    Step("admin", "createBankAccount", "POST bank-accounts", remember={"accountId": "id"}),
    Step("admin", "updateBankAccount", "PATCH bank-accounts/{accountId}"),
    Step("finance", "getBankAccount", "GET bank-accounts/{accountId}"),
    Step("finance", "listBankAccounts", "GET bank-accounts"),
    Step("admin", "deleteBankAccount", "DELETE bank-accounts/{accountId}?version=2"),
    Step("finance", "createExchangeRate", "POST exchange-rates", remember={"rateId": "id"}),
    Step("finance", "importExchangeRates", "POST exchange-rates/import"),
    Step("viewer", "getExchangeRate", "GET exchange-rates/{rateId}"),
    Step("viewer", "listExchangeRates", "GET exchange-rates?currency=ZAR"),
    Step("finance", "createCustomer", "POST customers", "short", remember={"unused": "id"}),
    Step("finance", "deleteCustomer", "DELETE customers/{unused}?version=1"),
    Step("finance", "createCustomer", "POST customers", "whole", remember={"customerId": "id"}),
    Step("finance", "getCustomer", "GET customers/{customerId}"),
    Step("finance", "updateCustomer", "PATCH customers/{customerId}"),
    Step("finance", "listCustomers", "GET customers"),
    Step("finance", "createInvoice", "POST invoices", "quick", remember={"quick": "id"}),
    Step("finance", "cancelInvoice", "POST invoices/{quick}/cancel"),
    Step("finance", "createInvoice", "POST invoices", "discounted", remember={"unwanted": "id"}),
    Step("finance", "deleteInvoice", "DELETE invoices/{unwanted}?version=1"),
    Step("finance", "createInvoice", "POST invoices", "whole", remember={"invoiceId": "id"}),
    Step("finance", "updateInvoice", "PATCH invoices/{invoiceId}"),
    Step("finance", "explainInvoice", "GET invoices/{invoiceId}/explain"),
    Step("finance", "issueInvoice", "POST invoices/{invoiceId}/issue"),
    Step("finance", "sendInvoice", "POST invoices/{invoiceId}/send", remember={"messageId": "messageId"}),
    Step("finance", "recordBounce", "POST messages/{messageId}/bounced"),
    Step("finance", "sendInvoice", "POST invoices/{invoiceId}/send"),
    Step("finance", "createInvoiceLink", "POST invoices/{invoiceId}/link"),
    Step("viewer", "getInvoiceLink", "GET invoices/{invoiceId}/link"),
    Step("finance", "listInvoiceMessages", "GET invoices/{invoiceId}/messages"),
    Step("finance", "createStatementRun", "POST statement-runs", remember={"runId": "id"}),
    Step("viewer", "getStatementRun", "GET statement-runs/{runId}"),
    Step("viewer", "listStatementRuns", "GET statement-runs"),
    Step("viewer", "listStatementRunResults", "GET statement-runs/{runId}/results"),
    Step("finance", "applyPayment", "POST invoices/{invoiceId}/payments", remember={"paymentId": "paymentId"}),
    Step("finance", "problems", "POST invoices/{invoiceId}/payments", "Conflict"),
    Step("finance", "problems", "POST invoices/{invoiceId}/payments", "Invalid"),
    Step("finance", "refundPayment", "POST invoices/{invoiceId}/refunds"),
    Step("finance", "getInvoice", "GET invoices/{invoiceId}"),
    Step("finance", "reversePayment", "POST invoices/{invoiceId}/payments/{paymentId}/reverse"),
    Step("finance", "getPayment", "GET payments/{paymentId}"),
    Step("finance", "listPayments", "GET payments"),
    Step("finance", "listInvoices", "GET invoices"),
    Step("finance", "getInvoiceHistory", "GET invoices/{invoiceId}/history"),
    Step("viewer", "getCustomerStatement", "GET customers/{customerId}/statement?from=2026-01-01&to=2026-03-31"),
    Step("viewer", "reportDashboard", "GET reports/dashboard"),
    Step("viewer", "reportRevenue", "GET reports/revenue?from=2026-01-01&to=2026-03-31"),
    Step("viewer", "reportVat", "GET reports/vat?from=2026-01-01&to=2026-03-31"),
    Step("viewer", "reportOutstanding", "GET reports/outstanding?asOf=2026-03-02"),
    Step("viewer", "reportAging", "GET reports/aging?asOf=2026-03-02"),
    Step("auditor", "reportNumbers", "GET reports/numbers?year=2026"),
    Step("auditor", "listAuditEntries", "GET audit?entityType=Payment&pageSize=2"),
    Step("finance", "listEvents", "GET events?after=2&pageSize=2"),
    Step("finance", "issueCreditNote", "POST invoices/{invoiceId}/credit-notes", remember={"noteId": "id"}),
    Step("viewer", "getCreditNote", "GET credit-notes/{noteId}"),
    Step("viewer", "listCreditNotesOfInvoice", "GET invoices/{invoiceId}/credit-notes"),
    Step("viewer", "listCreditNotes", "GET credit-notes"),
    Step("finance", "bulkInvoices", "POST invoices/bulk", "create"),
    Step("finance", "bulkInvoices", "POST invoices/bulk", "issue"),
    Step("finance", "createRecurringInvoice", "POST recurring-invoices", remember={"recurringId": "id"}),
    Step("finance", "updateRecurringInvoice", "PATCH recurring-invoices/{recurringId}"),
    Step("finance", "runRecurringInvoice", "POST recurring-invoices/{recurringId}/run"),
    Step("finance", "pauseRecurringInvoice", "POST recurring-invoices/{recurringId}/pause"),
    Step("finance", "resumeRecurringInvoice", "POST recurring-invoices/{recurringId}/resume"),
    Step("finance", "getRecurringInvoice", "GET recurring-invoices/{recurringId}"),
    Step("finance", "listRecurringInvoices", "GET recurring-invoices"),
    Step("finance", "getRecurringInvoiceHistory", "GET recurring-invoices/{recurringId}/history"),
    Step("finance", "endRecurringInvoice", "POST recurring-invoices/{recurringId}/end"),
    Step("finance", "createRecurringInvoice", "POST recurring-invoices", "short", remember={"unusedRecurring": "id"}),
    Step("finance", "deleteRecurringInvoice", "DELETE recurring-invoices/{unusedRecurring}?version=1"),
    Step("finance", "receivePayment", "POST payments", remember={"receiptId": "id"}),
    Step("viewer", "getReceipt", "GET receipts/{receiptId}"),
    Step("finance", "allocateCredit", "POST invoices/{invoiceId}/allocations", remember={"allocationId": "paymentId"}),
    Step("finance", "undoAllocation", "POST allocations/{allocationId}/reverse"),
    Step("finance", "writeOff", "POST invoices/{invoiceId}/write-off"),
    Step("finance", "reinstate", "POST invoices/{invoiceId}/write-off/reinstate"),
    Step("finance", "refundCredit", "POST customers/{customerId}/credit-refunds", remember={"creditEntryId": "id"}),
    Step("viewer", "getCustomerCredit", "GET customers/{customerId}/credit"),
    Step("viewer", "listCreditEntries", "GET credit-entries"),
    Step("viewer", "getCreditEntry", "GET credit-entries/{creditEntryId}"),
    Step("admin", "createCompany", "POST companies"),
]


class Play:
    """The story being played: who takes part, and the ids that came back so far."""

    def __init__(self) -> None:
        company = make_company(name="Demo Trading")
        people = {
            role.lower(): make_user(role, company, email=f"{role.lower()}@demo.fintrack.test")
            for role in ("Admin", "Finance", "Viewer", "Auditor")
        }
        self.clients = {name: api_client(user) for name, user in people.items()} | {"nobody": APIClient()}
        self.known: dict[str, Any] = {"companyId": company.pk}

    def reply(self, step: Step, body: Any) -> Any:
        """The reply to the step's request, its ids remembered."""
        method, path = step.request.split(" ")
        if step.operation == "recordBounce":
            deliver_due()
        send = getattr(self.clients[step.who], method.lower())
        response = send(f"/api/{path.format(**self.known)}", *([] if body is None else [self.own(body)]))
        self.known |= {name: response.json()[source] for name, source in step.remember.items()}
        if (step.operation, step.name) == ("bulkInvoices", "create"):
            self.known["id"] = response.json()["results"][0]["invoice"]["id"]
        if step.operation == "updateInvoice":
            self.known["itemId"] = response.json()["items"][0]["id"]
        if step.operation == "requestPasswordReset":
            self.known["token"] = reset_token(User.objects.get(pk=self.known["userId"]))
        assert (response.status_code < 300) == (step.operation != "problems"), response.content
        return json.loads(response.content) if response.content else None

    def own(self, value: Any, key: str = "") -> Any:
        """The value with the ids and tokens of this run in place of those of the document."""
        if isinstance(value, dict):
            return {name: self.own(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.own(inner, key.removesuffix("s")) for inner in value]
        return PASSWORD if value == DEMO_PASSWORD else self.known.get(key, value)


def masked(value: Any, key: str = "") -> Any:
    """The value with what differs from run to run made equal: ids, times, tokens and links."""
    if isinstance(value, dict):
        return {name: masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, key) for inner in value]
    if isinstance(value, int) and key.endswith(NUMBERED):
        return 0
    if isinstance(value, str):
        if value.startswith("http"):
            return "http://"
        return SECRETS.get(key, MOMENT.sub("TIME", value))
    return value


def shown(value: Any, key: str = "") -> Any:
    """The value as the document shows it: without secrets, on the story's day, from an address that is no test's."""
    if isinstance(value, dict):
        return {name: shown(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner, key) for inner in value]
    if isinstance(value, str):
        on_the_day = MOMENT.sub(lambda match: match[0] if match[0] < TOMORROW else TODAY, value)
        return SECRETS.get(key, on_the_day.replace("http://testserver", "https://books.example.com"))
    return value


def refresh(cases: dict[str, Any], replies: list[tuple[Step, Any]]) -> None:
    """Write the replies into the file of the examples."""
    for step, reply in replies:
        case = cases.setdefault(step.operation, {}).setdefault(step.name, {})
        if reply is not None:
            case["reply"] = shown(reply)
    EXAMPLES.write_text(json.dumps(cases, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.django_db
def test_each_example_is_accepted_and_answered_as_the_document_shows() -> None:
    cases = json.loads(EXAMPLES.read_text())
    replies = []
    with time_machine.travel(TODAY, tick=False):
        play = Play()
        for step in STORY:
            case = cases.get(step.operation, {}).get(step.name, {})
            replies.append((step, play.reply(step, case.get("request"))))
    if os.environ.get("REFRESH_BASELINES"):
        refresh(cases, replies)

    for step, reply in replies:
        assert masked(reply) == masked(cases[step.operation][step.name].get("reply")), (step.operation, step.name)


def operations() -> dict[str, Any]:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"].values()
    return {operation["operationId"]: operation for path in paths for operation in path.values()}


def test_every_operation_with_a_body_shows_an_example_of_it() -> None:
    played = {step.operation for step in STORY}

    for name, operation in operations().items():
        messages = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [message["content"].get("application/json", {}) for message in messages if "content" in message]
        assert name in played or not any(contents), name
        assert all(content.get("examples") for content in contents if content), name


def test_the_examples_are_what_the_document_declares() -> None:
    document = yaml.safe_load(DOCUMENT.read_text())

    for name, operation in operations().items():
        for case in examples().get(name, {}).values():
            for part, message in (("request", operation.get("requestBody", {})), ("reply", success(operation))):
                if case.get(part) is not None:
                    schema = message["content"]["application/json"]["schema"]
                    errors = Draft202012Validator(resolved(schema, document)).iter_errors(case[part])
                    assert [f"{error.json_path}: {error.message}" for error in errors] == [], (name, part)


def success(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(reply for status, reply in operation["responses"].items() if status.startswith("2"))
    return found


def resolved(schema: Any, document: dict[str, Any]) -> Any:
    """The schema as plain JSON Schema, closed: references followed, null where it may be, no undeclared fields."""
    if isinstance(schema, list):
        return [resolved(inner, document) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    plain = {name: resolved(inner, document) for name, inner in schema.items() if name != "nullable"}
    if isinstance(schema.get("properties"), dict):
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def test_the_examples_hold_no_token_and_no_address_of_the_tests() -> None:
    text = EXAMPLES.read_text()

    assert not re.search(r"eyJ[\w-]{20,}", text)
    assert "testserver" not in text


def test_every_operation_says_what_it_does_and_stands_under_a_described_tag() -> None:
    for name, operation in operations().items():
        assert operation["summary"], name
        assert len(operation["description"]) > 10, name
        assert set(operation["tags"]) <= set(TAGS), name
    assert examples().keys() - {"problems"} <= operations().keys()


def all_codes(kind: type[DomainError] = DomainError) -> set[str]:
    return {kind.code}.union(*(all_codes(inner) for inner in kind.__subclasses__()))


def test_the_refusals_that_operations_name_are_codes_of_the_program() -> None:
    from_the_code = all_codes() | {"invalid_parameter", "unknown_parameter", "duplicate_company"}
    from_constraints = {"duplicate_reference", "external_id_taken", "vat_rate_invalid"}

    assert {code for codes in REFUSALS.values() for code in codes} <= from_the_code | from_constraints
    assert REFUSALS.keys() <= operations().keys()
