"""The invoices that exist for a user, shaped for lists and for one document."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, Q, QuerySet, Value
from django.db.models.functions import StrIndex

from audit.selectors import TimelineEntry, newest_first, timeline
from core.money import ZERO, money_text
from core.scope import CompanyMember, visible_to
from core.text import comparison_key
from invoices.lifecycle import Command, Facts, obstacle
from invoices.models import IS_OPEN, NUMBER_OR_BLANK, SHOWN_NAME, Invoice, InvoiceLine
from invoices.totals import document_totals
from parties.models import Company

WORD = re.compile(r"\w+")
RARE_WORD = re.compile(r"(?=.*\d)(?!\d{1,4}$).{4,}")
"""With a digit, and no year: a number's or a reference's own part."""


def invoice_rows() -> QuerySet[Invoice]:
    """All invoices, with what a list row shows.

    To order by: `number_or_blank` ("" on drafts), and `shown_name`, the customer's as the document shows it.
    """
    rows: QuerySet[Invoice] = Invoice.objects.select_related("company")
    return rows.annotate(number_or_blank=NUMBER_OR_BLANK, shown_name=SHOWN_NAME)


def invoices_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, as `invoice_rows` has them."""
    return visible_to(user, invoice_rows())


def invoice_references_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with no more than a command needs to find one: id and company."""
    return visible_to(user, Invoice.objects.only("id", "company_id"))


def invoice_documents_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with all that a document shows: lines, and payments newest first."""
    payments = _payment_model().objects.select_related("change").order_by("-id")
    documents = invoices_of(user).select_related("customer")
    return documents.prefetch_related("lines", Prefetch("payments", queryset=payments))


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
    external_id: str | None = None,
    search: str | None = None,
    overdue: bool | None = None,
) -> QuerySet[Invoice]:
    """The invoices that fit all the filters given; None leaves a filter out."""
    conditions: dict[str, Any] = {
        "status": status,
        "customer__id": customer_id,  # by the key itself, which knows that no row has an id too great for it
        "company__id": company_id,
        "currency": currency,
        "issue_date__gte": issue_date_from,
        "issue_date__lte": issue_date_to,
        "due_date__gte": due_date_from,
        "due_date__lte": due_date_to,
        "total__gte": total_min,
        "total__lte": total_max,
        "external_id": external_id,
    }
    invoices = invoices.filter(**{name: value for name, value in conditions.items() if value is not None})
    if search is not None:
        invoices = _found_by(comparison_key(search), invoices)
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


PERMISSIONS = {
    Command.EDIT: "invoices.change_invoice",
    Command.DELETE: "invoices.delete_invoice",
    Command.ISSUE: "invoices.issue_invoice",
    Command.CANCEL: "invoices.cancel_invoice",
    Command.PAY: "payments.add_payment",
    Command.REFUND: "payments.refund_payment",
    Command.REVERSE: "payments.reverse_payment",
}
"""What a role must carry for each command."""


@dataclass(frozen=True)
class Actions:
    """What the caller can do to a document now, and for the rest the code of the error that it would end in."""

    allowed: list[str]
    blocked: dict[str, str]


def actions_of(invoice: Invoice, user: Any) -> Actions:
    """The commands on the invoice itself. It was read with its lines."""
    facts = facts_of(invoice)
    blocked = {}
    allowed = []
    for command in Command:
        if command is Command.REVERSE:
            continue
        may = user.may(PERMISSIONS[command], invoice.company_id)
        code = obstacle(command, facts) if may else "permission_denied"
        if code is None:
            allowed.append(command.value)
        else:
            blocked[command.value] = code
    return Actions(allowed, blocked)


def with_actions(invoice: Invoice, user: Any) -> Invoice:
    """The invoice with `actions` on itself and on each of its entries. It was read with its lines and payments."""
    invoice.actions = actions_of(invoice, user)  # type: ignore[attr-defined]  # it is set on the instance
    for entry in invoice.payments.all():
        entry.actions = actions_of_entry(entry, user)  # type: ignore[attr-defined]  # it is set on the instance
    return invoice


def actions_of_entry(entry: Any, user: Any) -> Actions:
    """What can be done to an entry of a ledger: a payment with something left is reversed, once."""
    if not user.may(PERMISSIONS[Command.REVERSE], entry.company_id):
        code: str | None = "permission_denied"
    else:
        code = _obstacle_to_reversal(entry)
    return Actions([], {"reverse": code}) if code else Actions(["reverse"], {})


def _obstacle_to_reversal(entry: Any) -> str | None:
    undoing = [other for other in entry.invoice.payments.all() if other.reverses_id == entry.pk]
    if entry.reverses_id is not None:
        return "not_reversible"
    if any(other.kind == "Reversal" for other in undoing):
        return "already_reversed"
    if entry.amount + sum((other.amount for other in undoing), ZERO) <= 0:
        return "not_reversible"
    return obstacle(Command.REVERSE, facts_of(entry.invoice))


def facts_of(invoice: Invoice) -> Facts:
    """What decides today whether a command on the invoice would succeed."""
    locked_through = invoice.company.locked_through
    return Facts(
        status=invoice.status,
        has_lines=bool(invoice.lines.all()),
        has_entries=invoice.entry_count > 0,
        is_customer_archived=invoice.customer.archived,
        is_issue_date_locked=locked_through is not None and invoice.issue_date <= locked_through,
        is_today_locked=locked_through is not None and invoice.company.today() <= locked_through,
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


def _found_by(key: str, invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """The invoices with `key` in their texts, looked for by its longest word that is likely to be rare, if one is.

    The trigram index is read for every three letters asked for; those of "inv-2026-" are in each document.
    """
    rare_words = [word for word in WORD.findall(key) if RARE_WORD.fullmatch(word)]
    if not rare_words:
        return invoices.filter(search_text__contains=key)
    found = invoices.filter(search_text__contains=max(rare_words, key=len))
    return found.alias(place=StrIndex("search_text", Value(key))).filter(place__gt=0)


def _overdue() -> Q:
    """Open and past its due date, by each company's own calendar."""
    past_due = Q(pk__in=[])
    for company in Company.objects.only("id", "time_zone"):
        past_due |= Q(company=company, due_date__lt=company.today())
    return IS_OPEN & past_due
