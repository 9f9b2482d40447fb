"""Invoices over REST: drafts, issue, reading. Their payments are read here and made in the payments room."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api import TimelineEntrySerializer
from core.api.downloads import pdf_reply
from core.api.fields import ExactDecimalField, MetadataField, MomentField, MoneyField, TextField
from core.api.problems import CONTENT_TYPE, ProblemSerializer
from core.api.renderers import PDF_TYPE
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.money import money_text
from core.text import EXTERNAL_ID_LENGTH
from currencies.models import RateSource
from currencies.rates import RATE_DECIMALS
from invoices.documents import copy_with_payments, invoice_document_file
from invoices.history import past_invoice
from invoices.lifecycle import Status
from invoices.models import Invoice
from invoices.pages import InvoicePagination, seen_today
from invoices.selectors import (
    explained,
    filtered_invoices,
    invoice_document,
    invoice_reference,
    invoice_timeline,
    invoices_of,
    with_actions,
)
from invoices.services import (
    Item,
    cancel_invoice,
    create_draft,
    create_quick_draft,
    delete_draft,
    issue_invoice,
    update_draft,
)
from invoices.totals import VatCategory
from parties.models import VatRounding
from parties.selectors import company_for

QUICK_STATUSES = [("Pending", "Pending"), ("Draft", "Draft")]
VERSION_REQUIRED = {(428, CONTENT_TYPE): ProblemSerializer}


@extend_schema_field({"$ref": "#/components/schemas/EntryKind"})
class EntryKindField(serializers.CharField):
    """What an entry is: the payments room says which kinds there are."""


@extend_schema_field({"oneOf": [{"$ref": "#/components/schemas/PaymentMethod"}, {"type": "string", "enum": [""]}]})
class EntryMethodField(serializers.CharField):
    """How money moved, empty where none did: the payments room says which ways there are."""


class ItemSerializer(CamelCaseSerializer):
    """A line as somebody writes it. Without a rate it takes the company's."""

    id = serializers.IntegerField(required=False, help_text="In PATCH: the line that stays this line.")
    description = TextField(max_length=1000)
    qty = ExactDecimalField(decimals=6, source="quantity")
    unit_price = ExactDecimalField(decimals=6)
    vat_rate = ExactDecimalField(decimals=4, required=False, help_text="A fraction: 0.15 is 15 %.")
    vat_category = serializers.ChoiceField(VatCategory.choices, required=False)
    discount_percent = ExactDecimalField(decimals=4, required=False, help_text="10 is 10 %. Or discountAmount.")
    discount_amount = ExactDecimalField(decimals=6, required=False)


class DraftSerializer(CamelCaseSerializer):
    """A new draft."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    customer_id = serializers.IntegerField()
    issue_date = serializers.DateField(required=False, help_text="Today where absent.")
    due_date = serializers.DateField(required=False, help_text="After the company's payment days where absent.")
    currency = TextField(max_length=3, required=False, help_text="ISO 4217; the company's where absent.")
    prices_include_vat = serializers.BooleanField(required=False, help_text="Prices and discounts are gross.")
    discount_percent = ExactDecimalField(decimals=4, required=False, help_text="10 is 10 %. Or discountAmount.")
    discount_amount = ExactDecimalField(decimals=6, required=False)
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False, allow_blank=True)
    metadata = MetadataField(required=False)
    items = ItemSerializer(many=True, required=False)


class QuickDraftSerializer(CamelCaseSerializer):
    """A draft in one line: a customer's name and the total to pay, VAT included."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    customer_name = TextField(max_length=200)
    amount = ExactDecimalField(decimals=6)
    due_date = serializers.DateField()
    status = serializers.ChoiceField(QUICK_STATUSES, required=False, help_text="Both make a draft.")
    vat_rate = ExactDecimalField(decimals=4, required=False)


class DraftChangeSerializer(CamelCaseSerializer):
    """What is to change of a draft, and the version it was read in. `items` replaces the lines."""

    customer_id = serializers.IntegerField(required=False)
    issue_date = serializers.DateField(required=False)
    due_date = serializers.DateField(required=False)
    currency = TextField(max_length=3, required=False)
    prices_include_vat = serializers.BooleanField(required=False)
    discount_percent = ExactDecimalField(decimals=4, required=False)
    discount_amount = ExactDecimalField(decimals=6, required=False)
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False, allow_blank=True)
    metadata = MetadataField(required=False)
    items = ItemSerializer(many=True, required=False)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")


