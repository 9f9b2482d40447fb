"""Routes of the notifications room, below /api/."""

from django.urls import path

from notifications.api import MessageViewSet
from notifications.events_api import EventViewSet

urlpatterns = [
    path("events", EventViewSet.as_view({"get": "events"}), name="events"),
    path("invoices/<int:id>/send", MessageViewSet.as_view({"post": "send"}), name="invoice-send"),
    path("invoices/<int:id>/messages", MessageViewSet.as_view({"get": "messages"}), name="invoice-messages"),
    path("messages/<int:id>/bounced", MessageViewSet.as_view({"post": "bounced"}), name="message-bounced"),
]
