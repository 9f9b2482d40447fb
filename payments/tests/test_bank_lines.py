"""A line of a bank statement: what it says, and which invoice it proposes."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from core.testing.statements import counted_statements
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.tests.factories import make_company, make_customer
from payments.bank_lines import fit_of, read_line
from payments.models import Payment
from payments.services import apply_payment

TAKE = "/admin/payments/payment/take/"


def amounts(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


@pytest.mark.parametrize(
    ("text", "numbers", "found", "day", "words"),
    [
        ("ACME INV-2026-000012 2500.00", ("INV-2026-000012",), amounts("2500"), None, ("acme",)),
        ("inv 2026 12 acme R 2 500,00", ("INV-2026-000012",), amounts("2500", "500", "2"), None, ("acme",)),
        ("INV2026000012/323.09", ("INV-2026-000012",), (), None, ()),
        ("Invoice 2026/7", ("INV-2026-000007",), (), None, ()),
        ("2026-11-20 Blue Lagoon (Pty) Ltd 12.50CR", (), amounts("12.5"), date(2026, 11, 20), ("blue", "lagoon")),
        ("31/12/2026 100.00", (), amounts("100"), date(2026, 12, 31), ()),
        ("31.12.2026 100.00", (), amounts("100"), date(2026, 12, 31), ()),
        ("03/04/2026 100.00", (), amounts("100"), None, ()),
        ("20 Nov 2026 100.00", (), amounts("100"), date(2026, 11, 20), ()),
        ("2026-02-30 100.00", (), amounts("100"), None, ()),
        ("2026-01-01 2026-01-02 5.00", (), amounts("5"), None, ()),
        ("MÜLLER 2,500", (), amounts("2500", "2.5"), None, ("müller",)),
        ("", (), (), None, ()),
    ],
)
def test_what_a_line_says(
    text: str, numbers: tuple[str, ...], found: tuple[Decimal, ...], day: date | None, words: tuple[str, ...]
) -> None:
    line = read_line(text)

    assert (line.numbers, line.amounts, line.day, line.words) == (numbers, found, day, words)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("WIRE-77123 100.00", ("wire-77123",)),
        ("ref 000045 100.00", ("000045",)),
        ("REF 2026 12 100.00", ()),
        ("card 12345678", ("12345678",)),
        ("paid 2,500.00", ()),
    ],
)
def test_references_are_told_from_amounts_and_years(text: str, references: tuple[str, ...]) -> None:
    assert read_line(text).references == references


@given(text=st.text(max_size=700))
def test_any_text_is_read(text: str) -> None:
    line = read_line(text)

    assert all(amount > 0 for amount in line.amounts)
    assert len(line.text) <= 500


@dataclass
class Bill:
    number: str | None = "INV-2026-000012"
    currency: str = "ZAR"
    search_text: str = "inv-2026-000012\nblue lagoon\nwire-77123"
    buyer_name: str = "Blue Lagoon (Pty) Ltd"
    still_owed: Decimal = Decimal("115.00")


def test_the_more_agrees_the_better_it_fits() -> None:
    texts = (
        "INV-2026-000012 Blue Lagoon 115.00",
        "INV-2026-000012 115.00",
        "INV-2026-000012",
        "wire-77123 somebody",
        "115.00",
        "blue lagoon",
    )
    fits = [fit_of(read_line(text), Bill()) for text in texts]

    scores = [fit.score for fit in fits if fit]
    assert len(scores) == len(texts)
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("text", ["", "somebody else 7.00", "lagoon", "INV-2025-000012", "000013"])
def test_what_hardly_agrees_is_not_proposed(text: str) -> None:
    assert fit_of(read_line(text), Bill()) is None


@pytest.mark.parametrize(
    ("text", "amount", "reason"),
    [
        ("INV-2026-000012 115.00", Decimal(115), "the amount is exactly what is outstanding"),
        ("INV-2026-000012 15.00", Decimal(15), "the amount is a part of the 115.00 outstanding"),
        ("INV-2026-000012 200.00", Decimal(200), "the amount is more than the 115.00 outstanding"),
        ("INV-2026-000012 1,150", None, "its number is in the line"),
        ("INV-2026-000012", None, "its number is in the line"),
    ],
)
def test_an_amount_is_proposed_where_it_is_clear(text: str, amount: Decimal | None, reason: str) -> None:
    fit = fit_of(read_line(text), Bill())

    assert fit is not None
    assert fit.amount == amount
    assert reason in fit.reasons


@pytest.fixture
def company(db: None) -> Company:
    return make_company()


@pytest.fixture
def finance(company: Company) -> Client:
    client = Client()
    client.force_login(make_user("Finance", company))
    return client


def proposed(client: Client, line: str) -> list[Invoice]:
    page = client.get(TAKE, {"line": line})
    assert page.status_code == 200
    return [proposal.invoice for proposal in page.context["proposals"]]


def test_a_line_proposes_by_number_reference_amount_and_name(company: Company, finance: Client) -> None:
    lagoon = make_issued(company, customer=make_customer(company, name="Blue Lagoon"))
    hill = make_issued(company, make_item("70"), customer=make_customer(company, name="Green Hill"))
    apply_payment(actor=SYSTEM, invoice_id=hill.pk, amount=Decimal("0.50"), reference="WIRE-77123")
    make_draft(company, make_item("100"), customer=make_customer(company, name="Blue Draft"))

    assert proposed(finance, f"pays {lagoon.number}") == [lagoon]
    assert proposed(finance, "wire-77123") == [hill]
    assert proposed(finance, "80.00") == [hill]
    assert proposed(finance, "EFT GREEN HILL 20 Nov 2026") == [hill]
    assert proposed(finance, f"Blue Lagoon {hill.number} 115.00")[0] == hill
    assert proposed(finance, "nobody 1.23") == []


def test_one_click_leads_to_the_form_filled_in_and_nothing_is_booked_before(company: Company, finance: Client) -> None:
    invoice = make_issued(company, issue_date=date(2026, 1, 1))
    line = f"2026-02-03 {invoice.buyer_name} {invoice.number} 100.00"

    [proposal] = finance.get(TAKE, {"line": line}).context["proposals"]
    form = finance.get(proposal.address).context["adminform"].form
    typed = {name: form[name].value() for name in ("version", "amount", "method", "reference", "paid_at")}

    assert not Payment.objects.exists()
    assert (typed["amount"], typed["reference"], typed["paid_at"]) == ("100", line, "2026-02-03")
    finance.post(proposal.address, typed)
    payment = Payment.objects.get()
    assert (payment.amount, payment.reference, f"{payment.paid_at.astimezone(company.zone):%Y-%m-%d}") == (
        100,
        line,
        "2026-02-03",
    )


def test_what_is_paid_already_is_named_and_takes_no_payment(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(115))

    [proposal] = finance.get(TAKE, {"line": invoice.number}).context["proposals"]

    assert proposal.address == ""


def test_invoices_of_other_companies_are_never_proposed(company: Company, finance: Client) -> None:
    theirs = make_issued(make_company(), customer=None)
    read_only = make_company()
    seen = make_issued(read_only)
    mixed = Client()
    mixed.force_login(add_role(make_user("Finance", company), read_only, "Viewer"))

    assert proposed(finance, f"{theirs.number} {theirs.buyer_name} 115.00") == []
    [proposal] = mixed.get(TAKE, {"line": seen.number}).context["proposals"]
    assert (proposal.invoice, proposal.address) == (seen, "")


def test_the_page_is_for_those_who_book(company: Company) -> None:
    for role, status in (("Finance", 200), ("Viewer", 403), ("Auditor", 403)):
        client = Client()
        client.force_login(make_user(role, company))
        assert client.get(TAKE).status_code == status


def test_senseless_lines_are_no_error(finance: Client) -> None:
    for line in ("", " ", "x" * 501, "%", "'", "1e999", "٣ ½", "INV-9999-999999999"):
        assert finance.get(TAKE, {"line": line}).status_code == 200


def test_more_invoices_take_no_more_statements(company: Company, finance: Client) -> None:
    def count() -> int:
        with counted_statements() as statements:
            finance.get(TAKE, {"line": "Blue Lagoon 115.00 WIRE-77123 INV-2026-000001"})
        return len(statements)

    customer = make_customer(company, name="Blue Lagoon")
    make_issued(company, customer=customer)
    few = count()
    for _ in range(5):
        make_issued(company, customer=customer)

    assert count() == few


def test_the_form_offers_how_the_customer_paid_last(company: Company, finance: Client) -> None:
    customer = make_customer(company)
    earlier, now = make_issued(company, customer=customer), make_issued(company, customer=customer)
    apply_payment(actor=SYSTEM, invoice_id=earlier.pk, amount=Decimal(1), method="Card")
    other = make_issued(company)

    def method(invoice: Invoice) -> Any:
        return (
            finance.get(f"/admin/payments/payment/add/?invoice={invoice.pk}")
            .context["adminform"]
            .form["method"]
            .value()
        )

    assert (method(now), method(other)) == ("Card", "EFT")


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("115", "is paid, ZAR 0.00 outstanding."),
        ("15,00", "is partially paid, ZAR 100.00 outstanding."),
        ("115.01", ""),
        ("", ""),
        ("-1", ""),
        ("1,150", ""),
        ("EUR 5", ""),
    ],
)
def test_what_a_payment_will_do_is_said_before(company: Company, finance: Client, amount: str, sentence: str) -> None:
    invoice = make_issued(company)
    address = f"/admin/payments/payment/add/?invoice={invoice.pk}"

    opened = finance.get(address).content.decode()
    told = finance.post(f"{address}&preview", {"amount": amount}).content.decode()

    assert "is paid, ZAR 0.00 outstanding." in opened
    assert told == (f"After this {invoice.number} {sentence}" if sentence else "")
    assert not Payment.objects.exists()
