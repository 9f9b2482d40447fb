"""What came back, said where it matters: on the message, on its invoice and on its customer."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest

from audit.admin import CommandPage
from core.admin import RefusalForm
from notifications.bounces.selectors import refusal_of_customer
from notifications.bounces.services import NothingRefused, confirm_address
from notifications.smtp import ERROR_LENGTH
from parties.models import Customer


class BounceForm(RefusalForm, forms.Form):
    """Why a mail came back."""

    reason = forms.CharField(label="It came back because", max_length=ERROR_LENGTH, widget=AdminTextInputWidget)


class ConfirmAddressPage(CommandPage):
    """The confirmation that a customer's address is right although mail came back."""

    name = "confirm-address"
    button = "Confirm address"
    permission = "notifications.send_message"
    template = "notifications/admin/confirm_address.html"

    @property
    def title(self) -> str:
        """The question."""
        return f"Is the address of {self.obj} right?"

    def require_possible(self) -> None:
        """Raise NothingRefused unless mail to the address came back."""
        if refusal_of_customer(self.obj) is None:
            raise NothingRefused

    def give(self, values: dict[str, Any]) -> str:
        """Confirm it."""
        confirm_address(actor=self.request.user, customer_id=self.obj.pk)
        return f"Mail is sent to {self.obj.email} again."


def warn_of_refusal(request: HttpRequest, customer: Customer | None) -> None:
    """Say above a page that mail to the customer's address came back."""
    refusal = refusal_of_customer(customer) if customer is not None and request.method == "GET" else None
    if refusal is not None:
        messages.warning(
            request,
            f"Mail to {refusal.address} came back on {refusal.refused_at:%Y-%m-%d} ({refusal.reason}). Automatic mails "
            "to this address wait: change it on the customer's page, or confirm it there.",
        )