class IssueSerializer(CamelCaseSerializer):
    """The version that the caller read, where they care, and the exchange rate, where none is recorded."""

    version = serializers.IntegerField(required=False, min_value=1)
    exchange_rate = ExactDecimalField(
        decimals=RATE_DECIMALS,
        required=False,
        help_text="By hand: what one unit of the invoice's currency is worth in the company's. Else the recorded one.",
    )


class CancelSerializer(CamelCaseSerializer):
    """Why, and the version that the caller read."""

    reason = TextField(max_length=1000, required=False, allow_blank=True)
    version = serializers.IntegerField(required=False, min_value=1)


class LineSerializer(CamelCaseSerializer):
    """A line with its amounts."""

    id = serializers.IntegerField()
    description = serializers.CharField()
    qty = ExactDecimalField(decimals=6, source="quantity")
    unit_price = ExactDecimalField(decimals=6)
    vat_category = serializers.ChoiceField(VatCategory.choices)
    vat_rate = ExactDecimalField(decimals=4)
    discount_percent = ExactDecimalField(decimals=4)
    discount_amount = MoneyField()
    line_total = MoneyField(help_text="Net, before the document discount.")
    line_gross = MoneyField(allow_null=True, help_text="Where prices include VAT.")
    vat_amount = MoneyField(help_text="After the document discount.")


class LedgerEntrySerializer(CamelCaseSerializer):
    """A movement of money: positive for a payment, negative for a refund or a reversal."""

    id = serializers.IntegerField()
    kind: serializers.Field = EntryKindField()
    amount = MoneyField()
    currency = serializers.CharField()
    method: serializers.Field = EntryMethodField()
    reference = serializers.CharField()
    paid_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField(source="change.at")
    captured_by = serializers.CharField(source="change.actor")
    reversed_payment_id = serializers.IntegerField(source="reverses_id", allow_null=True)
    refund_group_id = serializers.IntegerField(allow_null=True, help_text="The first entry of the same refund.")
    reason = serializers.CharField()
    is_refund = serializers.BooleanField()


class ActionableEntrySerializer(LedgerEntrySerializer):
    """An entry with what the caller can do to it now."""

    allowed_actions = serializers.ListField(child=serializers.CharField(), source="actions.allowed")
    blocked_actions = serializers.DictField(child=serializers.CharField(), source="actions.blocked")


class PartyDetailsSerializer(CamelCaseSerializer):
    """A party as it stands on the document."""

    name = serializers.CharField()
    vat_number = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    address_line_1 = serializers.CharField()
    address_line_2 = serializers.CharField()
    city = serializers.CharField()
    postal_code = serializers.CharField()
    country_code = serializers.CharField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The details, which are kept under the API's names already."""
        return dict(instance)


class SellerSerializer(PartyDetailsSerializer):
    """The company that bills."""

    registration_number = serializers.CharField()


class BuyerSerializer(PartyDetailsSerializer):
    """The customer that is billed."""

    id = serializers.IntegerField()


class InvoiceRowSerializer(CamelCaseSerializer):
    """An invoice in a list."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    invoice_number = serializers.CharField(source="number", allow_null=True, help_text="Given at issue.")
    customer_id = serializers.IntegerField()
    customer_name = serializers.CharField(source="buyer_name")
    status = serializers.ChoiceField(Status.choices)
    currency = serializers.CharField()
    total = MoneyField()
    paid = MoneyField()
    outstanding = MoneyField(source="still_owed")
    issue_date = serializers.DateField()
    due_date = serializers.DateField()
    is_overdue = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField()


def listed(invoice: Invoice) -> dict[str, Any]:
    """What InvoiceRowSerializer makes of an invoice, in a fifth of its time: a page has many."""
    currency = invoice.currency
    return {
        "id": invoice.pk,
        "companyId": invoice.company_id,
        "invoiceNumber": invoice.number,
        "customerId": invoice.customer_id,
        "customerName": invoice.buyer_name,
        "status": invoice.status,
        "currency": currency,
        "total": money_text(invoice.total, currency),
        "paid": money_text(invoice.paid, currency),
        "outstanding": money_text(invoice.still_owed, currency),
        "issueDate": invoice.issue_date.isoformat(),
        "dueDate": invoice.due_date.isoformat(),
        "isOverdue": invoice.is_overdue,
        "createdAt": invoice.created_at.isoformat().replace("+00:00", "Z"),
        "version": invoice.version,
    }


class VatBreakdownSerializer(CamelCaseSerializer):
    """Net and VAT of one category and rate."""

    vat_category = serializers.ChoiceField(VatCategory.choices)
    vat_rate = ExactDecimalField(decimals=4)
    taxable_amount = MoneyField()
    vat_amount = MoneyField()


@extend_schema_serializer(component_name="VatTotalInCompanyCurrency")
class CompanyVatSerializer(CamelCaseSerializer):
    """The VAT of an invoice in its company's currency, as frozen at issue (EN 16931, BT-6 and BT-111)."""

    currency = serializers.CharField()
    amount = MoneyField()
    exchange_rate = ExactDecimalField(decimals=RATE_DECIMALS, help_text="Of one unit of the invoice's currency.")
    date = serializers.DateField(help_text="The day of the rate.")
    source = serializers.ChoiceField(RateSource.choices)  # type: ignore[assignment]  # a field of this name


