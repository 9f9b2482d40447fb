"""The promise: however many credit an invoice at once, it is never credited twice, and no number is lost."""

from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording
from audit.tests.races import PATIENCE_SECONDS, outcomes, race
from audit.tests.tampering import without_triggers
from credits import services
from credits.models import CreditNote
from credits.tests.factories import make_credit_note
from invoices import services as invoice_services
from invoices.models import Invoice
from invoices.tests.factories import make_issued, make_item
from invoices.tests.unguarded import overwrite, read_without_lock
from parties.tests.factories import make_company
from payments.services import apply_payment

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RIVALS = 8


@pytest.fixture
def invoice() -> Invoice:
    """Of five pieces, 115.00 each."""
    return make_issued(make_company(), make_item("100", "5"))


def test_of_eight_notes_over_one_piece_each_five_are_issued(invoice: Invoice) -> None:
    results = race([lambda: make_credit_note(invoice, "1")] * RIVALS)

    assert outcomes(results) == {"done": 5, "NothingToCredit": 3}
    numbers = sorted(CreditNote.objects.values_list("number", flat=True))
    assert [number[-6:] for number in numbers] == [f"{value:06d}" for value in range(1, 6)]
    assert CreditNote.objects.filter(is_last=True).count() == 1
    invoice.refresh_from_db()
    assert (invoice.credited, invoice.status, list(faults())) == (invoice.total, "Paid", [])


def test_notes_of_many_invoices_leave_no_gap_in_their_numbers() -> None:
    company = make_company()
    invoices = [make_issued(company) for _ in range(RIVALS)]

    results = race([lambda invoice=invoice: make_credit_note(invoice) for invoice in invoices])

    assert outcomes(results) == {"done": RIVALS}
    assert list(faults()) == []


def test_a_note_and_payments_at_once_never_come_to_more_than_the_invoice(invoice: Invoice) -> None:
    pay = [lambda: apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(115))] * 4

    race([*pay, *[lambda: make_credit_note(invoice, "1")] * 4])

    invoice.refresh_from_db()
    assert invoice.paid + invoice.credited <= invoice.total
    assert list(faults()) == []


def test_control_without_the_lock_more_is_credited_than_there_was(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody_has_read = Barrier(2, timeout=PATIENCE_SECONDS)

    def late_recording(**details: Any) -> Any:
        everybody_has_read.wait()
        return recording(**details)

    monkeypatch.setattr(services, "lock_invoice", read_without_lock)
    monkeypatch.setattr(services, "recording", late_recording)
    monkeypatch.setattr(invoice_services, "write_version", overwrite)
    with without_triggers():
        results = race([lambda: make_credit_note(invoice, "3")] * 2)

    assert outcomes(results) == {"done": 2}
    assert any("more of line" in fault.message for fault in faults())
