"""Reports over REST: one currency is never added to another, and no company's figures to another's."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.selectors import only_company_id
from audit.exports import record_export
from core.api.downloads import TABLE_FORMATS, table_replies, table_reply
from core.api.fields import MoneyField, TextField
from core.api.renderers import JSON_TYPE, TABLE_RENDERERS
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet, read_id, refuse_parameter
from core.money import minor_units, money_text
from invoices.api import VatBreakdownSerializer
from parties.models import Company
from parties.selectors import companies_of, company_for
from reports.dashboard import dashboards
from reports.figures import CustomerAging, company_vat_totals
from reports.periods import BUCKETS, EARLIEST_DAY, LATEST_DAY, common_day, day_of, days_between
from reports.selectors import aged_receivables, outstanding, revenue, vat
from reports.tables import AGING, OUTSTANDING, REVENUE, VAT, Layout, table_of


class DayField(serializers.DateField):
    """A calendar date in the company's time zone."""

    def to_internal_value(self, value: Any) -> date:
        """The date, from 1900 to 2999."""
        try:
            day = super().to_internal_value(value)
        except serializers.ValidationError:
            raise self._refusal() from None
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise self._refusal()
        return day

    def _refusal(self) -> serializers.ValidationError:
        sentence = f"Give a date such as 2026-01-31, from {EARLIEST_DAY} to {LATEST_DAY}."
        return serializers.ValidationError(sentence, code="date_invalid")


class DashboardFilterSerializer(CamelCaseSerializer):
    """Whose figures, and in which currency."""

    company_id = serializers.IntegerField(required=False, help_text="All of your companies where absent.")
    currency = TextField(max_length=3, required=False, help_text="ISO 4217; all currencies where absent.")

    def validate_currency(self, value: str) -> str:
        """A code that money can be kept in."""
        minor_units(value)
        return value


class ReportFilterSerializer(DashboardFilterSerializer):
    """What every report takes."""

    format = serializers.ChoiceField(
        [(name, name) for name in TABLE_FORMATS],
        required=False,
        help_text="csv and xlsx are files to save, one table with a row for each part and each total. By default what "
        "Accept asks for, or else json.",
        error_messages={"invalid_choice": f"Reports come as {', '.join(TABLE_FORMATS)}."},
    )


class PeriodFilterSerializer(ReportFilterSerializer):
    """A report over days, both inclusive."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """The fields; ``from`` cannot be declared as a name in Python."""
        days = {
            "from": DayField(required=False, source="first", help_text="30 days up to the last one where absent."),
            "to": DayField(required=False, source="last", help_text="Inclusive; today where absent."),
        }
        return {**days, **super().get_fields()}


class DayFilterSerializer(ReportFilterSerializer):
    """A report as of the end of a day."""

    as_of = DayField(required=False, help_text="Inclusive; today where absent.")


class FiguresSerializer(CamelCaseSerializer):
    """The figures of one company in one currency."""

    may_be_absent = frozenset({"companyId"})

    company_id = serializers.IntegerField(required=False, help_text="Where the request names no company.")
    currency = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """The fields; the company's id where the caller did not name it."""
        fields = super().get_fields()
        if self.context.get("is_company_named"):
            del fields["companyId"]
        return fields


class MonthlyRevenueSerializer(CamelCaseSerializer):
    """The money that moved in one month."""

    period = serializers.CharField(help_text="A month of the company's calendar, for example 2026-03.")
    received = MoneyField()
    refunds_and_reversals = MoneyField()
    net = MoneyField()


class RevenueSerializer(FiguresSerializer):
    """The money received and given back, by the date on which it moved."""

    received = MoneyField(help_text="Payments.")
    refunds_and_reversals = MoneyField(help_text="Zero or negative, as in the ledger.")
    net = MoneyField(help_text="received + refundsAndReversals.")
    periods = MonthlyRevenueSerializer(many=True, help_text="By month; months without entries are left out.")


class CompanyVatTotalSerializer(CamelCaseSerializer):
    """VAT in the company's currency: what is in it, and what was frozen in it with documents in others."""

    currency = serializers.CharField()
    amount = MoneyField()
    documents_left_out = serializers.IntegerField(help_text="With VAT, and without a frozen rate.")


class VatSerializer(FiguresSerializer):
    """VAT by category and rate."""

    vat_total = MoneyField()
    vat_total_in_company_currency = CompanyVatTotalSerializer(source="in_company_currency")
    rates = VatBreakdownSerializer(many=True)


class DebtorSerializer(CamelCaseSerializer):
    """A customer who owes something."""

    customer_id = serializers.IntegerField()
    customer_name = serializers.CharField()
    outstanding = MoneyField()


class OutstandingSerializer(FiguresSerializer):
    """What is owed."""

    count = serializers.IntegerField(help_text="Documents with something outstanding.")
    outstanding = MoneyField()
    top_debtors = DebtorSerializer(many=True, help_text="The ten who owe most.")