class InvoiceSerializer(InvoiceRowSerializer):
    """An invoice, whole. Seller and buyer are those of the moment of issue."""

    external_id = serializers.CharField(allow_null=True)
    metadata = MetadataField()
    recurring_invoice_id = serializers.IntegerField(allow_null=True, help_text="What it was made from, by itself.")
    recurring_period = serializers.DateField(allow_null=True, help_text="The first day of its period, if it recurs.")
    prices_include_vat = serializers.BooleanField()
    vat_rounding = serializers.ChoiceField(VatRounding.choices)
    discount_percent = ExactDecimalField(decimals=4)
    discount_amount = MoneyField()
    lines_total = MoneyField(help_text="Net, before the document discount.")
    discount_total = MoneyField(help_text="The document discount, net.")
    subtotal = MoneyField()
    vat_total = MoneyField()
    vat_total_in_company_currency = CompanyVatSerializer(
        source="company_vat", allow_null=True, help_text="Of an issued invoice in another currency."
    )
    vat_breakdown = VatBreakdownSerializer(many=True)
    credited = MoneyField(help_text="What less is owed without a payment: by credit notes.")
    seller = SellerSerializer(source="seller_details")
    customer = BuyerSerializer(source="buyer_details")
    items = LineSerializer(many=True, source="lines")
    payments = ActionableEntrySerializer(many=True)
    issued_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    allowed_actions = serializers.ListField(
        child=serializers.CharField(), source="actions.allowed", help_text="What you can do to it now."
    )
    blocked_actions = serializers.DictField(
        child=serializers.CharField(), source="actions.blocked", help_text="The rest: action -> code of the refusal."
    )


@extend_schema_serializer(component_name="NewInvoice")
class QuickInvoiceSerializer(InvoiceSerializer):
    """A new invoice; with the quick form, its amount under that name too."""

    may_be_absent = frozenset({"amount"})

    amount = MoneyField(source="total", help_text="The total, where the quick form was used.")


class InvoiceStateSerializer(CamelCaseSerializer):
    """Where an invoice stands after a command."""

    id = serializers.IntegerField()
    invoice_number = serializers.CharField(source="number", allow_null=True)
    status = serializers.ChoiceField(Status.choices)
    currency = serializers.CharField()
    total = MoneyField()
    paid = MoneyField()
    outstanding = MoneyField(source="still_owed")
    version = serializers.IntegerField()


class InvoiceFilterSerializer(CamelCaseSerializer):
    """Filters of the list of invoices."""

    status = serializers.ChoiceField(Status.choices, required=False)
    customer_id = serializers.IntegerField(required=False)
    company_id = serializers.IntegerField(required=False)
    currency = TextField(max_length=3, required=False)
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False)
    recurring_invoice_id = serializers.IntegerField(required=False)
    search = TextField(max_length=200, required=False, help_text="Part of number, customer's name or reference.")
    overdue = serializers.BooleanField(required=False)
    issue_date_from = serializers.DateField(required=False)
    issue_date_to = serializers.DateField(required=False)
    due_date_from = serializers.DateField(required=False)
    due_date_to = serializers.DateField(required=False)
    total_min = ExactDecimalField(decimals=4, required=False)
    total_max = ExactDecimalField(decimals=4, required=False)
    vat_rate = ExactDecimalField(decimals=4, required=False, help_text="Of a line: 0.15 is 15 %.")
    vat_category = serializers.ChoiceField(VatCategory.choices, required=False, help_text="Of a line.")


