"""The ledger entries that exist for a user."""

from typing import Any

from django.db.models import QuerySet

from core.scope import CompanyMember, visible_to
from payments.models import Payment


def payments_of(user: CompanyMember) -> QuerySet[Payment]:
    """The entries of the user's companies, with what a row shows."""
    return visible_to(user, Payment.objects.select_related("change"))


def payment_documents_of(user: CompanyMember) -> QuerySet[Payment]:
    """The entries of the user's companies, with all that decides what can be done to one."""
    entries = payments_of(user).select_related("change", "invoice__company", "invoice__customer")
    return entries.prefetch_related("invoice__payments", "invoice__lines")


def filtered_payments(payments: QuerySet[Payment], **filters: Any) -> QuerySet[Payment]:
    """The entries that fit all the filters (lookups of Payment) that are not None."""
    return payments.filter(**{name: value for name, value in filters.items() if value is not None})
