"""The invoices that exist for a user, shaped for lists and for one document."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import StrIndex

from audit.models import Change
from audit.selectors import History, TimelineEntry, newest_first, timeline
from core.database import unindexed
from core.money import ZERO, money_text
from core.prepared import Prepared, Slot, attach
from core.scope import CompanyMember, visible_to
from core.text import comparison_key
from invoices.lifecycle import Command, Facts, Status, obstacle
from invoices.models import IS_OPEN, NUMBER_OR_BLANK, OPEN_STATUSES, SHOWN_NAME, Invoice, InvoiceLine
from invoices.totals import document_totals
from parties.models import Company

WORD = re.compile(r"\w+")
RARE_WORD = re.compile(r"(?=.*\d)(?!\d{1,4}$).{4,}")
"""With a digit, and no year: a number's or a reference's own part."""
MOST_SUMMED = 10_000
"""Of how many invoices a list shows the totals: about as many as one can look through."""
LATEST_COMMANDS = 6
RATES_LOOKED_AT = 50
"""Of how many documents the rates of VAT are offered again."""


def invoice_rows() -> QuerySet[Invoice]:
    """All invoices, with what a list row shows.

    To order by: `number_or_blank` ("" on drafts), and `shown_name`, the customer's as the document shows it.
    """
    rows: QuerySet[Invoice] = Invoice.objects.select_related("company")
    return rows.annotate(number_or_blank=NUMBER_OR_BLANK, shown_name=SHOWN_NAME)


def invoices_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, as `invoice_rows` has them."""
    return visible_to(user, invoice_rows())


_REFERENCE = Prepared(lambda: Invoice.objects.filter(pk=Slot("id")).only("id", "company_id"))
_DOCUMENT = Prepared(
    lambda: Invoice.objects.select_related("company", "customer").filter(pk=Slot("id")).annotate(**_further_facts)
)
_LINES = Prepared(lambda: InvoiceLine.objects.filter(invoice=Slot("id")))
_PAYMENTS = Prepared(lambda: _payments().filter(invoice=Slot("id")))


def invoice_reference(invoice_id: int) -> Invoice | None:
    """The invoice with no more than a command needs to find it: id and company."""
    return _REFERENCE.first(id=invoice_id)


def invoice_document(invoice_id: int) -> Invoice | None:
    """The invoice with all that a document shows: its parties, lines, and payments newest first. Three statements."""
    invoice = _DOCUMENT.first(id=invoice_id)
    if invoice is not None:
        attach(invoice, "lines", _LINES.rows(id=invoice_id))
        attach(invoice, "payments", _PAYMENTS.rows(id=invoice_id))
    return invoice


def invoice_documents_of(user: CompanyMember) -> QuerySet[Invoice]:
    """The invoices of the user's companies, with all that a document shows: lines, and payments newest first."""
    documents = invoices_of(user).select_related("customer")
    return documents.prefetch_related("lines", Prefetch("payments", queryset=_payments()))


def filtered_invoices(
    invoices: QuerySet[Invoice],
    *,
    status: str | None = None,
    statuses: Collection[str] | None = None,
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
    recurring_invoice_id: int | None = None,
    search: str | None = None,
    overdue: bool | None = None,
    vat_rate: Decimal | None = None,
    vat_category: str | None = None,
) -> QuerySet[Invoice]:
    """The invoices that fit all the filters given; None leaves a filter out.

    Rate and category of VAT are those of one line: of 15 % and S, there is a line that has both.
    """
    conditions: dict[str, Any] = {
        "status": status,
        # Of an id that no column holds, the lookup of the key itself says that nothing has it.
        "customer__id": customer_id,
        "company__id": company_id,
        "currency": currency,
        "issue_date__gte": issue_date_from,
        "issue_date__lte": issue_date_to,
        "due_date__gte": due_date_from,
        "due_date__lte": due_date_to,
        "total__gte": total_min,
        "total__lte": total_max,
        "external_id": external_id,
        "recurring_invoice__id": recurring_invoice_id,
    }
    invoices = invoices.filter(**{name: value for name, value in conditions.items() if value is not None})
    if statuses is not None:
        invoices = invoices.filter(status__in=sorted(statuses))
    if search is not None:
        invoices = _found_by(comparison_key(search), invoices)
    if overdue is not None:
        invoices = invoices.filter(_overdue() if overdue else ~_overdue())
    line = {"vat_rate": vat_rate, "vat_category": vat_category}
    taxed = {name: value for name, value in line.items() if value is not None}
    if taxed:
        # By the index of the lines of an invoice: few are read for each that the other filters leave.
        invoices = invoices.filter(Exists(InvoiceLine.objects.filter(invoice=OuterRef("pk"), **taxed)))
    return invoices


