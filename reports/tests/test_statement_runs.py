"""Runs of statements: to whom, what they say, and that nobody gets two of a month."""

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from audit.tests.races import PATIENCE_SECONDS, race
from audit.tests.tampering import without_constraint
from core.errors import NotFound
from invoices.services import cancel_invoice
from invoices.tests.factories import make_issued, make_item
from notifications.agreements.services import agree_with_customer, save_settings
from notifications.bounces.services import record_bounce
from notifications.kinds import Kind
from notifications.models import DailyRun, Delivery, Message, StatementRun
from notifications.schedule import beat
from notifications.services import deliver_due, retry_message
from notifications.tests.conftest import Postbox
from notifications.tests.test_worker import until
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment
from reports.statement_runs import services
from reports.statement_runs.accounts import Balance, accounts, month_of
from reports.statement_runs.services import MonthNotOver, NobodyChosen, prepare_due_statements, run_statements
from reports.statements import statement

pytestmark = pytest.mark.django_db

MARCH = date(2026, 3, 1)
APRIL_8 = datetime(2026, 4, 8, 7, 0, tzinfo=UTC)
"""Nine o'clock in Johannesburg."""


@pytest.fixture(autouse=True)
def april() -> Any:
    with time_machine.travel(APRIL_8):
        yield


def make_owing(company: Any, name: str = "Acme", *, issued: date = date(2026, 3, 10), **details: Any) -> Any:
    """A customer who owes 115.00 since that day."""
    customer = make_customer(company, name=name, email=details.pop("email", f"{name.lower()}@example.test"), **details)
    make_issued(company, make_item("100"), customer=customer, issue_date=issued, due_date=issued)
    return customer


def found(company: Any, month: date = MARCH) -> dict[str, dict[str, Balance]]:
    return {row.customer.name: row.balances for row in accounts(company, month_of(company, month))}


def test_those_who_owe_or_had_movements_get_a_statement_and_nobody_else() -> None:
    company = make_company()
    make_owing(company, "Owing")
    make_owing(company, "Before", issued=date(2026, 2, 1))
    settled = make_owing(company, "Settled", issued=date(2026, 2, 1))
    apply_payment(actor=SYSTEM, invoice_id=settled.invoices.get().pk, amount="115", paid_at=date(2026, 3, 31))
    gone = make_owing(company, "Gone", issued=date(2026, 2, 1))
    apply_payment(actor=SYSTEM, invoice_id=gone.invoices.get().pk, amount="115", paid_at=date(2026, 2, 28))
    make_owing(company, "Later", issued=date(2026, 4, 1))
    make_customer(company, name="Nothing")
    make_owing(make_company(), "Foreign")

    assert found(company) == {
        "Owing": {"ZAR": Balance(Decimal(0), Decimal(115), 1)},
        "Before": {"ZAR": Balance(Decimal(115), Decimal(115), 0)},
        "Settled": {"ZAR": Balance(Decimal(115), Decimal(0), 1)},
    }


def test_the_figures_are_those_of_the_statement_itself() -> None:
    company = make_company()
    customer = make_customer(company, email="a@example.test")
    for day, amount in ((date(2026, 2, 5), "100.10"), (date(2026, 3, 1), "0.10"), (date(2026, 3, 31), "0.20")):
        make_issued(company, make_item(amount), customer=customer, issue_date=day, due_date=day)
    first, _, third = customer.invoices.order_by("id")
    apply_payment(actor=SYSTEM, invoice_id=first.pk, amount="50.05", paid_at=date(2026, 2, 20))
    apply_payment(actor=SYSTEM, invoice_id=first.pk, amount="1.01", paid_at=date(2026, 3, 2))
    cancel_invoice(actor=SYSTEM, invoice_id=third.pk)
    for month in (date(2026, 1, 1), date(2026, 2, 1), MARCH, date(2026, 4, 1)):
        days = month_of(company, month)
        account = statement(customer, days, currency="ZAR")
        [of_run] = accounts(company, days, customer_ids=[customer.pk])
        balance = of_run.balances.get("ZAR", Balance())
        assert (balance.opening, balance.closing, balance.movements) == (
            account.opening_balance,
            account.closing_balance,
            len(account.movements),
        ), month


