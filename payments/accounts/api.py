"""Receipts, credit and write-offs over REST."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import ExactDecimalField, MomentField, MoneyField, TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.money import ZERO
from invoices.api import InvoiceStateSerializer
from invoices.selectors import invoice_reference
from invoices.services import CustomerUnknown
from parties.models import Customer
from parties.selectors import customers_of
from payments.accounts.models import AccountEntry, Receipt
from payments.accounts.rules import AccountKind, Remainder
from payments.accounts.selectors import account_entries_of, credit_on, filtered_account_entries, receipts_of
from payments.accounts.services import (
    Allocation,
    allocate_credit,
    receive_payment,
    refund_credit,
    reinstate,
    undo_allocation,
    write_off,
)
from payments.api import PaymentAppliedSerializer, PaymentViewSet
from payments.ledger import Kind, Method
from payments.models import Payment
from payments.selectors import payments_of

VIEW = "payments.view_payment"
NEW_ENTRY = PaymentAppliedSerializer


class ReceiptShareSerializer(CamelCaseSerializer):
    """What of a receipt pays an invoice."""

    invoice_id = serializers.IntegerField()
    amount = ExactDecimalField(decimals=6)


class ReceiveSerializer(CamelCaseSerializer):
    """Money received in one piece."""

    customer_id = serializers.IntegerField()
    currency = TextField(max_length=3, required=False, help_text="That of the first invoice, or else the company's.")
    amount = ExactDecimalField(decimals=6)
    method = serializers.ChoiceField(Method.choices, required=False, help_text="EFT where absent.")
    reference = TextField(max_length=200, required=False, allow_blank=True, help_text="Unique on each invoice.")
    paid_at = MomentField(required=False, help_text="When the money moved; now where absent, never in the future.")
    allocations = ReceiptShareSerializer(many=True, required=False)
    remainder = serializers.ChoiceField(
        Remainder.choices, required=False, help_text="What becomes of what is not allocated; refused without a choice."
    )


class ReceiptPaymentSerializer(CamelCaseSerializer):
    """A payment that a receipt made."""

    id = serializers.IntegerField()
    invoice_id = serializers.IntegerField()
    amount = MoneyField()
    currency = serializers.CharField()


class ReceiptSerializer(CamelCaseSerializer):
    """Money received in one piece, and what became of it."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    customer_id = serializers.IntegerField()
    amount = MoneyField()
    currency = serializers.CharField()
    method = serializers.ChoiceField(Method.choices)
    reference = serializers.CharField()
    paid_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField(source="change.at")
    captured_by = serializers.CharField(source="change.actor")
    payments = ReceiptPaymentSerializer(many=True)
    credit = MoneyField(help_text="What is left of it as the customer's credit.")
    version = serializers.IntegerField()


class AllocateSerializer(CamelCaseSerializer):
    """Credit to be used."""

    amount = ExactDecimalField(decimals=6)
    version = serializers.IntegerField(required=False, min_value=1)


class UndoSerializer(CamelCaseSerializer):
    """Why something is taken back; the version is the invoice's."""

    reason = TextField(max_length=1000)
    version = serializers.IntegerField(required=False, min_value=1)


class WriteOffSerializer(UndoSerializer):
    """What is not asked for any more, and why."""

    amount = ExactDecimalField(decimals=6, required=False, help_text="All that is still owed, where absent.")


class ReinstatedSerializer(PaymentAppliedSerializer):
    """Where the invoice stands after what was written off is asked for again."""

    payment_ids = serializers.ListField(child=serializers.IntegerField())


class CreditRefundSerializer(CamelCaseSerializer):
    """Credit to be given back; the version is the account's."""

    amount = ExactDecimalField(decimals=6)
    currency = TextField(max_length=3, required=False, help_text="The company's where absent.")
    method = serializers.ChoiceField(Method.choices, required=False, help_text="EFT where absent.")
    reference = TextField(max_length=200, required=False, allow_blank=True)
    reason = TextField(max_length=1000)
    paid_at = MomentField(required=False, help_text="Not before the last entry, never in the future; now where absent.")
    version = serializers.IntegerField(required=False, min_value=1)


