"""Routes of the parties room, below /api/."""

from django.urls import path

from parties.api import CompanyViewSet, CustomerViewSet

urlpatterns = [
    path("companies", CompanyViewSet.as_view({"get": "list"}), name="companies"),
    path("companies/<int:id>", CompanyViewSet.as_view({"get": "retrieve"}), name="company"),
    path("customers", CustomerViewSet.as_view({"get": "list", "post": "create"}), name="customers"),
    path(
        "customers/<int:id>",
        CustomerViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="customer",
    ),
]
