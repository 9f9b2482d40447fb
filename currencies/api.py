"""Exchange rates over REST: reading them, recording one by hand, taking in a file of the European Central Bank."""

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import Base64Field, ExactDecimalField, TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from currencies.models import ExchangeRate, RateSource
from currencies.rates import RATE_DECIMALS
from currencies.selectors import filtered_rates, rates_of
from currencies.services import import_ecb_rates, record_rate
from parties.selectors import company_for


class NewExchangeRateSerializer(CamelCaseSerializer):
    """A rate by hand."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    base_currency = TextField(max_length=3, help_text="ISO 4217: one unit of this…")
    quote_currency = TextField(max_length=3, help_text="…is worth `rate` units of this.")
    date = serializers.DateField(source="day", help_text="The first day for which it counts.")
    rate = ExactDecimalField(decimals=RATE_DECIMALS)


class ExchangeRateSerializer(CamelCaseSerializer):
    """What one unit of a currency is worth in another from a day on."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    base_currency = serializers.CharField()
    quote_currency = serializers.CharField()
    date = serializers.DateField(source="day")
    rate = ExactDecimalField(decimals=RATE_DECIMALS)
    source = serializers.ChoiceField(RateSource.choices)  # type: ignore[assignment]  # a field of this name
    created_at = serializers.DateTimeField(source="change.at")
    version = serializers.IntegerField()


class RateFileSerializer(CamelCaseSerializer):
    """A file of the European Central Bank: eurofxref-daily.xml or eurofxref-hist-90d.xml."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    file = Base64Field()
    file_name = TextField(max_length=200, required=False, allow_blank=True)


class RateImportSerializer(CamelCaseSerializer):
    """What became of the file."""

    company_id = serializers.IntegerField()
    first_date = serializers.DateField(source="first_day")
    last_date = serializers.DateField(source="last_day")
    read = serializers.IntegerField(help_text="Rates in the file.")
    added = serializers.IntegerField(help_text="Those that were not known yet.")


class ExchangeRateFilterSerializer(CamelCaseSerializer):
    """Filters of the list of rates."""

    company_id = serializers.IntegerField(required=False)
    currency = TextField(max_length=3, required=False, help_text="On either side of the rate.")
    source = serializers.ChoiceField(RateSource.choices, required=False)  # type: ignore[assignment]  # a field of this name
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)


class ExchangeRateViewSet(ScopedViewSet):
    """The exchange rates of your companies."""

    required_permissions = {
        "list": "currencies.view_exchangerate",
        "retrieve": "currencies.view_exchangerate",
        "create": "currencies.add_exchangerate",
        "take_in": "currencies.add_exchangerate",
    }
    serializer_class = ExchangeRateSerializer
    filter_serializers = {"list": ExchangeRateFilterSerializer}
    orderings = {"createdAt": "id", "date": "day"}

    def visible(self) -> QuerySet[ExchangeRate]:
        """The rates of the caller's companies."""
        return rates_of(self.caller)

    @extend_schema(operation_id="listExchangeRates", tags=["currencies"], parameters=[ExchangeRateFilterSerializer])
    def list(self, request: Request) -> Response:
        """The rates of your companies, newest first. Of two for one day the newer counts; by hand before the bank's."""
        self.require()
        return self.page(filtered_rates(self.visible(), **self.filters()), ExchangeRateSerializer)

    @extend_schema(
        operation_id="createExchangeRate",
        tags=["currencies"],
        request=NewExchangeRateSerializer,
        responses={201: ExchangeRateSerializer},
    )
    def create(self, request: Request) -> Response:
        """Record a rate by hand. It is never changed: record another for the same day to correct it."""
        company = self.company_of_body(company_for)
        data = self.body(NewExchangeRateSerializer)
        data.pop("company_id", None)

        def command() -> Response:
            rate = record_rate(actor=self.caller, company=company, **data)
            location = reverse("exchange-rate", args=[rate.pk])
            return self.document(ExchangeRateSerializer.represent(rate), status=201, location=location)

        return self.once(company.pk, command)

    @extend_schema(operation_id="getExchangeRate", tags=["currencies"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One rate, as it was recorded: it never changes."""
        return self.document(ExchangeRateSerializer.represent(self.scoped_object()))

    @extend_schema(
        operation_id="importExchangeRates",
        tags=["currencies"],
        request=RateFileSerializer,
        responses={200: RateImportSerializer},
    )
    def take_in(self, request: Request) -> Response:
        """Take in a file of the European Central Bank. What is known from it already is not recorded again."""
        company = self.company_of_body(company_for)
        data = self.body(RateFileSerializer)

        def command() -> Response:
            done = import_ecb_rates(
                actor=self.caller, company=company, content=data["file"], file_name=data.get("file_name", "")
            )
            return Response(RateImportSerializer.represent(done))

        return self.once(company.pk, command)
