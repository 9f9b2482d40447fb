"""Credit and what is done with it, for tests, built through the services."""

from decimal import Decimal

from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.models import Company, Customer
from payments.accounts.services import Received, allocate_credit, receive_payment, write_off
from payments.models import Payment


def make_credit(customer: Customer, amount: str = "50") -> Received:
    """Money of the customer that no invoice takes, in the currency of the company."""
    return receive_payment(actor=SYSTEM, customer_id=customer.pk, amount=Decimal(amount), remainder="credit")


def make_allocation(invoice: Invoice, amount: str = "10") -> Payment:
    """So much of the invoice paid from credit, of which more is left."""
    make_credit(invoice.customer)
    return allocate_credit(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount))


def make_written_off(company: Company) -> Invoice:
    """An issued invoice of which all is written off."""
    return write_off(actor=SYSTEM, invoice_id=make_issued(company).pk, reason="Small").invoice
