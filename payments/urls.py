"""Routes of the payments room, below /api/."""

from django.urls import path

from core.api.renderers import PDF_RENDERERS
from payments.api import PaymentViewSet

urlpatterns = [
    path("invoices/<int:id>/payments", PaymentViewSet.as_view({"post": "apply"}), name="invoice-payments"),
    path("invoices/<int:id>/refunds", PaymentViewSet.as_view({"post": "refund"}), name="invoice-refunds"),
    path(
        "invoices/<int:id>/payments/<int:payment_id>/reverse",
        PaymentViewSet.as_view({"post": "reverse"}),
        name="payment-reverse",
    ),
    path("payments", PaymentViewSet.as_view({"get": "list"}), name="payments"),
    path("payments/<int:id>", PaymentViewSet.as_view({"get": "retrieve"}), name="payment"),
    path(
        "payments/<int:id>/pdf",
        PaymentViewSet.as_view({"get": "pdf"}, renderer_classes=PDF_RENDERERS),
        name="payment-pdf",
    ),
]
