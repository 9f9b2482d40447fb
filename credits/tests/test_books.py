"""What verify_books says of credit notes that somebody tampered with."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from audit.books import faults
from audit.tests.tampering import without_checks, without_triggers
from credits.models import CreditNote, CreditNoteItem
from credits.tests.factories import make_credit_note
from invoices.models import NumberSeries
from invoices.tests.factories import make_issued, make_item
from parties.tests.factories import make_company
from payments.models import Payment

pytestmark = pytest.mark.django_db

Deed = Callable[[CreditNote], object]


def messages() -> list[str]:
    """What is found of credit notes, without what is found of their versions and seals."""
    return [
        fault.message
        for fault in faults()
        if fault.model in ("CreditNote", "NumberSeries", "Payment") and "version" not in fault.message
    ]


def less_net(note: CreditNote) -> None:
    CreditNoteItem.objects.update(taxable_amount=Decimal(90), line_total=Decimal(90))


def more_quantity(note: CreditNote) -> None:
    CreditNoteItem.objects.update(quantity=Decimal(4))


def next_number(note: CreditNote) -> None:
    CreditNote.objects.update(number=note.number[:-1] + "7")


def next_value(note: CreditNote) -> None:
    NumberSeries.objects.filter(kind="CN").update(next_value=9)


def no_entry(note: CreditNote) -> None:
    CreditNote.objects.update(entry=None, applied=0, credited=note.total)


def left_nowhere(note: CreditNote) -> None:
    CreditNote.objects.update(entry=None, applied=0, credited=note.total)


def another_amount(note: CreditNote) -> None:
    Payment.objects.update(amount=Decimal(100))


def marked_last(note: CreditNote) -> None:
    CreditNote.objects.update(is_last=True)


def of_a_stranger(note: CreditNote) -> None:
    CreditNote.objects.update(company=make_issued(make_company()).company)


@pytest.mark.parametrize(
    ("deed", "found"),
    [
        (less_net, "lines come to 90.0000; stored is 100.0000"),
        (more_quantity, "credits more of line {line} than there is"),
        (next_number, "is in the place of number 1 of its series"),
        (next_value, "company {company}: the next number is 9, after the last comes 2"),
        (no_entry, "is of a credit note that there is not"),
        (left_nowhere, "leaves 115.0000 as credit; in the customer's account there is nothing"),
        (another_amount, "takes 115.0000 off its invoice; in the ledger there is "),
        (marked_last, "is marked as the last"),
        (of_a_stranger, "is of another company, customer or currency than its invoice"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_was_tampered_with_is_found(deed: Deed, found: str) -> None:
    note = make_credit_note(make_issued(make_company(), make_item("100", "3")), "1")
    assert messages() == []

    with without_triggers(), without_checks("credits_creditnote", "credit_note_left_by_entry"):
        deed(note)

    names = {"line": note.items.get().line_id, "company": note.company_id}
    assert any(message.startswith(found.format(**names)) for message in messages()), messages()