class CreditEntrySerializer(CamelCaseSerializer):
    """A movement of a customer's credit: positive for what adds to it, negative for what uses it."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    customer_id = serializers.IntegerField()
    kind = serializers.ChoiceField(AccountKind.choices)
    amount = MoneyField()
    currency = serializers.CharField()
    method = serializers.CharField(help_text="Empty where no money moved.")
    reference = serializers.CharField()
    paid_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField(source="change.at")
    captured_by = serializers.CharField(source="change.actor")
    reason = serializers.CharField()
    receipt_id = serializers.IntegerField(allow_null=True)
    ledger_entry_id = serializers.IntegerField(
        source="payment_id", allow_null=True, help_text="Its counterpart in the ledger of an invoice."
    )
    invoice_id = serializers.IntegerField(
        source="payment.invoice_id", allow_null=True, help_text="What the credit paid, or came back from."
    )
    version = serializers.IntegerField()


class CreditEntryFilterSerializer(CamelCaseSerializer):
    """Filters of the list of movements."""

    customer_id = serializers.IntegerField(required=False, source="customer__id")
    company_id = serializers.IntegerField(required=False, source="company__id")
    currency = TextField(max_length=3, required=False)
    kind = serializers.ChoiceField(AccountKind.choices, required=False)


class CreditBalanceSerializer(CamelCaseSerializer):
    """The credit in one currency."""

    currency = serializers.CharField()
    balance = MoneyField()
    version = serializers.IntegerField(help_text="Of the account now: what a refund may name.")


class CreditSerializer(CamelCaseSerializer):
    """The credit of a customer."""

    customer_id = serializers.IntegerField()
    balances = CreditBalanceSerializer(many=True)


class CreditFilterSerializer(CamelCaseSerializer):
    """The moment asked about."""

    as_of = MomentField(required=False, help_text="A moment, or the end of a day where the company is.")


class LedgerViewSet(PaymentViewSet):
    """The ledger, and receipts that make several of its entries."""

    required_permissions = {**PaymentViewSet.required_permissions, "receive": "payments.add_payment"}

    @extend_schema(
        operation_id="receivePayment", tags=["payments"], request=ReceiveSerializer, responses={201: ReceiptSerializer}
    )
    def receive(self, request: Request) -> Response:
        """Book money received in one piece: over several invoices of a customer, and the rest as credit, if chosen."""
        self.require()
        data = self.body(ReceiveSerializer)
        customer = customers_of(self.caller).filter(pk=data["customer_id"]).first()
        if customer is None:
            raise CustomerUnknown(field="customer_id")
        self.require(customer.company_id)
        self.require_known_parameters()
        data["allocations"] = [Allocation(**share) for share in data.get("allocations", [])]

        def command() -> Response:
            received = receive_payment(actor=self.caller, **data)
            receipt = receipts_of(self.caller).get(pk=received.receipt.pk)
            return self.document(receipt_data(receipt), status=201, location=reverse("receipt", args=[receipt.pk]))

        return self.once(customer.company_id, command)


class ReceiptViewSet(ScopedViewSet):
    """Money received in one piece."""

    required_permissions = {"retrieve": VIEW}

    def visible(self) -> QuerySet[Receipt]:
        """The caller's receipts."""
        return receipts_of(self.caller)

    @extend_schema(operation_id="getReceipt", tags=["payments"], responses=ReceiptSerializer)
    def retrieve(self, request: Request, id: int) -> Response:
        """A receipt, the payments that it made, and what was left of it as credit."""
        return self.document(receipt_data(self.scoped_object()))


