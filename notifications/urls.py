"""Routes of the notifications room, below /api/."""

from django.urls import path

from notifications.api import MessageViewSet

urlpatterns = [
    path("invoices/<int:id>/send", MessageViewSet.as_view({"post": "send"}), name="invoice-send"),
    path("invoices/<int:id>/messages", MessageViewSet.as_view({"get": "messages"}), name="invoice-messages"),
]
