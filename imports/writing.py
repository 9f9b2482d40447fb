"""Checking plans against the books, and writing those that are good, through the bulk commands of each room."""

from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import DomainError
from core.text import comparison_key
from imports.columns import Kind
from imports.models import ImportFile
from imports.plans import (
    CustomerNotClear,
    Customers,
    Plan,
    Problem,
    check_invoice,
    invoices_by_number,
    new_invoice,
    new_payment,
    taken_numbers,
)
from invoices.bulk import create_invoices
from parties.bulk import create_customers
from parties.models import Customer
from parties.services import clean_customer
from payments.bulk import NewPayment, apply_payments


def check(file: ImportFile, plans: Sequence[Plan]) -> None:
    """Note what is wrong with the plans, as far as can be known without writing."""
    if file.kind == Kind.CUSTOMERS:
        _check_customers(file, plans)
    elif file.kind == Kind.PAYMENTS:
        _check_payments(file, plans)
    else:
        _check_invoices(file, plans)


def write(file: ImportFile, plans: Sequence[Plan]) -> None:
    """Write the plans, each by the rules and with the journal entry of a command of its own; note what is refused.

    Of a plan that is refused a part may be written: the caller rolls back, and leaves it out the next time.
    """
    if file.kind == Kind.CUSTOMERS:
        _note(plans, create_customers(actor=file, company=file.company, rows=[plan.head for plan in plans]))
    elif file.kind == Kind.PAYMENTS:
        found = invoices_by_number(file.company, plans)
        _note(
            plans, apply_payments(actor=file, rows=[new_payment(plan, found[plan.head["invoice"]]) for plan in plans])
        )
    else:
        _write_invoices(file, plans)


def _check_customers(file: ImportFile, plans: Sequence[Plan]) -> None:
    named = [plan.head["external_id"] for plan in plans if "external_id" in plan.head]
    taken = set(
        Customer.objects.filter(company=file.company, external_id__in=named).values_list("external_id", flat=True)
    )
    for plan in plans:
        try:
            clean_customer(plan.head)
        except DomainError as error:
            plan.refuse(error)
        external_id = plan.head.get("external_id")
        if external_id in taken:
            detail = f"There is a customer with the id {external_id} already."
            plan.problems.append(Problem(plan.rows[0], "external_id", detail))
        elif external_id:
            taken.add(external_id)


def _check_payments(file: ImportFile, plans: Sequence[Plan]) -> None:
    found = invoices_by_number(file.company, plans)
    for plan in plans:
        number = plan.head.get("invoice")
        if number is not None and number not in found:
            plan.problems.append(Problem(plan.rows[0], "invoice", f"There is no invoice {number}."))
        if plan.head.get("amount", 1) <= 0:
            plan.problems.append(Problem(plan.rows[0], "amount", "The amount is above zero."))


def _check_invoices(file: ImportFile, plans: Sequence[Plan]) -> None:
    customers = Customers(file.company, plans)
    taken = taken_numbers(file.company, plans) if file.kind == Kind.ISSUED else set()
    for plan in plans:
        check_invoice(file, plan, customers)
        if plan.head.get("document") in taken:
            detail = f"There is an invoice {plan.head['document']} already."
            plan.problems.append(Problem(plan.rows[0], "document", detail))


def _write_invoices(file: ImportFile, plans: Sequence[Plan]) -> None:
    if file.make_customers:
        _make_customers(file, plans)
    if any(plan.problems for plan in plans):
        return
    billed = _customers_of(file, plans)
    if any(plan.problems for plan in plans):
        return
    rows = [new_invoice(file, plan, customer) for plan, customer in zip(plans, billed, strict=True)]
    invoices = create_invoices(actor=file, rows=rows)
    _note(plans, invoices)
    paid = [
        (plan, NewPayment(invoice_id=invoice.pk, amount=plan.head["paid"], paid_at=_paid_on(plan, invoice)))
        for plan, invoice in zip(plans, invoices, strict=True)
        if not isinstance(invoice, DomainError) and plan.head.get("paid")
    ]
    if paid:
        outcomes = apply_payments(actor=file, rows=[payment for _, payment in paid])
        _note([plan for plan, _ in paid], outcomes)


def _paid_on(plan: Plan, invoice: Any) -> Any:
    """The day on which it was paid; where the file does not say, that of the invoice."""
    return plan.head.get("paid_on") or invoice.issue_date


def _make_customers(file: ImportFile, plans: Sequence[Plan]) -> None:
    """Make the customers that the plans name and that there are not, each under the name that the file gives first."""
    missing: dict[str, list[Plan]] = {}
    for plan, customer in zip(plans, _customers_of(file, plans), strict=True):
        if customer is None and not plan.problems:
            missing.setdefault(comparison_key(plan.head["customer"]), []).append(plan)
    rows = [{"name": named[0].head["customer"]} for named in missing.values()]
    outcomes = create_customers(actor=file, company=file.company, rows=rows)
    for named, outcome in zip(missing.values(), outcomes, strict=True):
        if isinstance(outcome, DomainError):
            for plan in named:
                plan.refuse_customer(outcome)


def _customers_of(file: ImportFile, plans: Sequence[Plan]) -> list[Customer | None]:
    """Whom each plan bills. Of a name that several have got since the check, nobody: that is the plan's problem."""
    customers = Customers(file.company, plans)
    found: list[Customer | None] = []
    for plan in plans:
        try:
            found.append(customers.find(plan.head["customer"]))
        except CustomerNotClear as error:
            plan.refuse_customer(error)
            found.append(None)
    return found


def _note(plans: Sequence[Plan], outcomes: Iterable[Any]) -> None:
    for plan, outcome in zip(plans, outcomes, strict=True):
        if isinstance(outcome, DomainError):
            plan.refuse(outcome)