@dataclass(frozen=True)
class Sums:
    """What invoices of one currency come to."""

    currency: str
    count: int
    total: Decimal
    outstanding: Decimal


def sums_of(invoices: QuerySet[Invoice]) -> list[Sums] | None:
    """The sums of the invoices for each currency; None where there are more than MOST_SUMMED of them.

    What is cancelled is counted and adds to no sum; on a draft nothing is outstanding yet. Added in Python: SQLite
    would add floats.
    """
    columns = ("currency", "status", "total", "outstanding")
    rows = list(invoices.order_by().values_list(*columns)[: MOST_SUMMED + 1])
    if len(rows) > MOST_SUMMED:
        return None
    sums: dict[str, Sums] = {}
    for currency, status, total, outstanding in rows:
        before = sums.get(currency, Sums(currency, 0, ZERO, ZERO))
        billed = ZERO if status == Status.CANCELLED else total
        owed = outstanding if status in OPEN_STATUSES else ZERO
        sums[currency] = Sums(currency, before.count + 1, before.total + billed, before.outstanding + owed)
    return [sums[currency] for currency in sorted(sums)]


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
    """The commands on the invoice itself, those of the rooms above included. It was read with its lines."""
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
    for name, obstacle_of in _further_actions.items():
        code = obstacle_of(invoice, user)
        if code is None:
            allowed.append(name)
        else:
            blocked[name] = code
    return Actions(allowed, blocked)


_further_actions: dict[str, Callable[[Invoice, Any], str | None]] = {}
_further_facts: dict[str, Exists] = {}


def offer_action(name: str, obstacle_of: Callable[[Invoice, Any], str | None], **facts: Exists) -> None:
    """Let a room above name a command of its own among the actions of an invoice.

    `obstacle_of` gives the code of the refusal in which it would end now for this user, or None. It costs no statement
    for a user who may not. `facts` that it needs are read with `invoice_document`, as attributes under their names; an
    invoice that was read otherwise has none.
    """
    _further_actions[name] = obstacle_of
    _further_facts.update(facts)


def with_actions(invoice: Invoice, user: Any) -> Invoice:
    """The invoice with `actions` on itself and on each of its entries. It was read with its lines and payments."""
    invoice.actions = actions_of(invoice, user)  # type: ignore[attr-defined]  # it is set on the instance
    return with_actions_of_entries(invoice, user)


def with_actions_of_entries(invoice: Invoice, user: Any) -> Invoice:
    """The invoice with `actions` on each of its entries, worked out in one go: there may be thousands."""
    actions = _actions_of_entries(invoice, user)
    for entry in invoice.payments.all():
        entry.actions = actions[entry.pk]  # type: ignore[attr-defined]  # it is set on the instance
    return invoice


def actions_of_entry(entry: Any, user: Any) -> Actions:
    """What can be done to an entry of a ledger: a payment with something left is reversed, once.

    As `with_actions_of_entries` found, where the entry comes from there.
    """
    return getattr(entry, "actions", None) or _actions_of_entries(entry.invoice, user)[entry.pk]


def _actions_of_entries(invoice: Invoice, user: Any) -> dict[int, Actions]:
    """What can be done to each entry of the invoice, by its id."""
    entries: list[Any] = list(invoice.payments.all())
    if not user.may(PERMISSIONS[Command.REVERSE], invoice.company_id):
        codes: dict[int, str | None] = dict.fromkeys((entry.pk for entry in entries), "permission_denied")
    else:
        codes = _obstacles_to_reversal(entries, obstacle(Command.REVERSE, facts_of(invoice)))
    return {pk: Actions([], {"reverse": code}) if code else Actions(["reverse"], {}) for pk, code in codes.items()}


