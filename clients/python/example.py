"""A whole program against FinTrack: bill a customer, take money, meet a conflict, give money back, read a list.

    make client-python
    PYTHONPATH=build/clients/python python clients/python/example.py \
        http://127.0.0.1:8000 finance@demo.fintrack.test fintrack-demo

The package ``fintrack_client`` is generated from the OpenAPI document.
"""

import sys
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from fintrack_client.api.auth import sign_in
from fintrack_client.api.customers import create_customer
from fintrack_client.api.invoices import create_invoice, issue_invoice, list_invoices
from fintrack_client.api.payments import apply_payment, list_payments, refund_payment, reverse_payment
from fintrack_client.client import AuthenticatedClient, Client
from fintrack_client.models import (
    CustomerRequest,
    DraftRequest,
    InvoiceRow,
    InvoiceStatus,
    IssueRequest,
    ItemRequest,
    PaymentCommandRequest,
    PaymentMethod,
    Problem,
    RefundCommandRequest,
    ReversalCommandRequest,
    SignInRequest,
)
from fintrack_client.types import UNSET, Unset

Reply = TypeVar("Reply")


class RefusedError(Exception):
    """FinTrack refused a request; ``problem.code`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.code}: {problem.detail}")


def checked(reply: Reply | Problem | None) -> Reply:
    """The reply. Raises RefusedError where it is a problem."""
    if isinstance(reply, Problem):
        raise RefusedError(reply)
    if reply is None:
        raise ValueError("The reply is none that the OpenAPI document declares.")
    return reply


def signed_in(address: str, email: str, password: str) -> AuthenticatedClient:
    """A client with an access token, which lives for ``expires_in`` seconds."""
    anonymous = Client(base_url=address, raise_on_unexpected_status=True)
    tokens = checked(sign_in.sync(client=anonymous, body=SignInRequest(email=email, password=password)))
    return AuthenticatedClient(base_url=address, token=tokens.access, raise_on_unexpected_status=True)


def make_draft(client: AuthenticatedClient) -> int:
    """The id of a new draft for a new customer: 280.00 in all, 30.00 of it VAT."""
    customer = checked(create_customer.sync(client=client, body=CustomerRequest(name="Acme Mining", country_code="ZA")))
    items = [
        ItemRequest(description="Consulting", qty=2, unit_price="100.00"),
        ItemRequest(description="Books", qty=1, unit_price="50.00", vat_rate=0),
    ]
    body = DraftRequest(customer_id=customer.id, items=items)
    return checked(create_invoice.sync(client=client, body=body)).id


def pay(client: AuthenticatedClient, invoice_id: int, amount: str, version: int) -> int:
    """The id of a payment, booked once: a lost reply is asked for again with the same key. Raises RefusedError."""
    body = PaymentCommandRequest(amount=amount, method=PaymentMethod.EFT, version=version)
    booked = checked(apply_payment.sync(invoice_id, client=client, body=body, idempotency_key=str(uuid4())))
    print(f"{booked.status}: paid {booked.paid}, outstanding {booked.outstanding}")
    return booked.payment_id


def give_back(client: AuthenticatedClient, invoice_id: int, payment_id: int) -> None:
    """Refund 40.00 of the payment, then reverse what is left of it."""
    refund = RefundCommandRequest(amount="40.00", payment_id=payment_id, reason="One book was damaged")
    refunded = checked(refund_payment.sync(invoice_id, client=client, body=refund))
    print(f"{refunded.status}: paid {refunded.paid}, outstanding {refunded.outstanding}")
    reversal = ReversalCommandRequest(reason="The bank returned it")
    reversed_ = checked(reverse_payment.sync(invoice_id, payment_id, client=client, body=reversal))
    print(f"{reversed_.status}: paid {reversed_.paid}, outstanding {reversed_.outstanding}")


def invoices(client: AuthenticatedClient, status: InvoiceStatus) -> Iterator[InvoiceRow]:
    """All invoices of a status, page by page."""
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = checked(list_invoices.sync(client=client, status=status, page_size=2, cursor=cursor))
        yield from page.results
        cursor = parse_qs(urlsplit(page.next_).query)["cursor"][0] if page.next_ else None


def main(address: str, email: str, password: str) -> None:
    """The program."""
    client = signed_in(address, email, password)
    invoice_id = make_draft(client)
    issued = checked(issue_invoice.sync(invoice_id, client=client, body=IssueRequest(version=1)))
    print(f"{issued.invoice_number}: total {issued.total} {issued.currency}")

    payment_id = pay(client, invoice_id, "100.00", issued.version)
    try:
        pay(client, invoice_id, "100.00", issued.version)
    except RefusedError as error:
        print(f"{error.problem.status} {error.problem.code}: now version {error.problem.current_version}")
    give_back(client, invoice_id, payment_id)

    ledger = checked(list_payments.sync(client=client, invoice_id=invoice_id))
    print("; ".join(f"{entry.kind} {entry.amount}" for entry in ledger.results))
    print(f"{sum(1 for _ in invoices(client, InvoiceStatus.ISSUED))} invoices are issued and not paid")


if __name__ == "__main__":
    main(*sys.argv[1:])
