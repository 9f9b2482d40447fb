"""Routes of the parties room, below /api/. The list of companies is in the accounts room, with founding one."""

from django.urls import path

from parties.api import BankAccountViewSet, CompanyViewSet, CustomerViewSet

urlpatterns = [
    path("companies/<int:id>", CompanyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="company"),
    path(
        "bank-accounts",
        BankAccountViewSet.as_view({"get": "list", "post": "create"}),
        name="bank-accounts",
    ),
    path(
        "bank-accounts/<int:id>",
        BankAccountViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="bank-account",
    ),
    path("customers", CustomerViewSet.as_view({"get": "list", "post": "create"}), name="customers"),
    path(
        "customers/<int:id>",
        CustomerViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="customer",
    ),
]
