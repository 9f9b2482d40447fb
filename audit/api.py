"""The record over REST: the shape of an entry, and the feed."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.feed import EVENT, FeedFilter, Page, Position, feed_page
from audit.models import recorded_models
from audit.selectors import ACTIONS
from core.api.fields import MomentField, TextField
from core.api.pagination import CURSOR_HINT, PAGE_SIZE_HELP, read_page_size
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

    required_permissions = {"list": "audit.view_change"}
    filter_serializers = {"list": FeedFilterSerializer}
    serializer_class = FeedPageSerializer
    pagination_class = None  # type: ignore[assignment]  # the feed has pages of its own

    @extend_schema(
        operation_id="listAuditEntries",
        tags=["audit"],
        parameters=[FeedFilterSerializer, *PAGE_PARAMETERS],
        responses=FeedPageSerializer,
    )
    def list(self, request: Request) -> Response:
        """Every version of everything in your companies, newest first, and events such as sign-ins."""
        self.require()
        wanted = self.filters()
        page = feed_page(
            FeedFilter(**_moments(wanted)),
            company_ids=self._company_ids(wanted.get("company_id")),
            position=_read_position(request.query_params.get("cursor")),
            size=read_page_size(request.query_params.get("pageSize")),
        )
        return Response(FeedPageSerializer.represent(_links(request, page)))

    def _company_ids(self, named: int | None) -> Sequence[int] | None:
        """The companies whose record the caller may read; None stands for all."""
        if self.caller.is_superuser:
            return None
        company_ids = [company for company in self.caller.company_ids if self.caller.may(self.permission, company)]
        if named is not None and named not in self.caller.company_ids:
            raise NotFound
        return company_ids


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
    payload = json.dumps([position.entry_id, position.stream, position.object_id, back])
    cursor = base64.urlsafe_b64encode(payload.encode()).decode()
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _read_position(text: str | None) -> Position | None:
    if not text:
        return None
    try:
        *numbers, back = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _bad_cursor() from None
    if len(numbers) != 3 or any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
        raise _bad_cursor()
    entry_id, stream, object_id = numbers
    return Position(entry_id, stream, object_id, back=bool(back))


def _bad_cursor() -> ValidationError:
    return ValidationError({"cursor": [CURSOR_HINT]}, code="invalid_parameter")
