"""Where the gateways put their buttons on the customer's page. Nobody has registered one yet.

A gateway lives in a room below and knows nothing of this one: whoever knows both registers its button.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from invoices.models import OPEN_STATUSES, Invoice


@dataclass(frozen=True)
class PayButton:
    """A form with one button: where it is sent, with which hidden fields, and to which origins that may lead on.

    `origins` are those that the browser may go to from the form ("https://checkout.stripe.com"); the page lets it go
    nowhere else.
    """

    label: str
    address: str
    origins: tuple[str, ...]
    fields: dict[str, str] = field(default_factory=dict)


PayButtonMaker = Callable[[Invoice, str], PayButton | None]
"""What makes the button for an invoice in a language ("en"), or says that there is none for it."""

_makers: list[PayButtonMaker] = []


def offer_button(maker: PayButtonMaker) -> None:
    """Let `maker` put its button on the page of every open invoice."""
    _makers.append(maker)


def pay_buttons(invoice: Invoice, language: str) -> Sequence[PayButton]:
    """The buttons by which the invoice can be paid now: none unless something is open."""
    if invoice.status not in OPEN_STATUSES:
        return []
    made = (maker(invoice, language) for maker in _makers)
    return [button for button in made if button is not None]
