import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from audit.models import Change
from fintrack.demo import PASSWORD, demo_exists, make_demo
from fintrack.demo_plan import plan_year
from invoices.models import Invoice, InvoiceLine
from parties.models import Company, Customer
from parties.tests.factories import make_company
from payments.models import Payment

DAYS = [date(2026, 11, 22), date(2027, 1, 1), date(2027, 3, 31), date(2028, 2, 29)]
ROLES = {
    "admin@demo.fintrack.test": "Admin",
    "finance@demo.fintrack.test": "Finance",
    "viewer@demo.fintrack.test": "Viewer",
    "auditor@demo.fintrack.test": "Auditor",
}


@pytest.fixture
def development(settings):
    settings.DEBUG = True


@pytest.fixture(scope="module")
def demo_data(django_db_setup, django_db_blocker):
    """Made once for all tests of this file, and rolled back after the last."""
    with django_db_blocker.unblock(), transaction.atomic():
        make_demo()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def demo(demo_data, db, development):
    return Company.objects.get(name="Demo Trading")


@pytest.mark.parametrize("today", DAYS)
def test_the_plan_is_the_same_each_time(today):
    assert plan_year(today) == plan_year(today)


@pytest.mark.parametrize("today", DAYS)
def test_the_plan_is_believable_on_any_day(today):
    plan = plan_year(today)

    issued = [row for row in plan if row.issued]
    open_rows = [row for row in issued if not row.paid_in_full]
    overdue = [row for row in open_rows if row.due_date < today]
    assert len(plan) == 150
    assert 3 <= len(plan) - len(issued) <= 10
    assert sum(row.paid_in_full for row in issued) > 100
    assert 10 <= len(overdue) <= 25
    assert any((today - row.due_date).days > 90 for row in overdue)
    assert any(row.payments for row in overdue)
    assert any(row.payments for row in open_rows if row.due_date >= today)
    assert any(len(row.payments) == 2 for row in issued)
    assert any(row.paid_in_full and row.payments[-1].day > row.due_date for row in issued)
    assert {len(row.items) for row in plan} == {1, 2, 3, 4, 5, 6}
    assert len({row.buyer for row in plan}) == 20
    assert sum(row.prices_include_vat for row in plan) > 5


@pytest.mark.parametrize("today", DAYS)
def test_the_plan_knows_no_impossible_dates(today):
    for row in plan_year(today):
        assert today - timedelta(days=370) <= row.issue_date <= today
        assert row.issue_date.weekday() < 5
        assert row.due_date >= row.issue_date
        assert all(row.issue_date <= payment.day < today for payment in row.payments)
        assert [payment.day for payment in row.payments] == sorted(payment.day for payment in row.payments)


@pytest.mark.django_db
def test_the_first_run_makes_it_and_says_so(development, capsys):
    call_command("demo")

    assert demo_exists()
    assert "Made Demo Trading and Other Company with 154 invoices." in capsys.readouterr().out


@pytest.mark.django_db
def test_with_debug_off_it_is_refused(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG off"):
        call_command("demo")

    assert not User.objects.exists()


@pytest.mark.django_db
def test_beside_other_data_it_is_refused(development):
    make_company()

    with pytest.raises(CommandError, match="an empty one only"):
        call_command("demo")

    assert not User.objects.exists()


@pytest.mark.django_db
def test_if_empty_leaves_other_data_alone_and_tells_the_addresses(development, capsys):
    make_company()

    call_command("demo", "--if-empty", "--address", "http://127.0.0.1:8765")

    assert not User.objects.exists()
    output = capsys.readouterr().out
    assert "http://127.0.0.1:8765/admin/" in output
    assert PASSWORD not in output


def test_both_companies_and_who_may_do_what(demo):
    assert (demo.currency, demo.time_zone, demo.default_vat_rate) == ("ZAR", "Africa/Johannesburg", Decimal("0.15"))
    assert demo.vat_number
    assert {m.user.email: str(m.role) for m in demo.memberships.all()} == ROLES
    other = Company.objects.get(name="Other Company")
    assert (other.currency, other.time_zone) == ("EUR", "Europe/Berlin")
    assert [(m.user.email, str(m.role)) for m in other.memberships.all()] == [("other@demo.fintrack.test", "Finance")]
    assert other.invoices.count() > 1
    assert not User.objects.filter(is_superuser=True).exists()
    assert all(user.check_password(PASSWORD) for user in User.objects.all())


def test_statuses_and_totals(demo):
    invoices = Invoice.objects.filter(company=demo)

    statuses = Counter(invoices.values_list("status", flat=True))
    assert set(statuses) == {"Draft", "Issued", "PartiallyPaid", "Paid"}
    assert statuses["Paid"] > statuses.total() / 2
    assert any(invoice.is_overdue for invoice in invoices)
    for invoice in invoices:
        paid = invoice.payments.aggregate(paid=Sum("amount"))["paid"] or Decimal(0)
        lines = invoice.lines.aggregate(net=Sum("line_total"), vat=Sum("vat_amount"))
        assert invoice.paid == paid
        assert (invoice.subtotal, invoice.vat_total) == (lines["net"], lines["vat"])
        assert invoice.subtotal + invoice.vat_total == invoice.total
    rates = InvoiceLine.objects.filter(invoice__company=demo).values_list("vat_rate", flat=True)
    assert set(rates) == {Decimal("0.15"), Decimal(0)}


def test_numbers_follow_the_dates(demo):
    issued = Invoice.objects.filter(company=demo).exclude(number=None).order_by("issue_date", "id")

    assert [invoice.number for invoice in issued] == sorted(invoice.number for invoice in issued)


def test_nothing_is_in_the_future(demo):
    assert not Payment.objects.filter(paid_at__gt=timezone.now()).exists()
    assert all(payment.paid_at.date() >= payment.invoice.issue_date for payment in Payment.objects.all())


def test_the_record_says_who_did_it(demo):
    actors = {
        action: set(Change.objects.filter(action=action, company_id=demo.pk).values_list("actor", flat=True))
        for action in ("user.created", "customer.created", "invoice.issued", "payment.applied")
    }

    assert actors["user.created"] == {"system:demo"}
    assert actors["customer.created"] == {"finance@demo.fintrack.test"}
    assert actors["invoice.issued"] == {"finance@demo.fintrack.test"}
    assert actors["payment.applied"] == {"finance@demo.fintrack.test"}


def test_the_books_are_proven(demo, capsys):
    call_command("verify_books")

    assert "0 faults" in capsys.readouterr().out


def test_a_customer_s_page_can_be_looked_at(demo, capsys, client):
    call_command("demo", "--address", "http://127.0.0.1:8765")

    [path] = re.findall(r"http://127.0.0.1:8765(/i/\S+)", capsys.readouterr().out)
    page = client.get(path)
    assert page.status_code == 200
    assert "Demo Trading" in page.content.decode()


def test_the_second_run_changes_nothing(demo, capsys):
    before = Change.objects.count()

    call_command("demo")

    assert Change.objects.count() == before
    assert Customer.objects.filter(company=demo).count() == 20
    output = capsys.readouterr().out
    assert "nothing was changed" in output
    assert "finance@demo.fintrack.test" in output
