"""Recurring invoices over REST."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import ExactDecimalField, MoneyField, TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from invoices.api import (
    VERSION_REQUIRED,
    InvoiceStateSerializer,
    InvoiceTimelineSerializer,
    IssueSerializer,
    ItemSerializer,
)
from invoices.recurring.intervals import Interval
from invoices.recurring.models import OnRun, RecurringInvoice, RecurringStatus
from invoices.recurring.run import run_recurring
from invoices.recurring.selectors import (
    filtered_recurring,
    next_dates,
    next_total,
    recurring_of,
    recurring_timeline,
)
from invoices.recurring.services import (
    create_recurring,
    delete_recurring,
    end_recurring,
    pause_recurring,
    resume_recurring,
    update_recurring,
)
from invoices.services import Item
from invoices.totals import VatCategory
from parties.selectors import company_for

CHANGE = "invoices.change_recurringinvoice"
VIEW = "invoices.view_recurringinvoice"


class RecurringChangeSerializer(CamelCaseSerializer):
    """What is to change of a recurring invoice, and the version it was read in. `items` replaces the lines."""

    customer_id = serializers.IntegerField(required=False)
    name = TextField(max_length=200, required=False)
    interval = serializers.ChoiceField(Interval.choices, required=False)
    interval_count = serializers.IntegerField(required=False, help_text="2 with week: every other week.")
    start_date = serializers.DateField(required=False, help_text="The first issue date, from which all are counted.")
    end_date = serializers.DateField(required=False, allow_null=True, help_text="No invoice is dated after it.")
    on_run = serializers.ChoiceField(OnRun.choices, required=False)
    payment_days = serializers.IntegerField(
        required=False, allow_null=True, help_text="To the due date; the company's where null."
    )
    currency = TextField(max_length=3, required=False, help_text="ISO 4217.")
    prices_include_vat = serializers.BooleanField(required=False, help_text="Prices and discounts are gross.")
    discount_percent = ExactDecimalField(decimals=4, required=False, help_text="10 is 10 %. Or discountAmount.")
    discount_amount = ExactDecimalField(decimals=6, required=False)
    items = ItemSerializer(many=True, required=False)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")


class NewRecurringSerializer(CamelCaseSerializer):
    """A new recurring invoice."""

    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    customer_id = serializers.IntegerField()
    name = TextField(max_length=200, help_text="For yourselves: the customer does not see it.")
    interval = serializers.ChoiceField(Interval.choices, required=False, help_text="A month where absent.")
    interval_count = serializers.IntegerField(required=False, help_text="2 with week: every other week.")
    start_date = serializers.DateField(required=False, help_text="The first issue date; today where absent.")
    end_date = serializers.DateField(required=False, allow_null=True, help_text="No invoice is dated after it.")
    on_run = serializers.ChoiceField(OnRun.choices, required=False, help_text="draft where absent.")
    payment_days = serializers.IntegerField(
        required=False, allow_null=True, help_text="To the due date; the company's where absent."
    )
    currency = TextField(max_length=3, required=False, help_text="ISO 4217; the company's where absent.")
    prices_include_vat = serializers.BooleanField(required=False, help_text="Prices and discounts are gross.")
    discount_percent = ExactDecimalField(decimals=4, required=False, help_text="10 is 10 %. Or discountAmount.")
    discount_amount = ExactDecimalField(decimals=6, required=False)
    items = ItemSerializer(
        many=True, help_text="Descriptions may hold {period}, {month}, {quarter}, {year} and {date}."
    )


class RecurringRowSerializer(CamelCaseSerializer):
    """A recurring invoice in a list."""

    id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    name = serializers.CharField()
    customer_id = serializers.IntegerField()
    customer_name = serializers.CharField(source="customer.name")
    status = serializers.ChoiceField(RecurringStatus.choices)
    paused = serializers.BooleanField()
    problem = serializers.CharField(help_text="Why the invoice of nextDate could not be made; empty where nothing was.")
    interval = serializers.ChoiceField(Interval.choices)
    interval_count = serializers.IntegerField()
    start_date = serializers.DateField()
    end_date = serializers.DateField(allow_null=True)
    done_through = serializers.DateField(allow_null=True, help_text="Up to it, all was invoiced or left out.")
    next_date = serializers.DateField(allow_null=True, help_text="null where it has ended.")
    on_run = serializers.ChoiceField(OnRun.choices)
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class RecurringLineSerializer(CamelCaseSerializer):
    """A line as it was written: VAT that was left open is the company's when the invoice is made."""

    id = serializers.IntegerField()
    description = serializers.CharField()
    qty = ExactDecimalField(decimals=6, source="quantity")
    unit_price = ExactDecimalField(decimals=6)
    vat_category = serializers.ChoiceField(VatCategory.choices, allow_null=True)
    vat_rate = ExactDecimalField(decimals=4, allow_null=True)
    discount_percent = ExactDecimalField(decimals=4)
    discount_amount = MoneyField()


