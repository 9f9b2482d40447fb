"""Sums kept beside the books are those of their rows, at every moment and however they are written."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import race
from core.testing.statements import counted_statements
from invoices.models import Invoice
from invoices.services import cancel_invoice, delete_draft, update_draft
from invoices.tests.factories import make_draft, make_issued, make_item
from notifications.schedule import beat
from parties.services import update_company
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment, refund_payment
from reports import summaries
from reports.dashboard import dashboards
from reports.models import MoneyByDay, OwedByDueDate, WaitingEntry, WaitingInvoice, WaitingNote
from reports.periods import day_of, days_between
from reports.selectors import outstanding, revenue, vat
from reports.summaries import differences, take_in, work_out
from reports.tests.books import make_books, pay, seeded

pytestmark = pytest.mark.django_db

YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def waiting():
    return sum(model.objects.count() for model in (WaitingInvoice, WaitingEntry, WaitingNote))


def issued(company, total="100", **details):
    """A document of exactly `total`."""
    return make_issued(company, make_item(total, vat_rate="0"), **details)


@pytest.fixture
def company():
    return make_company()


def test_sums_are_those_of_their_rows_before_and_after_they_are_taken_in():
    make_books(seeded(11))
    assert list(differences()) == []

    assert take_in() > 0

    assert (waiting(), list(differences())) == (0, [])
    make_books(seeded(12))
    assert list(differences()) == []
    work_out()
    assert (waiting(), list(differences()), list(faults())) == (0, [], [])


def test_a_payment_shows_in_the_next_report_whether_it_was_taken_in_or_not(company):
    invoice = issued(company)
    take_in()

    pay(invoice, "40", company.today())

    for _ in range(2):
        [owed], [money] = outstanding(day_of([company], None)), revenue(days_between([company], None, None))
        assert (owed.count, owed.outstanding, money.received) == (1, Decimal(60), Decimal(40))
        assert [debtor.outstanding for debtor in owed.top_debtors] == [Decimal(60)]
        take_in()


def test_what_happens_to_drafts_is_in_the_sums(company):
    draft = make_draft(company, make_item("10", vat_rate="0"))
    take_in()
    steps = [
        {"currency": "EUR"},
        {"customer_id": make_customer(company).pk},
        {"items": [make_item("70", vat_rate="0")]},
        {"due_date": date(2030, 1, 1)},
    ]
    for step in steps:
        draft.refresh_from_db()
        update_draft(actor=SYSTEM, invoice_id=draft.pk, version=draft.version, **step)
        assert list(differences()) == []

    [_, in_euro] = dashboards([company])
    assert (in_euro.currency, in_euro.drafts.count, in_euro.drafts.amount) == ("EUR", 1, Decimal(70))
    draft.refresh_from_db()
    delete_draft(actor=SYSTEM, invoice_id=draft.pk, version=draft.version)
    assert list(differences()) == []
    take_in()
    assert [one.currency for one in dashboards([company])] == ["ZAR"]


def test_the_worker_takes_in_what_waits(company):
    issued(company)
    assert waiting() > 0

    beat()

    assert waiting() == 0


def test_what_is_rolled_back_is_in_no_sum(company):
    invoice = issued(company)
    take_in()
    with transaction.atomic():
        pay(invoice, "40", company.today())
        transaction.set_rollback(True)

    assert (waiting(), list(differences())) == (0, [])


def test_documents_dated_ahead_are_owed_from_their_day_on(company):
    ahead = company.today() + timedelta(days=10)
    issued(company, "100")
    issued(company, "7", issue_date=ahead, due_date=ahead)

    for _ in range(2):
        [today], [then] = outstanding(day_of([company], None)), outstanding(day_of([company], ahead))
        assert (today.count, today.outstanding, today.top_debtors[0].outstanding) == (1, Decimal(100), Decimal(100))
        assert (then.count, then.outstanding, len(then.top_debtors)) == (2, Decimal(107), 2)
        take_in()


def test_a_document_that_costs_nothing_still_has_its_rate_of_vat(company):
    make_issued(company, make_item("0"), issue_date=date(2026, 3, 1))
    cancelled = make_issued(company, make_item("9", vat_rate="0.05"), issue_date=date(2026, 3, 1))
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk)

    for _ in range(2):
        [report] = vat(days_between([company], *YEAR))
        assert [(rate.vat_rate, rate.taxable_amount) for rate in report.rates] == [(Decimal("0.15"), Decimal(0))]
        take_in()


def test_the_top_debtors_are_those_who_owe_most_after_what_waits(company):
    """Twelve debtors; what waits puts one of the last on top, and takes the first away."""
    customers = [make_customer(company) for _ in range(12)]
    invoices = [issued(company, str(100 + place), customer=customer) for place, customer in enumerate(customers)]
    take_in()
    pay(invoices[11], "111", company.today())
    pay(invoices[10], "105", company.today())
    issued(company, "50", customer=customers[0])

    expected = [customers[0].pk, *(customer.pk for customer in customers[9:0:-1])]
    for _ in range(2):
        [report] = outstanding(day_of([company], None))
        assert [debtor.customer_id for debtor in report.top_debtors] == expected
        assert (report.count, report.top_debtors[0].count) == (12, 2)
        take_in()


def test_a_company_that_moves_to_another_time_zone_has_other_days(company):
    """The money moved on the last evening of January in Johannesburg, which is the afternoon in New York."""
    zone = ZoneInfo("Africa/Johannesburg")
    pay(issued(company, issue_date=date(2026, 1, 1)), "10", datetime(2026, 2, 1, 0, 30, tzinfo=zone))
    take_in()
    assert [month.period for month in revenue(days_between([company], *YEAR))[0].periods] == ["2026-02"]

    update_company(actor=SYSTEM, company_id=company.pk, version=company.version, time_zone="America/New_York")
    company.refresh_from_db()

    for _ in range(2):
        assert [month.period for month in revenue(days_between([company], *YEAR))[0].periods] == ["2026-01"]
        assert list(faults()) == []
        take_in()
    used = MoneyByDay.objects.exclude(received=0, returned=0)
    assert set(used.values_list("time_zone", flat=True)) == {"America/New_York"}


def test_a_wrong_sum_is_found_and_worked_out_anew(company, capsys):
    invoice = issued(company, due_date=date(2099, 3, 1))
    take_in()
    OwedByDueDate.objects.update(owed=1)

    [fault] = faults()
    assert str(fault) == (
        f"OwedByDueDate: of company {company.pk}, currency ZAR, due_date 2099-03-01 differs from the sum of its rows: "
        "owed by -99.9999"
    )
    call_command("add_up", "--anew")
    assert list(faults()) == []
    pay(invoice, "40", company.today())
    call_command("add_up")
    assert waiting() == 0
    assert capsys.readouterr().out == "All sums were worked out anew.\n2 changes were added.\n"


def test_books_that_were_there_before_are_added_up_by_the_migration():
    make_books(seeded(13))
    for model in (*(topic.model for topic in (*summaries.OF_DOCUMENTS, *summaries.OF_ENTRIES, *summaries.OF_NOTES)),):
        model.objects.all().delete()
    for model in (WaitingInvoice, WaitingEntry, WaitingNote):
        model.objects.all().delete()
    assert list(differences()) != []

    import_module("reports.migrations.0004_first_sums").add_up(apps, connection.SchemaEditorClass(connection))

    assert list(faults()) == []


def test_a_dashboard_takes_as_many_statements_whatever_the_books_hold(company):
    client = api_client(make_user("Viewer", company))
    counts = []
    for _ in range(2):
        for _ in range(15):
            pay(issued(company), "1", company.today())
        with counted_statements() as statements:
            assert client.get("/api/reports/dashboard").status_code == 200
        counts.append(len(statements))
        take_in()

    assert counts[0] == counts[1] <= 10


# Payments and the worker at the same time


def books_of_payments(company):
    """Eight documents, and deeds that pay each ten times and take some of it back."""
    invoices = [issued(company, "1000", customer=make_customer(company)) for _ in range(8)]

    def keep_paying(invoice):
        for number in range(10):
            apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(number + 1))
            if number % 3 == 0:
                refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(1))

    return [lambda invoice=invoice: keep_paying(invoice) for invoice in invoices]


def keep(work, times):
    def deed():
        for _ in range(times):
            work()

    return deed


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_counted_twice_while_workers_add_up_and_others_pay():
    company = make_company()
    deeds = books_of_payments(company)

    results = race([*deeds, keep(take_in, 30), keep(take_in, 30), keep(work_out, 5), keep(see_all, 20)])

    assert results == [None] * len(results)
    assert list(differences()) == []
    take_in()
    assert (waiting(), list(faults())) == (0, [])
    assert Invoice.objects.filter(paid=51).count() == 8


def see_all():
    """At no moment does a reader see anything missing, or twice."""
    assert list(differences()) == []


def careless_take_in():
    """The control: the rows that wait are read, and then deleted, as of two moments."""
    with transaction.atomic(), connection.cursor() as cursor:
        for topic in summaries.OF_ENTRIES:
            cursor.execute(topic.adding(topic.waiting).format(entries="reports_waitingentry"))
        cursor.execute("SELECT pg_sleep(0.05)")
        cursor.execute("DELETE FROM reports_waitingentry")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_read_and_then_deleted_some_of_what_waits_is_lost():
    company = make_company()
    deeds = books_of_payments(company)

    race([*deeds, keep(careless_take_in, 20)])

    assert list(differences()) != []
