"""The promise: an amount is exact and finite or it is refused, and a reference is unique however it is spelled."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording
from audit.tests.tampering import execute
from core.errors import DomainError
from invoices.models import Invoice, InvoiceLine
from invoices.services import Item, create_draft, create_quick_draft, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment

pytestmark = pytest.mark.django_db

NO_AMOUNTS = [
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    Decimal("1e400"),
    Decimal("1e-400"),
    Decimal("1E+20"),
    Decimal(10) ** 11,
    Decimal("12345678901234.56"),
    "NaN",
    "Infinity",
    "1e2",
    "1_000",
    "1,000.00",
    "R 10",
    "\u0661\u0662",
    "\uff11\uff12",
    "",
    " ",
    "9" * 2000,
    "1." + "9" * 2000,
    "0x10",
    10.0,
    float("nan"),
    True,
    None,
    b"10",
]
NOT_POSITIVE = [Decimal(0), Decimal("-0"), Decimal("-0.01"), "0", "-0", "-1"]
TOO_FINE = {"ZAR": "0.005", "JPY": "0.5", "KWD": "0.0005"}
FINEST = {"ZAR": "0.01", "JPY": "1", "KWD": "0.001"}


@pytest.fixture
def company() -> Company:
    """A company that bills in several currencies."""
    return make_company()


@pytest.fixture
def paid(company: Company) -> Payment:
    """100.00 paid of 115.00."""
    return pay(make_issued(company), Decimal(100))


def pay(invoice: Invoice, amount: Any, **details: Any) -> Payment:
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=amount, **details)


def refund(invoice: Invoice, amount: Any, **details: Any) -> list[Payment]:
    return refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=amount, **details)


def everything() -> list[Any]:
    """All rows of documents and ledger."""
    return [list(model.objects.order_by("pk").values()) for model in (Invoice, InvoiceLine, Payment)]


def is_refused(deed: Callable[[], Any]) -> bool:
    """Whether the rules refuse the deed and nothing has changed."""
    before = everything()
    try:
        deed()
    except DomainError as error:
        return error.status == 400 and everything() == before
    return False


@pytest.mark.parametrize("amount", [*NO_AMOUNTS, *NOT_POSITIVE], ids=lambda amount: repr(amount)[:30])
def test_what_is_no_amount_is_neither_paid_nor_refunded_nor_billed(paid: Payment, amount: Any) -> None:
    invoice, company = paid.invoice, paid.invoice.company
    due = invoice.due_date
    assert is_refused(lambda: pay(invoice, amount))
    assert is_refused(lambda: refund(invoice, amount))
    assert is_refused(
        lambda: create_quick_draft(actor=SYSTEM, company=company, customer_name="A", amount=amount, due_date=due)
    )
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("field", "number"),
    [
        (field, number)
        for field in ("quantity", "unit_price", "discount_amount", "discount_percent", "vat_rate")
        for number in NO_AMOUNTS
        if (field, number) != ("vat_rate", None)  # an item without a rate takes the company's
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_number_stands_on_no_line(company: Company, field: str, number: Any) -> None:
    draft = make_draft(company)
    values = {"quantity": Decimal(1), "unit_price": Decimal(1), field: number}
    assert is_refused(lambda: update_draft(actor=SYSTEM, invoice_id=draft.pk, items=[Item("Work", **values)]))


@pytest.mark.parametrize("number", NO_AMOUNTS, ids=lambda amount: repr(amount)[:30])
@pytest.mark.parametrize("field", ["discount_amount", "discount_percent"])
def test_what_is_no_number_is_no_discount(company: Company, field: str, number: Any) -> None:
    customer = make_customer(company)
    assert is_refused(lambda: create_draft(actor=SYSTEM, company=company, customer_id=customer.pk, **{field: number}))


@pytest.mark.parametrize("currency", TOO_FINE)
def test_an_amount_is_as_fine_as_its_currency_and_never_rounded(company: Company, currency: str) -> None:
    invoice = make_issued(company, make_item("100"), currency=currency)
    assert is_refused(lambda: pay(invoice, TOO_FINE[currency]))
    pay(invoice, FINEST[currency])
    assert is_refused(lambda: refund(invoice, TOO_FINE[currency]))
    refund(invoice, FINEST[currency])
    assert [entry.amount for entry in Payment.objects.order_by("id")] == [
        Decimal(FINEST[currency]),
        -Decimal(FINEST[currency]),
    ]
    assert list(faults()) == []


def test_a_discount_too_fine_for_the_new_currency_of_a_draft_is_refused_and_not_rounded(company: Company) -> None:
    draft = make_draft(company, discount_amount="0.50")
    assert is_refused(lambda: update_draft(actor=SYSTEM, invoice_id=draft.pk, currency="JPY"))
    update_draft(actor=SYSTEM, invoice_id=draft.pk, currency="JPY", discount_amount=Decimal(1))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "100000000000", "-1", "0", "12x"])
def test_the_ledger_keeps_no_payment_that_is_no_amount(paid: Payment, value: str) -> None:
    columns = "company_id, invoice_id, currency, method, reference, paid_at, reason"
    sql = (
        f"INSERT INTO payments_payment (kind, amount, version, change_id, {columns}) "
        f"SELECT kind, %s, 1, %s, {columns} FROM payments_payment"
    )
    with recording(actor=SYSTEM, action="test") as change, pytest.raises(DatabaseError), transaction.atomic():
        execute(sql, [value, change.pk])
    assert Payment.objects.count() == 1


# A reference is unique on its invoice, however it is spelled

SPELLINGS = {
    "INV-1": ["inv-1", " INV-1 ", "\uff29\uff2e\uff36\uff0d\uff11", "Inv-1\n", "\u00a0INV-1", "\u3000inv-1"],
    "Straße": ["STRASSE", "strasse"],
    "ﬁx 10²": ["FIX 102"],
    "Å": ["A\u030a", "\u212b"],
}


@pytest.mark.parametrize(("first", "second"), [(key, other) for key, others in SPELLINGS.items() for other in others])
def test_two_spellings_of_one_reference_are_the_same_over_all_kinds(paid: Payment, first: str, second: str) -> None:
    invoice = paid.invoice
    pay(invoice, "1", reference=first)
    assert is_refused(lambda: pay(invoice, "1", reference=second))
    assert is_refused(lambda: refund(invoice, "1", reference=second))
    assert is_refused(
        lambda: reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=paid.pk, reference=second)
    )


def test_payments_without_a_reference_are_no_duplicates(paid: Payment) -> None:
    for blank in ("", " ", "\u00a0\u3000"):
        pay(paid.invoice, "1", reference=blank)
    assert Payment.objects.filter(reference_key=None).count() == 4


def test_the_same_reference_on_another_invoice_is_another(company: Company) -> None:
    for invoice in (make_issued(company), make_issued(company)):
        pay(invoice, "1", reference="A")
    assert Payment.objects.count() == 2


@pytest.mark.parametrize("character", ["\ufdfa", "\u0390", "\ufb03"])
def test_a_reference_of_characters_that_stand_for_many_is_kept_or_refused_but_breaks_nothing(
    paid: Payment, character: str
) -> None:
    invoice, reference = paid.invoice, character * 200
    if not is_refused(lambda: pay(invoice, "1", reference=reference)):
        assert is_refused(lambda: pay(invoice, "1", reference=reference))