def test_a_statement_is_mailed_with_its_pdf_and_on_record(postbox: Postbox) -> None:
    company = make_company(name="Demo Trading")
    customer = make_owing(company)
    user = make_user("Finance", company)

    run_statements(actor=user, company=company, month=MARCH)
    deliver_due()

    [mail] = postbox.mails
    assert (mail["To"], mail["Subject"]) == (customer.email, "Statement for March 2026 from Demo Trading")
    text = mail.get_body(("plain",)).get_content()
    assert "from 1 March 2026 to 31 March 2026" in text
    assert "Balance at the end: ZAR 115.00." in text
    [file] = mail.iter_attachments()
    assert file.get_filename() == f"statement-{customer.pk}-2026-03-01-2026-03-31-ZAR.pdf"
    assert file.get_content().startswith(b"%PDF")
    delivery = Delivery.objects.get()
    assert (delivery.customer, delivery.invoice, delivery.change.action) == (customer, None, "statement.sent")
    assert Change.objects.filter(action="statement_run.requested", actor=user.email).count() == 1
    assert list(faults()) == []


def test_dates_and_amounts_are_written_in_the_language_of_the_customer() -> None:
    company = make_company(name="Demo Trading")
    customer = make_customer(company, name="Müller", email="m@example.test")
    make_issued(company, make_item("1000"), customer=customer, issue_date=MARCH, due_date=MARCH)
    agree_with_customer(actor=SYSTEM, customer_id=customer.pk, do_not_remind=False, language="de")

    run_statements(actor=SYSTEM, company=company, month=MARCH)

    message = Message.objects.get()
    assert message.subject == "Kontoauszug März 2026 von Demo Trading"
    assert "vom 1. März 2026 bis zum 31. März 2026" in message.body
    assert "Saldo am Ende: ZAR 1.150,00." in message.body


def test_a_second_run_of_a_month_gives_only_what_the_first_left_out() -> None:
    company = make_company()
    first, second = make_owing(company, "First"), make_owing(company, "Second")

    chosen = run_statements(actor=SYSTEM, company=company, month=MARCH, customer_ids=[first.pk])
    rest = run_statements(actor=SYSTEM, company=company, month=MARCH)
    again = run_statements(actor=SYSTEM, company=company, month=MARCH)

    assert [message.customer for message in chosen.messages.all()] == [first]
    assert [message.customer for message in rest.messages.all()] == [second]
    assert again.messages.count() == 0


def test_who_has_no_address_has_a_statement_that_failed_and_is_sent_once_there_is_one(postbox: Postbox) -> None:
    company = make_company()
    customer = make_owing(company, email="")
    run_statements(actor=SYSTEM, company=company, month=MARCH)
    message = Message.objects.get()
    assert (message.state, message.error) == ("failed", "The customer has no e-mail address.")

    update_customer(actor=SYSTEM, customer_id=customer.pk, email="late@example.test")
    retry_message(actor=SYSTEM, message_id=message.pk)
    deliver_due()

    assert [mail["To"] for mail in postbox.mails] == ["late@example.test"]


def test_a_month_that_is_not_over_nobody_and_strangers_are_refused() -> None:
    company = make_company()
    stranger = make_customer(make_company())

    with pytest.raises(MonthNotOver):
        run_statements(actor=SYSTEM, company=company, month=date(2026, 4, 1))
    with pytest.raises(NobodyChosen):
        run_statements(actor=SYSTEM, company=company, month=MARCH, customer_ids=[])
    with pytest.raises(NotFound):
        run_statements(actor=SYSTEM, company=company, month=MARCH, customer_ids=[stranger.pk])
    assert not StatementRun.objects.exists()


def make_scheduled(day: int = 8, at: time = time(9, 0)) -> Any:
    company = make_company()
    save_settings(actor=SYSTEM, company=company, statement_day=day, remind_at=at)
    return company


def test_the_schedule_makes_the_run_of_last_month_when_its_day_and_time_have_come() -> None:
    company = make_scheduled()
    make_owing(company)
    # the database's clock is the real one: the schedule is tried in the month after it
    due = _next_eighth(Change.objects.get(action="mail_settings.saved").at, APRIL_8)

    with time_machine.travel(due):
        beat(now=due - timedelta(minutes=1))
        assert not StatementRun.objects.exists()
        beat(now=due)
        beat(now=due + timedelta(days=1))
        beat(now=due - timedelta(hours=1))  # a clock that was set back

        run = StatementRun.objects.get()
        assert run.month == (due.replace(day=1) - timedelta(days=1)).date().replace(day=1)
        assert (run.requested_by, run.messages.count()) == ("system:statements", 1)


