"""Who is reminded, of what, and when: once for each stage of an invoice, and never needlessly."""

from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from threading import Barrier

import pytest
import time_machine
from django.core.management import CommandError, call_command

from audit.actors import SYSTEM
from audit.books import faults
from audit.services import recording, write_version
from audit.tests.races import PATIENCE_SECONDS, outcomes, race
from audit.tests.tampering import without_constraint
from core.errors import StaleVersion
from invoices.lifecycle import WrongStatus
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft
from notifications.agreements.services import agree_about_invoice, agree_with_customer, save_settings
from notifications.models import DailyRun, MailSettings, Message
from notifications.reminders import services
from notifications.reminders.selectors import reminders_due
from notifications.reminders.services import prepare_reminders
from notifications.reminders.stages import StagesInvalid, due_stage
from notifications.schedule import beat
from notifications.services import deliver_due
from notifications.tests.factories import ADDRESS, make_sendable
from parties.tests.factories import make_company
from payments.services import apply_payment

pytestmark = pytest.mark.django_db

DUE = date(2026, 3, 31)
NOON = datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
"""Twelve o'clock in Johannesburg."""


def make_reminding_company(**settings):
    company = make_company()
    save_settings(actor=SYSTEM, company=company, remind=True, **settings)
    return company


def make_due(company, *, due=DUE, **details):
    return make_sendable(company, issue_date=date(2026, 3, 1), due_date=due, **details)


def due_on(company, day):
    settings = MailSettings.objects.get(company=company)
    return [(row.invoice.pk, row.stage) for row in reminders_due(settings, day)]


@pytest.mark.parametrize(
    ("day", "stage"),
    [
        (date(2026, 3, 27), None),
        (date(2026, 3, 28), -3),
        (date(2026, 3, 30), -3),
        (date(2026, 3, 31), 0),
        (date(2026, 4, 7), 7),
        (date(2026, 4, 14), 14),
        (date(2027, 4, 14), 14),
    ],
)
def test_the_latest_stage_that_a_day_has_reached_counts(day, stage):
    assert due_stage(DUE, day, [-3, 0, 7, 14], []) == stage


@pytest.mark.parametrize("done", [[0], [7], [-3, 0], [0, 14]])
def test_a_stage_is_not_due_once_it_or_a_later_one_was_done(done):
    assert due_stage(DUE, DUE, [-3, 0, 7, 14], done) is None


def test_an_invoice_gets_each_stage_once_and_skips_those_it_missed(postbox):
    company = make_reminding_company()
    invoice = make_due(company)
    days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 4, 8), date(2026, 4, 8), date(2026, 4, 20)]

    for day in days:
        with time_machine.travel(datetime.combine(day, time(12), tzinfo=UTC), tick=False):
            prepare_reminders(settings=MailSettings.objects.get(company=company), day=day)
            deliver_due()

    assert list(invoice.messages.order_by("id").values_list("key", flat=True)) == ["-3", "7", "14"]
    assert [mail["Subject"] for mail in postbox.mails] == [
        f"Reminder: invoice {invoice.number} from {company.name}"
    ] * 3
    assert "ZAR 115.00 are still open" in postbox.mails[0].get_body(("plain",)).get_content()
    assert list(faults()) == []


def test_nobody_is_reminded_of_what_is_paid_cancelled_promised_or_not_to_be_reminded_of():
    company = make_reminding_company()
    open_invoice, paid, cancelled, promised, silent, of_silent = (make_due(company) for _ in range(6))
    apply_payment(actor=SYSTEM, invoice_id=paid.pk, amount=paid.total, paid_at=date(2026, 3, 5))
    cancel_invoice(actor=SYSTEM, invoice_id=cancelled.pk)
    agree_about_invoice(actor=SYSTEM, invoice_id=promised.pk, do_not_remind=False, promised_on=date(2026, 4, 10))
    agree_about_invoice(actor=SYSTEM, invoice_id=silent.pk, do_not_remind=True, promised_on=None)
    agree_with_customer(actor=SYSTEM, customer_id=of_silent.customer_id, do_not_remind=True)

    assert due_on(company, date(2026, 4, 10)) == [(open_invoice.pk, 7)]
    assert due_on(company, date(2026, 4, 11)) == [(open_invoice.pk, 7), (promised.pk, 7)]


def test_what_was_paid_after_the_reminder_was_written_is_not_reminded_of(postbox):
    company = make_reminding_company()
    invoice = make_due(company)
    prepare_reminders(settings=MailSettings.objects.get(company=company), day=DUE)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=invoice.total, paid_at=date(2026, 3, 5))

    deliver_due()

    message = Message.objects.get(invoice=invoice)
    assert (message.state, message.error, postbox.tried) == ("needless", "The invoice was paid.", 0)


def test_reminders_are_written_once_a_day_when_the_company_s_clock_says_so(postbox):
    company = make_reminding_company(remind_at=time(8))
    make_due(company)
    before_eight = datetime(2026, 3, 31, 5, 59, tzinfo=UTC)

    beat(now=before_eight)
    assert not Message.objects.exists()
    beat(now=before_eight + timedelta(minutes=1))
    assert Message.objects.count() == 1
    make_due(company)
    beat(now=before_eight + timedelta(minutes=2))
    beat(now=before_eight)  # a clock that was set back
    assert Message.objects.count() == 1
    assert DailyRun.objects.get().messages == 1


