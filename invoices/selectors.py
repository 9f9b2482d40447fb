"""The invoices that exist for a user, shaped for lists and for one document."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from audit.selectors import TimelineEntry, newest_first, timeline
from core.scope import CompanyMember, visible_to
from invoices.lifecycle import Status
from invoices.models import Invoice, InvoiceLine
from parties.models import Company


def invoices_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with what a list row shows."""
    return visible_to(user, Invoice.objects.select_related("company", "customer"))


def invoice_references_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with no more than a command needs to find one: id and company."""
    return visible_to(user, Invoice.objects.only("id", "company_id"))


def invoice_documents_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with all that a document shows: lines, and payments newest first."""
    payments = _payment_model().objects.select_related("change").order_by("-id")
    return invoices_of(user).prefetch_related("lines", Prefetch("payments", queryset=payments))


def filtered_invoices(
    invoices: QuerySet[Invoice],
    *,
    status: str | None = None,
    customer_id: int | None = None,
    company_id: int | None = None,
    currency: str | None = None,
    issue_date_from: date | None = None,
    issue_date_to: date | None = None,
    due_date_from: date | None = None,
    due_date_to: date | None = None,
    total_min: Decimal | None = None,
    total_max: Decimal | None = None,
    overdue: bool | None = None,
) -> QuerySet[Invoice]:
    """The invoices that fit all the filters given; None leaves a filter out."""
    conditions: dict[str, Any] = {
        "status": status,
        "customer_id": customer_id,
        "company_id": company_id,
        "currency": currency,
        "issue_date__gte": issue_date_from,
        "issue_date__lte": issue_date_to,
        "due_date__gte": due_date_from,
        "due_date__lte": due_date_to,
        "total__gte": total_min,
        "total__lte": total_max,
    }
    invoices = invoices.filter(**{name: value for name, value in conditions.items() if value is not None})
    if overdue is not None:
        invoices = invoices.filter(_overdue() if overdue else ~_overdue())
    return invoices


def invoice_timeline(invoice: Invoice) -> list[TimelineEntry]:
    """What happened to an invoice, its lines and its payments, newest first."""
    payment_model = _payment_model()
    return newest_first(
        [
            *timeline(Invoice, Invoice.history.filter(id=invoice.pk)),
            *timeline(InvoiceLine, InvoiceLine.history.filter(invoice_id=invoice.pk)),
            *timeline(payment_model, payment_model.history.filter(invoice_id=invoice.pk)),
        ]
    )


def _payment_model() -> Any:
    """The model behind the reverse relation `payments`: read here, known and written in the payments room only."""
    return Invoice._meta.get_field("payments").related_model


def _overdue() -> Q:
    """Open and past its due date, by each company's own calendar."""
    past_due = Q(pk__in=[])
    for company in Company.objects.only("id", "time_zone"):
        past_due |= Q(company=company, due_date__lt=company.today())
    return Q(status__in=[Status.ISSUED, Status.PARTIALLY_PAID]) & past_due
