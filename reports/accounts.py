"""What a customer owes, for one page about it: fast however many invoices it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from audit.models import Change
from core.sums import amount_of, summable
from invoices.models import IS_OPEN, Invoice
from invoices.selectors import billed_currencies, open_invoice_ids
from parties.models import Customer
from payments.models import Payment

INVOICES_SHOWN = 10
PAYMENTS_SHOWN = 5
CHANGES_SHOWN = 5
INVOICES_LOOKED_AT = 500
"""Of how many of a customer's newest invoices the latest payments are looked for: entries know no customer."""


@dataclass(frozen=True)
class Balance:
    """What a customer owes in one currency, on how many invoices, and how much of it is overdue."""

    currency: str
    count: int
    outstanding: Decimal
    overdue: Decimal


@dataclass(frozen=True)
class Account:
    """A customer's page: what it owes, the open invoices due first, and what happened last."""

    balances: list[Balance]
    open_invoices: list[Invoice]
    payments: list[Payment]
    changes: list[Change]

    @property
    def open_count(self) -> int:
        """How many invoices are open, in all currencies."""
        return sum(balance.count for balance in self.balances)


def account_of(customer: Customer) -> Account:
    """What there is to know of the customer at a glance."""
    return Account(
        balances=list(_balances(customer)),
        open_invoices=_due_first(customer),
        payments=_latest_payments(customer),
        changes=_changes(customer),
    )


def _balances(customer: Customer) -> Iterator[Balance]:
    """For each currency in which something is open."""
    overdue = Q(due_date__lt=customer.company.today())
    for currency in billed_currencies(customer.company_id):
        # Named as the index of what is open has them, so that no row is read.
        invoices = Invoice.objects.filter(IS_OPEN, company=customer.company_id, currency=currency, customer=customer)
        sums = invoices.order_by().aggregate(
            count=Count("pk"), owed=Sum(summable("outstanding")), late=Sum(summable("outstanding"), filter=overdue)
        )
        if sums["count"]:
            yield Balance(currency, sums["count"], amount_of(sums["owed"]), amount_of(sums["late"]))


def _due_first(customer: Customer) -> list[Invoice]:
    ids = open_invoice_ids(customer.company_id, [customer.pk], most=INVOICES_SHOWN)
    return list(Invoice.objects.filter(pk__in=ids).select_related("company").order_by("due_date", "pk"))


def _latest_payments(customer: Customer) -> list[Payment]:
    newest = Invoice.objects.filter(customer=customer).order_by("-created_at", "-id")
    ids = list(newest.values_list("pk", flat=True)[:INVOICES_LOOKED_AT])
    entries = Payment.objects.filter(invoice__in=ids).select_related("invoice", "change", "company")
    return list(entries.order_by("-pk")[:PAYMENTS_SHOWN])


def _changes(customer: Customer) -> list[Change]:
    versions = Customer.history.filter(id=customer.pk).order_by("-version").select_related("change")
    return [version.change for version in versions[:CHANGES_SHOWN]]