def _next_eighth(after: datetime, like: datetime) -> datetime:
    """The first 8th, nine o'clock in Johannesburg, after that moment."""
    due = after.replace(day=8, hour=like.hour, minute=0, second=0, microsecond=0)
    while due <= after:
        due = (due + timedelta(days=31)).replace(day=8)
    return due


def test_a_day_that_was_past_when_the_settings_were_saved_is_not_made_up_for() -> None:
    company = make_scheduled(day=1)
    make_owing(company)

    prepare_due_statements(APRIL_8)

    assert not StatementRun.objects.exists()


def test_a_company_whose_run_fails_stops_no_other(monkeypatch: Any, caplog: Any) -> None:
    broken, sound = make_scheduled(), make_scheduled()
    make_owing(sound)
    due = _next_eighth(Change.objects.latest("id").at, APRIL_8)
    monkeypatch.setattr(
        services, "run_statements", lambda **given: 1 / 0 if given["company"] == broken else run_statements(**given)
    )

    with time_machine.travel(due):
        beat(now=due)

    assert StatementRun.objects.get().company == sound
    assert f"The statements of company {broken.pk} could not be made." in caplog.text


def statements(*arguments: str) -> str:
    said = StringIO()
    call_command("statements", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_lists_and_sends(postbox: Postbox) -> None:
    company = make_company()
    make_owing(company)
    make_owing(company, "Silent", email="")

    listed = statements("--company", str(company.pk), "--month", "2026-03", "--dry-run")
    assert not Message.objects.exists()
    said = statements("--company", str(company.pk))
    again = statements("--company", str(company.pk))

    assert f"{company}: Acme, ZAR 115.00, to acme@example.test\n" in listed
    assert f"{company}: Silent, ZAR 115.00, The customer has no e-mail address.\n" in listed
    assert (said, again) == (f"{company}: 2 statements written\n", f"{company}: 0 statements written\n")
    assert len(postbox.mails) == 1
    with pytest.raises(CommandError, match="Statements are sent of months that are over"):
        statements("--company", str(company.pk), "--month", "2026-04")


def test_a_run_over_rest_is_tried_made_and_read() -> None:
    company = make_company()
    customer = make_owing(company)
    make_owing(company, "Silent", email="")
    client = api_client(make_user("Finance", company))
    body = {"month": "2026-03"}

    dry = client.post("/api/statement-runs?dryRun=true", body).json()
    assert dry["states"] == [{"state": "failed", "count": 1}, {"state": "waiting", "count": 1}]
    assert not Message.objects.exists()
    made = client.post("/api/statement-runs", body)

    assert (made.status_code, made.json()["month"], made.headers["Location"]) == (
        201,
        "2026-03",
        f"/api/statement-runs/{made.json()['id']}",
    )
    assert client.get(made.headers["Location"]).json() == made.json()
    results = client.get(made.headers["Location"] + "/results").json()["results"]
    assert {(row["customerName"], row["state"], row["error"]) for row in results} == {
        (customer.name, "waiting", ""),
        ("Silent", "failed", "The customer has no e-mail address."),
    }
    assert [row["id"] for row in client.get("/api/statement-runs").json()["results"]] == [made.json()["id"]]
    assert client.post("/api/statement-runs", {"month": "2026-13"}).json()["errors"][0]["field"] == "month"
    assert client.post("/api/statement-runs", {"month": "2026-04"}).json()["code"] == "month_not_over"


def test_the_page_of_the_company_previews_the_run_and_sends_to_those_who_are_ticked(client: Any) -> None:
    company = make_company()
    wanted, unwanted, refused = (make_owing(company, name) for name in ("Wanted", "Unwanted", "Refused"))
    bounced = run_statements(actor=SYSTEM, company=company, month=date(2026, 2, 1), customer_ids=[refused.pk])
    Message.objects.filter(run=bounced).update(state="sent", sent_at=APRIL_8)
    record_bounce(actor=SYSTEM, message_id=bounced.messages.get().pk, reason="550 gone")
    client.force_login(make_user("Finance", company))
    page = reverse("admin:parties_company_statements", args=[company.pk])

    shown = client.get(page).content.decode()
    assert f'value="{wanted.pk}" aria-label="Wanted" checked' in shown
    assert f'value="{refused.pk}" aria-label="Refused">' in shown
    assert "came back on 2026-04-08" in shown
    nobody = client.post(page, {"version": 1, "month": "2026-03-01"}).content.decode()
    assert "Choose at least one customer." in nobody
    reply = client.post(page, {"version": 1, "month": "2026-03-01", "customer": [wanted.pk]}, follow=True)

    assert "1 statement is on its way." in reply.content.decode()
    assert [message.customer for message in Message.objects.filter(key="2026-03")] == [wanted]
    assert unwanted.name in client.get(page).content.decode()
    assert "There is a statement of this month already." in client.get(page).content.decode()


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_who_may_not_send_has_no_such_page(client: Any, role: str) -> None:
    company = make_company()
    client.force_login(make_user(role, company))

    assert client.get(reverse("admin:parties_company_statements", args=[company.pk])).status_code == 403


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_three_runs_at_once_make_each_statement_once(monkeypatch: Any) -> None:
    company = _many_at_once(monkeypatch)

    results = race([lambda: run_statements(actor=SYSTEM, company=company, month=MARCH)] * 3)

    assert all(isinstance(result, StatementRun) for result in results), results
    assert Message.objects.filter(kind=Kind.STATEMENT).count() == 20
    assert sum(run.messages.count() for run in StatementRun.objects.all()) == 20


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_the_key_three_runs_at_once_make_each_statement_three_times(monkeypatch: Any) -> None:
    company = _many_at_once(monkeypatch)

    with without_constraint(Message, "message_statement_unique"):
        race([lambda: run_statements(actor=SYSTEM, company=company, month=MARCH)] * 3)
        assert Message.objects.filter(kind=Kind.STATEMENT).count() == 60
        Message.objects.all().delete()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_at_once_make_one_run() -> None:
    company = make_scheduled()
    for number in range(10):
        make_owing(company, f"Customer {number}".replace(" ", ""))
    due = _next_eighth(Change.objects.latest("id").at, APRIL_8)

    with time_machine.travel(due):
        race([lambda: prepare_due_statements(due)] * 3)

    assert StatementRun.objects.get().messages.count() == 10
    assert DailyRun.objects.get(kind=Kind.STATEMENT).messages == 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_leaves_nothing_and_the_next_one_does_it_all() -> None:
    company = make_company()
    january = date(2020, 1, 10)
    owing = [make_owing(company, f"Customer{number}", issued=january) for number in range(10)]
    arguments = ("--company", str(company.pk), "--month", "2020-01")
    # given: a run that waits, in the middle of its work, for the end of another one, and is killed
    with transaction.atomic():
        rival = Message(company=company, kind=Kind.STATEMENT, customer=owing[-1], key="2020-01", state="failed")
        rival.save(force_insert=True)
        with subprocess.Popen([sys.executable, "manage.py", "statements", *arguments], **_own_process()) as process:
            try:
                until(_waits_for_a_lock)
            finally:
                process.send_signal(signal.SIGKILL)
        transaction.set_rollback(True)
    # then
    assert not StatementRun.objects.exists()
    assert not Message.objects.exists()
    assert statements(*arguments) == f"{company}: 10 statements written\n"
    assert statements(*arguments) == f"{company}: 0 statements written\n"


def _own_process() -> dict[str, Any]:
    """How a process on the database of the tests is started."""
    database = connection.settings_dict
    server = f"{database['USER']}:{database['PASSWORD']}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}"
    url = f"postgres://{server}/{database['NAME']}"
    names = {"DEBUG": "on", "DJANGO_SETTINGS_MODULE": "fintrack.settings", "DATABASE_URL": url}
    return {"cwd": settings.BASE_DIR, "env": os.environ | names}


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s",
            [connection.settings_dict["NAME"]],
        )
        return bool(cursor.fetchone()[0])


def _many_at_once(monkeypatch: Any) -> Any:
    """A company with twenty customers, of whom three runs at once all find that none has a statement."""
    company = make_company()
    for number in range(20):
        make_owing(company, f"Customer{number}")
    together = Barrier(3, timeout=PATIENCE_SECONDS)

    def all_found(*given: Any, **options: Any) -> Any:
        rows = list(accounts(*given, **options))
        together.wait()
        return rows

    monkeypatch.setattr(services, "accounts", all_found)
    return company
