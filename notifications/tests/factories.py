"""Settings of mail and invoices to be sent, built through the services."""

from datetime import date
from typing import Any

from accounts.tests.factories import make_user
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued
from notifications.agreements.services import agree_with_customer, save_settings, save_template
from notifications.bounces.services import record_bounce
from notifications.digests.services import ask_for_digest
from notifications.services import deliver_due, request_sending
from parties.models import Company
from parties.services import update_customer
from parties.tests.factories import make_company, make_customer

ADDRESS = "accounts@acme.test"


def make_sending_company(**details: Any) -> Company:
    """A company that mails every invoice that it issues."""
    company = make_company(**details)
    save_settings(actor=SYSTEM, company=company, send_on_issue=True)
    return company


def make_sendable(company: Company | None = None, *, email: str = ADDRESS, **details: Any) -> Invoice:
    """An issued invoice of a customer with an address."""
    company = company or make_company()
    return make_issued(company, customer=make_customer(company, email=email), **details)


def make_mailable_draft(company: Company, *, email: str = ADDRESS) -> Invoice:
    """A draft for a customer with an address."""
    return make_draft(company, customer=make_customer(company, email=email))


def write_to(invoice: Invoice) -> None:
    """Settings, a template, what was agreed, and a mail about the invoice that was sent (to no mail server)."""
    save_settings(actor=SYSTEM, company=invoice.company, send_on_issue=True)
    save_template(
        actor=SYSTEM, company=invoice.company, kind="invoice", language="en", subject="Invoice", body="Here it is."
    )
    agree_with_customer(
        actor=SYSTEM, customer_id=invoice.customer_id, do_not_remind=False, promised_on=date(2026, 4, 1)
    )
    update_customer(actor=SYSTEM, customer_id=invoice.customer_id, email=ADDRESS)
    message = request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    deliver_due()
    record_bounce(actor=SYSTEM, message_id=message.pk, reason="550 No such user")
    ask_for_digest(actor=make_user("Auditor", invoice.company), company=invoice.company)
