"""Payments over REST: applying them to an invoice, reading the ledger."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.downloads import pdf_reply
from core.api.fields import ExactDecimalField, MomentField, TextField
from core.api.renderers import PDF_TYPE
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from invoices.api import InvoiceStateSerializer, LedgerEntrySerializer
from invoices.selectors import actions_of_entry, invoice_reference
from parties.selectors import companies_of
from payments.ledger import Kind, Method
from payments.models import Payment
from payments.pdf import payment_pdf, payment_pdf_name
from payments.selectors import filtered_payments, payment_document, payments_of
from payments.services import PaymentNotFound, apply_payment, refund_payment, reverse_payment


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


class RefundCommandSerializer(PaymentCommandSerializer):
    """A refund: of the payment named, or of the newest that have something left."""

    payment_id = serializers.IntegerField(required=False)
    method = serializers.ChoiceField(Method.choices, required=False, help_text="As it came, where absent.")
    reason = TextField(max_length=1000, required=False, allow_blank=True)


class ReversalCommandSerializer(CamelCaseSerializer):
    """A reversal of what refunds have left of a payment."""

    reason = TextField(max_length=1000, required=False, allow_blank=True)
    reference = TextField(max_length=200, required=False, allow_blank=True, help_text="Unique on the invoice.")
    paid_at = MomentField(required=False, help_text="Not before the payment, never in the future; now where absent.")
    version = serializers.IntegerField(required=False, min_value=1)


class RefundedSerializer(InvoiceStateSerializer):
    """Where the invoice stands after the refund."""

    refund_payment_id = serializers.IntegerField(help_text="The first entry, which bears the reference.")
    refund_payment_ids = serializers.ListField(child=serializers.IntegerField())


class ReversedSerializer(InvoiceStateSerializer):
    """Where the invoice stands after the reversal."""

    reversal_payment_id = serializers.IntegerField()
    original_payment_id = serializers.IntegerField()


class PaymentSerializer(LedgerEntrySerializer):
    """An entry of the ledger and the invoice it stands on."""

    kind = serializers.ChoiceField(Kind.choices)
    invoice_id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    version = serializers.IntegerField()


class ActionablePaymentSerializer(PaymentSerializer):
    """An entry, and what the caller can do to it now."""

    allowed_actions = serializers.ListField(child=serializers.CharField(), source="actions.allowed")
    blocked_actions = serializers.DictField(child=serializers.CharField(), source="actions.blocked")


class PaymentFilterSerializer(CamelCaseSerializer):
    """Filters of the list of payments."""

    invoice_id = serializers.IntegerField(required=False, source="invoice__id")
    customer_id = serializers.IntegerField(required=False, source="invoice__customer__id")
    company_id = serializers.IntegerField(required=False, source="company__id")
    method = serializers.ChoiceField(Method.choices, required=False)
    kind = serializers.ChoiceField(Kind.choices, required=False)
    reference = TextField(max_length=200, required=False)
    paid_at_from = MomentField(required=False, help_text="A timestamp, or a day of the company's calendar.")
    paid_at_to = MomentField(required=False, help_text="Inclusive: of a day, its end.")


class PaymentViewSet(ScopedViewSet):
    """The ledger of your companies."""

    required_permissions = {
        "list": "payments.view_payment",
        "retrieve": "payments.view_payment",
        "pdf": "payments.view_payment",
        "apply": "payments.add_payment",
        "refund": "payments.refund_payment",
        "reverse": "payments.reverse_payment",
    }
    serializer_class = PaymentSerializer
    filter_serializers = {"list": PaymentFilterSerializer}
    orderings = {"createdAt": "id"}

    def visible(self) -> QuerySet[Payment]:
        """The caller's entries."""
        return payments_of(self.caller)

    @extend_schema(operation_id="listPayments", tags=["payments"], parameters=[PaymentFilterSerializer])
    def list(self, request: Request) -> Response:
        """The ledger: payments (positive), refunds and reversals (negative), newest first."""
        self.require()
        return self.page(
            filtered_payments(self.visible(), companies_of(self.caller), **self.filters()), PaymentSerializer
        )

    @extend_schema(operation_id="getPayment", tags=["payments"], responses=ActionablePaymentSerializer)
    def retrieve(self, request: Request, id: int) -> Response:
        """One entry of the ledger, and what you can do to it now."""
        payment = self.scoped_object(payment_document)
        payment.actions = actions_of_entry(payment, self.caller)
        return self.document(ActionablePaymentSerializer.represent(payment))

    @extend_schema(operation_id="getPaymentPdf", tags=["payments"], responses={(200, PDF_TYPE): OpenApiTypes.BINARY})
    def pdf(self, request: Request, id: int) -> HttpResponse:
        """A receipt for a payment, or a note for a refund or a reversal, to print or to send."""
        payment = self.scoped_object(payment_document)
        return pdf_reply(payment_pdf(payment), payment_pdf_name(payment), as_attachment=True)

    @extend_schema(
        operation_id="applyPayment",
        tags=["payments"],
        request=PaymentCommandSerializer,
        responses={201: PaymentAppliedSerializer},
    )
    def apply(self, request: Request, id: int) -> Response:
        """Apply a payment to an issued invoice, at most what is outstanding."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(PaymentCommandSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            payment = apply_payment(actor=self.caller, invoice_id=invoice.pk, **data)
            return self._booked(payment, {"paymentId": payment.pk})

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="refundPayment",
        tags=["payments"],
        request=RefundCommandSerializer,
        responses={201: RefundedSerializer},
    )
    def refund(self, request: Request, id: int) -> Response:
        """Give money back: of the payment named, or of the newest payments that have something left."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(RefundCommandSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            refunds = refund_payment(actor=self.caller, invoice_id=invoice.pk, **data)
            ids = [refund.pk for refund in refunds]
            return self._booked(refunds[0], {"refundPaymentId": ids[0], "refundPaymentIds": ids})

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="reversePayment",
        tags=["payments"],
        request=ReversalCommandSerializer,
        responses={201: ReversedSerializer},
    )
    def reverse(self, request: Request, id: int, payment_id: int) -> Response:
        """Undo what refunds have left of a payment, once."""
        invoice = self.scoped_object(invoice_reference)
        if not self.visible().filter(pk=payment_id, invoice_id=invoice.pk).exists():
            raise PaymentNotFound
        data = self.body(ReversalCommandSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            reversal = reverse_payment(actor=self.caller, invoice_id=invoice.pk, payment_id=payment_id, **data)
            return self._booked(reversal, {"reversalPaymentId": reversal.pk, "originalPaymentId": payment_id})

        return self.once(invoice.company_id, command)

    def _booked(self, entry: Payment, ids: dict[str, Any]) -> Response:
        """The ids of what was booked and where its invoice stands now; the first entry is the one to find."""
        state = InvoiceStateSerializer.represent(entry.invoice)
        return self.document(ids | state, status=201, location=reverse("payment", args=[entry.pk]))
