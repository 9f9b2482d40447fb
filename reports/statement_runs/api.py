"""Runs of statements over REST: asking for the statements of a month, and what became of each."""

import re
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.errors import NotFound
from core.scope import visible_to
from notifications.api import MessageSerializer
from notifications.models import Message, StatementRun
from parties.selectors import company_for
from reports.periods import EARLIEST_DAY, LATEST_DAY
from reports.statement_runs.services import run_statements

MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
MOST_CUSTOMERS = 10_000


@extend_schema_field(OpenApiTypes.STR)
class MonthField(serializers.Field):
    """A month, as 2026-03; its first day in Python."""

    default_error_messages = {"invalid": "Write a month as its year and number, for example 2026-03."}

    def to_internal_value(self, data: Any) -> date:
        """The first day of the month. Raises a ValidationError for anything else."""
        match = MONTH.fullmatch(data) if isinstance(data, str) else None
        if match is None or not EARLIEST_DAY.year <= int(match[1]) <= LATEST_DAY.year:
            self.fail("invalid")
        return date(int(match[1]), int(match[2]), 1)

    def to_representation(self, value: date) -> str:
        """The month."""
        return f"{value:%Y-%m}"


class StatementRunRequestSerializer(CamelCaseSerializer):
    """Whose statements of which month."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by members of one company.")
    month = MonthField(help_text="Such as 2026-03; it is over where the company is.")
    customer_ids = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        allow_empty=False,
        max_length=MOST_CUSTOMERS,
        help_text="All who owe something or had movements in the month where absent.",
    )


class StateCountSerializer(CamelCaseSerializer):
    """How many messages of a run stand so."""

    state = serializers.CharField()
    count = serializers.IntegerField()


class StatementRunSerializer(CamelCaseSerializer):
    """A run: who asked for the statements of which month, and when."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    month = MonthField()
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class StatementRunDetailSerializer(StatementRunSerializer):
    """A run with what became of its messages, one for each customer."""

    states = StateCountSerializer(many=True)


class StatementResultSerializer(MessageSerializer):
    """What became of the statement of one customer."""

    customer_name = serializers.CharField(source="customer.name")


class StatementRunFilterSerializer(CamelCaseSerializer):
    """Of which company."""

    company_id = serializers.IntegerField(required=False, source="company__id")


class StatementRunViewSet(ScopedViewSet):
    """The runs of statements of your companies."""

    required_permissions = {
        "list": "notifications.view_message",
        "retrieve": "notifications.view_message",
        "results": "notifications.view_message",
        "create": "notifications.send_message",
    }
    filter_serializers = {"list": StatementRunFilterSerializer}
    orderings = {"createdAt": "created_at"}
    serializer_class = StatementRunSerializer

    def page_owner(self) -> StatementRun:
        """The run of the address, whose messages are a list with the parameters of one."""
        run = self.visible().filter(pk=self.kwargs["id"]).first()
        if run is None:
            raise NotFound
        self.require(run.company_id)
        return run

    def visible(self) -> QuerySet[StatementRun]:
        """The runs of the caller's companies."""
        return visible_to(self.caller, StatementRun.objects.all())

    @extend_schema(operation_id="listStatementRuns", tags=["customers"], parameters=[StatementRunFilterSerializer])
    def list(self, request: Request) -> Response:
        """The runs, newest first."""
        self.require()
        return self.page(self.visible().filter(**self.filters()), StatementRunSerializer)

    @extend_schema(
        operation_id="createStatementRun",
        tags=["customers"],
        request=StatementRunRequestSerializer,
        responses={201: StatementRunDetailSerializer},
    )
    def create(self, request: Request) -> Response:
        """Mail statements of a month, once for each customer and month. They leave in the background.

        With `?dryRun=true`: how many there would be.
        """
        company = self.company_of_body(company_for)
        asked = self.body(StatementRunRequestSerializer)

        def command() -> Response:
            run = run_statements(
                actor=self.caller, company=company, month=asked["month"], customer_ids=asked.get("customer_ids")
            )
            run.refresh_from_db()
            return Response(_detail(run), status=201, headers={"Location": f"/api/statement-runs/{run.pk}"})

        return self.once(company.pk, command)

    @extend_schema(operation_id="getStatementRun", tags=["customers"], responses={200: StatementRunDetailSerializer})
    def retrieve(self, request: Request, id: int) -> Response:
        """A run, and how many of its messages were sent, wait, or failed."""
        return Response(_detail(self.scoped_object()))

    @extend_schema(
        operation_id="listStatementRunResults", tags=["customers"], responses=StatementResultSerializer(many=True)
    )
    def results(self, request: Request, id: int) -> Response:
        """What became of the statement of each customer: its message, with what went wrong."""
        run = self.page_owner()
        self.filters()  # it takes none: what is not known is refused
        messages = Message.objects.filter(run=run).select_related("customer")
        return self.page(messages, StatementResultSerializer)


def _detail(run: StatementRun) -> Any:
    states = run.messages.order_by().values("state").annotate(count=Count("pk")).order_by("state")
    run.states = list(states)  # type: ignore[attr-defined]  # it is set on the instance
    return StatementRunDetailSerializer.represent(run)
