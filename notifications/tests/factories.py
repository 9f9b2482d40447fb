"""Settings of mail and invoices to be sent, built through the services."""

from typing import Any

from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued
from notifications.services import save_settings
from parties.models import Company
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
