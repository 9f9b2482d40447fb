"""From rows to what is to be made: one plan for each customer, document or payment that a file speaks of.

Reading only: plans are made slice by slice, each slice with a few statements, so that a check and the import itself
see the same rows in the same way. What is wrong with a row is a problem of its plan, by row and column.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from core.errors import DomainError
from core.text import comparison_key
from imports.columns import Kind, read_row
from imports.files import FileUnreadable, table_rows
from imports.models import ImportFile
from invoices.bulk import NewInvoice
from invoices.exchange import exchange_values
from invoices.models import Invoice
from invoices.services import Item, WorkedDraft, require_billable, require_foreign_number, work_out
from parties.models import Company, Customer
from parties.services import clean_customer
from payments.bulk import NewPayment
from payments.ledger import Method

SLICE = 500
"""How many plans are made, and later written, together."""
FIELDS = {
    "qty": "quantity",
    "items": "description",
    "number": "document",
    "customer_id": "customer",
    "name": "name",
    "paid_at": "paid_on",
}
"""The columns that a refusal of a service is about, where its field has another name."""


@dataclass(frozen=True)
class Problem:
    """What is wrong: in which row and column (by our name; empty for the row as a whole)."""

    row: int
    column: str
    detail: str


@dataclass
class Plan:
    """What is to be made of some rows: the values by our names, and what is wrong with them."""

    rows: list[int]
    values: list[dict[str, Any]]
    problems: list[Problem] = field(default_factory=list)

    @property
    def head(self) -> dict[str, Any]:
        """The values of the first row."""
        return self.values[0]

    def refuse(self, error: DomainError) -> None:
        """Note why a service refuses it, at the line that the refusal names."""
        parts = (error.field or "").split(".")
        position = int(parts[1]) if len(parts) > 1 and parts[0] == "items" and parts[1].isdigit() else 0
        name = parts[-1] if not parts[-1].isdigit() else "items"
        row = self.rows[min(position, len(self.rows) - 1)]
        self.problems.append(Problem(row, FIELDS.get(name, name), error.detail))

    def refuse_customer(self, error: DomainError) -> None:
        """Note why a customer cannot be found or made, at the column that names them."""
        self.problems.append(Problem(self.rows[0], "customer", error.detail))


def slices_of(file: ImportFile, *, after_row: int = 0) -> Iterator[list[Plan]]:
    """The plans of a file whose rows come after `after_row`, in slices. Raises FileUnreadable."""
    together: list[Plan] = []
    for plan in _grouped(file):
        if plan.rows[0] <= after_row:
            continue
        together.append(plan)
        if len(together) == SLICE:
            yield together
            together = []
    if together:
        yield together


def _grouped(file: ImportFile) -> Iterator[Plan]:
    """One plan for each row, or for the rows of a document: those that follow each other and name the same."""
    rows = _read(file)
    if file.kind not in (Kind.DRAFTS, Kind.ISSUED):
        yield from (Plan([row], [values], problems) for row, values, problems in rows)
        return
    seen: set[str] = set()
    for key, group in groupby(rows, key=lambda row: _document_key(row[0], row[1])):
        plan = Plan([], [])
        for row, values, problems in group:
            plan.rows.append(row)
            plan.values.append(values)
            plan.problems += problems
        if key in seen:
            detail = "Rows of this document stand further up too: put the rows of a document together."
            plan.problems.append(Problem(plan.rows[0], "document", detail))
        seen.add(key)
        yield plan


def _document_key(row: int, values: Mapping[str, Any]) -> str:
    """By what rows belong together; a row that names no document is one by itself."""
    return comparison_key(values["document"]) if "document" in values else f"\n{row}"


def _read(file: ImportFile) -> Iterator[tuple[int, dict[str, Any], list[Problem]]]:
    rows = table_rows(bytes(file.content))
    _, header = next(rows, (0, []))
    if not header:
        raise FileUnreadable("The file is empty.")
    for number, cells in rows:
        values, wrong = read_row(file.kind, file.mapping, header, cells, file.reading)
        yield number, values, [Problem(number, column, detail) for column, detail in wrong]


class Customers:
    """The customers that a slice names, found by their id in the other program, or by name."""

    def __init__(self, company: Company, plans: Sequence[Plan]) -> None:
        named = {plan.head["customer"] for plan in plans if "customer" in plan.head}
        found = Customer.objects.filter(company=company)
        self.by_external_id = {one.external_id: one for one in found.filter(external_id__in=named)}
        self.by_name: dict[str, list[Customer]] = {}
        for one in found.filter(search_text__in=[comparison_key(name) for name in named]):
            self.by_name.setdefault(comparison_key(one.name), []).append(one)

    def find(self, named: str) -> Customer | None:
        """The customer; None where there is none. Raises CustomerAmbiguous."""
        if named in self.by_external_id:
            return self.by_external_id[named]
        candidates = self.by_name.get(comparison_key(named), [])
        if len(candidates) > 1:
            raise CustomerNotClear
        return candidates[0] if candidates else None


class CustomerNotClear(DomainError):
    """Several customers have this name."""

    code = "customer_ambiguous"
    title = "Which customer?"
    default_detail = "Several customers have this name: give the id in the other program instead."

    def __init__(self) -> None:
        super().__init__(field="customer")


def new_invoice(file: ImportFile, plan: Plan, customer: Customer | None) -> NewInvoice:
    """What is to be made of a document's rows. Without a customer it is one that is made with it."""
    head = plan.head
    return NewInvoice(
        company=file.company,
        customer_id=customer.pk if customer else 0,
        items=[
            Item(
                description=values["description"],
                quantity=values.get("quantity", Decimal(1)),
                unit_price=values["unit_price"],
                vat_rate=values.get("vat_rate"),
            )
            for values in plan.values
        ],
        issue_date=head.get("issue_date"),
        due_date=head.get("due_date"),
        currency=head["currency"].upper() if "currency" in head else None,
        prices_include_vat=head.get("prices_include_vat", False),
        number=head["document"] if file.kind == Kind.ISSUED else None,
        exchange_rate=head.get("exchange_rate"),
    )


