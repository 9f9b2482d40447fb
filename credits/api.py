"""Credit notes over REST: issuing them for an invoice, reading them."""

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.downloads import pdf_reply
from core.api.fields import ExactDecimalField, MoneyField, TextField
from core.api.renderers import PDF_TYPE
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from credits.documents import credit_note_file
from credits.models import CreditNote
from credits.selectors import credit_note_document, credit_notes_of, filtered_credit_notes
from credits.services import CreditItem, issue_credit_note
from invoices.api import InvoiceStateSerializer, VatBreakdownSerializer
from invoices.selectors import invoice_reference
from invoices.totals import VatCategory


class CreditItemSerializer(CamelCaseSerializer):
    """How much of a line of the invoice is credited."""

    item_id = serializers.IntegerField(source="line_id", help_text="The id of the line, as the invoice has it.")
    qty = ExactDecimalField(decimals=6, source="quantity")


class CreditNoteCommandSerializer(CamelCaseSerializer):
    """A credit note to issue: over the items named, or with `whole` over all that is left of the invoice."""

    reason = TextField(max_length=1000, help_text="Stands on the credit note.")
    items = CreditItemSerializer(many=True, required=False)
    whole = serializers.BooleanField(required=False)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Of the invoice.")


class CreditNoteRowSerializer(CamelCaseSerializer):
    """A credit note in a list."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    number = serializers.CharField()
    invoice_id = serializers.IntegerField()
    invoice_number = serializers.CharField(source="invoice.number")
    customer_id = serializers.IntegerField()
    customer_name = serializers.CharField(source="invoice.customer_name", help_text="As on the invoice.")
    issue_date = serializers.DateField()
    currency = serializers.CharField()
    total = MoneyField()
    applied = MoneyField(help_text="What less is owed on the invoice.")
    credited = MoneyField(help_text="What was paid already: the customer's credit.")
    reason = serializers.CharField()
    issued_at = serializers.DateTimeField(source="change.at")
    issued_by = serializers.CharField(source="change.actor")
    version = serializers.IntegerField()


class CreditNoteItemSerializer(CamelCaseSerializer):
    """What is credited of one line of the invoice."""

    id = serializers.IntegerField()
    item_id = serializers.IntegerField(source="line_id", help_text="The line of the invoice.")
    description = serializers.CharField()
    qty = ExactDecimalField(decimals=6, source="quantity")
    vat_category = serializers.ChoiceField(VatCategory.choices)
    vat_rate = ExactDecimalField(decimals=4)
    line_total = MoneyField(help_text="Net, before the document discount.")
    taxable_amount = MoneyField(help_text="Net, after the document discount.")
    vat_amount = MoneyField()


class CreditNoteSerializer(CreditNoteRowSerializer):
    """A credit note, whole."""

    lines_total = MoneyField(help_text="Net, before the document discount.")
    discount_total = MoneyField(help_text="The document discount, net.")
    subtotal = MoneyField()
    vat_total = MoneyField()
    vat_breakdown = VatBreakdownSerializer(many=True)
    items = CreditNoteItemSerializer(many=True)


class CreditNoteIssuedSerializer(CreditNoteSerializer):
    """The credit note, and where its invoice stands now."""

    invoice = InvoiceStateSerializer()


class InvoiceCreditNotesSerializer(CamelCaseSerializer):
    """The credit notes of one invoice, newest first."""

    results = CreditNoteRowSerializer(many=True)


class CreditNoteFilterSerializer(CamelCaseSerializer):
    """Filters of the list of credit notes."""

    invoice_id = serializers.IntegerField(required=False, source="invoice__id")
    customer_id = serializers.IntegerField(required=False, source="customer__id")
    company_id = serializers.IntegerField(required=False, source="company__id")
    currency = TextField(max_length=3, required=False)
    number = TextField(max_length=40, required=False)
    issue_date_from = serializers.DateField(required=False)
    issue_date_to = serializers.DateField(required=False)


class CreditNoteViewSet(ScopedViewSet):
    """The credit notes of your companies."""

    required_permissions = {
        "issue": "credits.add_creditnote",
        "of_invoice": "credits.view_creditnote",
        "list": "credits.view_creditnote",
        "retrieve": "credits.view_creditnote",
        "pdf": "credits.view_creditnote",
    }
    serializer_class = CreditNoteSerializer
    filter_serializers = {"list": CreditNoteFilterSerializer}
    orderings = {"createdAt": "id"}

    def visible(self) -> QuerySet[CreditNote]:
        """The caller's credit notes."""
        return credit_notes_of(self.caller)

    @extend_schema(
        operation_id="issueCreditNote",
        tags=["credit-notes"],
        request=CreditNoteCommandSerializer,
        responses={201: CreditNoteIssuedSerializer},
    )
    def issue(self, request: Request, id: int) -> Response:
        """Issue a credit note for an issued invoice, whole or by quantities of its lines, dated today."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(CreditNoteCommandSerializer)
        data["version"] = self.stated_version(data.get("version"))
        if "items" in data:
            data["items"] = [CreditItem(**item) for item in data["items"]]

        def command() -> Response:
            note = issue_credit_note(actor=self.caller, invoice_id=invoice.pk, **data)
            return self.document(
                CreditNoteIssuedSerializer.represent(note), status=201, location=reverse("credit-note", args=[note.pk])
            )

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="listCreditNotesOfInvoice", tags=["credit-notes"], responses=InvoiceCreditNotesSerializer
    )
    def of_invoice(self, request: Request, id: int) -> Response:
        """The credit notes of an invoice, newest first."""
        invoice = self.scoped_object(invoice_reference)
        notes = self.visible().filter(invoice_id=invoice.pk)
        return Response({"results": [CreditNoteRowSerializer.represent(note) for note in notes]})

    @extend_schema(
        operation_id="listCreditNotes",
        tags=["credit-notes"],
        parameters=[CreditNoteFilterSerializer],
        responses=CreditNoteRowSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Credit notes, newest first."""
        self.require()
        return self.page(filtered_credit_notes(self.visible(), **self.filters()), CreditNoteRowSerializer)

    @extend_schema(operation_id="getCreditNote", tags=["credit-notes"], responses=CreditNoteSerializer)
    def retrieve(self, request: Request, id: int) -> Response:
        """One credit note, whole."""
        note = self.scoped_object(credit_note_document)
        return self.document(CreditNoteSerializer.represent(note))

    @extend_schema(
        operation_id="getCreditNotePdf", tags=["credit-notes"], responses={(200, PDF_TYPE): OpenApiTypes.BINARY}
    )
    def pdf(self, request: Request, id: int) -> HttpResponse:
        """The credit note to print or to send: the same bytes whenever it is asked for."""
        note = self.scoped_object()
        document = credit_note_file(note.pk)
        return pdf_reply(bytes(document.content), document.file_name, as_attachment=True)
