"""The register of invoice numbers over REST: a page of it, or all of it as a file."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from core.api.downloads import TABLE_FORMATS, table_replies
from core.api.fields import MoneyField
from core.api.pagination import CURSOR_HINT, PAGE_SIZE_HELP, read_page_size
from core.api.renderers import JSON_TYPE, TABLE_RENDERERS
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet, read_id
from invoices.models import SeriesKind
from invoices.numbers import Numbering, numbering_of, register_file, registered
from parties.models import Company
from parties.selectors import company_for
from reports.periods import EARLIEST_DAY, LATEST_DAY

PAGE_PARAMETERS = [
    OpenApiParameter("cursor", str, description="From next or previous."),
    OpenApiParameter("pageSize", int, description=PAGE_SIZE_HELP),
]


class NumbersFilterSerializer(CamelCaseSerializer):
    """Whose numbers, and of which year."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    year = serializers.IntegerField(
        required=False,
        min_value=EARLIEST_DAY.year,
        max_value=LATEST_DAY.year,
        help_text="That of the issue dates; this year where absent.",
    )
    kind = serializers.ChoiceField(
        SeriesKind.choices, required=False, help_text="Of which documents: INV (invoices, where absent) or CN."
    )
    format = serializers.ChoiceField(
        [(name, name) for name in TABLE_FORMATS],
        required=False,
        help_text="csv and xlsx are files to save, with a row for each number of the series.",
        error_messages={"invalid_choice": f"Reports come as {', '.join(TABLE_FORMATS)}."},
    )


class GapSerializer(CamelCaseSerializer):
    """Numbers that no document has, both inclusive."""

    first = serializers.CharField()
    last = serializers.CharField()


class RegisteredNumberSerializer(CamelCaseSerializer):
    """A number and what became of it. Of one that is missing everything else is null or empty."""

    number = serializers.CharField()
    status = serializers.CharField(help_text="That of the invoice (Issued, of a credit note), or Missing.")
    invoice_id = serializers.IntegerField(allow_null=True, help_text="Of a credit note, the one that it corrects.")
    issue_date = serializers.DateField(allow_null=True)
    customer_name = serializers.CharField()
    currency = serializers.CharField()
    total = MoneyField(allow_null=True)
    issued_by = serializers.CharField()
    issued_at = serializers.DateTimeField(allow_null=True)
    cancelled_by = serializers.CharField()
    cancelled_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it was cancelled, or credited.")


class NumberRegisterSerializer(CamelCaseSerializer):
    """What can be said of the numbers of a series, and a page of them in their order."""

    company_id = serializers.IntegerField(source="company.pk")
    series = serializers.CharField(help_text="What its numbers begin with, for example INV-2026.")
    statement = serializers.CharField()
    is_complete = serializers.BooleanField(help_text="Every number is there, once.")
    count = serializers.IntegerField()
    missing = serializers.IntegerField()
    repeated = serializers.IntegerField()
    gaps = GapSerializer(many=True, help_text="The first hundred.")


class NumberRegisterPageSerializer(NumberRegisterSerializer):
    """The register, page by page."""

    results = RegisteredNumberSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class NumbersViewSet(ScopedViewSet):
    """The register of invoice numbers."""

    renderer_classes = TABLE_RENDERERS
    required_permissions = {"numbers": "invoices.view_invoice"}
    filter_serializers = {"numbers": NumbersFilterSerializer}
    pagination_class = None  # type: ignore[assignment]  # a page starts at a number

    @extend_schema(
        operation_id="reportNumbers",
        tags=["reports"],
        parameters=[NumbersFilterSerializer, *PAGE_PARAMETERS],
        responses=table_replies(NumberRegisterPageSerializer),
    )
    def numbers(self, request: Request) -> HttpResponseBase:
        """Every number of a company's series of a year, and whether one is missing, by the numbers themselves."""
        company = self._company()
        wanted = self.filters()
        year = wanted.get("year") or company.today().year
        numbering = numbering_of(company, year, SeriesKind(wanted.get("kind", SeriesKind.INVOICE)))
        file_format = wanted.get("format") or request.accepted_renderer.format
        if file_format != "json":
            return register_file(actor=self.caller, numbering=numbering, file_format=file_format)
        return Response(self._page(numbering), content_type=JSON_TYPE)

    def _company(self) -> Company:
        self.require()
        named = self.request.query_params.get("companyId")
        company = company_for(self.caller, None if named is None else read_id(named, "companyId"))
        self.require(company.pk)
        return company

    def _page(self, numbering: Numbering) -> dict[str, Any]:
        size = read_page_size(self.request.query_params.get("pageSize"))
        start = self._start(numbering)
        rows = registered(numbering, start=start, size=size)
        return {
            **NumberRegisterSerializer.represent(numbering),
            "results": [RegisteredNumberSerializer.represent(row) for row in rows],
            "next": self._url(start + size) if start + size <= numbering.end else None,
            "previous": self._url(max(numbering.start, start - size)) if start > numbering.start else None,
        }

    def _start(self, numbering: Numbering) -> int:
        cursor = self.request.query_params.get("cursor")
        if cursor is None:
            return numbering.start
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise ValidationError({"cursor": [CURSOR_HINT]}, code="invalid_parameter")
        return max(int(cursor), numbering.start)

    def _url(self, start: int) -> str:
        return replace_query_param(self.request.build_absolute_uri(), "cursor", start)
