import lzma
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import make_user
from audit.books import faults
from audit.models import Change
from core.errors import StaleVersion
from core.testing.samples import Samples
from imports import plans, services, writing
from imports.columns import DecimalMark, Kind, proposed_mapping
from imports.models import ImportFile, Mode, State
from imports.services import (
    FileTooLarge,
    RowsRefused,
    WrongState,
    bring_file,
    change_reading,
    discard_file,
    do_work,
    start_import,
)
from invoices.models import Invoice
from invoices.services import cancel_invoice
from invoices.tests.factories import make_issued
from notifications.models import Message
from parties.models import Company, Customer
from parties.tests.factories import make_company, make_customer
from payments.models import Payment

pytestmark = pytest.mark.django_db


def require_proven_books() -> None:
    assert list(faults()) == []


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme")


@pytest.fixture
def clerk(company: Company) -> User:
    return make_user("Finance", company, email="fin@acme.test")


def brought(clerk: User, company: Company, kind: str, text: str, **options: Any) -> ImportFile:
    file = bring_file(actor=clerk, company=company, kind=kind, file_name="rows.csv", content=text.encode(), **options)
    do_work(file.pk)
    return ImportFile.objects.get(pk=file.pk)


def let_in(clerk: User, file: ImportFile) -> ImportFile:
    start_import(actor=clerk, file_id=file.pk, version=file.version)
    do_work(file.pk)
    return ImportFile.objects.get(pk=file.pk)


def problems(file: ImportFile) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in file.problems.all()]


ISSUED = """Number,Customer,Issue date,Due date,Description,Qty,Unit price,VAT,Paid,Paid on
A-1,Blue Lagoon,2026-01-10,2026-02-10,Desks,2,100.00,15 %,100.00,2026-02-01
A-1,Blue Lagoon,2026-01-10,2026-02-10,Chairs,1,50.00,15 %,,
A-2,Blue Lagoon,2026-01-12,2026-02-12,Lamp,1,10.00,15 %,11.50,2026-02-02
"""


def test_customers_come_in_with_who_brought_them(clerk: User, company: Company) -> None:
    file = brought(clerk, company, Kind.CUSTOMERS, "Name,E-mail,City\nBlue Lagoon,a@b.test,Durban\nRed Hill,,\n")

    assert (file.state, file.good_count, file.bad_count) == (State.CHECKED, 2, 0)
    assert not Customer.objects.exists()  # a check writes nothing

    file = let_in(clerk, file)

    assert (file.state, file.good_count) == (State.DONE, 2)
    blue = Customer.objects.get(name="Blue Lagoon")
    assert (blue.email, blue.city, blue.version) == ("a@b.test", "Durban", 1)
    assert (blue.change.action, blue.change.actor) == ("customer.created", "fin@acme.test")
    require_proven_books()


