"""The credit of customers in the admin: what is used of it for an invoice; and what of an invoice is written off."""

from decimal import Decimal
from typing import Any

from core.admin import ExactField, ReasonForm, VerbForm
from core.model_fields import AMOUNT_DECIMALS
from core.money import ZERO, grouped_money, money_text
from invoices.admin import allowed_actions
from invoices.lifecycle import Command
from payments.accounts.models import CustomerAccount
from payments.accounts.services import CreditExceeded, allocate_credit, write_off
from payments.admin import LedgerPage, PaidInvoiceAdmin, RefundPage, money_of


class AmountForm(VerbForm):
    """What is typed about the use of credit."""

    amount = ExactField(decimals=AMOUNT_DECIMALS)


class WriteOffForm(ReasonForm):
    """What is typed about a write-off."""

    amount = ExactField(decimals=AMOUNT_DECIMALS)

    field_order = ("amount", "reason")


class OwedPage(LedgerPage):
    """A page that lessens what is owed on an invoice without any money."""

    command = Command.PAY
    direction = 1
    action: str
    """What the API calls it."""

    def is_offered(self) -> bool:
        """Whether it is among the actions that the API, too, says would succeed now."""
        return self.action in allowed_actions(self.invoice, self.request.user)

    def initial(self) -> dict[str, Any]:
        """As much as can be."""
        return {"amount": money_text(self.most(), self.invoice.currency)}

    def most(self) -> Decimal:
        """How much it can be at most."""
        return self.invoice.still_owed


class UseCreditPage(OwedPage):
    """The form that pays an invoice from the credit of its customer."""

    name = "use-credit"
    button = "Use credit"
    action = "allocate"
    permission = "payments.allocate_credit"
    form_class = AmountForm

    @property
    def title(self) -> str:
        """What the form does."""
        return f"Use credit for {self.invoice}"

    def balance(self) -> Decimal:
        """The credit of the customer in the currency of the invoice."""
        accounts = CustomerAccount.objects.filter(customer=self.invoice.customer_id, currency=self.invoice.currency)
        return accounts.values_list("balance", flat=True).first() or ZERO

    def most(self) -> Decimal:
        """What is owed, or the credit where that is less."""
        return min(self.balance(), self.invoice.still_owed)

    def require_possible(self) -> None:
        """Raise WrongStatus, CreditExceeded where there is none."""
        super().require_possible()
        if not self.balance():
            raise CreditExceeded

    def form(self) -> VerbForm:
        """The form; beside the amount stands how much credit there is."""
        form = super().form()
        credit = grouped_money(self.balance(), self.invoice.currency)
        form.fields["amount"].help_text = f"The customer has {self.invoice.currency} {credit} of credit."
        return form

    def give(self, values: dict[str, Any]) -> str:
        """Pay from the credit."""
        entry = allocate_credit(actor=self.request.user, invoice_id=self.invoice.pk, **values)
        return f"{money_of(self.invoice, entry.amount)} of credit used: {self.outcome(entry.invoice)}"


class WriteOffPage(OwedPage):
    """The form that writes off what is still owed, or a part of it."""

    name = "write-off"
    button = "Write off"
    action = "writeOff"
    permission = "payments.write_off"
    form_class = WriteOffForm
    is_dangerous = True

    def give(self, values: dict[str, Any]) -> str:
        """Ask for it no more."""
        entry = write_off(actor=self.request.user, invoice_id=self.invoice.pk, **values)
        return f"{money_of(self.invoice, entry.amount)} written off: {self.outcome(entry.invoice)}"


class AccountedInvoiceAdmin(PaidInvoiceAdmin):
    """Invoices with the buttons for credit and write-offs. Registered in the rooms above."""

    command_pages = tuple(
        page
        for own in PaidInvoiceAdmin.command_pages
        for page in ((UseCreditPage, own, WriteOffPage) if own is RefundPage else (own,))
    )
