"""Recurring invoices that send themselves: by the worker, once, whatever the company does with others."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.actors import SYSTEM
from audit.books import faults
from invoices.models import Invoice
from invoices.recurring.models import RecurringInvoice
from invoices.recurring.run import run_all_due, run_recurring
from invoices.recurring.services import update_recurring
from invoices.services import issue_invoice
from invoices.tests.factories import make_recurring
from notifications.agreements.services import save_settings
from notifications.models import Message
from notifications.schedule import beat
from notifications.services import deliver_due
from notifications.tests.factories import ADDRESS, make_sending_company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def make_due(company: Any, on_run: str, *, email: str = ADDRESS, **details: Any) -> RecurringInvoice:
    """A recurring invoice that is due today."""
    customer = make_customer(company, email=email)
    return make_recurring(company, customer=customer, start_date=company.today(), on_run=on_run, **details)


def messages_of(recurring: RecurringInvoice) -> list[str]:
    return list(Message.objects.filter(invoice__recurring_invoice=recurring).values_list("state", flat=True))


def test_the_worker_makes_what_is_due_and_mails_it_once(postbox: Any) -> None:
    company = make_company()
    sent, issued = make_due(company, "send"), make_due(company, "issue")
    left = make_due(company, "draft")

    for _ in range(3):
        beat()
        while deliver_due(now=timezone.now() + timedelta(days=1)):
            pass

    assert (messages_of(sent), messages_of(issued), messages_of(left)) == (["sent"], [], [])
    [mail] = postbox.mails
    assert mail["Subject"].startswith("Invoice INV-")
    assert Invoice.objects.count() == 3
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("clock", "leaves"),
    [("2027-03-31T22:05Z", "2027-04-01T07:30+02:00"), ("2027-04-01T09:00+02:00", "2027-04-01T09:00+02:00")],
)
def test_what_recurs_is_made_from_midnight_on_and_mailed_from_the_companys_time_of_day_on(
    monkeypatch: pytest.MonkeyPatch, clock: str, leaves: str
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromisoformat(clock))
    company = make_company(time_zone="Africa/Johannesburg")
    save_settings(actor=SYSTEM, company=company, remind_at=time(7, 30))
    recurring = make_due(company, "send")

    run_all_due(now=timezone.now())

    assert recurring.invoices.get().issue_date == date(2027, 4, 1)
    assert Message.objects.get().next_attempt_at == datetime.fromisoformat(leaves)


def test_what_a_person_issues_at_night_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    night = datetime.fromisoformat("2027-04-01T03:00+02:00")
    monkeypatch.setattr(timezone, "now", lambda: night)
    recurring = make_due(make_company(time_zone="Africa/Johannesburg"), "send")

    run_recurring(actor=SYSTEM, recurring_id=recurring.pk)

    assert Message.objects.get().next_attempt_at == night


def test_a_company_that_sends_what_it_issues_sends_what_recurs_once() -> None:
    company = make_sending_company()
    both, issued = make_due(company, "send"), make_due(company, "issue")

    beat()

    assert (messages_of(both), messages_of(issued)) == (["waiting"], ["waiting"])


def test_without_an_address_the_invoice_is_issued_and_its_message_failed() -> None:
    recurring = make_due(make_company(), "send", email="")

    beat()

    assert messages_of(recurring) == ["failed"]
    assert recurring.invoices.get().status == "Issued"


def test_a_draft_of_one_that_was_told_to_send_is_sent_when_somebody_issues_it() -> None:
    recurring = make_due(make_company(), "draft")
    beat()
    update_recurring(actor=SYSTEM, recurring_id=recurring.pk, on_run="send")
    issue_invoice(actor=SYSTEM, invoice_id=recurring.invoices.get().pk)

    assert messages_of(recurring) == ["waiting"]


def test_a_run_that_fails_leaves_the_rest_of_the_beat_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    company = make_company()
    recurring = make_due(company, "send")
    monkeypatch.setattr("invoices.recurring.run.run_company", lambda **_: 1 / 0)

    beat()

    assert messages_of(recurring) == []


def test_the_command_lists_and_makes_what_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    company = make_company(name="Books")
    today = company.today()
    recurring = make_due(company, "issue", interval="day", name="Daily")
    failing = make_recurring(company, start_date=today, name="Gone")
    update_customer(actor=SYSTEM, customer_id=failing.customer_id, archived=True)
    tomorrow = today + timedelta(days=1)

    call_command("bill", dry_run=True, date=tomorrow)
    assert capsys.readouterr().out.splitlines()[0] == (
        f"Books: Daily to {recurring.customer}, {today}, {tomorrow} (issue)"
    )
    assert not Invoice.objects.exists()
    with pytest.raises(CommandError, match="has not come yet"):
        call_command("bill", date=tomorrow)
    call_command("bill")
    assert capsys.readouterr().out == "Books: 1 invoices made, 1 recurring invoices set aside (see their problems)\n"
    assert recurring.invoices.count() == 1


def test_nothing_is_due_before_its_day() -> None:
    company = make_company(time_zone="UTC")
    recurring = make_recurring(company, start_date=company.today() + timedelta(days=1))

    beat(now=timezone.now())

    assert not recurring.invoices.exists()
