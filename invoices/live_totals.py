"""The totals of a draft while it is typed: the same rules as when it is saved, and nothing is written.

What cannot be billed yet is left out and said, so that the rest can be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.errors import DomainError
from core.money import ZERO, grouped_money, percent_text
from invoices.admin_forms import LineFormSet, discount_of
from invoices.models import Invoice
from invoices.selectors import latest_vat_rates
from invoices.services import Item, WorkedDraft, work_out
from parties.models import Company

DATES = ("issue_date", "due_date")
DISCOUNTS = ("discount_percent", "discount_amount")
TERMS = (*DATES, "currency", "prices_include_vat")
NOT_DESCRIBED_YET = "-"


@dataclass
class LiveTotals:
    """What the page shows beside a draft that is typed. `line_amounts` are by the place of the row, from 0."""

    company: Company | None
    invoice: Invoice | None = None
    line_amounts: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    vat_rates: Sequence[str] = ()


def live_totals(form: Any, formset: LineFormSet, company: Company | None) -> LiveTotals:
    """The totals of what is typed so far, in forms that are bound and checked. `company` is who bills, if known."""
    shown = LiveTotals(company)
    if company is None:
        shown.remarks.append("Choose the customer: currency and VAT follow from the company that bills.")
        return shown
    shown.vat_rates = [percent_text(rate) for rate in offered_rates(company)]
    rows = _typed_lines(formset, shown)
    values = {name: form.cleaned_data.get(name) or None for name in TERMS}
    values["prices_include_vat"] = bool(values["prices_include_vat"])
    values |= {name: form.cleaned_data.get(name) or ZERO for name in DISCOUNTS}
    for name in ("issue_date", "due_date", *DISCOUNTS):
        shown.remarks += [f"{form[name].label}: {error}" for error in form.errors.get(name, [])]
    worked = _worked_out(company, rows, values, shown)
    if worked is not None:
        _show(worked, rows, company, shown)
    return shown


def offered_rates(company: Company) -> list[Decimal]:
    """The rates to choose from: the company's own, no VAT, and those that it has billed of late."""
    return list(dict.fromkeys([company.default_vat_rate, ZERO, *latest_vat_rates(company)]))


def _typed_lines(formset: LineFormSet, shown: LiveTotals) -> list[tuple[int, Item]]:
    """The lines whose amount is known, each with the place of its row. A description may still be missing."""
    places = {id(form): place for place, form in enumerate(formset.forms)}
    rows = []
    for form in formset.billed_forms():
        place = places[id(form)]
        typed = getattr(form, "cleaned_data", {})
        if {"quantity", "unit_price"} <= typed.keys() and form.errors.keys() <= {"description"}:
            rows.append((place, _item(typed)))
        shown.remarks += [
            f"Line {place + 1}, {form[name].label}: {error}"
            for name, errors in form.errors.items()
            if name in form.fields and form[name].value()
            for error in errors
        ]
    return rows


def _item(typed: dict[str, Any]) -> Item:
    discount: dict[str, Any] = discount_of(typed)
    return Item(
        description=typed.get("description") or NOT_DESCRIBED_YET,
        quantity=typed["quantity"],
        unit_price=typed["unit_price"],
        vat_rate=typed.get("vat_rate"),
        vat_category=typed.get("vat_category") or None,
        **discount,
    )


def _worked_out(
    company: Company, rows: list[tuple[int, Item]], values: dict[str, Any], shown: LiveTotals
) -> WorkedDraft | None:
    """What the rows come to. What is refused is said and left out, until nothing is refused."""
    while True:
        try:
            return work_out(company=company, items=[item for _, item in rows], **values)
        except DomainError as refusal:
            if not _leave_out(refusal, rows, values, shown):
                shown.remarks.append(refusal.detail)
                return None


def _leave_out(refusal: DomainError, rows: list[tuple[int, Item]], values: dict[str, Any], shown: LiveTotals) -> bool:
    """Take away what the refusal is about; whether there was such a thing."""
    _, position, _ = [*(refusal.field or "").split("."), "", ""][:3]
    if position.isdigit():
        place, _ = rows.pop(int(position))
        shown.remarks.append(f"Line {place + 1}: {refusal.detail}")
        return True
    emptied: dict[str, Any] = dict.fromkeys(DATES) if refusal.field in DATES else {}
    if refusal.field in DISCOUNTS:
        emptied = dict.fromkeys(DISCOUNTS, ZERO)
    if all(values[name] == nothing for name, nothing in emptied.items()):
        return False
    values |= emptied
    shown.remarks.append(refusal.detail)
    return True


def _show(worked: WorkedDraft, rows: list[tuple[int, Item]], company: Company, shown: LiveTotals) -> None:
    terms, totals = worked.terms, worked.totals
    shown.invoice = Invoice(
        company=company,
        issue_date=worked.issue_date,
        due_date=worked.due_date,
        currency=terms.currency,
        discount_percent=terms.discount.percent,
        lines_total=totals.lines_total,
        discount_total=totals.discount_total,
        subtotal=totals.subtotal,
        vat_total=totals.vat_total,
        total=totals.total,
    )
    for (place, _), amounts in zip(rows, totals.lines, strict=True):
        amount = amounts.line_total if amounts.line_gross is None else amounts.line_gross
        shown.line_amounts[place] = grouped_money(amount, terms.currency)
