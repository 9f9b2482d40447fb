"""The receipts and the credit that exist for a user, and what a customer's credit was on a day."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from core.errors import PermissionDenied
from core.money import ZERO
from core.scope import CompanyMember, visible_to
from invoices.lifecycle import Command, obstacle
from invoices.models import Invoice
from invoices.selectors import facts_of
from parties.models import Customer
from payments.accounts.models import AccountEntry, CustomerAccount, Receipt

HAS_CREDIT = Exists(
    CustomerAccount.objects.filter(customer=OuterRef("customer_id"), currency=OuterRef("currency"), balance__gt=0)
)
"""Whether the customer of an invoice has credit in its currency."""


def receipts_of(user: CompanyMember) -> QuerySet[Receipt]:
    """The receipts of the user's companies, with what was made of each."""
    rows = Receipt.objects.select_related("change").prefetch_related("payments", "account_entries")
    return visible_to(user, rows)


def account_entries_of(user: CompanyMember) -> QuerySet[AccountEntry]:
    """The movements of credit in the user's companies, with what a row shows."""
    return visible_to(user, AccountEntry.objects.select_related("change", "payment"))


def filtered_account_entries(entries: QuerySet[AccountEntry], **filters: Any) -> QuerySet[AccountEntry]:
    """The entries that fit all the filters (lookups of AccountEntry) that are not None."""
    return entries.filter(**{name: value for name, value in filters.items() if value is not None})


@dataclass(frozen=True)
class Credit:
    """The credit of a customer in a currency, and the version of its account as it is now."""

    currency: str
    balance: Decimal
    version: int


def credit_on(customer: Customer, as_of: datetime | date | None = None) -> list[Credit]:
    """The credit of the customer by currency, at a moment or at the end of a day: the sum of its entries until then.

    Summed here and not by the database: SQLite would add in floats.
    """
    entries = AccountEntry.objects.filter(customer=customer)
    if isinstance(as_of, datetime):
        entries = entries.filter(paid_at__lte=as_of)
    elif as_of is not None:
        end = datetime.combine(as_of + timedelta(days=1), time.min, customer.company.zone)
        entries = entries.filter(paid_at__lt=end)
    balances: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for account_id, amount in entries.order_by().values_list("account_id", "amount"):
        balances[account_id] += amount
    accounts = CustomerAccount.objects.filter(customer=customer).order_by("currency")
    return [Credit(account.currency, balances[account.pk], account.version) for account in accounts]


def obstacle_to_allocating(invoice: Invoice, user: Any) -> str | None:
    """The code in which the use of credit would end now for this user; None where it would succeed."""
    if not user.may("payments.allocate_credit", invoice.company_id):
        return PermissionDenied.code
    code = obstacle(Command.PAY, facts_of(invoice))
    return code or (None if _has_credit(invoice) else "credit_exceeded")


def _has_credit(invoice: Invoice) -> bool:
    """Whether its customer has credit in its currency; known where the whole document was read."""
    known: bool | None = getattr(invoice, "has_credit", None)
    if known is not None:
        return known
    accounts = CustomerAccount.objects.filter(customer=invoice.customer_id, currency=invoice.currency)
    return accounts.filter(balance__gt=0).exists()


def obstacle_to_writing_off(invoice: Invoice, user: Any) -> str | None:
    """The code in which a write-off would end now for this user; None where it would succeed."""
    if not user.may("payments.write_off", invoice.company_id):
        return PermissionDenied.code
    return obstacle(Command.PAY, facts_of(invoice))