def check_invoice(file: ImportFile, plan: Plan, customers: Customers) -> None:
    """Note what is wrong with a document, as far as can be known before it is written."""
    if plan.problems:
        return
    try:
        customer = customers.find(plan.head["customer"])
        if customer is not None or not file.make_customers:
            require_billable(customer, file.company)
        else:
            _require_name(plan)
        row = new_invoice(file, plan, customer)
        worked = work_out(
            company=row.company,
            items=row.items,
            issue_date=row.issue_date,
            due_date=row.due_date,
            currency=row.currency,
            prices_include_vat=row.prices_include_vat,
        )
        if row.number is not None:
            require_foreign_number(row.number)
            _require_rate(row, worked)
        paid = plan.head.get("paid", Decimal(0))
        if not 0 <= paid <= worked.totals.total:
            total = f"{worked.totals.total.normalize():f}"
            plan.problems.append(Problem(plan.rows[0], "paid", f"Paid is not between 0 and the total, {total}."))
        if plan.head.get("paid_on", worked.issue_date) > file.company.today():
            plan.problems.append(Problem(plan.rows[0], "paid_on", "Nothing is paid before it happened."))
    except DomainError as error:
        plan.refuse(error)


def _require_rate(row: NewInvoice, worked: WorkedDraft) -> None:
    """Raise NoExchangeRate where the document cannot be kept as issued for want of a rate."""
    issued = Invoice(
        company=row.company,
        currency=worked.terms.currency,
        issue_date=worked.issue_date,
        vat_total=worked.totals.vat_total,
    )
    exchange_values(issued, rate_by_hand=row.exchange_rate)


def _require_name(plan: Plan) -> None:
    """Note what is wrong with the name of a customer that is to be made."""
    try:
        clean_customer({"name": plan.head["customer"]})
    except DomainError as error:
        plan.refuse_customer(error)


def taken_numbers(company: Company, plans: Sequence[Plan]) -> set[str]:
    """Those of the numbers that an invoice of the company has already."""
    numbers = {plan.head["document"] for plan in plans if "document" in plan.head}
    found = Invoice.objects.filter(company=company, number__in=numbers).values_list("number", flat=True)
    return {number for number in found if number}


def invoices_by_number(company: Company, plans: Sequence[Plan]) -> dict[str, int]:
    """The ids of the invoices that payments name, by their numbers."""
    numbers = {plan.head["invoice"] for plan in plans if "invoice" in plan.head}
    found = Invoice.objects.filter(company=company, number__in=numbers).values_list("number", "pk")
    return {number: pk for number, pk in found if number}


def new_payment(plan: Plan, invoice_id: int) -> NewPayment:
    """What is to be booked."""
    head = plan.head
    return NewPayment(
        invoice_id=invoice_id,
        amount=head["amount"],
        method=_method(head.get("method", "")),
        reference=head.get("reference", ""),
        paid_at=head.get("paid_on"),
    )


def _method(named: str) -> str:
    """The method of that name in any case, EFT where there is none; anything else is left for the service to refuse."""
    known = {method.value.casefold(): method.value for method in Method}
    return known.get(named.casefold(), named) if named else Method.EFT
