"""Routes of the invoices room, below /api/."""

from django.urls import path

from core.api.renderers import PDF_RENDERERS
from invoices.api import InvoiceViewSet
from invoices.bulk_api import BulkInvoiceViewSet
from invoices.recurring.api import RecurringInvoiceViewSet

urlpatterns = [
    path("invoices", InvoiceViewSet.as_view({"get": "list", "post": "create"}), name="invoices"),
    path("invoices/bulk", BulkInvoiceViewSet.as_view({"post": "bulk"}), name="invoices-bulk"),
    path(
        "invoices/<int:id>",
        InvoiceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="invoice",
    ),
    path("invoices/<int:id>/issue", InvoiceViewSet.as_view({"post": "issue"}), name="invoice-issue"),
    path("invoices/<int:id>/cancel", InvoiceViewSet.as_view({"post": "cancel"}), name="invoice-cancel"),
    path("invoices/<int:id>/explain", InvoiceViewSet.as_view({"get": "explain"}), name="invoice-explain"),
    path(
        "invoices/<int:id>/pdf",
        InvoiceViewSet.as_view({"get": "pdf"}, renderer_classes=PDF_RENDERERS),
        name="invoice-pdf",
    ),
    path("invoices/<int:id>/history", InvoiceViewSet.as_view({"get": "history"}), name="invoice-history"),
    path(
        "recurring-invoices",
        RecurringInvoiceViewSet.as_view({"get": "list", "post": "create"}),
        name="recurring-invoices",
    ),
    path(
        "recurring-invoices/<int:id>",
        RecurringInvoiceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="recurring-invoice",
    ),
    path(
        "recurring-invoices/<int:id>/pause",
        RecurringInvoiceViewSet.as_view({"post": "pause"}),
        name="recurring-invoice-pause",
    ),
    path(
        "recurring-invoices/<int:id>/resume",
        RecurringInvoiceViewSet.as_view({"post": "resume"}),
        name="recurring-invoice-resume",
    ),
    path(
        "recurring-invoices/<int:id>/end",
        RecurringInvoiceViewSet.as_view({"post": "end"}),
        name="recurring-invoice-end",
    ),
    path(
        "recurring-invoices/<int:id>/run",
        RecurringInvoiceViewSet.as_view({"post": "run"}),
        name="recurring-invoice-run",
    ),
    path(
        "recurring-invoices/<int:id>/history",
        RecurringInvoiceViewSet.as_view({"get": "history"}),
        name="recurring-invoice-history",
    ),
]
