"""One of everything in a company, and a good request for each endpoint that reads or changes it."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import PASSWORD, api_client, make_user
from audit.actors import SYSTEM
from credits.models import CreditNote
from credits.tests.factories import make_printed_credit_note
from currencies.models import ExchangeRate
from currencies.tests.factories import ecb_file, make_rate
from invoices.models import Invoice
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.services import pause_recurring
from invoices.tests.factories import make_draft, make_issued, make_item, make_recurring
from notifications.models import Message, StatementRun
from notifications.services import deliver_due, request_sending
from parties.models import BankAccount, Company, Customer
from parties.tests.factories import IBAN, make_bank_account, make_company, make_customer
from payments.models import AccountEntry, Payment, Receipt
from payments.services import apply_payment
from payments.tests.factories import make_allocation, make_credit, make_written_off
from portal.services import create_link
from reports.statement_runs.services import run_statements

REPORTS = ("dashboard", "revenue", "outstanding", "vat", "aging", "numbers")
RATE = {"baseCurrency": "USD", "quoteCurrency": "ZAR", "date": "2026-01-26", "rate": "18.5"}
RATE_FILE = b64encode(ecb_file({"2026-01-26": {"ZAR": "19.05"}})).decode()
ITEM = {"description": "Work", "qty": 1, "unitPrice": "100"}


@dataclass(frozen=True)
class World:
    """One of everything.

    `paid` bears `payment`, 50.00 of its 115.00, and a link; sent by `message`, it waits again. Of the two pieces on
    `credited`, `credit_note` took back one.
    """

    company: Company
    customer: Customer
    unused: Customer
    draft: Invoice
    issued: Invoice
    paid: Invoice
    payment: Payment
    credited: Invoice
    credit_note: CreditNote
    receipt: Receipt
    credit_entry: AccountEntry
    allocation: Payment
    written_off: Invoice
    bank_account: BankAccount
    exchange_rate: ExchangeRate
    recurring: RecurringInvoice
    paused: RecurringInvoice
    user: User
    message: Message
    statement_run: StatementRun

    @property
    def ids(self) -> dict[str, int]:
        """The id of each."""
        return {name: getattr(self, name).pk for name in self.__dataclass_fields__} | {
            "line": self.draft.lines.get().pk,
            "credited_line": self.credited.lines.get().pk,
            "recurring_line": self.recurring.lines.get().pk,
        }


def make_world(company: Company | None = None) -> World:
    company = company or make_company()
    paid = make_issued(company, customer=make_customer(company, email="accounts@acme.test"))
    payment = apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount="50")
    received = make_credit(paid.customer)
    message = request_sending(actor=SYSTEM, invoice_id=paid.pk)
    deliver_due()
    request_sending(actor=SYSTEM, invoice_id=paid.pk)
    paused = make_recurring(company, start_date=company.today())
    create_link(actor=SYSTEM, invoice_id=paid.pk)
    credited = make_issued(company, make_item("10", "2"))
    return World(
        company=company,
        customer=make_customer(company),
        unused=make_customer(company),
        draft=make_draft(company, issue_date=date(2026, 3, 1), due_date=date(2026, 3, 31)),
        issued=make_issued(company, customer=make_customer(company, email="accounts@acme.test")),
        paid=paid,
        payment=payment,
        credited=credited,
        credit_note=make_printed_credit_note(credited, "1"),
        receipt=received.receipt,
        credit_entry=received.credit,
        allocation=make_allocation(make_issued(company)),
        written_off=make_written_off(company),
        bank_account=company.bank_accounts.first() or make_bank_account(company),
        exchange_rate=make_rate(company),
        recurring=make_recurring(company, start_date=company.today()),
        paused=pause_recurring(actor=SYSTEM, recurring_id=paused.pk),
        user=make_user("Viewer", company),
        message=message,
        statement_run=run_statements(
            actor=SYSTEM, company=company, month=date(2020, 1, 1), customer_ids=[paid.customer_id]
        ),
    )


@dataclass(frozen=True)
class Ask:
    """A request: the arguments of its path, its query and its body (None for none)."""

    path: dict[str, Any]
    query: dict[str, Any]
    body: Any

    def send(self, client: Any, name: str, method: str, /, **query: Any) -> Any:
        """The reply, with more in the query."""
        url = reverse(name, kwargs=self.path, query={**self.query, **query})
        arguments = () if method in ("GET", "DELETE") else (self.body,)
        return getattr(client, method.lower())(url, *arguments)


def good_requests(world: World) -> dict[tuple[str, str], Ask]:
    """By route and method, a request that an Admin of the world's company may make and that succeeds."""
    company, draft, issued, paid = ({"id": row.pk} for row in (world.company, world.draft, world.issued, world.paid))
    line = world.draft.lines.get()
    recurring, paused = {"id": world.recurring.pk}, {"id": world.paused.pk}
    recurring_line = world.recurring.lines.get()
    credit = {"reason": "One came back", "items": [{"itemId": world.credited.lines.get().pk, "qty": 1}]}
    note = {"id": world.credit_note.pk}
    now, named = {"version": 1}, {"companyId": world.company.pk}
    account = {"email": "new@example.test", "password": PASSWORD, "role": "Viewer", "companyIds": [world.company.pk]}
    roles = {"memberships": [{"companyId": world.company.pk, "role": "Finance"}]}
    payer, share = {"id": world.paid.customer_id}, {"invoiceId": world.issued.pk, "amount": "15.00"}
    receipt = {
        "customerId": world.issued.customer_id,
        "amount": "20.00",
        "allocations": [share],
        "remainder": "credit",
        "reference": "EFT 1",
    }
    bill = {"customerId": world.customer.pk, "items": [ITEM]}
    return {
        ("register", "POST"): Ask({}, {}, account),
        ("users", "GET"): Ask({}, named, None),
        ("user", "GET"): Ask({"id": world.user.pk}, {}, None),
        ("user", "PATCH"): Ask({"id": world.user.pk}, {}, now | roles),
        ("events", "GET"): Ask({}, named, None),
        ("audit", "GET"): Ask({}, named | {"entityType": "Invoice", "entityId": world.paid.pk}, None),
        ("companies", "GET"): Ask({}, {}, None),
        ("companies", "POST"): Ask({}, {}, {"name": "Founded", "currency": "EUR"}),
        ("company", "GET"): Ask(company, {}, None),
        ("company", "PATCH"): Ask(company, {}, now | {"city": "Cape Town"}),
        ("bank-accounts", "GET"): Ask({}, named, None),
        ("bank-accounts", "POST"): Ask({}, {}, named | {"currency": "EUR", "iban": IBAN}),
        ("bank-account", "GET"): Ask({"id": world.bank_account.pk}, {}, None),
        ("bank-account", "PATCH"): Ask({"id": world.bank_account.pk}, {}, now | {"branchCode": "250655"}),
        ("bank-account", "DELETE"): Ask({"id": world.bank_account.pk}, now, None),
        ("exchange-rates", "GET"): Ask({}, named, None),
        ("exchange-rates", "POST"): Ask({}, {}, named | RATE),
        ("exchange-rates-import", "POST"): Ask({}, {}, named | {"file": RATE_FILE, "fileName": "daily.xml"}),
        ("exchange-rate", "GET"): Ask({"id": world.exchange_rate.pk}, {}, None),
        ("customers", "GET"): Ask({}, named, None),
        ("customers", "POST"): Ask({}, {}, named | {"name": "Acme"}),
        ("customer", "GET"): Ask({"id": world.customer.pk}, {}, None),
        ("customer", "PATCH"): Ask({"id": world.customer.pk}, {}, now | {"name": "Acme"}),
        ("customer", "DELETE"): Ask({"id": world.unused.pk}, now, None),
        ("invoices", "GET"): Ask({}, named | {"customerId": world.issued.customer_id}, None),
        ("invoices", "POST"): Ask({}, {}, named | bill),
        ("invoices-bulk", "POST"): Ask({}, {}, named | {"action": "create", "invoices": [bill]}),
        ("invoice", "GET"): Ask(draft, {}, None),
        ("invoice", "PATCH"): Ask(draft, {}, now | bill | {"items": [ITEM | {"id": line.pk, "qty": 2}]}),
        ("invoice", "DELETE"): Ask(draft, now, None),
        ("invoice-issue", "POST"): Ask(draft, {}, {}),
        ("invoice-cancel", "POST"): Ask(issued, {}, {"reason": "Ordered twice"}),
        ("invoice-explain", "GET"): Ask(draft, {}, None),
        ("invoice-history", "GET"): Ask(draft, {}, None),
        ("invoice-pdf", "GET"): Ask(draft, {}, None),
        ("recurring-invoices", "GET"): Ask({}, named | {"customerId": world.recurring.customer_id}, None),
        ("recurring-invoices", "POST"): Ask({}, {}, named | bill | {"name": "Rent"}),
        ("recurring-invoice", "GET"): Ask(recurring, {}, None),
        ("recurring-invoice", "PATCH"): Ask(recurring, {}, now | bill | {"items": [ITEM | {"id": recurring_line.pk}]}),
        ("recurring-invoice", "DELETE"): Ask(recurring, now, None),
        ("recurring-invoice-pause", "POST"): Ask(recurring, {}, {}),
        ("recurring-invoice-resume", "POST"): Ask(paused, {}, {}),
        ("recurring-invoice-end", "POST"): Ask(recurring, {}, {}),
        ("recurring-invoice-run", "POST"): Ask(recurring, {}, {}),
        ("recurring-invoice-history", "GET"): Ask(recurring, {}, None),
        ("invoice-send", "POST"): Ask(issued, {}, {}),
        ("invoice-messages", "GET"): Ask(paid, {}, None),
        ("invoice-link", "GET"): Ask(paid, {}, None),
        ("invoice-link", "POST"): Ask(issued, {}, {}),
        ("invoice-link", "DELETE"): Ask(paid, now, None),
        ("invoice-payments", "POST"): Ask(issued, {}, {"amount": "15.00", "reference": "R-1"}),
        ("invoice-refunds", "POST"): Ask(paid, {}, {"amount": "20.00", "paymentId": world.payment.pk}),
        ("payment-reverse", "POST"): Ask(paid | {"payment_id": world.payment.pk}, {}, {"reason": "Bounced"}),
        ("payments", "GET"): Ask({}, named | {"invoiceId": world.paid.pk, "customerId": world.paid.customer_id}, None),
        ("payments", "POST"): Ask({}, {}, receipt),
        ("receipt", "GET"): Ask({"id": world.receipt.pk}, {}, None),
        ("invoice-allocations", "POST"): Ask(paid, {}, {"amount": "5.00"}),
        ("allocation-reverse", "POST"): Ask({"id": world.allocation.pk}, {}, {"reason": "Wrong invoice"}),
        ("invoice-write-off", "POST"): Ask(paid, {}, {"reason": "Small"}),
        ("invoice-reinstate", "POST"): Ask({"id": world.written_off.pk}, {}, {"reason": "It came after all"}),
        ("customer-credit", "GET"): Ask(payer, {}, None),
        ("customer-credit-refunds", "POST"): Ask(payer, {}, {"amount": "5.00", "reason": "Asked for"}),
        ("credit-entries", "GET"): Ask({}, named | {"customerId": world.paid.customer_id}, None),
        ("credit-entry", "GET"): Ask({"id": world.credit_entry.pk}, {}, None),
        ("payment", "GET"): Ask({"id": world.payment.pk}, {}, None),
        ("payment-pdf", "GET"): Ask({"id": world.payment.pk}, {}, None),
        ("invoice-credit-notes", "POST"): Ask({"id": world.credited.pk}, {}, credit),
        ("invoice-credit-notes", "GET"): Ask({"id": world.credited.pk}, {}, None),
        ("credit-notes", "GET"): Ask(
            {}, named | {"invoiceId": world.credited.pk, "customerId": world.credited.customer_id}, None
        ),
        ("credit-note", "GET"): Ask(note, {}, None),
        ("credit-note-pdf", "GET"): Ask(note, {}, None),
        ("message-bounced", "POST"): Ask({"id": world.message.pk}, {}, {"reason": "550 No such user"}),
        ("statement-runs", "GET"): Ask({}, named, None),
        ("statement-runs", "POST"): Ask({}, {}, named | {"month": "2020-02", "customerIds": [world.customer.pk]}),
        ("statement-run", "GET"): Ask({"id": world.statement_run.pk}, {}, None),
        ("statement-run-results", "GET"): Ask({"id": world.statement_run.pk}, {}, None),
        ("customer-statement", "GET"): Ask({"id": world.customer.pk}, {}, None),
        **{(f"report-{name}", "GET"): Ask({}, named, None) for name in REPORTS},
    }


def admin_of(company: Company) -> Any:
    """A client of one of the company's Admins."""
    return api_client(make_user("Admin", company))
