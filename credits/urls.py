"""Routes of the credits room, below /api/."""

from django.urls import path

from core.api.renderers import PDF_RENDERERS
from credits.api import CreditNoteViewSet

urlpatterns = [
    path(
        "invoices/<int:id>/credit-notes",
        CreditNoteViewSet.as_view({"post": "issue", "get": "of_invoice"}),
        name="invoice-credit-notes",
    ),
    path("credit-notes", CreditNoteViewSet.as_view({"get": "list"}), name="credit-notes"),
    path("credit-notes/<int:id>", CreditNoteViewSet.as_view({"get": "retrieve"}), name="credit-note"),
    path(
        "credit-notes/<int:id>/pdf",
        CreditNoteViewSet.as_view({"get": "pdf"}, renderer_classes=PDF_RENDERERS),
        name="credit-note-pdf",
    ),
]
