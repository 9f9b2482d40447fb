"""The verbs of customers' links: make, renew, revoke; and counting what is done with them.

Errors: InvoiceNotFound, WrongStatus, LinkNotFound, StaleVersion, TooManyAttempts.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.crypto import get_random_string

from accounts.attempts import Counter, Limit, counters_of_address
from accounts.services import count_attempt
from audit.actors import Actor
from audit.models import Change
from audit.services import recording, require_version, write_version
from core.database import DatabaseNow
from core.errors import NotFound
from invoices.lifecycle import WrongStatus
from invoices.models import Invoice
from invoices.services import lock_invoice
from portal.models import NONCE_LENGTH, UNUSED, InvoiceLink, LinkUse

FROM_ADDRESS = Limit("customers' pages", attempts=60, window_seconds=60)
BY_LINK = Limit("uses of a customer's link", attempts=120, window_seconds=60)


class LinkNotFound(NotFound):
    """The invoice has no link that is good."""

    default_detail = "This invoice has no customer's link. Make one first."


def create_link(*, actor: Actor, invoice_id: int, version: int | None = None) -> tuple[InvoiceLink, bool]:
    """The link of an issued invoice, and whether it was made now: one that is good stays as it is.

    Raises WrongStatus for what was never issued; where the caller has read a link, LinkNotFound or StaleVersion.
    """
    with transaction.atomic():
        invoice = _lock_issued(invoice_id)
        link = InvoiceLink.objects.select_related("use").filter(invoice=invoice).first()
        if link is not None:
            require_version(link, version)
        elif version is not None:
            raise LinkNotFound
        if link is not None and link.is_live:
            return link, False
        with recording(actor=actor, action="invoice.link_created", company_id=invoice.company_id) as change:
            return _opened(invoice, link, change), True


def links_for(*, actor: Actor, invoice_ids: Collection[int]) -> dict[int, InvoiceLink]:
    """The links of issued invoices by the invoices' ids; those that are missing are made, each under its own entry."""
    links = {link.invoice_id: link for link in InvoiceLink.objects.filter(invoice__in=invoice_ids, revoked_at=None)}
    for invoice_id in sorted(set(invoice_ids) - set(links)):  # invoices are locked in this order by everybody
        links[invoice_id], _ = create_link(actor=actor, invoice_id=invoice_id)
    return links


def renew_link(*, actor: Actor, invoice_id: int, version: int | None = None) -> InvoiceLink:
    """A new link in place of the one that there is, which is dead from now on. Raises LinkNotFound, StaleVersion."""
    with transaction.atomic():
        invoice = _lock_issued(invoice_id)
        link = _live(invoice, version)
        with recording(actor=actor, action="invoice.link_renewed", company_id=invoice.company_id) as change:
            return _opened(invoice, link, change)


def revoke_link(*, actor: Actor, invoice_id: int, version: int | None = None) -> InvoiceLink:
    """The link, which leads nowhere from now on. Raises LinkNotFound, StaleVersion."""
    with transaction.atomic():
        link = _live(_lock_issued(invoice_id), version)
        with recording(actor=actor, action="invoice.link_revoked", company_id=link.company_id) as change:
            write_version(link, change=change, revoked_at=change.at)
    return link


def require_issued(invoice: Invoice) -> None:
    """Raise WrongStatus for what was never issued: a draft is nobody's business but the company's."""
    if invoice.issued_at is None:
        raise WrongStatus(
            f"Only an issued invoice has a page for its customer; this is {invoice.get_status_display().lower()}."
        )


def count_request(address: str) -> None:
    """Count a request from the address, whatever it asks for. Raises TooManyAttempts."""
    count_attempt(counters_of_address(FROM_ADDRESS, address))


def count_use(link: InvoiceLink) -> None:
    """Count a use of the link, whoever uses it. Raises TooManyAttempts."""
    count_attempt([Counter(BY_LINK, f"link {link.pk}")])


def count_view(link: InvoiceLink) -> None:
    """Note that the page was seen: one statement, so that no view is lost to a rival."""
    LinkUse.objects.filter(link=link).update(
        views=F("views") + 1,
        first_viewed_at=Coalesce("first_viewed_at", DatabaseNow()),
        last_viewed_at=DatabaseNow(),
    )


def count_download(link: InvoiceLink) -> None:
    """Note that the file was downloaded."""
    LinkUse.objects.filter(link=link).update(downloads=F("downloads") + 1)


def _lock_issued(invoice_id: int) -> Invoice:
    invoice = lock_invoice(invoice_id)
    require_issued(invoice)
    return invoice


def _live(invoice: Invoice, version: int | None) -> InvoiceLink:
    """The link of the (locked) invoice. Raises LinkNotFound, or StaleVersion where it is not as the caller read it."""
    link = InvoiceLink.objects.select_related("use").filter(invoice=invoice).first()
    if link is None or (not link.is_live and version in (None, link.version)):
        raise LinkNotFound
    require_version(link, version)
    return link


def _opened(invoice: Invoice, link: InvoiceLink | None, change: Change) -> InvoiceLink:
    """The link of the (locked) invoice with a nonce of its own, not used yet: a first one, or instead of `link`."""
    nonce = get_random_string(NONCE_LENGTH)
    if link is None:
        link = InvoiceLink.objects.create(
            company_id=invoice.company_id, invoice=invoice, nonce=nonce, created_at=change.at, change=change
        )
        LinkUse.objects.create(link=link)
        return link
    write_version(link, change=change, nonce=nonce, created_at=change.at, revoked_at=None)
    LinkUse.objects.filter(link=link).update(**UNUSED)
    link.use = LinkUse(link=link)
    return link
