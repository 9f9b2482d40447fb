"""The promise: whatever the order of their statements, two commands end as if one had come after the other."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.schedules import Deed, Run, all_schedules, play
from audit.tests.tampering import without_triggers
from core.errors import DomainError
from invoices import bulk
from invoices import services as invoice_services
from invoices.bulk import DraftToIssue, issue_invoices
from invoices.models import Invoice
from invoices.services import cancel_invoice, issue_invoice, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from invoices.tests.unguarded import overwrite, read_without_lock
from notifications import services as notification_services
from notifications.models import Message
from notifications.services import request_sending
from notifications.tests.factories import make_sendable
from parties.models import Company
from parties.tests.factories import make_company
from payments import services as payment_services
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

Command = Callable[[Invoice], Any]


def pay(amount: str) -> Command:
    return lambda invoice: apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount))


def refund(amount: str) -> Command:
    return lambda invoice: refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount))


def reverse(invoice: Invoice) -> Payment:
    return reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=invoice.first_payment_id)


def cancel(invoice: Invoice) -> Invoice:
    return cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)


def issue(invoice: Invoice) -> Invoice:
    return issue_invoice(actor=SYSTEM, invoice_id=invoice.pk)


def edit(invoice: Invoice) -> Invoice:
    return update_draft(actor=SYSTEM, invoice_id=invoice.pk, items=[make_item("7"), make_item("8")])


def issue_among_many(invoice: Invoice) -> Invoice:
    [outcome] = issue_invoices(actor=SYSTEM, rows=[DraftToIssue(invoice_id=invoice.pk)])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def send(invoice: Invoice) -> Message:
    return request_sending(actor=SYSTEM, invoice_id=invoice.pk)


def paid_in_part(company: Company) -> Invoice:
    """Issued over 115.00, of which 100.00 are paid."""
    invoice = make_issued(company)
    invoice.first_payment_id = pay("100")(invoice).pk
    return invoice


PAIRS: dict[str, tuple[Callable[[Company], Invoice], Command, Command]] = {
    "pay and pay": (make_issued, pay("60"), pay("70")),
    "pay and cancel": (make_issued, pay("60"), cancel),
    "pay and refund": (paid_in_part, pay("10"), refund("60")),
    "refund and reverse": (paid_in_part, refund("60"), reverse),
    "edit and issue": (make_draft, edit, issue),
    "issue and issue": (make_draft, issue, issue),
    "issue and issue among many": (make_draft, issue, issue_among_many),
    "edit and issue among many": (make_draft, edit, issue_among_many),
    "cancel and issue": (make_draft, cancel, issue),
    "refund and refund": (paid_in_part, refund("60"), refund("60")),
    "reverse and reverse": (paid_in_part, reverse, reverse),
    "send and send": (make_sendable, send, send),
}
HARMLESS_PAIRS: dict[str, tuple[Callable[[Company], Invoice], Command, Command]] = {
    "send and cancel": (make_sendable, send, cancel),
}
"""Without a lock these would end as with one: what is to be sent is looked at once more when it is sent."""


class Stage:
    """Two commands on an invoice that is new for each schedule."""

    def __init__(self, pair: str) -> None:
        self.make, *self.commands = (PAIRS | HARMLESS_PAIRS)[pair]
        self.company = make_company()
        self.invoice = self.make(self.company)

    def deeds(self) -> list[Deed]:
        self.invoice = invoice = self.make(self.company)
        return [lambda command=command: command(invoice) for command in self.commands]

    def end(self, run: Run) -> tuple[Any, ...]:
        """What was answered, and where the invoice stands."""
        values = Invoice.objects.values_list("status", "total", "paid", "entry_count", "version")
        amounts = Payment.objects.filter(invoice=self.invoice).values_list("amount", flat=True)
        messages = Message.objects.filter(invoice=self.invoice).count()
        return (*run.outcomes, *values.get(pk=self.invoice.pk), sum(amounts), messages)

    def serial_ends(self) -> set[tuple[Any, ...]]:
        """What may come out: the first before the second, or the second before the first."""
        return {self.end(play(self.deeds(), [first] * 100)) for first in (0, 1)}


@pytest.mark.parametrize("pair", PAIRS | HARMLESS_PAIRS)
def test_every_schedule_of_two_commands_ends_like_one_after_the_other(pair: str) -> None:
    stage = Stage(pair)
    allowed = stage.serial_ends()
    count = 0
    for run in all_schedules(stage.deeds):
        count += 1
        assert stage.end(run) in allowed, run.choices
        assert list(faults()) == [], run.choices
    assert count > 10


@pytest.mark.parametrize("pair", PAIRS)
def test_control_without_the_guards_some_schedule_ends_like_neither(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(pair)
    allowed = stage.serial_ends()
    for services in (invoice_services, payment_services, notification_services):
        monkeypatch.setattr(services, "lock_invoice", read_without_lock)
    monkeypatch.setattr(bulk, "lock_invoices", lambda keys: {key: read_without_lock(key) for key in keys})
    monkeypatch.setattr(invoice_services, "write_version", overwrite)
    with without_triggers():
        assert any(stage.end(run) not in allowed for run in all_schedules(stage.deeds))