def test_a_company_whose_reminders_cannot_be_written_stops_no_other(caplog):
    broken, sound = make_reminding_company(), make_reminding_company()
    make_due(broken)
    make_due(sound)
    with recording(actor=SYSTEM, action="test.broken") as change:
        row = MailSettings.objects.get(company=broken)
        write_version(row, change=change, stages=["soon"])

    beat(now=NOON)

    assert Message.objects.get().company == sound
    assert f"The reminders of company {broken.pk} could not be written." in caplog.text


def test_a_company_that_does_not_want_reminders_sends_none():
    make_due(make_company())

    beat(now=NOON)

    assert not Message.objects.exists()


def test_a_reminder_speaks_the_language_of_the_customer():
    company = make_reminding_company(language="en")
    invoice = make_due(company)
    agree_with_customer(actor=SYSTEM, customer_id=invoice.customer_id, do_not_remind=False, language="DE")

    prepare_reminders(settings=MailSettings.objects.get(company=company), day=DUE)

    assert Message.objects.get().subject.startswith(f"Erinnerung: Rechnung {invoice.number}")


def test_nothing_is_agreed_about_reminders_of_drafts_and_of_what_is_settled():
    draft = make_draft(make_company())
    cancelled = cancel_invoice(actor=SYSTEM, invoice_id=make_due(make_company()).pk)

    for invoice in (draft, cancelled):
        with pytest.raises(WrongStatus):
            agree_about_invoice(actor=SYSTEM, invoice_id=invoice.pk, do_not_remind=True, promised_on=None)


def test_what_was_agreed_is_changed_in_the_version_that_was_read():
    invoice = make_due(make_company())
    agree_about_invoice(actor=SYSTEM, invoice_id=invoice.pk, do_not_remind=True, promised_on=None)
    agree_about_invoice(actor=SYSTEM, invoice_id=invoice.pk, version=1, do_not_remind=False, promised_on=DUE)

    with pytest.raises(StaleVersion):
        agree_about_invoice(actor=SYSTEM, invoice_id=invoice.pk, version=1, do_not_remind=True, promised_on=None)


@pytest.mark.parametrize("stages", [[], [400], list(range(11))])
def test_stages_that_cannot_be_meant_are_refused(stages):
    with pytest.raises(StagesInvalid):
        make_reminding_company(stages=stages)


def remind(*arguments):
    said = StringIO()
    call_command("remind", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_lists_what_is_due_and_sends_it(postbox):
    company = make_reminding_company()
    invoice = make_due(company)
    make_due(company, email="")

    with time_machine.travel(NOON):
        listed = remind("--dry-run", "--date", "2026-04-07")
        assert not Message.objects.exists()
        said = remind()
        again = remind()

    assert f"{company}: {invoice.number}, due 2026-03-31, stage +7, ZAR 115.00 outstanding, to {ADDRESS}" in listed
    assert "The customer has no e-mail address." in listed
    assert said == f"{company}: 1 reminders written\n"
    assert again == f"{company}: 0 reminders written\n"
    assert [mail["To"] for mail in postbox.mails] == [ADDRESS]


def test_a_day_that_has_not_come_is_only_looked_at():
    make_reminding_company()

    with time_machine.travel(NOON), pytest.raises(CommandError, match="2026-04-01 has not come yet"):
        remind("--date", "2026-04-01")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_at_once_write_each_reminder_once(postbox):
    company = make_reminding_company()
    invoices = [make_due(company) for _ in range(20)]

    results = race([lambda: beat(now=NOON)] * 3)
    sent = race([lambda: deliver_due(limit=50)] * 3)

    assert results == [None] * 3
    assert sum(sent) == len(invoices)
    assert len(postbox.mails) == len(invoices) == len({mail["Message-ID"] for mail in postbox.mails})
    assert DailyRun.objects.get().messages == len(invoices)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_key_alone_makes_a_second_reminder_impossible(monkeypatch):
    # given: schedulers that do not take turns
    together = Barrier(3, timeout=PATIENCE_SECONDS)
    monkeypatch.setattr(services, "_take_turns", lambda settings: None)
    monkeypatch.setattr(services, "reminders_due", lambda *given: (reminders_due(*given), together.wait())[0])
    company = make_reminding_company()
    invoices = [make_due(company) for _ in range(20)]
    settings = MailSettings.objects.get(company=company)
    # when
    results = race([lambda: prepare_reminders(settings=settings, day=DUE)] * 3)
    # then: the others were refused by the database
    assert Message.objects.count() == len(invoices)
    assert sorted(outcomes(results).items()) == [("IntegrityError", 2), ("done", 1)]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_turns_and_without_the_key_there_are_second_reminders(monkeypatch):
    company = make_reminding_company()
    invoices = [make_due(company) for _ in range(20)]
    settings = MailSettings.objects.get(company=company)
    together = Barrier(3, timeout=PATIENCE_SECONDS)
    monkeypatch.setattr(services, "_take_turns", lambda settings: None)
    monkeypatch.setattr(services, "reminders_due", lambda *given: (reminders_due(*given), together.wait())[0])

    with without_constraint(Message, "message_unique"):
        race([lambda: prepare_reminders(settings=settings, day=DUE)] * 3)
        assert Message.objects.count() == 3 * len(invoices)
