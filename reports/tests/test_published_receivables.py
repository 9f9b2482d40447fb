"""Real receivables, aged as their publisher's figures say."""

from datetime import date, datetime
from decimal import Decimal

import pytest
import time_machine

from audit.actors import SYSTEM
from invoices.services import Item, create_draft, issue_invoice
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment
from reports.dashboard import dashboards
from reports.periods import day_of, days_between
from reports.selectors import aged_receivables, outstanding, revenue

FIGURES = "aged_receivables_by_due_date_full_settlement_on_SettledDate"
BUCKETS = {
    "current": "not_due",
    "days1to30": "1-30",
    "days31to60": "31-60",
    "days61to90": "61-90",
    "over90": "over_90",
}


def day(text):
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007  # a calendar date


def load(rows, until=date.max):
    """A company with the published invoices, each settled in full on its day, if that is not after `until`."""
    company = make_company(currency="USD", time_zone="America/New_York", vat_number="", default_vat_rate=0)
    customers = {name: make_customer(company, name=name) for name in {row["customerID"] for row in rows}}
    for row in rows:
        amount = Decimal(row["InvoiceAmount"])
        draft = create_draft(
            actor=SYSTEM,
            company=company,
            customer_id=customers[row["customerID"]].pk,
            items=[Item(row["invoiceNumber"], Decimal(1), amount)],
            issue_date=day(row["InvoiceDate"]),
            due_date=day(row["DueDate"]),
        )
        issue_invoice(actor=SYSTEM, invoice_id=draft.pk)
        if day(row["SettledDate"]) <= until:
            apply_payment(actor=SYSTEM, invoice_id=draft.pk, amount=amount, paid_at=day(row["SettledDate"]))
    return company


@pytest.mark.django_db
def test_published_receivables_age_as_published(samples):
    """One test for all the days: loading 1,216 invoices through the services takes its time."""
    rows = samples.rows("transactions/ibm_accounts_receivable.csv")
    published = samples.json("transactions/ibm_accounts_receivable_oracle.json")
    company = load(rows)

    for text, figures in published[FIGURES].items():
        days = day_of([company], date.fromisoformat(text))
        (aging,), (open_now,) = aged_receivables(days), outstanding(days)
        assert {theirs: getattr(aging, ours) for ours, theirs in BUCKETS.items()} == {
            name: Decimal(amount) for name, amount in figures["buckets"].items()
        }
        assert aging.total == open_now.outstanding == Decimal(figures["open"])
        assert open_now.count == figures["open_invoices"]

    (everything,) = revenue(days_between([company], date(2012, 1, 1), date(2014, 12, 31)))
    assert everything.net == Decimal(published["amount_total"])
    assert outstanding(day_of([company], None)) == []


@pytest.mark.django_db
def test_the_home_page_shows_the_published_figures_of_its_day(samples):
    rows = samples.rows("transactions/ibm_accounts_receivable.csv")
    published = samples.json("transactions/ibm_accounts_receivable_oracle.json")
    text, figures = max(published[FIGURES].items(), key=lambda pair: pair[1]["open_invoices"])
    today = date.fromisoformat(text)
    company = load(rows, until=today)

    with time_machine.travel(datetime(today.year, today.month, today.day, 12, tzinfo=company.zone), tick=False):
        [shown] = dashboards([company])

    assert (shown.outstanding.count, shown.outstanding.amount) == (figures["open_invoices"], Decimal(figures["open"]))
    assert {BUCKETS[bucket.bucket]: bucket.amount for bucket in shown.aging} == {
        name: Decimal(amount) for name, amount in figures["buckets"].items()
    }
    for month in shown.months:
        assert month.invoiced == total_of(rows, "InvoiceDate", month.period, today)
        assert month.received == total_of(rows, "SettledDate", month.period, today)


def total_of(rows, column, month, today):
    """The amounts of the invoices whose day in the column is in the month, up to today."""
    days = ((day(row[column]), Decimal(row["InvoiceAmount"])) for row in rows)
    return sum((amount for one, amount in days if f"{one:%Y-%m}" == month and one <= today), Decimal(0))
