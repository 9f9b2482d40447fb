"""Customers' links over REST: make one, look whether it was used, revoke it."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from invoices.selectors import invoice_reference
from portal.models import InvoiceLink
from portal.selectors import address_of, live_link_of
from portal.services import create_link, renew_link, revoke_link


class LinkRequestSerializer(CamelCaseSerializer):
    """Nothing has to be said to get the link that there is, or a first one."""

    version = serializers.IntegerField(required=False, min_value=1, help_text="Of the link that you read, if any.")
    renew = serializers.BooleanField(
        required=False, default=False, help_text="Make a new link; the one that there is leads nowhere from then on."
    )


class LinkSerializer(CamelCaseSerializer):
    """The link to an invoice's page for its customer, and whether that was seen."""

    id = serializers.IntegerField()
    invoice_id = serializers.IntegerField()
    url = serializers.CharField(help_text="Whoever has it sees the invoice, without signing in.")
    created_at = serializers.DateTimeField()
    first_viewed_at = serializers.DateTimeField(source="use.first_viewed_at", allow_null=True)
    last_viewed_at = serializers.DateTimeField(source="use.last_viewed_at", allow_null=True)
    views = serializers.IntegerField(source="use.views")
    downloads = serializers.IntegerField(source="use.downloads", help_text="Of the PDF, from the page.")
    version = serializers.IntegerField()


class LinkViewSet(ScopedViewSet):
    """The customers' links to the invoices of your companies."""

    required_permissions = {
        "retrieve": "portal.view_invoicelink",
        "create": "portal.add_invoicelink",
        "destroy": "portal.change_invoicelink",
    }
    serializer_class = LinkSerializer

    @extend_schema(operation_id="getInvoiceLink", tags=["invoices"], responses=LinkSerializer)
    def retrieve(self, request: Request, id: int) -> Response:
        """The link of an invoice, and when it was used; 404 where there is none, or none any more."""
        return self.reply(self.scoped_object(live_link_of))

    @extend_schema(
        operation_id="createInvoiceLink",
        tags=["invoices"],
        request=LinkRequestSerializer,
        responses={201: LinkSerializer, 200: LinkSerializer},
    )
    def create(self, request: Request, id: int) -> Response:
        """The link of an issued invoice: the one that there is (200), or a new one (201)."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(LinkRequestSerializer)
        version = self.stated_version(data.get("version"))

        def command() -> Response:
            link, is_new = create_link(actor=self.caller, invoice_id=invoice.pk, version=version)
            if data["renew"] and not is_new:
                link, is_new = renew_link(actor=self.caller, invoice_id=invoice.pk, version=link.version), True
            return self.reply(link, is_new=is_new)

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="revokeInvoiceLink",
        tags=["invoices"],
        parameters=[OpenApiParameter("version", int, description="Or If-Match; one of them is needed.")],
        responses={204: None},
    )
    def destroy(self, request: Request, id: int) -> Response:
        """Revoke the link: from then on it leads nowhere. Say which version with If-Match or ?version=."""
        link = self.scoped_object(live_link_of)
        version = self.stated_version(self.query_version(), required=True)

        def command() -> Response:
            revoke_link(actor=self.caller, invoice_id=link.invoice_id, version=version)
            return Response(status=204)

        return self.once(link.company_id, command)

    def reply(self, link: InvoiceLink, *, is_new: bool = False) -> Response:
        """The link as a document, with its address as the reader of the reply can open it."""
        http_request: Any = self.request
        names = ("id", "invoice_id", "created_at", "use", "version")
        shown = {name: getattr(link, name) for name in names}
        data = LinkSerializer.represent(shown | {"url": address_of(link, http_request)})
        location = reverse("invoice-link", args=[link.invoice_id])
        return self.document(data, status=201 if is_new else 200, location=location if is_new else None)
