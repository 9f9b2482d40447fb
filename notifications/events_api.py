"""The events of a company over REST: for programs that follow what happens, from wherever they stopped."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.events import Event, events_after
from core.api.pagination import PAGE_SIZE_HELP, read_page_size
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet, read_id
from parties.models import Company
from parties.selectors import company_for

LATEST_SEQUENCE = 2**62


class EventFilterSerializer(CamelCaseSerializer):
    """Where to go on."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    after = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=LATEST_SEQUENCE,
        help_text="The sequence of the last event that you have; 0, the default, begins with the first.",
    )
    page_size = serializers.IntegerField(required=False, help_text=PAGE_SIZE_HELP)


class EventSerializer(CamelCaseSerializer):
    """What a command did. Sequences run from 1 in each company, without a gap, and never change."""

    sequence = serializers.IntegerField()
    action = serializers.CharField(help_text="The journal's word, for example invoice.issued.")
    entity_type = serializers.CharField(help_text="Invoice, Payment, Customer…; empty where no row was changed.")
    entity_id = serializers.IntegerField(allow_null=True)
    performed_by = serializers.CharField()
    performed_at = serializers.DateTimeField()
    request_id = serializers.CharField()
    data = serializers.DictField(  # type: ignore[assignment]  # a declared field leaves the class
        help_text="The row as the command left it, with its version; empty where the event is about people."
    )


class EventPageSerializer(CamelCaseSerializer):
    """Events in their order. Where no more follow, `next` is null; ask again later with the last sequence as after."""

    results = EventSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class EventViewSet(ScopedViewSet):
    """What happened in a company, in an order of its own that never changes."""

    required_permissions = {"events": "invoices.view_invoice"}
    filter_serializers = {"events": EventFilterSerializer}
    serializer_class = EventPageSerializer
    pagination_class = None  # type: ignore[assignment]  # a page starts after a sequence

    @extend_schema(operation_id="listEvents", tags=["events"], parameters=[EventFilterSerializer])
    def events(self, request: Request) -> Response:
        """The events that follow one that you have, oldest first; nothing is left out and nothing comes twice."""
        company = self._company()
        wanted = self.filters()
        size = read_page_size(request.query_params.get("pageSize"))
        found = events_after(company.pk, wanted.get("after", 0), size=size + 1)
        return Response(EventPageSerializer.represent({"results": found[:size], "next": self._next(found, size)}))

    def _company(self) -> Company:
        self.require()
        named = self.request.query_params.get("companyId")
        company = company_for(self.caller, None if named is None else read_id(named, "companyId"))
        self.require(company.pk)
        return company

    def _next(self, found: list[Event], size: int) -> Any:
        if len(found) <= size:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "after", found[size - 1].sequence)
