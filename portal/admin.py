"""Customers' links in the admin: on the invoice's page, with the buttons that make, renew and revoke them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse

from audit.admin import CommandPage
from audit.selectors import History, TimelineEntry
from core.admin import require_page
from core.errors import DomainError
from credits.admin import CreditedInvoiceAdmin
from invoices.models import Invoice
from invoices.selectors import invoice_document
from portal.models import InvoiceLink
from portal.pages import private, rendered
from portal.selectors import address_of, live_link_of
from portal.services import LinkNotFound, create_link, renew_link, require_issued, revoke_link


class MakeLinkPage(CommandPage):
    """The confirmation that makes a link."""

    name = "make-link"
    button = "Make customer's link"
    permission = "portal.add_invoicelink"

    @property
    def title(self) -> str:
        """The question."""
        return f"Make a link for the customer of {self.obj}? Whoever has it sees the invoice, without signing in."

    def require_possible(self) -> None:
        """Raise WrongStatus for a draft, or a DomainError where there is a link."""
        require_issued(self.obj)
        if live_link_of(self.obj.pk):
            raise DomainError("There is a link already.")

    def give(self, values: dict[str, Any]) -> str:
        """Make it."""
        create_link(actor=self.request.user, invoice_id=self.obj.pk)
        return f"The customer of {self.obj} has a link now."


class LinkPage(CommandPage):
    """A confirmation about the link that there is, whose version it carries."""

    permission = "portal.change_invoicelink"

    @property
    def subject(self) -> InvoiceLink | Invoice:
        """The link, which somebody else may have replaced meanwhile; the invoice where there is none."""
        return live_link_of(self.obj.pk) or self.obj

    @property
    def opts(self) -> Any:
        """Invoices: links have no list."""
        return self.obj._meta

    @property
    def back_address(self) -> str:
        """The invoice."""
        return self.model_admin.change_url(self.obj)

    def timeline(self, subject: Any) -> list[TimelineEntry]:
        """What happened to the invoice and its link."""
        return self.model_admin.timeline(self.obj)

    def require_possible(self) -> None:
        """Raise LinkNotFound where there is none."""
        if live_link_of(self.obj.pk) is None:
            raise LinkNotFound


class RenewLinkPage(LinkPage):
    """The confirmation that puts a new link in place of the present one."""

    name = "renew-link"
    button = "Renew link"

    @property
    def title(self) -> str:
        """The question."""
        return f"Make a new link for {self.obj}? The present one leads nowhere from then on."

    def give(self, values: dict[str, Any]) -> str:
        """Renew it."""
        renew_link(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"The customer of {self.obj} has a new link."


class RevokeLinkPage(LinkPage):
    """The confirmation that revokes the link."""

    name = "revoke-link"
    button = "Revoke link"
    is_dangerous = True

    @property
    def title(self) -> str:
        """The question."""
        return f"Revoke the link to {self.obj}? Whoever opens it from then on is told that there is no such page."

    def give(self, values: dict[str, Any]) -> str:
        """Revoke it."""
        revoke_link(actor=self.request.user, invoice_id=self.obj.pk, **values)
        return f"The link to {self.obj} is revoked."


LINK_PAGES = (MakeLinkPage, RenewLinkPage, RevokeLinkPage)


class LinkedInvoiceAdmin(CreditedInvoiceAdmin):
    """Invoices with the page that their customers see. Registered in the room above, which sends the link."""

    document_template = "portal/admin/document.html"
    command_pages = (*CreditedInvoiceAdmin.command_pages, *LINK_PAGES)

    def buttons(self, request: HttpRequest, obj: Any) -> list[CommandPage]:
        """The pages about the invoice itself: those about its link stand beside the link."""
        return [page for page in super().buttons(request, obj) if not isinstance(page, LINK_PAGES)]

    def further_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """The link, and how often it was used."""
        link = live_link_of(invoice.pk)
        return {
            **super().further_context(request, invoice),
            "customer_link": link,
            "customer_link_address": address_of(link, request) if link else "",
            "customer_link_buttons": [
                page for page in super().buttons(request, invoice) if isinstance(page, LINK_PAGES)
            ],
        }

    def histories(self, obj: Invoice) -> list[History]:
        """What happened to the invoice, and to its link."""
        return [*super().histories(obj), (InvoiceLink, InvoiceLink.history.filter(invoice_id=obj.pk))]

    def get_urls(self) -> list[Any]:
        """The addresses of the pages, and that of a look at the customer's."""
        view = self.admin_site.admin_view(private(self.customer_page_view))
        return [
            path("<path:object_id>/customer-page/", view, name="invoices_invoice_customer_page"),
            *super().get_urls(),
        ]

    def customer_page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page as the customer sees it; nobody counts this look."""
        invoice = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, invoice))
        document = invoice_document(invoice.pk)
        if document is None or document.issued_at is None:
            raise Http404("Only an issued invoice has a page for its customer.")
        return rendered(
            document,
            pdf_address=reverse("admin:invoices_invoice_pdf", args=[invoice.pk]),
            address_of_note=lambda note_id: reverse("admin:credits_creditnote_pdf", args=[note_id]),
        )


admin.site.unregister(Invoice)
admin.site.register(Invoice, LinkedInvoiceAdmin)