class RecurringSerializer(RecurringRowSerializer):
    """A recurring invoice, whole."""

    payment_days = serializers.IntegerField(allow_null=True)
    prices_include_vat = serializers.BooleanField()
    discount_percent = ExactDecimalField(decimals=4)
    discount_amount = MoneyField()
    items = RecurringLineSerializer(many=True, source="lines")
    next_dates = serializers.ListField(child=serializers.DateField(), help_text="The next six, as things are.")
    next_total = MoneyField(
        allow_null=True, help_text="What the next invoice comes to, as things are; null where it could not be made."
    )


class RecurringRunSerializer(RecurringSerializer):
    """A recurring invoice, and the invoices that were just made."""

    invoices = InvoiceStateSerializer(many=True)


class RecurringFilterSerializer(CamelCaseSerializer):
    """Filters of the list of recurring invoices."""

    status = serializers.ChoiceField(RecurringStatus.choices, required=False)
    customer_id = serializers.IntegerField(required=False)
    company_id = serializers.IntegerField(required=False)


class RecurringInvoiceViewSet(ScopedViewSet):
    """The recurring invoices of your companies."""

    required_permissions = {
        "list": VIEW,
        "retrieve": VIEW,
        "history": VIEW,
        "create": "invoices.add_recurringinvoice",
        "partial_update": CHANGE,
        "destroy": "invoices.delete_recurringinvoice",
        "pause": CHANGE,
        "resume": CHANGE,
        "end": CHANGE,
        "run": CHANGE,
    }
    serializer_class = RecurringSerializer
    filter_serializers = {"list": RecurringFilterSerializer}
    orderings = {"createdAt": "created_at", "name": "name"}

    def visible(self) -> QuerySet[RecurringInvoice]:
        """The caller's recurring invoices."""
        return recurring_of(self.caller)

    @extend_schema(
        operation_id="listRecurringInvoices",
        tags=["recurring-invoices"],
        parameters=[RecurringFilterSerializer],
        responses=RecurringRowSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Recurring invoices as rows, newest first."""
        self.require()
        return self.page(filtered_recurring(self.visible(), **self.filters()), RecurringRowSerializer)

    @extend_schema(
        operation_id="createRecurringInvoice",
        tags=["recurring-invoices"],
        request=NewRecurringSerializer,
        responses={201: RecurringSerializer},
    )
    def create(self, request: Request) -> Response:
        """Let an invoice recur. What is due up to today is made within a minute."""
        company = self.company_of_body(company_for)
        data = self.body(NewRecurringSerializer)
        data.pop("company_id", None)
        items = _items(data.pop("items"))

        def command() -> Response:
            recurring = create_recurring(actor=self.caller, company=company, items=items, **data)
            address = reverse("recurring-invoice", args=[recurring.pk])
            return self._reply(recurring.pk, status=201, location=address)

        return self.once(company.pk, command)

    @extend_schema(operation_id="getRecurringInvoice", tags=["recurring-invoices"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One recurring invoice with its lines, its next dates, and what the next invoice comes to."""
        recurring = self.scoped_object()
        return self._reply(recurring.pk)

    @extend_schema(
        operation_id="updateRecurringInvoice", tags=["recurring-invoices"], request=RecurringChangeSerializer
    )
    def partial_update(self, request: Request, id: int) -> Response:
        """Change what is made from now on. A problem is taken as solved: it is tried again."""
        recurring = self.scoped_object()
        data = self.body(RecurringChangeSerializer)
        version = self.stated_version(data.pop("version", None), required=True)
        if "items" in data:
            data["items"] = _items(data["items"])

        def command() -> Response:
            update_recurring(actor=self.caller, recurring_id=recurring.pk, version=version, **data)
            return self._reply(recurring.pk)

        return self.once(recurring.company_id, command)

    @extend_schema(
        operation_id="deleteRecurringInvoice",
        tags=["recurring-invoices"],
        parameters=[OpenApiParameter("version", int, description="Or If-Match; one of them is needed.")],
        responses={204: None} | VERSION_REQUIRED,
    )
    def destroy(self, request: Request, id: int) -> Response:
        """Delete what no invoice was made from. What invoices were made from is ended instead."""
        recurring = self.scoped_object()
        version = self.stated_version(self.query_version(), required=True)

        def command() -> Response:
            delete_recurring(actor=self.caller, recurring_id=recurring.pk, version=version)
            return Response(status=204)

        return self.once(recurring.company_id, command)

    @extend_schema(operation_id="pauseRecurringInvoice", tags=["recurring-invoices"], request=IssueSerializer)
    def pause(self, request: Request, id: int) -> Response:
        """Make nothing of it until it is resumed."""
        return self._change(pause_recurring)

    @extend_schema(operation_id="resumeRecurringInvoice", tags=["recurring-invoices"], request=IssueSerializer)
    def resume(self, request: Request, id: int) -> Response:
        """Go on from today: what fell due before today, and was not made, is left out."""
        return self._change(resume_recurring)

    @extend_schema(operation_id="endRecurringInvoice", tags=["recurring-invoices"], request=IssueSerializer)
    def end(self, request: Request, id: int) -> Response:
        """Make nothing of it any more. A later endDate lets it go on."""
        return self._change(end_recurring)

    @extend_schema(
        operation_id="runRecurringInvoice",
        tags=["recurring-invoices"],
        request=IssueSerializer,
        responses=RecurringRunSerializer,
    )
    def run(self, request: Request, id: int) -> Response:
        """Make at once what is due up to today: all of it, or nothing and the error that stands against it."""
        recurring = self.scoped_object()
        version = self.stated_version(self.body(IssueSerializer).get("version"))

        def command() -> Response:
            invoices = run_recurring(actor=self.caller, recurring_id=recurring.pk, version=version)
            made = [InvoiceStateSerializer.represent(invoice) for invoice in invoices]
            return self._reply(recurring.pk, invoices=made)

        return self.once(recurring.company_id, command)

    @extend_schema(
        operation_id="getRecurringInvoiceHistory", tags=["recurring-invoices"], responses=InvoiceTimelineSerializer
    )
    def history(self, request: Request, id: int) -> Response:
        """Who changed what, when and why: the recurring invoice and its lines, newest first."""
        recurring = self.scoped_object()
        return Response(InvoiceTimelineSerializer.represent({"results": recurring_timeline(recurring)}))

    def _change(self, verb: Any) -> Response:
        recurring = self.scoped_object()
        version = self.stated_version(self.body(IssueSerializer).get("version"))

        def command() -> Response:
            verb(actor=self.caller, recurring_id=recurring.pk, version=version)
            return self._reply(recurring.pk)

        return self.once(recurring.company_id, command)

    def _reply(self, recurring_id: int, *, invoices: Any = None, **options: Any) -> Response:
        recurring: Any = self.visible().prefetch_related("lines").get(pk=recurring_id)
        recurring.next_dates, recurring.next_total = next_dates(recurring), next_total(recurring)
        data = RecurringSerializer.represent(recurring)
        return self.document(data if invoices is None else {**data, "invoices": invoices}, **options)


def _items(rows: Any) -> list[Item]:
    return [Item(**row) for row in rows]
