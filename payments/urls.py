"""Routes of the payments room, below /api/."""

from django.urls import path

from core.api.renderers import PDF_RENDERERS
from payments.accounts.api import (
    CreditEntryViewSet,
    CustomerCreditViewSet,
    InvoiceCreditViewSet,
    LedgerViewSet,
    ReceiptViewSet,
)

urlpatterns = [
    path("invoices/<int:id>/payments", LedgerViewSet.as_view({"post": "apply"}), name="invoice-payments"),
    path("invoices/<int:id>/refunds", LedgerViewSet.as_view({"post": "refund"}), name="invoice-refunds"),
    path(
        "invoices/<int:id>/payments/<int:payment_id>/reverse",
        LedgerViewSet.as_view({"post": "reverse"}),
        name="payment-reverse",
    ),
    path("payments", LedgerViewSet.as_view({"get": "list", "post": "receive"}), name="payments"),
    path("payments/<int:id>", LedgerViewSet.as_view({"get": "retrieve"}), name="payment"),
    path(
        "payments/<int:id>/pdf",
        LedgerViewSet.as_view({"get": "pdf"}, renderer_classes=PDF_RENDERERS),
        name="payment-pdf",
    ),
    path("receipts/<int:id>", ReceiptViewSet.as_view({"get": "retrieve"}), name="receipt"),
    path(
        "invoices/<int:id>/allocations",
        InvoiceCreditViewSet.as_view({"post": "allocate"}),
        name="invoice-allocations",
    ),
    path("allocations/<int:id>/reverse", InvoiceCreditViewSet.as_view({"post": "undo"}), name="allocation-reverse"),
    path("invoices/<int:id>/write-off", InvoiceCreditViewSet.as_view({"post": "write_off"}), name="invoice-write-off"),
    path(
        "invoices/<int:id>/write-off/reinstate",
        InvoiceCreditViewSet.as_view({"post": "reinstate"}),
        name="invoice-reinstate",
    ),
    path("customers/<int:id>/credit", CustomerCreditViewSet.as_view({"get": "retrieve"}), name="customer-credit"),
    path(
        "customers/<int:id>/credit-refunds",
        CustomerCreditViewSet.as_view({"post": "refund"}),
        name="customer-credit-refunds",
    ),
    path("credit-entries", CreditEntryViewSet.as_view({"get": "list"}), name="credit-entries"),
    path("credit-entries/<int:id>", CreditEntryViewSet.as_view({"get": "retrieve"}), name="credit-entry"),
]
