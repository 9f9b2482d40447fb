"""Routes of the portal room, below /api/."""

from django.urls import path

from portal.api import LinkViewSet

urlpatterns = [
    path(
        "invoices/<int:id>/link",
        LinkViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
        name="invoice-link",
    ),
]
