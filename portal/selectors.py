"""The links that exist, found by an invoice or by the token in an address; and their addresses."""

import re

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from core.database import KEYS
from portal.models import InvoiceLink
from portal.tokens import TOKEN, is_signed, read_token, token_of

NO_NONCE = "0" * 32
ADDRESS = re.compile(rf"https?://\S+?/i/{TOKEN.pattern}")
"""The address of some customer's page in a text, below whatever PUBLIC_URL it was written under."""


def live_link_of(invoice_id: int) -> InvoiceLink | None:
    """The link of the invoice, with its use; None where there is none, or none any more."""
    if invoice_id not in KEYS:
        return None
    return InvoiceLink.objects.select_related("use").filter(invoice=invoice_id, revoked_at=None).first()


def link_of_token(token: str) -> InvoiceLink | None:
    """The link that a token opens; None for every other token, whatever is wrong with it.

    A signature is compared also where there is no such link, so that both take the same time.
    """
    read = read_token(token)
    if read is None:
        return None
    link_id, signature = read
    link = InvoiceLink.objects.filter(pk=link_id).first()
    is_genuine = is_signed(link_id, link.nonce if link else NO_NONCE, signature)
    return link if link is not None and is_genuine and link.is_live else None


def path_of(link: InvoiceLink) -> str:
    """The path of the page, below whatever address the program is reached at."""
    return reverse("customer-page", args=[token_of(link.pk, link.nonce)])


def address_of(link: InvoiceLink, request: HttpRequest | None = None) -> str:
    """The address of the page, below PUBLIC_URL, or else at the host that was asked; "" where neither is known."""
    path = path_of(link)
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    return request.build_absolute_uri(path) if request else ""


def names_page(text: str) -> bool:
    """Whether the address of a customer's page is in the text."""
    return ADDRESS.search(text) is not None


def with_address(text: str, address: str) -> str:
    """The text with `address` in place of each address of a customer's page."""
    return ADDRESS.sub(lambda _: address, text)
