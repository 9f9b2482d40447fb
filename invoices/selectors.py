"""The invoices that exist for a user, shaped for lists and for one document."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from audit.selectors import TimelineEntry, newest_first, timeline
from core.money import money_text
from core.scope import CompanyMember, visible_to
from invoices.lifecycle import Status
from invoices.models import Invoice, InvoiceLine
from invoices.totals import document_totals
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


@dataclass(frozen=True)
class Explanation:
    """The totals of an invoice with the steps that lead to them; amounts in `currency`."""

    currency: str
    prices_include_vat: bool
    vat_rounding: str
    steps: list[dict[str, str]]
    lines_total: Decimal
    discount_total: Decimal
    subtotal: Decimal
    vat_total: Decimal
    total: Decimal


def explained(invoice: Invoice) -> Explanation:
    """The invoice worked out again from its lines, every step shown."""
    totals = document_totals([line.priced for line in invoice.lines.all()], invoice.terms)
    steps = [
        {"what": step.what, "how": step.how, "result": money_text(step.result, invoice.currency)}
        for step in totals.steps
    ]
    return Explanation(
        currency=invoice.currency,
        prices_include_vat=invoice.prices_include_vat,
        vat_rounding=invoice.vat_rounding,
        steps=steps,
        lines_total=totals.lines_total,
        discount_total=totals.discount_total,
        subtotal=totals.subtotal,
        vat_total=totals.vat_total,
        total=totals.total,
    )


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
