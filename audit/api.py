"""The record over REST: the shape of an entry, and the feed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.cursors import cursor_of, position_of
from audit.exports import changes_table, exported_entries, json_lines, record_export
from audit.feed import EVENT, FeedFilter, Page, Position, feed_page
from audit.models import recorded_models
from audit.selectors import ACTIONS
from core.api.downloads import FEED_FORMATS, json_lines_reply, table_reply
from core.api.fields import MomentField, TextField
from core.api.pagination import CURSOR_HINT, PAGE_SIZE_HELP, read_page_size
from core.api.renderers import CSV_TYPE, FEED_RENDERERS, JSON_LINES_TYPE, JSON_TYPE
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.errors import NotFound

ACTION_CHOICES = [(action, action) for action in (*ACTIONS.values(), EVENT)]
PAGE_PARAMETERS = [
    OpenApiParameter("cursor", str, description="From next or previous."),
    OpenApiParameter("pageSize", int, description=PAGE_SIZE_HELP),
]


class TimelineEntrySerializer(CamelCaseSerializer):
    """One version of one object: what changed (only what differs), by whom, when and why."""

    entity_type = serializers.CharField(help_text="Invoice, InvoiceLine, Payment, Customer…")
    entity_id = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    action = serializers.ChoiceField(ACTION_CHOICES)
    command = serializers.CharField(help_text="The journal's word, for example invoice.issued.")
    old_values = serializers.DictField()
    new_values = serializers.DictField()
    performed_by = serializers.CharField()
    performed_at = serializers.DateTimeField()
    request_id = serializers.CharField()
    reason = serializers.CharField()


class FeedFilterSerializer(CamelCaseSerializer):
    """Filters of the audit feed."""

    entity_type = serializers.CharField(required=False, help_text="Invoice, InvoiceLine, Payment, Customer, User…")
    entity_id = serializers.IntegerField(required=False)
    performed_by = TextField(max_length=254, required=False, help_text="E-mail address.")
    action = serializers.ChoiceField(ACTION_CHOICES, required=False)
    command = TextField(max_length=60, required=False, help_text="For example invoice.issued.")
    company_id = serializers.IntegerField(required=False)
    request_id = TextField(max_length=64, required=False)
    format = serializers.ChoiceField(
        [(name, name) for name in FEED_FORMATS],
        required=False,
        help_text="csv (a row for each field that differs) and jsonl (an entry a line) are files with everything that "
        "fits, not a page of it; each is a journal entry of its own. By default what Accept asks for, or else json.",
        error_messages={"invalid_choice": f"The feed comes as {', '.join(FEED_FORMATS)}."},
    )

    def get_fields(self) -> dict[str, Any]:
        """The fields; ``from`` cannot be declared as a name in Python."""
        moments = {
            name: MomentField(required=False, source=source, help_text="A moment, or a day in UTC; inclusive.")
            for name, source in (("from", "since"), ("to", "until"))
        }
        return {**super().get_fields(), **moments}

    def validate_entityType(self, value: str) -> str:  # noqa: N802  # named after the field
        """A model's name."""
        known = [model.__name__ for model in recorded_models()]
        if value not in known:
            raise serializers.ValidationError(f"Entity types are {', '.join(known)}.", code="invalid_choice")
        return value


@extend_schema_serializer(many=False)
class FeedPageSerializer(CamelCaseSerializer):
    """A page of the feed."""

    results = TimelineEntrySerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class AuditViewSet(ScopedViewSet):
    """Who changed what, when, from what to what."""

    renderer_classes = FEED_RENDERERS
    required_permissions = {"list": "audit.view_change"}
    filter_serializers = {"list": FeedFilterSerializer}
    serializer_class = FeedPageSerializer
    pagination_class = None  # type: ignore[assignment]  # the feed has pages of its own

    @extend_schema(
        operation_id="listAuditEntries",
        tags=["audit"],
        parameters=[FeedFilterSerializer, *PAGE_PARAMETERS],
        responses={
            (200, JSON_TYPE): FeedPageSerializer,
            (200, CSV_TYPE): OpenApiTypes.STR,
            (200, JSON_LINES_TYPE): OpenApiTypes.STR,
        },
    )
    def list(self, request: Request) -> HttpResponseBase:
        """Every version of everything in your companies, newest first, and events such as sign-ins."""
        self.require()
        asked = self.filters()
        file_format = asked.pop("format", None) or self.request.accepted_renderer.format
        wanted = FeedFilter(**_moments(asked))
        company_ids = self._company_ids(wanted.company_id)
        if file_format != "json":
            return feed_file(self.caller, wanted, company_ids, file_format)
        page = feed_page(
            wanted,
            company_ids=company_ids,
            position=_read_position(request.query_params.get("cursor")),
            size=read_page_size(request.query_params.get("pageSize")),
        )
        return Response(FeedPageSerializer.represent(_links(request, page)), content_type=JSON_TYPE)

    def _company_ids(self, named: int | None) -> Sequence[int] | None:
        """The companies whose record the caller may read; None stands for all."""
        if self.caller.is_superuser:
            return None
        company_ids = [company for company in self.caller.company_ids if self.caller.may(self.permission, company)]
        if named is not None and named not in self.caller.company_ids:
            raise NotFound
        return company_ids


def feed_file(
    caller: Any, wanted: FeedFilter, company_ids: Sequence[int] | None, file_format: str
) -> StreamingHttpResponse:
    """All that fits as a file, "csv", "xlsx" or "jsonl", for a reader of the companies (None: of all). It is on record.

    Raises SheetFull.
    """
    company_id = wanted.company_id
    if company_id is None and company_ids is not None and len(company_ids) == 1:
        [company_id] = company_ids
    record_export(actor=caller, what="Changes", file_format=file_format, company_id=company_id, wanted=asdict(wanted))
    entries = exported_entries(wanted, company_ids)
    if file_format != "jsonl":
        return table_reply(changes_table(entries), file_format, stem="changes")
    return json_lines_reply(json_lines(map(TimelineEntrySerializer.represent, entries)), stem="changes")


def _moments(wanted: dict[str, Any]) -> dict[str, Any]:
    """The filter with days as moments: a day starts, and ends, in UTC."""
    moments = {}
    for name, edge in (("since", time.min), ("until", time.max)):
        value = wanted.get(name)
        is_day = isinstance(value, date) and not isinstance(value, datetime)
        moments[name] = datetime.combine(value, edge, tzinfo=UTC) if is_day and value is not None else value
    return {**wanted, **moments}


def _links(request: Request, page: Page) -> dict[str, Any]:
    rows = page.rows
    return {
        "results": [row.entry for row in rows],
        "next": _url(request, rows[-1].position, back=False) if rows and page.has_older else None,
        "previous": _url(request, rows[0].position, back=True) if rows and page.has_newer else None,
    }


def _url(request: Request, position: Position, *, back: bool) -> str:
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor_of(position, back=back))


def _read_position(text: str | None) -> Position | None:
    try:
        return position_of(text) if text else None
    except ValueError:
        raise _bad_cursor() from None


def _bad_cursor() -> ValidationError:
    return ValidationError({"cursor": [CURSOR_HINT]}, code="invalid_parameter")