class StepSerializer(CamelCaseSerializer):
    """One step of the calculation."""

    what = serializers.CharField()
    how = serializers.CharField()
    result = serializers.CharField()


class ExplanationSerializer(CamelCaseSerializer):
    """How the totals of an invoice come about: each rounding, in order."""

    currency = serializers.CharField()
    prices_include_vat = serializers.BooleanField()
    vat_rounding = serializers.ChoiceField(VatRounding.choices)
    steps = StepSerializer(many=True)
    lines_total = MoneyField()
    discount_total = MoneyField()
    subtotal = MoneyField()
    vat_total = MoneyField()
    total = MoneyField()


class PastSerializer(CamelCaseSerializer):
    """Which past state of a document is asked for."""

    version = serializers.IntegerField(required=False, min_value=1)
    as_of = MomentField(required=False, help_text="A moment, or the end of a day where the company is.")


class PdfFilterSerializer(CamelCaseSerializer):
    """Which PDF is asked for."""

    payments = serializers.BooleanField(
        required=False, help_text="A copy of today, with what has been paid and what is outstanding."
    )


class InvoiceTimelineSerializer(CamelCaseSerializer):
    """Everything that ever happened to an invoice, its lines and payments, newest first."""

    results = TimelineEntrySerializer(many=True)


