"""Every figure is the sum of its rows, to the last decimal, on both databases."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Cast

from audit.actors import SYSTEM
from core.model_fields import AmountField
from core.sums import amount_of, summable
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import refund_payment, reverse_payment
from reports.periods import BUCKETS, day_of, days_between
from reports.selectors import aged_receivables, outstanding, revenue, vat
from reports.tests.books import (
    bucket_by_hand,
    make_books,
    make_document,
    owed_by_hand,
    pay,
    revenue_by_hand,
    seeded,
    vat_by_hand,
)

pytestmark = pytest.mark.django_db

JOHANNESBURG = ZoneInfo("Africa/Johannesburg")
MARCH = (date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def company():
    return make_company()


def issued(company, total="100", issue_date=date(2026, 1, 1), due_date=date(2026, 1, 31), **details):
    """A document of exactly `total`."""
    item = make_item(total, vat_rate="0")
    return make_issued(company, item, issue_date=issue_date, due_date=due_date, **details)


def amounts(aging):
    return {bucket: getattr(aging, bucket) for bucket in BUCKETS if getattr(aging, bucket)}


# What the original got wrong


def test_vat_counts_neither_drafts_nor_cancelled_documents(company):
    day = {"issue_date": date(2026, 3, 5)}
    make_issued(company, make_item("100"), **day)
    make_draft(company, make_item("1000"), **day)
    cancel_invoice(actor=SYSTEM, invoice_id=make_issued(company, make_item("2000"), **day).pk)
    cancel_invoice(actor=SYSTEM, invoice_id=make_draft(company, make_item("3000"), **day).pk)

    (report,) = vat(days_between([company], *MARCH))

    assert report.vat_total == Decimal(15)
    assert [(rate.vat_category, rate.vat_rate, rate.taxable_amount) for rate in report.rates] == [
        ("S", Decimal("0.15"), Decimal(100))
    ]


def test_vat_counts_both_ends_of_the_period(company):
    for day in (date(2026, 2, 28), *MARCH, date(2026, 4, 1)):
        make_issued(company, make_item("100"), issue_date=day)

    (report,) = vat(days_between([company], *MARCH))

    assert report.vat_total == Decimal(30)


def test_revenue_counts_when_the_money_moved_where_the_company_is(company):
    """23:30 on the last of March in Johannesburg is March; in UTC, and by the time of capture, it were not."""
    invoice = issued(company, "1000")
    pay(invoice, "1", datetime(2026, 3, 1, 0, 0, tzinfo=JOHANNESBURG))
    pay(invoice, "10", datetime(2026, 3, 31, 23, 30, tzinfo=JOHANNESBURG))
    pay(invoice, "100", datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=JOHANNESBURG))
    pay(invoice, "200", datetime(2026, 4, 1, 0, 0, tzinfo=JOHANNESBURG))

    (march,) = revenue(days_between([company], *MARCH))
    (all_months,) = revenue(days_between([company], date(2026, 1, 1), date(2026, 6, 30)))

    assert march.received == march.net == Decimal(11)
    assert [(month.period, month.received) for month in all_months.periods] == [
        ("2026-02", Decimal(100)),
        ("2026-03", Decimal(11)),
        ("2026-04", Decimal(200)),
    ]


def test_months_follow_the_clocks_of_each_company():
    johannesburg, new_york = make_company(), make_company(time_zone="America/New_York")
    moment = datetime(2026, 3, 31, 23, 30, tzinfo=JOHANNESBURG) + timedelta(hours=4)
    for company in (johannesburg, new_york):
        pay(issued(company), "10", moment)

    reports = revenue(days_between([johannesburg, new_york], date(2026, 1, 1), date(2026, 6, 30)))

    assert [[month.period for month in report.periods] for report in reports] == [["2026-04"], ["2026-03"]]


def test_refunds_and_reversals_are_negative_and_apart(company):
    invoice = issued(company, "100")
    first, second = pay(invoice, "60", date(2026, 3, 2)), pay(invoice, "40", date(2026, 3, 3))
    refund_payment(
        actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(15), payment_id=first.pk, paid_at=date(2026, 3, 4)
    )
    reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=second.pk, paid_at=date(2026, 3, 5))

    (report,) = revenue(days_between([company], *MARCH))

    assert (report.received, report.refunds_and_reversals, report.net) == (Decimal(100), Decimal(-55), Decimal(45))


@pytest.mark.parametrize(
    ("overdue", "bucket"),
    [
        (-30, "current"),
        (0, "current"),
        (1, "days1to30"),
        (30, "days1to30"),
        (31, "days31to60"),
        (60, "days31to60"),
        (61, "days61to90"),
        (90, "days61to90"),
        (91, "over90"),
        (5000, "over90"),
    ],
)
def test_what_is_not_yet_due_is_current_and_the_rest_is_as_late_as_it_is(company, overdue, bucket):
    as_of = date(2026, 3, 31)
    due_date = as_of - timedelta(days=overdue)
    issued(company, "100", issue_date=min(as_of, due_date), due_date=due_date)

    (report,) = aged_receivables(day_of([company], as_of))

    assert amounts(report) == {bucket: Decimal(100)}
    assert amounts(report.customers[0]) == {bucket: Decimal(100)}


def test_as_of_knows_only_the_entries_up_to_the_end_of_that_day(company):
    invoice = issued(company, "100")
    pay(invoice, "30", datetime(2026, 3, 31, 23, 30, tzinfo=JOHANNESBURG))
    pay(invoice, "70", datetime(2026, 4, 1, 0, 0, tzinfo=JOHANNESBURG))

    owed = {day: outstanding(day_of([company], date.fromisoformat(day))) for day in ("2026-03-30", "2026-03-31")}

    assert owed["2026-03-30"][0].outstanding == Decimal(100)
    assert (owed["2026-03-31"][0].outstanding, owed["2026-03-31"][0].count) == (Decimal(70), 1)
    assert outstanding(day_of([company], date(2026, 4, 1))) == []
    assert outstanding(day_of([company], None)) == []


def test_a_document_paid_then_and_given_back_later_was_not_open(company):
    invoice = issued(company, "100")
    payment = pay(invoice, "100", date(2026, 3, 1))
    reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=payment.pk, paid_at=date(2026, 5, 1))

    assert outstanding(day_of([company], date(2026, 4, 30))) == []
    assert aged_receivables(day_of([company], date(2026, 4, 30))) == []
    (now,) = outstanding(day_of([company], date(2026, 5, 1)))
    assert (now.outstanding, now.count) == (Decimal(100), 1)


def test_as_of_knows_only_the_documents_up_to_that_day_and_no_drafts(company):
    issued(company, "100", issue_date=date(2026, 1, 2))
    make_draft(company, make_item("50"), issue_date=date(2026, 1, 1))

    assert outstanding(day_of([company], date(2026, 1, 1))) == []
    assert outstanding(day_of([company], date(2026, 1, 2)))[0].outstanding == Decimal(100)


@pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_document_cancelled_today_still_counts_yesterday_by_the_company_s_calendar(time_zone):
    """One of the two zones has another date than UTC, whenever this runs."""
    company = make_company(time_zone=time_zone)
    cancel_invoice(actor=SYSTEM, invoice_id=issued(company, "100").pk)
    today = company.today()

    assert outstanding(day_of([company], today)) == []
    assert outstanding(day_of([company], today - timedelta(days=1)))[0].outstanding == Decimal(100)


def test_the_ten_who_owe_most_come_first_and_of_equals_the_older_customer(company):
    customers = [make_customer(company) for _ in range(12)]
    for place, customer in enumerate(customers):
        issued(company, str(100 + place), customer=customer)
        issued(company, "1", customer=customer)
    issued(company, "11", customer=customers[0])

    (report,) = outstanding(day_of([company], None))

    assert (report.count, report.outstanding) == (25, Decimal(1289))
    assert [debtor.customer_id for debtor in report.top_debtors] == [
        customers[0].pk,
        *(customer.pk for customer in reversed(customers[3:])),
    ]


def test_a_debtor_goes_by_its_present_name(company):
    customer = make_customer(company, name="Old")
    issued(company, customer=customer)
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="New")
    issued(company, customer=customer)

    (report,) = outstanding(day_of([company], None))
    (aging,) = aged_receivables(day_of([company], None))

    assert [(debtor.customer_name, debtor.count) for debtor in report.top_debtors] == [("New", 2)]
    assert [customer.customer_name for customer in aging.customers] == ["New"]


def test_of_no_companies_there_is_nothing_to_say(company):
    issued(company)

    assert outstanding([]) == aged_receivables([]) == vat([]) == revenue([]) == []


# Exactness


def test_an_amount_is_added_as_a_number_that_each_database_adds_exactly_at_every_size(company):
    numbers = seeded(7)
    values = [0, 1, -1, 10**15 - 1, 1 - 10**15, 10**14 + 1, 333333333333333]
    values += [numbers.choice((1, -1)) * numbers.randrange(10 ** numbers.randint(1, 15)) for _ in range(300)]

    for units in values:
        written = Value(f"{Decimal(units).scaleb(-4):f}")
        row = Company.objects.annotate(amount=Cast(written, AmountField())).annotate(found=summable("amount"))
        found = row.values_list("found", flat=True).get(pk=company.pk)
        amount = Decimal(units).scaleb(-4)
        assert (found, amount_of(found)) == (units if connection.vendor == "sqlite" else amount, amount)


def test_sums_keep_every_decimal_where_floats_would_not():
    company = make_company(currency="CLF", vat_number="", default_vat_rate=0)
    customer = make_customer(company)
    for _ in range(5):
        items = [make_item("999999999.999999", quantity="100")]  # 99 999 999 999.9999
        invoice = make_issued(company, *items, customer=customer, issue_date=date(2026, 1, 1))
        pay(invoice, "0.1", date(2026, 3, 1))
        pay(invoice, "0.2", date(2026, 3, 1))
    days = days_between([company], date(2026, 1, 1), date(2026, 12, 31))

    assert vat(days)[0].rates[0].taxable_amount == Decimal("499999999999.9995")
    assert revenue(days)[0].received == Decimal("1.5")
    assert outstanding(day_of([company], date(2026, 2, 1)))[0].outstanding == Decimal("499999999999.9995")
    assert aged_receivables(day_of([company], None))[0].total == Decimal("499999999998.4995")


def test_an_invoice_paid_in_many_small_parts_is_not_open(company):
    invoice = issued(company, "0.30")
    for _ in range(3):
        pay(invoice, "0.10", date(2026, 3, 1))

    assert outstanding(day_of([company], date(2026, 3, 1))) == []
    assert outstanding(day_of([company], date(2026, 2, 28)))[0].outstanding == Decimal("0.30")


# The same figures, added up row by row in Python


def random_days(numbers):
    return [date(2025, 12, 31) + timedelta(days=numbers.randrange(240)) for _ in range(4)] + [
        date(2026, 1, 31),
        date(2026, 3, 31),
        date(2026, 12, 31),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_report_is_the_sum_of_its_rows(seed):
    numbers = seeded(seed)
    companies = make_books(numbers)
    make_document(stranger := make_company(), make_customer(stranger), seeded(seed))

    for last in random_days(numbers):
        first = last - timedelta(days=numbers.randrange(90))
        assert_revenue_and_vat_agree(companies, first, last)
        assert_aging_and_outstanding_agree(companies, last)


def assert_revenue_and_vat_agree(companies, first, last):
    days = days_between(companies, first, last)
    reports = revenue(days)
    assert {
        (report.company_id, report.currency, month.period): (month.received, month.refunds_and_reversals)
        for report in reports
        for month in report.periods
    } == revenue_by_hand(companies, first, last)
    assert all(report.net == sum(month.net for month in report.periods) for report in reports)
    assert {
        (report.company_id, report.currency, rate.vat_category, rate.vat_rate): (rate.taxable_amount, rate.vat_amount)
        for report in vat(days)
        for rate in report.rates
    } == vat_by_hand(companies, first, last)
    assert [report for report in reports if report.currency == "JPY"] == revenue(days, currency="JPY")
    assert [report for report in vat(days) if report.currency == "JPY"] == vat(days, currency="JPY")


def assert_aging_and_outstanding_agree(companies, as_of):
    expected = owed_by_hand(companies, as_of)
    days = day_of(companies, as_of)
    found = {
        (report.company_id, report.currency, debtor.customer_id): (debtor.outstanding, debtor.count)
        for report in outstanding(days)
        for debtor in report.top_debtors
    }
    assert found == {key: (sum(left for _, left in rows), len(rows)) for key, rows in expected.items()}
    aged = aged_receivables(days)
    for report in aged:
        for customer in report.customers:
            sums = defaultdict(Decimal)
            for overdue, left in expected[report.company_id, report.currency, customer.customer_id]:
                sums[bucket_by_hand(overdue)] += left
            assert amounts(customer) == sums
        for bucket in BUCKETS:
            assert getattr(report, bucket) == sum(getattr(customer, bucket) for customer in report.customers)
    assert [(report.company_id, report.currency, report.total) for report in aged] == [
        (report.company_id, report.currency, report.outstanding) for report in outstanding(days)
    ]
    assert sum(len(report.customers) for report in aged) == len(expected)