def test_invoices_issued_elsewhere_keep_their_number_date_and_what_was_paid(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")

    file = let_in(clerk, brought(clerk, company, Kind.ISSUED, ISSUED))

    assert (file.state, file.good_count, file.bad_count) == (State.DONE, 2, 0)
    first, second = Invoice.objects.order_by("number")
    assert (first.number, first.issue_date, first.status) == ("A-1", date(2026, 1, 10), "PartiallyPaid")
    assert (first.total, first.paid, first.is_imported) == (Decimal("287.50"), Decimal(100), True)
    assert first.lines.count() == 2
    assert (second.status, second.paid) == ("Paid", Decimal("11.50"))
    assert first.payments.get().paid_at.astimezone(company.zone).date() == date(2026, 2, 1)
    assert not Message.objects.exists()  # the customer has it already
    actions = Change.objects.filter(company_id=company.pk, action__in=["invoice.imported", "payment.applied"])
    assert actions.count() == 4
    require_proven_books()


FOREIGN = """Number,Customer,Issue date,Currency,Description,Unit price,VAT,Exchange rate
A-1,Blue Lagoon,2020-01-10,EUR,Desks,100.00,15 %,"16.1234567891"
A-2,Blue Lagoon,2020-01-10,USD,Lamp,10.00,15 %,
"""


def test_an_invoice_in_another_currency_brings_its_rate_and_without_one_the_check_says_so(
    clerk: User, company: Company
) -> None:
    make_customer(company, name="Blue Lagoon")
    mapping = proposed_mapping(Kind.ISSUED, FOREIGN.splitlines()[0].split(","))
    assert mapping["exchange_rate"] == "Exchange rate"

    file = brought(clerk, company, Kind.ISSUED, FOREIGN, mode=Mode.GOOD)
    assert (file.good_count, file.bad_count) == (1, 1)
    assert "no exchange rate" in file.problems.get().detail

    let_in(clerk, file)
    invoice = Invoice.objects.get()
    assert (invoice.exchange_rate, invoice.company_vat_total) == (Decimal("16.1234567891"), Decimal("241.85"))
    require_proven_books()


def test_the_own_series_goes_on_without_a_gap_beside_imported_numbers(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    let_in(clerk, brought(clerk, company, Kind.ISSUED, ISSUED))

    own = make_issued(company, issue_date=date(2026, 3, 1))

    assert own.number == "INV-2026-000001"
    cancel_invoice(actor=clerk, invoice_id=own.pk)
    require_proven_books()


def test_a_number_of_our_own_form_is_refused(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")

    file = brought(clerk, company, Kind.ISSUED, ISSUED.replace("A-1", "INV-2026-000001"))

    assert problems(file) == [(2, "document")]


def test_what_is_wrong_is_said_by_row_and_column_and_nothing_comes_in(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    text = ISSUED + "A-3,Nobody,2026-01-12,,Lamp,1,10,,,\nA-4,Blue Lagoon,soon,,Lamp,-1,ten,,,\n"

    file = brought(clerk, company, Kind.ISSUED, text)

    assert problems(file) == [(5, "customer"), (6, "issue_date"), (6, "unit_price")]
    assert (file.good_count, file.bad_count) == (2, 2)
    with pytest.raises(RowsRefused):
        start_import(actor=clerk, file_id=file.pk)
    assert not Invoice.objects.exists()


def test_bad_rows_are_skipped_where_that_was_said(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")
    text = ISSUED + "A-3,Nobody,2026-01-12,,Lamp,1,10,,,\nA-2,Blue Lagoon,2026-01-12,,Lamp,1,10,,,\n"

    file = let_in(clerk, brought(clerk, company, Kind.ISSUED, text, mode=Mode.GOOD))

    assert (file.state, file.good_count, file.bad_count) == (State.DONE, 2, 2)
    assert sorted(Invoice.objects.values_list("number", flat=True)) == ["A-1", "A-2"]
    assert problems(file) == [(5, "customer"), (6, "document")]
    require_proven_books()


def test_more_paid_than_billed_is_refused_before_anything_is_written(clerk: User, company: Company) -> None:
    make_customer(company, name="Blue Lagoon")

    file = brought(clerk, company, Kind.ISSUED, ISSUED.replace("11.50", "11.51"))

    assert problems(file) == [(4, "paid")]


def test_missing_customers_are_made_where_that_was_said(clerk: User, company: Company) -> None:
    file = let_in(clerk, brought(clerk, company, Kind.DRAFTS, ISSUED, make_customers=True))

    assert file.good_count == 2
    assert Customer.objects.get().name == "Blue Lagoon"
    assert {invoice.status for invoice in Invoice.objects.all()} == {"Draft"}
    require_proven_books()


def test_a_name_that_two_customers_have_is_said_by_row_and_column_and_neither_is_picked(
    clerk: User, company: Company
) -> None:
    for _ in range(2):
        make_customer(company, name="Acme")
    text = "Document,Customer,Description,Unit price\nA1,Blue Lagoon,Work,10\nA2,ACME,Work,20\n"

    file = brought(clerk, company, Kind.DRAFTS, text, make_customers=True, mode=Mode.GOOD)
    [problem] = file.problems.all()
    let_in(clerk, file)

    assert (problem.row, problem.column) == (3, "customer")
    assert problem.detail.startswith("Several customers have this name")
    assert [invoice.customer_name for invoice in Invoice.objects.all()] == ["Blue Lagoon"]
    require_proven_books()


def test_one_customer_is_made_of_a_name_that_is_written_in_two_ways(clerk: User, company: Company) -> None:
    text = "Document,Customer,Description,Unit price\nA1,Blue Lagoon,Work,10\nA2,BLUE LAGOON,Work,20\n"

    file = let_in(clerk, brought(clerk, company, Kind.DRAFTS, text, make_customers=True))

    assert (file.state, file.good_count) == (State.DONE, 2)
    assert Customer.objects.get().name == "Blue Lagoon"
    assert Invoice.objects.count() == 2


def test_a_name_that_no_customer_can_have_is_said_before_anything_is_written(clerk: User, company: Company) -> None:
    text = f"Document,Customer,Description,Unit price\nA1,{'x' * 201},Work,10\n"

    [problem] = brought(clerk, company, Kind.DRAFTS, text, make_customers=True).problems.all()

    assert (problem.row, problem.column) == (2, "customer")


@pytest.mark.parametrize("moment", ["before the customers are made", "after the customers are made"])
def test_a_namesake_that_comes_while_the_file_is_let_in_is_a_problem_of_its_row(
    clerk: User, company: Company, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    make_customer(company, name="Acme")
    text = "Document,Customer,Description,Unit price\nA1,Acme,Work,10\nA2,Blue Lagoon,Work,20\n"
    file = brought(clerk, company, Kind.DRAFTS, text, make_customers=True, mode=Mode.GOOD)
    make_them = writing._make_customers

    def with_rival(*args: Any) -> None:
        if moment.startswith("before"):
            make_customer(company, name="Acme")
        make_them(*args)
        if moment.startswith("after"):
            make_customer(company, name="Acme")

    monkeypatch.setattr(writing, "_make_customers", with_rival)
    file = let_in(clerk, file)

    assert (file.state, file.good_count, file.bad_count) == (State.DONE, 1, 1)
    assert [(problem.row, problem.column) for problem in file.problems.all()] == [(2, "customer")]


def test_payments_find_their_invoice_by_number(clerk: User, company: Company) -> None:
    invoice = make_issued(company, issue_date=date(2026, 1, 5))
    text = (
        "Invoice number;Amount;Date;Method;Reference\n"
        f"{invoice.number};50,00;2026-01-20;eft;R 1\n"
        f"{invoice.number};65,00;2026-01-21;Card;R 2\n"
        f"{invoice.number};0,01;2026-01-22;;\n"
        "INV-2026-999999;1,00;2026-01-22;;\n"
    )

    file = let_in(clerk, brought(clerk, company, Kind.PAYMENTS, text, mode=Mode.GOOD, decimals=DecimalMark.COMMA))

    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid) == ("Paid", Decimal(115))
    assert [(entry.amount, entry.method) for entry in Payment.objects.order_by("id")] == [(50, "EFT"), (65, "Card")]
    assert problems(file) == [(4, ""), (5, "invoice")]
    assert (file.good_count, file.bad_count) == (2, 2)
    require_proven_books()


def test_all_or_nothing_writes_nothing_where_a_row_is_refused_at_last(clerk: User, company: Company) -> None:
    invoice = make_issued(company, issue_date=date(2026, 1, 5))
    other = make_issued(company, issue_date=date(2026, 1, 5))
    text = f"Invoice number,Amount\n{other.number},1.00\n{invoice.number},100.00\n{invoice.number},100.00\n"
    file = brought(clerk, company, Kind.PAYMENTS, text)
    assert file.bad_count == 0  # that both do not fit together shows when they are booked

    file = let_in(clerk, file)

    assert (file.state, file.good_count) == (State.REFUSED, 0)
    assert problems(file) == [(4, "amount")]
    assert not Payment.objects.exists()
    require_proven_books()


def test_doing_the_work_twice_does_it_once(clerk: User, company: Company) -> None:
    file = let_in(clerk, brought(clerk, company, Kind.CUSTOMERS, "Name\nBlue Lagoon\n", mode=Mode.GOOD))

    do_work(file.pk)

    assert Customer.objects.count() == 1


def test_work_whose_process_died_goes_on_after_the_rows_that_were_written(
    clerk: User, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "SLICE", 2)
    text = "Name\n" + "".join(f"Customer {number}\n" for number in range(5))
    file = brought(clerk, company, Kind.CUSTOMERS, text, mode=Mode.GOOD)
    start_import(actor=clerk, file_id=file.pk)
    written = services.write
    slices = iter([True, False])

    def die_at_the_second(*args: Any) -> None:
        if not next(slices):
            raise RuntimeError("killed")
        written(*args)

    monkeypatch.setattr(services, "write", die_at_the_second)
    with pytest.raises(RuntimeError):
        do_work(file.pk)
    monkeypatch.setattr(services, "write", written)
    do_work(file.pk)

    file.refresh_from_db()
    assert (file.state, file.good_count) == (State.DONE, 5)
    assert sorted(Customer.objects.values_list("name", flat=True)) == [f"Customer {number}" for number in range(5)]


def test_how_a_file_is_meant_can_be_said_anew(clerk: User, company: Company) -> None:
    file = brought(clerk, company, Kind.CUSTOMERS, "Who,Where\nBlue Lagoon,Durban\n")
    assert problems(file) == [(1, "")]

    file = change_reading(actor=clerk, file_id=file.pk, version=file.version, mapping={"name": "Who", "city": "Where"})
    do_work(file.pk)

    file.refresh_from_db()
    assert (file.state, file.good_count, file.bad_count) == (State.CHECKED, 1, 0)


def test_a_discarded_file_stays_and_is_not_let_in(clerk: User, company: Company) -> None:
    file = brought(clerk, company, Kind.CUSTOMERS, "Name\nBlue Lagoon\n")

    discard_file(actor=clerk, file_id=file.pk, version=file.version)

    with pytest.raises(WrongState):
        start_import(actor=clerk, file_id=file.pk)
    assert ImportFile.objects.get().state == State.DISCARDED


def test_two_people_who_decide_at_once_are_told(clerk: User, company: Company) -> None:
    file = brought(clerk, company, Kind.CUSTOMERS, "Name\nBlue Lagoon\n")
    discard_file(actor=clerk, file_id=file.pk, version=file.version)

    with pytest.raises(StaleVersion):
        start_import(actor=clerk, file_id=file.pk, version=file.version)


def test_a_file_that_is_too_large_is_refused(clerk: User, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LARGEST_FILE_BYTES", 10)

    with pytest.raises(FileTooLarge):
        brought(clerk, company, Kind.CUSTOMERS, "Name\nBlue Lagoon\n")


def test_half_of_the_online_retail_set_agrees_with_its_published_totals(
    clerk: User, company: Company, samples: Samples
) -> None:
    """The first lines of the set: each document that comes in has the total that was published."""
    with lzma.open(samples.path("transactions/online_retail.csv.xz")) as lines:
        content = b"".join(islice(lines, 4_000))
    totals = {row["invoice"]: row for row in samples.rows("transactions/online_retail_invoice_totals.csv")}
    file = bring_file(
        actor=clerk,
        company=company,
        kind=Kind.ISSUED,
        file_name="online_retail.csv",
        content=content,
        mode=Mode.GOOD,
        make_customers=True,
    )
    do_work(file.pk)

    file = let_in(clerk, ImportFile.objects.get(pk=file.pk))

    assert file.good_count > 100
    whole = Invoice.objects.exclude(number=Invoice.objects.order_by("-id").values("number")[:1])  # the last is cut off
    stated = {number: totals[number] for number in whole.values_list("number", flat=True)}
    assert {invoice.number: str(invoice.subtotal.quantize(Decimal("0.01"))) for invoice in whole} == {
        number: row["total_2dp_lines"] for number, row in stated.items()
    }
