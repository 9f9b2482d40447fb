"""The worker: a process that does what is due, whatever happens to it."""

import pytest
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult

from accounts.tests.factories import make_user
from invoices.services import issue_invoice
from notifications.models import Message
from notifications.services import request_sending
from notifications.tests.factories import make_mailable_draft, make_sendable, make_sending_company

pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    """Let a worker do what there is to do."""
    call_command("db_worker", batch=True, startup_delay=False, interval=0, verbosity=0)


def test_an_issued_invoice_reaches_its_customer_through_the_worker(postbox):
    company = make_sending_company()
    invoice = issue_invoice(actor=make_user("Finance", company), invoice_id=make_mailable_draft(company).pk)

    work()
    work()

    assert [mail["Subject"] for mail in postbox.mails] == [f"Invoice {invoice.number} from {company.name}"]
    assert Message.objects.get(invoice=invoice).state == "sent"


def test_what_nobody_asked_a_worker_to_do_is_found_by_the_clock(postbox):
    invoice = make_sendable()
    request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    DBTaskResult.objects.all().delete()

    work()

    assert len(postbox.mails) == 1
