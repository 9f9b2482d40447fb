"""Each figure of the home page is the sum of its rows."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import api_client, make_user
from credits.models import CreditNote
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from reports.dashboard import dashboards
from reports.figures import Owed
from reports.tests.books import bucket_by_hand, make_books, owed_by_hand, pay, revenue_by_hand, seeded

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


def only(company, **wanted):
    [dashboard] = dashboards([company], **wanted)
    return dashboard


def test_an_empty_company_has_one_of_zeros_in_its_own_currency():
    company = make_company(currency="EUR")

    dashboard = only(company)

    assert (dashboard.company_id, dashboard.currency, dashboard.today) == (company.pk, "EUR", company.today())
    assert dashboard.outstanding == dashboard.overdue == dashboard.drafts == Owed("EUR", 0, ZERO)
    assert [bucket.bucket for bucket in dashboard.aging] == [
        "current",
        "days1to30",
        "days31to60",
        "days61to90",
        "over90",
    ]
    assert {(month.invoiced, month.received, month.refunds_and_reversals) for month in dashboard.months} == {
        (ZERO, ZERO, ZERO)
    }
    assert dashboard.top_debtors == []


def test_the_companys_own_currency_comes_first_and_each_is_apart():
    company = make_company(currency="ZAR")
    for currency, amount in (("EUR", "10"), ("ZAR", "100"), ("CHF", "1")):
        make_draft(company, make_item(amount, vat_rate="0"), currency=currency)

    assert [(one.currency, one.drafts.count, one.drafts.amount) for one in dashboards([company])] == [
        ("ZAR", 1, Decimal(100)),
        ("CHF", 1, Decimal(1)),
        ("EUR", 1, Decimal(10)),
    ]
    assert only(company, currency="EUR").drafts == Owed("EUR", 1, Decimal(10))
    assert dashboards([company], currency="JPY") == []


def test_months_are_the_twelve_up_to_this_one_where_the_company_is():
    """A quarter to midnight in New York, when it is April in Johannesburg already."""
    now = datetime(2026, 3, 31, 23, 45, tzinfo=ZoneInfo("America/New_York"))
    with time_machine.travel(now, tick=False):
        new_york, johannesburg = make_company(time_zone="America/New_York"), make_company()
        for company in (new_york, johannesburg):
            pay(make_issued(company), "15", now)
        there, here = dashboards([new_york, johannesburg])

    assert [month.period for month in there.months][:: len(there.months) - 1] == ["2025-04", "2026-03"]
    assert (there.this_month.period, there.this_month.invoiced, there.this_month.net) == ("2026-03", 115, 15)
    assert (here.this_month.period, here.this_month.invoiced, here.this_month.net) == ("2026-04", 115, 15)


@pytest.mark.parametrize("seed", [4, 5])
def test_every_figure_is_the_sum_of_its_rows(seed):
    """On books whose documents and entries are mostly of the last twelve months."""
    today = timezone.localdate()
    companies = make_books(seeded(seed), year=today.year if today.month > 8 else today.year - 1)

    found = dashboards(companies)

    owed = owed_by_hand([companies[0]], today) | owed_by_hand([companies[1]], companies[1].today())
    moved = revenue_by_hand(companies, today - timedelta(days=400), today)
    for one in found:
        own = {key[2]: rows for key, rows in owed.items() if key[:2] == (one.company_id, one.currency)}
        assert_owed(one, own)
        assert_months(one, moved)
        drafts = Invoice.objects.filter(company_id=one.company_id, currency=one.currency, status="Draft")
        assert (one.drafts.count, one.drafts.amount) == (len(drafts), sum((draft.total for draft in drafts), ZERO))
    assert {(one.company_id, one.currency) for one in found} >= {key[:2] for key in owed}


def assert_owed(one, by_customer):
    by_bucket = defaultdict(list)
    for overdue, left in (row for rows in by_customer.values() for row in rows):
        by_bucket[bucket_by_hand(overdue)].append(left)
    assert {bucket.bucket: (bucket.count, bucket.amount) for bucket in one.aging if bucket.count} == {
        bucket: (len(amounts), sum(amounts)) for bucket, amounts in by_bucket.items()
    }
    late = [left for rows in by_customer.values() for overdue, left in rows if overdue > 0]
    assert (one.overdue.count, one.overdue.amount) == (len(late), sum(late))
    sums = {customer: sum(left for _, left in rows) for customer, rows in by_customer.items()}
    assert [(debtor.customer_id, debtor.outstanding) for debtor in one.top_debtors] == sorted(
        sums.items(), key=lambda pair: (-pair[1], pair[0])
    )[:10]


def assert_months(one, moved):
    issued = Invoice.objects.filter(company_id=one.company_id, currency=one.currency, issued_at__isnull=False)
    invoiced = defaultdict(Decimal)
    for invoice in issued.filter(cancelled_at__isnull=True):
        invoiced[str(invoice.issue_date)[:7]] += invoice.total
    for note in CreditNote.objects.filter(company_id=one.company_id, currency=one.currency):
        invoiced[str(note.issue_date)[:7]] -= note.total
    for month in one.months:
        key = (one.company_id, one.currency, month.period)
        assert month.invoiced == invoiced[month.period]
        assert (month.received, month.refunds_and_reversals) == moved.get(key, (ZERO, ZERO))


def test_the_dashboard_over_rest():
    company = make_company()
    client = api_client(make_user("Viewer", company))
    customer = make_customer(company, name="Acme")
    pay(make_issued(company, make_item("100"), customer=customer), "15", company.today())
    make_draft(company, make_item("20"))

    reply = client.get("/api/reports/dashboard", {"companyId": company.pk})

    assert reply.status_code == 200, reply.content
    body = reply.json()
    assert (body["companyId"], body["currency"]) == (company.pk, None)
    [figures] = body["results"]
    assert (figures["currency"], figures["today"]) == ("ZAR", str(company.today()))
    assert figures["outstanding"] == {"count": 1, "amount": "100.00"}
    assert figures["overdue"] == {"count": 0, "amount": "0.00"}
    assert figures["drafts"] == {"count": 1, "amount": "23.00"}
    month = {"invoiced": "115.00", "received": "15.00", "refundsAndReversals": "0.00", "net": "15.00"}
    assert figures["thisMonth"] == figures["months"][-1] == {"period": str(company.today())[:7], **month}
    assert figures["aging"][0] == {"bucket": "current", "count": 1, "amount": "100.00"}
    assert figures["topDebtors"] == [{"customerId": customer.pk, "customerName": "Acme", "outstanding": "100.00"}]
    assert client.get("/api/reports/dashboard", {"format": "csv"}).status_code == 400
