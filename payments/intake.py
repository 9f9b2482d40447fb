"""The page that takes a payment: a line of a bank statement, and for each invoice that fits, the form it leads to."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.urls import reverse

from core.money import money_text, plain_text
from core.widgets import dress_fields
from invoices.lifecycle import Command, allows
from invoices.models import Invoice
from payments.bank_lines import LONGEST_LINE, BankLine
from payments.proposals import proposals_for

PROPOSABLE = ("amount", "reference", "paid_at")
"""What the address of the payment's form may propose."""
LONGEST_REFERENCE = 200


class BankLineForm(forms.Form):
    """The line."""

    line = forms.CharField(
        max_length=LONGEST_LINE,
        label="Bank line",
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "off", "placeholder": "ACME INV-2026-000012 2500.00"}
        ),
        help_text="Paste or type it as it stands on the statement: number, name, reference, amount, day, in any order.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        dress_fields(self)


@dataclass(frozen=True)
class ShownProposal:
    """A proposal as the page shows it. Without an address it takes no payment."""

    invoice: Invoice
    reasons: tuple[str, ...]
    address: str


def shown_proposals(user: Any, line: BankLine) -> list[ShownProposal]:
    """The invoices that the line may pay, each with the payment's form filled in where the reader may pay it."""
    return [
        ShownProposal(
            proposal.invoice, proposal.fit.reasons, form_address(user, proposal.invoice, line, proposal.fit.amount)
        )
        for proposal in proposals_for(user, line)
    ]


def form_address(user: Any, invoice: Invoice, line: BankLine, amount: Any) -> str:
    """Where the payment's form is, filled in with what the line says; nothing where it cannot be paid."""
    if not allows(invoice.status, Command.PAY) or not user.may("payments.add_payment", invoice.company_id):
        return ""
    values = {"invoice": str(invoice.pk), "reference": line.text[:LONGEST_REFERENCE]}
    if amount:
        is_owed = amount == invoice.still_owed
        values["amount"] = money_text(amount, invoice.currency) if is_owed else plain_text(amount)
    if line.day and line.day <= invoice.company.today():
        values["paid_at"] = line.day.isoformat()
    return f"{reverse('admin:payments_payment_add')}?{urlencode(values)}"
