"""Routes of the credits room, below /api/."""

from django.urls import path

from credits.api import CreditNoteViewSet

urlpatterns = [
    path(
        "invoices/<int:id>/credit-notes",
        CreditNoteViewSet.as_view({"post": "issue", "get": "of_invoice"}),
        name="invoice-credit-notes",
    ),
    path("credit-notes", CreditNoteViewSet.as_view({"get": "list"}), name="credit-notes"),
    path("credit-notes/<int:id>", CreditNoteViewSet.as_view({"get": "retrieve"}), name="credit-note"),
]