class AgedAmountsSerializer(CamelCaseSerializer):
    """What is owed, by days overdue."""

    current = MoneyField(help_text="Not yet due, or due on the day itself.")
    days1to30 = MoneyField()
    days31to60 = MoneyField()
    days61to90 = MoneyField()
    over90 = MoneyField()
    total = MoneyField()


class CustomerAgingSerializer(AgedAmountsSerializer):
    """What a customer owes, by days overdue."""

    customer_id = serializers.IntegerField()
    customer_name = serializers.CharField()

    def to_representation(self, instance: CustomerAging) -> dict[str, Any]:
        """The reply, without asking the fields: a report has thousands of customers."""
        amounts = {name: money_text(getattr(instance, name), instance.currency) for name in (*BUCKETS, "total")}
        return {**amounts, "customerId": instance.customer_id, "customerName": instance.customer_name}


class AgingSerializer(AgedAmountsSerializer, FiguresSerializer):
    """Aged receivables."""

    customers = CustomerAgingSerializer(many=True, help_text="Those who owe most come first.")


class OwedSerializer(CamelCaseSerializer):
    """An amount on some documents."""

    count = serializers.IntegerField()
    amount = MoneyField()


class BucketSerializer(OwedSerializer):
    """What is owed, of one age."""

    bucket = serializers.ChoiceField([(name, name) for name in BUCKETS])


class MonthSerializer(MonthlyRevenueSerializer):
    """One month."""

    invoiced = MoneyField(help_text="Documents dated in the month, issued and not cancelled.")


class DashboardSerializer(FiguresSerializer):
    """The state of a company in one currency."""

    today = serializers.DateField(help_text="By the company's calendar.")
    outstanding = OwedSerializer()
    overdue = OwedSerializer()
    drafts = OwedSerializer()
    this_month = MonthSerializer(help_text="Up to now.")
    months = MonthSerializer(many=True, help_text="The last twelve, this one last.")
    aging = BucketSerializer(many=True, help_text="By days overdue, as in the report.")
    top_debtors = DebtorSerializer(many=True, help_text="The ten who owe most.")


OWN_CALENDARS = "Null where none was given and it is not the same day in all of your companies: each takes its own."


class ReportSerializer(CamelCaseSerializer):
    """A report: what was asked for, and the figures."""

    company_id = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField(allow_null=True)


class PeriodReportSerializer(ReportSerializer):
    """A report over days."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """The fields; ``from`` cannot be declared as a name in Python."""
        days = {
            "from": serializers.DateField(source="first", allow_null=True, help_text=OWN_CALENDARS),
            "to": serializers.DateField(source="last", allow_null=True, help_text=OWN_CALENDARS),
        }
        return {**days, **super().get_fields()}


class DayReportSerializer(ReportSerializer):
    """A report as of the end of a day."""

    as_of = serializers.DateField(allow_null=True, help_text=OWN_CALENDARS)


class DashboardReportSerializer(ReportSerializer):
    """The dashboard, one object for each currency (and company), the company's own currency first."""

    results = DashboardSerializer(many=True)


class CompanyTotalSerializer(FiguresSerializer):
    """The VAT of a company over all currencies of the report, in its own."""

    amount = MoneyField()
    documents_left_out = serializers.IntegerField(help_text="With VAT, and without a frozen rate.")


class RevenueReportSerializer(PeriodReportSerializer):
    """Revenue, one object for each currency (and company)."""

    results = RevenueSerializer(many=True)


class VatReportSerializer(PeriodReportSerializer):
    """VAT, one object for each currency (and company); and its total in the company's currency."""

    results = VatSerializer(many=True)
    totals_in_company_currency = serializers.SerializerMethodField(method_name="company_totals")

    @extend_schema_field(CompanyTotalSerializer(many=True))
    def company_totals(self, report: dict[str, Any]) -> Any:
        """The VAT of each company over all the results, in its own currency."""
        totals = company_vat_totals(report["results"])
        return CompanyTotalSerializer(totals, many=True, context=self.context).data


class OutstandingReportSerializer(DayReportSerializer):
    """What is owed, one object for each currency (and company)."""

    results = OutstandingSerializer(many=True)


class AgingReportSerializer(DayReportSerializer):
    """Aged receivables, one object for each currency (and company)."""

    results = AgingSerializer(many=True)


Selector = Callable[..., Sequence[Any]]


