"""The promise: no value in no field, no body and no parameter is more than the API can take.

Fields and parameters come from the API's document; a new one is tried without anybody thinking of it. HOSTILE_CASES
(500) says how thoroughly: hostile values are spread over the fields, and each field gets them all from 10,000 on.
"""

import gzip
import json
import os
import socket
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from core.api.parsers import BODY_LIMIT_BYTES
from core.testing.documents import Operation, operations
from core.testing.rollback import taken_back
from core.testing.samples import Samples
from credits.tests.factories import make_printed_credit_note
from fintrack.tests.worlds import RATE, RATE_FILE
from invoices.recurring.services import pause_recurring
from invoices.tests.factories import make_draft, make_issued, make_item, make_recurring
from notifications.services import deliver_due, request_sending
from parties.tests.factories import IBAN, make_bank_account, make_company, make_customer
from payments.services import apply_payment
from payments.tests.factories import make_allocation, make_credit, make_written_off

pytestmark = pytest.mark.django_db

CASES = int(os.environ.get("HOSTILE_CASES", "500"))


@dataclass(frozen=True)
class World:
    """A company with one of everything, and its Admin."""

    client: Any
    company: Any
    draft: Any
    issued: Any
    payment: Any
    customer: Any
    bank_account: Any
    recurring: Any
    paused: Any
    user: Any
    message: Any
    credit_note: Any
    receipt: Any
    credit_entry: Any
    allocation: Any
    written_off: Any


@pytest.fixture
def world() -> World:
    company = make_company()
    issued = make_issued(company, make_item("100"), customer=make_customer(company, email="accounts@acme.test"))
    message = request_sending(actor=SYSTEM, invoice_id=issued.pk)
    deliver_due()
    received = make_credit(issued.customer)
    return World(
        receipt=received.receipt,
        credit_entry=received.credit,
        allocation=make_allocation(make_issued(company)),
        written_off=make_written_off(company),
        message=message,
        credit_note=make_printed_credit_note(make_issued(company)),
        client=api_client(make_user("Admin", company)),
        company=company,
        draft=make_draft(company),
        issued=issued,
        payment=apply_payment(actor=SYSTEM, invoice_id=issued.pk, amount="50", reference="R-1"),
        customer=make_customer(company),
        bank_account=make_bank_account(company),
        recurring=make_recurring(company, start_date=company.today()),
        paused=pause_recurring(actor=SYSTEM, recurring_id=make_recurring(company, start_date=company.today()).pk),
        user=make_user("Viewer", company),
    )


ITEM = {"description": "Work", "qty": 1, "unitPrice": "10.00"}

VALID_BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "signIn": lambda world: {"email": world.user.email, "password": PASSWORD},
    "refreshTokens": lambda world: {"refresh": "x"},
    "signOut": lambda world: {"refresh": "x"},
    "changePassword": lambda world: {"current": PASSWORD, "new": "another-long-password"},
    "requestPasswordReset": lambda world: {"email": world.user.email},
    "confirmPasswordReset": lambda world: {"token": "x", "new": "another-long-password"},
    "registerUser": lambda world: {"email": "new@example.test", "password": PASSWORD, "role": "Viewer"},
    "updateUser": lambda world: {"version": 1},
    "createCompany": lambda world: {"name": "Another", "currency": "ZAR"},
    "updateCompany": lambda world: {"version": 1},
    "createBankAccount": lambda world: {"currency": "EUR", "iban": IBAN},
    "updateBankAccount": lambda world: {"version": 1},
    "createExchangeRate": lambda world: RATE,
    "importExchangeRates": lambda world: {"file": RATE_FILE},
    "createCustomer": lambda world: {"name": "Acme"},
    "updateCustomer": lambda world: {"version": 1},
    "createInvoice": lambda world: {"customerId": world.customer.pk, "items": [ITEM]},
    "bulkInvoices": lambda world: {
        "action": "create",
        "invoices": [{"customerId": world.customer.pk, "items": [ITEM]}],
    },
    "createRecurringInvoice": lambda world: {"customerId": world.customer.pk, "name": "Rent", "items": [ITEM]},
    "updateRecurringInvoice": lambda world: {"version": 1, "items": [ITEM]},
    "pauseRecurringInvoice": lambda world: {},
    "resumeRecurringInvoice": lambda world: {},
    "endRecurringInvoice": lambda world: {},
    "runRecurringInvoice": lambda world: {},
    "updateInvoice": lambda world: {"version": 1, "items": [ITEM]},
    "issueInvoice": lambda world: {},
    "cancelInvoice": lambda world: {},
    "sendInvoice": lambda world: {},
    "recordBounce": lambda world: {"reason": "550 No such user"},
    "createStatementRun": lambda world: {"month": "2020-02"},
    "createInvoiceLink": lambda world: {},
    "applyPayment": lambda world: {"amount": "1.00"},
    "refundPayment": lambda world: {"amount": "1.00"},
    "reversePayment": lambda world: {},
    "issueCreditNote": lambda world: {
        "reason": "It came back",
        "items": [{"itemId": world.issued.lines.get().pk, "qty": "0.1"}],
    },
    "receivePayment": lambda world: {
        "customerId": world.issued.customer_id,
        "amount": "1.00",
        "allocations": [{"invoiceId": world.issued.pk, "amount": "1.00"}],
        "remainder": "credit",
    },
    "allocateCredit": lambda world: {"amount": "1.00"},
    "undoAllocation": lambda world: {"reason": "Wrong invoice"},
    "writeOff": lambda world: {"reason": "Small"},
    "reinstate": lambda world: {"reason": "It came after all"},
    "refundCredit": lambda world: {"amount": "1.00", "reason": "Asked for"},
}
"""A body that is accepted (or, of a token, well formed), for each operation that takes one."""