def _obstacles_to_reversal(entries: Sequence[Any], general: str | None) -> dict[int, str | None]:
    """Why each entry cannot be reversed, by its id; `general` is why none of the invoice can, None where some can."""
    left: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        left[entry.reverses_id or entry.pk] += entry.amount
    reversed_ids = {entry.reverses_id for entry in entries if entry.kind == "Reversal"}

    def obstacle_to(entry: Any) -> str | None:
        if entry.kind != "Payment":
            return "not_reversible"
        if entry.pk in reversed_ids:
            return "already_reversed"
        return general if left[entry.pk] > 0 else "not_reversible"

    return {entry.pk: obstacle_to(entry) for entry in entries}


def facts_of(invoice: Invoice) -> Facts:
    """What decides today whether a command on the invoice would succeed."""
    locked_through = invoice.company.locked_through
    return Facts(
        status=invoice.status,
        has_lines=bool(invoice.lines.all()),
        has_entries=invoice.entry_count > 0,
        is_anything_paid=invoice.paid > 0,
        is_customer_archived=invoice.customer.archived,
        is_issue_date_locked=locked_through is not None and invoice.issue_date <= locked_through,
        is_today_locked=locked_through is not None and invoice.company.today() <= locked_through,
    )


def billed_currencies(company_id: int) -> Iterator[str]:
    """The currencies that the company has billed in, each found by one look into the index."""
    last: str | None = ""
    while last is not None:
        later = Invoice.objects.filter(company=company_id, currency__gt=last).order_by("currency")
        last = later.values_list("currency", flat=True).first()
        if last is not None:
            yield last


def open_invoice_ids(company_id: int, customer_ids: Collection[int], *, most: int) -> list[int]:
    """The open invoices of these customers that are due first, `most` of them: found in an index, no row is read."""
    currencies = list(billed_currencies(company_id))
    found = Invoice.objects.filter(IS_OPEN, company=company_id, currency__in=currencies, customer__in=customer_ids)
    return list(found.order_by(unindexed("due_date"), "pk").values_list("pk", flat=True)[:most])


def latest_vat_rates(company: Company) -> list[Decimal]:
    """The rates on the newest documents of the company, the lowest first."""
    newest = Invoice.objects.filter(company=company).order_by("-created_at", "-id").values("pk")[:RATES_LOOKED_AT]
    lines = InvoiceLine.objects.filter(invoice__in=list(newest.values_list("pk", flat=True))).order_by()
    return sorted(lines.values_list("vat_rate", flat=True).distinct())


_further_histories: list[Callable[[Invoice], list[History]]] = []


def tell_histories(histories_of: Callable[[Invoice], list[History]]) -> None:
    """Let a room above tell what happened to what it keeps of an invoice, on that invoice's timeline."""
    _further_histories.append(histories_of)


def invoice_timeline(invoice: Invoice) -> list[TimelineEntry]:
    """What happened to an invoice, its lines, its payments and what else the rooms above keep of it, newest first."""
    return newest_first(entry for model, rows in invoice_histories(invoice) for entry in timeline(model, rows))


def invoice_histories(invoice: Invoice) -> list[History]:
    """The history rows of an invoice, of its lines and of its payments, and those that the rooms above tell of."""
    payment_model = _payment_model()
    further = [history for histories_of in _further_histories for history in histories_of(invoice)]
    return [
        (Invoice, Invoice.history.filter(id=invoice.pk)),
        (InvoiceLine, InvoiceLine.history.filter(invoice_id=invoice.pk)),
        (payment_model, payment_model.history.filter(invoice_id=invoice.pk)),
        *further,
    ]


def latest_commands(invoice: Invoice) -> list[Change]:
    """The newest commands on the invoice, its lines and its payments: each of them made a version of the invoice."""
    versions = Invoice.history.filter(id=invoice.pk).order_by("-version").select_related("change")
    return [version.change for version in versions[:LATEST_COMMANDS]]


def _payment_model() -> Any:
    """The model behind the reverse relation `payments`: read here, known and written in the payments room only."""
    return Invoice._meta.get_field("payments").related_model


def _payments() -> Any:
    return _payment_model().objects.select_related("change").order_by("-id")


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
