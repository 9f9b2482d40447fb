"""The invoices that a line of a bank statement may pay, among those of the reader's companies."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from core.scope import visible_to
from invoices.models import IS_OPEN, Invoice
from invoices.selectors import filtered_invoices, invoices_of, open_invoice_ids
from parties.models import Customer
from payments.bank_lines import BankLine, Fit, best_first, fit_of
from payments.ledger import Kind
from payments.models import Payment

MOST_PROPOSED = 8
MOST_LOOKED_AT = 50
MOST_REFERENCES = 3
MOST_CUSTOMERS = 20


@dataclass(frozen=True)
class Proposal:
    """An invoice that the line may pay, and why."""

    invoice: Invoice
    fit: Fit


def proposals_for(user: Any, line: BankLine) -> list[Proposal]:
    """The invoices that fit the line best, the best first. One that is named by its number is there in any status."""
    found: dict[int, Invoice] = {}
    for rows in _searches(user, line):
        found |= {invoice.pk: invoice for invoice in rows[:MOST_LOOKED_AT]}
    fits = ((fit, invoice) for invoice in found.values() if (fit := fit_of(line, invoice)))
    return [Proposal(invoice, fit) for fit, invoice in best_first(fits, most=MOST_PROPOSED)]


def _searches(user: Any, line: BankLine) -> Iterable[QuerySet[Invoice]]:
    """By number, by reference, by amount, by name: each of them by an index, and none reads many rows."""
    invoices = invoices_of(user)
    if line.numbers:
        yield invoices.filter(number__in=line.numbers)
    open_ones = invoices.filter(IS_OPEN)
    for reference in sorted(line.references, key=len, reverse=True)[:MOST_REFERENCES]:
        yield filtered_invoices(open_ones, search=reference)
    if line.amounts:
        yield open_ones.filter(outstanding__in=line.amounts).order_by("due_date")
    if line.words:
        yield _of_customers(user, open_ones, line)


def _of_customers(user: Any, invoices: QuerySet[Invoice], line: BankLine) -> QuerySet[Invoice]:
    """The invoices of the customers whose name has one of the longest words of the line, the earliest due first."""
    words = sorted(line.words, key=len, reverse=True)[:MOST_REFERENCES]
    named = reduce(or_, (Q(search_text__contains=word) for word in words))
    customers = visible_to(user, Customer.objects.filter(named)).order_by()
    by_company: dict[int, list[int]] = {}
    for pk, company_id in customers.values_list("pk", "company_id")[:MOST_CUSTOMERS]:
        by_company.setdefault(company_id, []).append(pk)
    ids = [
        invoice_id
        for company_id, customer_ids in by_company.items()
        for invoice_id in open_invoice_ids(company_id, customer_ids, most=MOST_LOOKED_AT)
    ]
    return invoices.filter(pk__in=ids).order_by("due_date")


def usual_method(invoice: Invoice) -> str | None:
    """How the customer paid the last time, if that was on one of its newest invoices."""
    newest = Invoice.objects.filter(customer=invoice.customer_id, entry_count__gt=0).order_by("-created_at", "-id")
    ids = list(newest.values_list("pk", flat=True)[:MOST_LOOKED_AT])
    paid = Payment.objects.filter(invoice__in=ids, kind=Kind.PAYMENT).order_by("-pk")
    return paid.values_list("method", flat=True).first()
