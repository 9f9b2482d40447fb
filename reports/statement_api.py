"""Statements of customers over REST: as data, or as a PDF to send."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.downloads import pdf_reply
from core.api.fields import MoneyField, TextField
from core.api.renderers import JSON_TYPE, PDF_TYPE
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.money import minor_units
from parties.models import Customer
from parties.selectors import customers_of
from reports.api import DayField
from reports.periods import days_between
from reports.statement_pdf import statement_pdf, statement_pdf_name
from reports.statements import KINDS, statement

FORMATS = ("json", "pdf")


class StatementFilterSerializer(CamelCaseSerializer):
    """Which days, in which currency, as what."""

    currency = TextField(max_length=3, required=False, help_text="ISO 4217; the company's where absent.")
    format = serializers.ChoiceField(
        [(name, name) for name in FORMATS], required=False, help_text="By default what Accept asks for, or else json."
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """The fields; ``from`` cannot be declared as a name in Python."""
        days = {
            "from": DayField(required=False, source="first", help_text="30 days up to the last one where absent."),
            "to": DayField(required=False, source="last", help_text="Inclusive; today where absent."),
        }
        return {**days, **super().get_fields()}

    def validate_currency(self, value: str) -> str:
        """A code that money can be kept in."""
        minor_units(value)
        return value


class MovementSerializer(CamelCaseSerializer):
    """One movement; `amount` raises what is owed, or lowers it where it is negative."""

    date = serializers.DateField(source="day")
    kind = serializers.ChoiceField(KINDS)
    document_id = serializers.IntegerField(help_text="Of the invoice, or of the entry of the ledger.")
    invoice_number = serializers.CharField(source="number")
    reference = serializers.CharField()
    amount = MoneyField()
    balance = MoneyField(help_text="After it.")


class StatementSerializer(CamelCaseSerializer):
    """A customer's account in one currency."""

    customer_id = serializers.IntegerField(source="customer.pk")
    customer_name = serializers.CharField(source="customer.name")
    currency = serializers.CharField()
    opening_balance = MoneyField(help_text="Owed before the first day.")
    movements = MovementSerializer(many=True)
    closing_balance = MoneyField(help_text="Owed at the end of the last day.")
    other_currencies = serializers.ListField(
        child=serializers.CharField(), help_text="In which the customer has accounts too; each has its own statement."
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """The fields, with the days."""
        days = {"from": serializers.DateField(source="first"), "to": serializers.DateField(source="last")}
        return {**days, **super().get_fields()}


class StatementViewSet(ScopedViewSet):
    """The accounts of your customers."""

    required_permissions = {"retrieve": "invoices.view_invoice"}
    filter_serializers = {"retrieve": StatementFilterSerializer}
    serializer_class = StatementSerializer

    def visible(self) -> QuerySet[Customer]:
        """The caller's customers."""
        return customers_of(self.caller).select_related("company")

    @extend_schema(
        operation_id="getCustomerStatement",
        tags=["customers"],
        parameters=[StatementFilterSerializer],
        responses={(200, JSON_TYPE): StatementSerializer, (200, PDF_TYPE): OpenApiTypes.BINARY},
    )
    def retrieve(self, request: Request, id: int) -> HttpResponse | Response:
        """What the customer owed before some days, each movement, and what was owed after them."""
        customer = self.scoped_object()
        wanted: dict[str, Any] = self.filters()
        [days] = days_between([customer.company], wanted.get("first"), wanted.get("last"))
        account = statement(customer, days, currency=wanted.get("currency") or customer.company.currency)
        if (wanted.get("format") or request.accepted_renderer.format) == "pdf":
            return pdf_reply(statement_pdf(account), statement_pdf_name(account), as_attachment=True)
        return Response(StatementSerializer.represent(account), content_type=JSON_TYPE)