class ReportViewSet(ScopedViewSet):
    """What the books of your companies add up to."""

    renderer_classes = TABLE_RENDERERS
    required_permissions = dict.fromkeys(
        ("dashboard", "revenue", "outstanding", "vat", "aging"), "invoices.view_invoice"
    )
    filter_serializers = {
        "dashboard": DashboardFilterSerializer,
        "revenue": PeriodFilterSerializer,
        "vat": PeriodFilterSerializer,
        "outstanding": DayFilterSerializer,
        "aging": DayFilterSerializer,
    }

    @extend_schema(
        operation_id="reportDashboard",
        tags=["reports"],
        parameters=[DashboardFilterSerializer],
        responses=DashboardReportSerializer,
    )
    def dashboard(self, request: Request) -> HttpResponseBase:
        """What is owed, what is overdue, what was invoiced and received by month, and who owes most: as of today."""
        companies = self._companies()
        wanted = self.filters()
        return self._reply(
            DashboardReportSerializer, wanted, {}, dashboards(companies, currency=wanted.get("currency"))
        )

    @extend_schema(
        operation_id="reportRevenue",
        tags=["reports"],
        parameters=[PeriodFilterSerializer],
        responses=table_replies(RevenueReportSerializer),
    )
    def revenue(self, request: Request) -> HttpResponseBase:
        """Money received, and given back, by the date on which it moved (paidAt), month by month."""
        return self._over_days(revenue, REVENUE, RevenueReportSerializer)

    @extend_schema(
        operation_id="reportVat",
        tags=["reports"],
        parameters=[PeriodFilterSerializer],
        responses=table_replies(VatReportSerializer),
    )
    def vat(self, request: Request) -> HttpResponseBase:
        """VAT of the documents dated in the period (issueDate), issued and not cancelled."""
        return self._over_days(vat, VAT, VatReportSerializer)

    @extend_schema(
        operation_id="reportOutstanding",
        tags=["reports"],
        parameters=[DayFilterSerializer],
        responses=table_replies(OutstandingReportSerializer),
    )
    def outstanding(self, request: Request) -> HttpResponseBase:
        """What was owed at the end of a day, and who owed most."""
        return self._as_of(outstanding, OUTSTANDING, OutstandingReportSerializer)

    @extend_schema(
        operation_id="reportAging",
        tags=["reports"],
        parameters=[DayFilterSerializer],
        responses=table_replies(AgingReportSerializer),
    )
    def aging(self, request: Request) -> HttpResponseBase:
        """What was owed at the end of a day, by how long it was overdue."""
        return self._as_of(aged_receivables, AGING, AgingReportSerializer)

    def _over_days(
        self, selector: Selector, layout: Layout, serializer_class: type[PeriodReportSerializer]
    ) -> HttpResponseBase:
        companies = self._companies()
        wanted = self.filters()
        days = days_between(companies, wanted.get("first"), wanted.get("last"))
        dates = {
            "first": wanted.get("first") or common_day(span.first for span in days),
            "last": wanted.get("last") or common_day(span.last for span in days),
        }
        results = selector(days, currency=wanted.get("currency"))
        return self._file(layout, wanted, dates, results) or self._reply(serializer_class, wanted, dates, results)

    def _as_of(
        self, selector: Selector, layout: Layout, serializer_class: type[DayReportSerializer]
    ) -> HttpResponseBase:
        companies = self._companies()
        wanted = self.filters()
        days = day_of(companies, wanted.get("as_of"))
        dates = {"as_of": wanted.get("as_of") or common_day(span.last for span in days)}
        results = selector(days, currency=wanted.get("currency"))
        return self._file(layout, wanted, dates, results) or self._reply(serializer_class, wanted, dates, results)

    def _file(
        self, layout: Layout, wanted: dict[str, Any], dates: dict[str, date | None], results: Sequence[Any]
    ) -> HttpResponseBase | None:
        """The report as a file named after it and its days, where one is asked for; ?format= decides, or else Accept.

        The name has no days where they differ from company to company.
        """
        table_format = wanted.get("format") or self.request.accepted_renderer.format
        if table_format == "json":
            return None
        asked = {name: value for name, value in wanted.items() if name not in ("format", "company_id")}
        record_export(
            actor=self.caller,
            what=f"Report {layout.name}",
            file_format=table_format,
            company_id=wanted.get("company_id") or only_company_id(self.caller),
            wanted=asked,
        )
        days = [] if None in dates.values() else [str(day) for day in dates.values()]
        return table_reply(table_of(layout, results), table_format, stem="-".join([layout.name, *days]))

    def _reply(
        self,
        serializer_class: type[ReportSerializer],
        wanted: dict[str, Any],
        dates: dict[str, date | None],
        results: Sequence[Any],
    ) -> Response:
        company_id = wanted.get("company_id")
        report = {**dates, "company_id": company_id, "currency": wanted.get("currency"), "results": results}
        context = {"is_company_named": company_id is not None}
        return Response(serializer_class(report, context=context).data, content_type=JSON_TYPE)

    def _companies(self) -> list[Company]:
        """The company that is named, or all in which the caller may read reports. Raises CompanyUnknown."""
        self.require()
        named = self.request.query_params.get("companyId")
        if named is None:
            return [company for company in companies_of(self.caller) if self.caller.may(self.permission, company.pk)]
        company = company_for(self.caller, read_id(named, "companyId"))
        self.require(company.pk)
        return [company]

    def filters(self) -> dict[str, Any]:
        """The validated query parameters. Raises a 400 for an unknown one or a malformed value."""
        parameters = self.request.query_params.dict()
        serializer = self.filter_serializers[str(self.action)](data=parameters)
        unknown = next((name for name in parameters if name not in serializer.fields), None)
        if unknown is not None:
            refuse_parameter(unknown, list(serializer.fields))
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