class InvoiceViewSet(ScopedViewSet):
    """The invoices of your companies."""

    required_permissions = {
        "list": "invoices.view_invoice",
        "retrieve": "invoices.view_invoice",
        "history": "invoices.view_invoice",
        "explain": "invoices.view_invoice",
        "pdf": "invoices.view_invoice",
        "create": "invoices.add_invoice",
        "partial_update": "invoices.change_invoice",
        "destroy": "invoices.delete_invoice",
        "issue": "invoices.issue_invoice",
        "cancel": "invoices.cancel_invoice",
    }
    serializer_class = InvoiceSerializer
    pagination_class = InvoicePagination
    filter_serializers = {"list": InvoiceFilterSerializer, "retrieve": PastSerializer, "pdf": PdfFilterSerializer}
    orderings = {
        "createdAt": "created_at",
        "issueDate": "issue_date",
        "dueDate": "due_date",
        "total": "total",
        "outstanding": "outstanding",
        "number": "number_or_blank",
        "customerName": "shown_name",
    }

    def visible(self) -> QuerySet[Invoice]:
        """The caller's invoices."""
        return invoices_of(self.caller)

    @extend_schema(
        operation_id="listInvoices",
        tags=["invoices"],
        parameters=[InvoiceFilterSerializer],
        responses=InvoiceRowSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Invoices as rows, newest first; each whole one has an address of its own."""
        self.require()
        page = self.paginate_queryset(filtered_invoices(self.visible(), **self.filters())) or []
        return self.get_paginated_response([listed(invoice) for invoice in seen_today(page)])

    @extend_schema(
        operation_id="createInvoice",
        tags=["invoices"],
        request=PolymorphicProxySerializer(
            component_name="NewInvoice",
            serializers=[DraftSerializer, QuickDraftSerializer],
            resource_type_field_name=None,
        ),
        responses={201: QuickInvoiceSerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a draft: with customerId and items, or by the quick form with customerName and amount."""
        company = self.company_of_body(company_for)
        if isinstance(request.data, dict) and "customerName" in request.data:
            return self._create_by_quick_form(company)
        data = self.body(DraftSerializer)
        data.pop("company_id", None)
        items = _items(data.pop("items", []))

        def command() -> Response:
            invoice = create_draft(actor=self.caller, company=company, items=items, **data)
            return self._made(invoice, InvoiceSerializer)

        return self.once(company.pk, command)

    def _create_by_quick_form(self, company: Any) -> Response:
        data = self.body(QuickDraftSerializer)
        data.pop("company_id", None)
        data.pop("status", None)

        def command() -> Response:
            invoice = create_quick_draft(actor=self.caller, company=company, **data)
            return self._made(invoice, QuickInvoiceSerializer)

        return self.once(company.pk, command)

    @extend_schema(operation_id="getInvoice", tags=["invoices"], parameters=[PastSerializer])
    def retrieve(self, request: Request, id: int) -> Response:
        """One invoice with its lines, VAT breakdown and payments; as it is, or as it was."""
        invoice = self.scoped_object(invoice_document)
        past = self.filters()
        if past:
            return self.document(InvoiceSerializer.represent(past_invoice(invoice, **past)))
        return self.document(InvoiceSerializer.represent(with_actions(invoice, self.caller)))

    @extend_schema(operation_id="updateInvoice", tags=["invoices"], request=DraftChangeSerializer)
    def partial_update(self, request: Request, id: int) -> Response:
        """Change a draft. `items` replaces its lines; a line that brings its `id` stays the same line."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(DraftChangeSerializer)
        version = self.stated_version(data.pop("version", None), required=True)
        if "items" in data:
            data["items"] = _items(data["items"])

        def command() -> Response:
            updated = update_draft(actor=self.caller, invoice_id=invoice.pk, version=version, **data)
            return self._reply(updated, InvoiceSerializer)

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="deleteInvoice",
        tags=["invoices"],
        parameters=[OpenApiParameter("version", int, description="Or If-Match; one of them is needed.")],
        responses={204: None} | VERSION_REQUIRED,
    )
    def destroy(self, request: Request, id: int) -> Response:
        """Delete a draft. Issued invoices are cancelled instead."""
        invoice = self.scoped_object(invoice_reference)
        version = self.stated_version(self.query_version(), required=True)

        def command() -> Response:
            delete_draft(actor=self.caller, invoice_id=invoice.pk, version=version)
            return Response(status=204)

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="issueInvoice", tags=["invoices"], request=IssueSerializer, responses=InvoiceStateSerializer
    )
    def issue(self, request: Request, id: int) -> Response:
        """Issue a draft: it gets its number and is frozen. One with a total of zero is paid at once."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(IssueSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            issued = issue_invoice(actor=self.caller, invoice_id=invoice.pk, **data)
            return self.document(InvoiceStateSerializer.represent(issued))

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="cancelInvoice", tags=["invoices"], request=CancelSerializer, responses=InvoiceStateSerializer
    )
    def cancel(self, request: Request, id: int) -> Response:
        """Cancel a draft, or an issued invoice on which no payment was ever recorded. It keeps its number."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(CancelSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            cancelled = cancel_invoice(actor=self.caller, invoice_id=invoice.pk, **data)
            return self.document(InvoiceStateSerializer.represent(cancelled))

        return self.once(invoice.company_id, command)

    @extend_schema(operation_id="explainInvoice", tags=["invoices"], responses=ExplanationSerializer)
    def explain(self, request: Request, id: int) -> Response:
        """How the totals come about, step by step."""
        invoice = self.scoped_object(invoice_document)
        return Response(ExplanationSerializer.represent(explained(invoice)))

    @extend_schema(
        operation_id="getInvoicePdf",
        tags=["invoices"],
        parameters=[PdfFilterSerializer],
        responses={(200, PDF_TYPE): OpenApiTypes.BINARY},
    )
    def pdf(self, request: Request, id: int) -> HttpResponse:
        """The invoice as a page to print or to send: as it was issued, the same bytes every time.

        A cancelled one has a page more that says so; a draft is marked as one. The file is named after the number.
        """
        invoice = self.scoped_object(invoice_reference)
        make = copy_with_payments if self.filters().get("payments") else invoice_document_file
        file = make(invoice.pk)
        return pdf_reply(bytes(file.content), file.file_name, as_attachment=True)

    @extend_schema(operation_id="getInvoiceHistory", tags=["invoices"], responses=InvoiceTimelineSerializer)
    def history(self, request: Request, id: int) -> Response:
        """Who changed what, when and why: the invoice, its lines and its payments, newest first."""
        invoice = self.scoped_object()
        return Response(InvoiceTimelineSerializer.represent({"results": invoice_timeline(invoice)}))

    def _reply(self, invoice: Invoice, serializer_class: type[InvoiceSerializer], **options: Any) -> Response:
        document: Any = invoice_document(invoice.pk)
        return self.document(serializer_class.represent(with_actions(document, self.caller)), **options)

    def _made(self, invoice: Invoice, serializer_class: type[InvoiceSerializer]) -> Response:
        return self._reply(invoice, serializer_class, status=201, location=reverse("invoice", args=[invoice.pk]))


def _items(rows: Any) -> list[Item]:
    return [Item(**row) for row in rows]