class InvoiceCreditViewSet(ScopedViewSet):
    """What is paid from credit or written off."""

    required_permissions = {
        "allocate": "payments.allocate_credit",
        "undo": "payments.allocate_credit",
        "write_off": "payments.write_off",
        "reinstate": "payments.write_off",
    }

    def visible(self) -> QuerySet[Payment]:
        """The caller's allocations."""
        return payments_of(self.caller).filter(kind=Kind.ALLOCATION)

    @extend_schema(
        operation_id="allocateCredit", tags=["payments"], request=AllocateSerializer, responses={201: NEW_ENTRY}
    )
    def allocate(self, request: Request, id: int) -> Response:
        """Pay an issued invoice from the credit of its customer, at most what is outstanding."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(AllocateSerializer)
        data["version"] = self.stated_version(data.get("version"))
        return self.once(
            invoice.company_id, lambda: self._booked(allocate_credit(actor=self.caller, invoice_id=invoice.pk, **data))
        )

    @extend_schema(operation_id="undoAllocation", tags=["payments"], request=UndoSerializer, responses={201: NEW_ENTRY})
    def undo(self, request: Request, id: int) -> Response:
        """Give an allocation back to the credit of the customer, once."""
        allocation = self.scoped_object()
        data = self.body(UndoSerializer)
        return self.once(
            allocation.company_id,
            lambda: self._booked(undo_allocation(actor=self.caller, allocation_id=allocation.pk, **data)),
        )

    @extend_schema(operation_id="writeOff", tags=["payments"], request=WriteOffSerializer, responses={201: NEW_ENTRY})
    def write_off(self, request: Request, id: int) -> Response:
        """Ask no more for what is owed on an issued invoice, or for a part of it. No money moves."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(WriteOffSerializer)
        data["version"] = self.stated_version(data.get("version"))
        return self.once(
            invoice.company_id, lambda: self._booked(write_off(actor=self.caller, invoice_id=invoice.pk, **data))
        )

    @extend_schema(
        operation_id="reinstate", tags=["payments"], request=UndoSerializer, responses={201: ReinstatedSerializer}
    )
    def reinstate(self, request: Request, id: int) -> Response:
        """Ask again for all that was written off of an invoice."""
        invoice = self.scoped_object(invoice_reference)
        data = self.body(UndoSerializer)
        data["version"] = self.stated_version(data.get("version"))

        def command() -> Response:
            entries = reinstate(actor=self.caller, invoice_id=invoice.pk, **data)
            return self._booked(entries[0], paymentIds=[entry.pk for entry in entries])

        return self.once(invoice.company_id, command)

    def _booked(self, entry: Payment, **ids: Any) -> Response:
        """The entry and where its invoice stands now."""
        state = InvoiceStateSerializer.represent(entry.invoice)
        data = {"paymentId": entry.pk, **ids, **state}
        return self.document(data, status=201, location=reverse("payment", args=[entry.pk]))


class CustomerCreditViewSet(ScopedViewSet):
    """The credit of a customer."""

    required_permissions = {"retrieve": VIEW, "refund": "payments.refund_credit"}
    filter_serializers = {"retrieve": CreditFilterSerializer}

    def visible(self) -> QuerySet[Customer]:
        """The caller's customers."""
        return customers_of(self.caller).select_related("company")

    @extend_schema(
        operation_id="getCustomerCredit",
        tags=["customers"],
        parameters=[CreditFilterSerializer],
        responses=CreditSerializer,
    )
    def retrieve(self, request: Request, id: int) -> Response:
        """The credit of a customer in each currency, now or at a moment. Its movements are in the list of entries."""
        customer = self.scoped_object()
        balances = credit_on(customer, **self.filters())
        return Response(CreditSerializer.represent({"customer_id": customer.pk, "balances": balances}))

    @extend_schema(
        operation_id="refundCredit",
        tags=["customers"],
        request=CreditRefundSerializer,
        responses={201: CreditEntrySerializer},
    )
    def refund(self, request: Request, id: int) -> Response:
        """Give credit back to the customer, at most what there is."""
        customer = self.scoped_object()
        data = self.body(CreditRefundSerializer)

        def command() -> Response:
            entry = refund_credit(actor=self.caller, customer_id=customer.pk, **data)
            location = reverse("credit-entry", args=[entry.pk])
            return self.document(CreditEntrySerializer.represent(entry), status=201, location=location)

        return self.once(customer.company_id, command)


class CreditEntryViewSet(ScopedViewSet):
    """The movements of credit in your companies."""

    required_permissions = {"list": VIEW, "retrieve": VIEW}
    serializer_class = CreditEntrySerializer
    filter_serializers = {"list": CreditEntryFilterSerializer}
    orderings = {"createdAt": "id"}

    def visible(self) -> QuerySet[AccountEntry]:
        """The caller's entries."""
        return account_entries_of(self.caller)

    @extend_schema(operation_id="listCreditEntries", tags=["customers"], parameters=[CreditEntryFilterSerializer])
    def list(self, request: Request) -> Response:
        """The movements of the credit of customers, newest first."""
        self.require()
        return self.page(filtered_account_entries(self.visible(), **self.filters()), CreditEntrySerializer)

    @extend_schema(operation_id="getCreditEntry", tags=["customers"], responses=CreditEntrySerializer)
    def retrieve(self, request: Request, id: int) -> Response:
        """One movement of a customer's credit."""
        return self.document(CreditEntrySerializer.represent(self.scoped_object()))


def receipt_data(receipt: Receipt) -> dict[str, Any]:
    """The receipt as the API shows it. It was read with its payments and what was left of it."""
    receipt.credit = sum((entry.amount for entry in receipt.account_entries.all()), ZERO)  # type: ignore[attr-defined]  # it is set on the instance
    data: dict[str, Any] = ReceiptSerializer.represent(receipt)
    return data
