"""Payments over REST: applying them to an invoice, reading the ledger."""

from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import ExactDecimalField, TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from invoices.api import InvoiceStateSerializer, LedgerEntrySerializer
from invoices.selectors import invoice_references_of
from payments.ledger import Kind, Method
from payments.models import Payment
from payments.selectors import filtered_payments, payments_of
from payments.services import apply_payment


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]})
class MomentField(serializers.Field):
    """A timestamp with its offset, or a date (the start of that day where the company is)."""

    def to_internal_value(self, data: Any) -> datetime | date:
        """The moment or the date."""
        is_date = isinstance(data, str) and len(data) == len("2026-01-31")
        field = serializers.DateField() if is_date else serializers.DateTimeField()
        moment: datetime | date = field.run_validation(data)
        return moment

    def to_representation(self, value: Any) -> Any:
        """Not used for reading."""
        return value


class PaymentCommandSerializer(CamelCaseSerializer):
    """A payment to apply."""

    amount = ExactDecimalField(decimals=6)
    method = serializers.ChoiceField(Method.choices, required=False, help_text="EFT where absent.")
    reference = TextField(max_length=200, required=False, allow_blank=True, help_text="Unique on the invoice.")
    paid_at = MomentField(required=False, help_text="When the money moved; now where absent, never in the future.")
    version = serializers.IntegerField(required=False, min_value=1)


class PaymentAppliedSerializer(InvoiceStateSerializer):
    """Where the invoice stands after the payment."""

    payment_id = serializers.IntegerField()


class PaymentSerializer(LedgerEntrySerializer):
    """An entry of the ledger and the invoice it stands on."""

    invoice_id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    version = serializers.IntegerField()


class PaymentFilterSerializer(CamelCaseSerializer):
    """Filters of the list of payments."""

    invoice_id = serializers.IntegerField(required=False)
    customer_id = serializers.IntegerField(required=False, source="invoice__customer_id")
    company_id = serializers.IntegerField(required=False)
    method = serializers.ChoiceField(Method.choices, required=False)
    kind = serializers.ChoiceField(Kind.choices, required=False)
    reference = TextField(max_length=200, required=False)
    paid_at_from = serializers.DateTimeField(required=False, source="paid_at__gte")
    paid_at_to = serializers.DateTimeField(required=False, source="paid_at__lte")


class PaymentViewSet(ScopedViewSet):
    """The ledger of your companies."""

    required_permissions = {
        "list": "payments.view_payment",
        "retrieve": "payments.view_payment",
        "apply": "payments.add_payment",
    }
    serializer_class = PaymentSerializer
    filter_serializers = {"list": PaymentFilterSerializer}
    orderings = {"createdAt": "id"}

    def visible(self) -> QuerySet[Payment]:
        """The caller's entries."""
        return payments_of(self.caller)

    @extend_schema(operation_id="listPayments", tags=["payments"], parameters=[PaymentFilterSerializer])
    def list(self, request: Request) -> Response:
        """Entries, newest first."""
        self.require()
        return self.page(filtered_payments(self.visible(), **self.filters()), PaymentSerializer)

    @extend_schema(operation_id="getPayment", tags=["payments"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One entry."""
        return self.document(PaymentSerializer(self.scoped_object()).data)

    @extend_schema(
        operation_id="applyPayment",
        tags=["payments"],
        request=PaymentCommandSerializer,
        responses={201: PaymentAppliedSerializer},
    )
    def apply(self, request: Request, id: int) -> Response:
        """Apply a payment to an issued invoice, at most what is outstanding."""
        invoice = self.scoped_object(invoice_references_of(self.caller))
        data = self.body(PaymentCommandSerializer)
        data["version"] = self.stated_version(data.get("version"))
        payment = apply_payment(actor=self.caller, invoice_id=invoice.pk, **data)
        state = {"paymentId": payment.pk, **InvoiceStateSerializer(payment.invoice).data}
        return self.document(state, status=201)