REFUSED_ALWAYS = {"refreshTokens", "signOut", "confirmPasswordReset"}


def spread(values: Sequence[Any], place: int, *, thorough: int) -> Sequence[Any]:
    """The values for the field or parameter at `place`: all of them with `thorough` cases, else each field's share."""
    step = max(1, thorough // CASES)
    return values[place % step :: step]


def with_bodies() -> list[Operation]:
    return [operation for operation in operations().values() if operation.body_fields]


def url_of(operation: Operation, world: World) -> str:
    """The address, of a document that the operation applies to."""
    invoice = world.draft if operation.id in {"updateInvoice", "deleteInvoice", "issueInvoice"} else world.issued
    if operation.id == "cancelInvoice":
        invoice = world.draft
    if operation.id == "reinstate":
        invoice = world.written_off
    owners = {
        "/api/invoices/{id}": invoice,
        "/api/recurring-invoices/{id}": world.paused if operation.id == "resumeRecurringInvoice" else world.recurring,
        "/api/customers/{id}": world.issued.customer if operation.id == "refundCredit" else world.customer,
        "/api/companies/{id}": world.company,
        "/api/bank-accounts/{id}": world.bank_account,
        "/api/users/{id}": world.user,
        "/api/payments/{id}": world.payment,
        "/api/messages/{id}": world.message,
        "/api/credit-notes/{id}": world.credit_note,
        "/api/receipts/{id}": world.receipt,
        "/api/allocations/{id}": world.allocation,
        "/api/credit-entries/{id}": world.credit_entry,
    }
    path = operation.path.replace("{payment_id}", str(world.payment.pk)).replace("{paymentId}", str(world.payment.pk))
    for prefix, owner in owners.items():
        path = path.replace(prefix, prefix.replace("{id}", str(owner.pk)))
    return path


def send(operation: Operation, world: World, body: Any) -> Any:
    """The reply to a JSON body; what it wrote is taken back."""
    return send_raw(operation, world, json.dumps(body).encode())


def send_raw(operation: Operation, world: World, body: bytes, **extra: Any) -> Any:
    with taken_back():
        options = {"content_type": "application/json", **extra}
        reply = world.client.generic(operation.method, url_of(operation, world), body, **options)
        reply.entries_written = Change.objects.count()
    return reply


def put(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `body` with the value at the dotted path."""
    changed = deepcopy(body)
    *parents, last = path.split(".")
    place: Any = changed
    for position, name in enumerate(parents):
        if name == "0":
            place = place[0]
        else:
            following = [{}] if parents[position + 1 : position + 2] == ["0"] else {}
            place = place.setdefault(name, following)
    place[last] = value
    return changed


def test_each_operation_with_a_body_has_one_that_is_accepted(world: World) -> None:
    assert {operation.id for operation in with_bodies()} == set(VALID_BODIES)
    for operation in with_bodies():
        status = send(operation, world, VALID_BODIES[operation.id](world)).status_code
        assert (status < 300) != (operation.id in REFUSED_ALWAYS), (operation.id, status)


NO_AMOUNTS: list[Any] = [
    "NaN",
    "Infinity",
    "1e400",
    "1e-400",
    "1_000",
    "١٢",
    "\uff11\uff12",
    "-0",
    "0.005",
    "1" * 16,
    10**11,
    -1,
    "1e0",
]
HOSTILE_VALUES: list[Any] = [
    None,
    True,
    [],
    {},
    [[]],
    "",
    " ",
    "\u0000",
    "\ud800",
    *NO_AMOUNTS,
    "9" * 2000,
    "0." + "0" * 400 + "1",
    10**18,
    2**63,
    -(2**63) - 1,
    10**400,
    0.1,
    "2026-02-30",
    "0000-00-00",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+14:00",
    "x" * 100_000,
    {"$gt": ""},
    "' OR 1=1 --",
    "{{7*7}}${7*7}<%= 7*7 %>",
]


@pytest.mark.parametrize("operation", with_bodies(), ids=lambda operation: operation.id)
def test_a_hostile_value_in_any_field_is_answered(operation: Operation, world: World) -> None:
    for place, path in enumerate(operation.body_fields):
        for value in spread(HOSTILE_VALUES, place, thorough=2_000):
            reply = send(operation, world, put(VALID_BODIES[operation.id](world), path, value))
            assert reply.status_code < 500, (path, value)
            assert str(reply.status_code) in operation.raw["responses"], (path, value, reply.content)
    assert list(faults()) == []


@pytest.mark.parametrize("value", NO_AMOUNTS)
@pytest.mark.parametrize("operation_id", ["applyPayment", "refundPayment"])
def test_what_is_no_amount_is_refused(operation_id: str, value: Any, world: World) -> None:
    operation = operations()[operation_id]
    assert send(operation, world, {"amount": value}).status_code == 400


@pytest.mark.parametrize("operation", with_bodies(), ids=lambda operation: operation.id)
def test_a_string_that_broke_other_programs_is_kept_as_it_is_or_refused(
    operation: Operation, world: World, samples: Samples
) -> None:
    strings = samples.json("reference/naughty_strings.json")
    for place, path in enumerate(operation.body_fields):
        for text in spread(strings, place, thorough=10_000):
            reply = send(operation, world, put(VALID_BODIES[operation.id](world), path, text))
            assert reply.status_code < 500, (path, text)
            assert reply.status_code >= 300 or came_back(reply, path, text), (path, text, reply.content)


def came_back(reply: Any, path: str, text: str) -> bool:
    """Whether the reply holds what was sent, trimmed; a field that the reply does not show says nothing."""
    value = reply.json() if reply.content else {}
    for name in path.split("."):
        value = value[0] if name == "0" and value else value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return True
    clean = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return value.casefold() == clean.casefold() or not operations_text(path)


def operations_text(path: str) -> bool:
    """Whether the field is plain text (numbers and dates come back in their own form)."""
    return path.rsplit(".", 1)[-1] in {"name", "description", "reference", "reason", "externalId", "city", "phone"}


@pytest.mark.parametrize("operation", with_bodies(), ids=lambda operation: operation.id)
def test_a_field_that_is_not_for_writing_is_refused(operation: Operation, world: World) -> None:
    writable = {path.split(".")[0] for path in operation.body_fields}
    forbidden = {"id", "version ", "isSuperuser", "change", "paid", "createdAt", *operation.reply_fields} - writable
    before = Change.objects.count()
    for name in sorted(forbidden):
        reply = send(operation, world, {**VALID_BODIES[operation.id](world), name: 1})
        assert reply.status_code == 400, name
        assert [error["code"] for error in reply.json()["errors"]] == ["unknown_field"], name
        assert reply.entries_written == before


NO_BODIES = {
    "broken": b"{",
    "a list": b"[]",
    "a word": b'"x"',
    "a number": b"1",
    "null": b"null",
    "a key twice": b'{"version": 1, "version": 2}',
    "not a number": b'{"amount": NaN}',
    "an endless number": b'{"amount": 1' + b"0" * 5000 + b"}",
    "too deep": b"[" * 100_000,
    "too deep inside": b'{"metadata": ' + b'{"a":' * 100_000,
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "another encoding": '{"name": "x"}'.encode("utf-16"),
    "with a byte order mark": b"\xef\xbb\xbf{}",
    "too large": b'{"name": "' + b"x" * BODY_LIMIT_BYTES + b'"}',
}


@pytest.mark.parametrize("name", NO_BODIES)
def test_a_body_that_is_no_honest_object_is_refused_everywhere(name: str, world: World) -> None:
    before = Change.objects.count()
    for operation in with_bodies():
        reply = send_raw(operation, world, NO_BODIES[name])
        assert reply.status_code == (413 if name == "too large" else 400), (operation.id, reply.content)
        assert reply["Content-Type"] == "application/problem+json"
        assert reply.entries_written == before


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "x"])
def test_another_content_type_is_refused(content_type: str, world: World) -> None:
    for operation in with_bodies():
        reply = send_raw(operation, world, b"name=x", content_type=content_type)
        assert reply.status_code == 415, operation.id


def test_a_compressed_body_is_not_unpacked(world: World) -> None:
    bomb = gzip.compress(b" " * 100_000_000 + b"{}")
    for operation in with_bodies():
        reply = send_raw(operation, world, bomb, HTTP_CONTENT_ENCODING="gzip")
        assert reply.status_code == 415, operation.id


HOSTILE_PARAMETERS = [
    "",
    " ",
    "\x00",
    "%",
    "_",
    "'",
    '"',
    "\\",
    "-1",
    "0",
    "1e9",
    "9" * 400,
    str(2**63),
    "NaN",
    "null",
    "true",
    "x" * 5000,
    "../../etc/passwd",
    "💥",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "-total,--id",
    "id;DROP TABLE invoices_invoice",
]


@pytest.mark.parametrize(
    "operation", [one for one in operations().values() if one.method == "GET"], ids=lambda operation: operation.id
)
def test_a_hostile_parameter_is_answered(operation: Operation, world: World) -> None:
    for place, name in enumerate([*operation.query_parameters, "pageSize", "cursor", "dryRun", "unheardOf"]):
        for value in spread(HOSTILE_PARAMETERS, place, thorough=2_000):
            reply = world.client.get(url_of(operation, world), {name: value})
            assert reply.status_code in (200, 400, 404), (name, value, reply.content)


@pytest.mark.parametrize("key", ["x" * 10_000, "\x00", "a\r\nSet-Cookie: x=1", "💥", "", " "])
@pytest.mark.parametrize("header", ["HTTP_IDEMPOTENCY_KEY", "HTTP_IF_MATCH", "HTTP_X_REQUEST_ID", "HTTP_AUTHORIZATION"])
def test_a_hostile_header_is_answered_and_never_sent_back(header: str, key: str, world: World) -> None:
    for operation in (operations()["updateInvoice"], operations()["applyPayment"]):
        reply = send_raw(operation, world, b"{}", **{header: key})
        assert reply.status_code < 500
        assert not any(key.strip() and key in value for value in reply.headers.values())


def test_what_somebody_sends_makes_no_line_of_its_own_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.client.get("/api/invoices%0a2026-01-01 INFO forged [-] all is well")
    api_client().post("/api/auth/login", {"email": "a@example.test\n2026 INFO forged", "password": "x"})
    send_raw(operations()["applyPayment"], world, b"{}", HTTP_X_REQUEST_ID="x\nforged line")
    assert caplog.records
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/auth/login", "application/json"),
        ("/admin/login/", "multipart/form-data; boundary=x"),
        ("/", "text/plain"),
    ],
)
def test_fifty_megabytes_are_refused_before_they_are_read(live_server: Any, path: str, content_type: str) -> None:
    host, port = live_server.thread.host, live_server.thread.port
    megabyte = b"x" * 1024 * 1024
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
    head += f"Content-Length: {50 * len(megabyte)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(head.encode())
        sent = 0
        try:
            for sent in range(50):  # noqa: B007  # read after the loop
                connection.sendall(megabyte)
        except OSError:
            assert sent < 50
            return
        assert b"413" in connection.recv(100)
