"""Many invoices in one request: made, or issued. Each row is answered as the request for it alone would be."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from django.db.models import QuerySet
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response

from core.api.fields import ExactDecimalField
from core.api.problems import ProblemSerializer, problem_of
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet, read_id
from core.database import KEYS
from core.errors import DomainError, NotFound, PermissionDenied
from core.scope import visible_to
from currencies.rates import RATE_DECIMALS
from invoices.api import DraftSerializer, InvoiceStateSerializer
from invoices.bulk import MAXIMUM_ROWS, DraftToIssue, NewInvoice, Outcome, create_invoices, issue_invoices
from invoices.models import Invoice
from invoices.services import Item
from parties.models import Company
from parties.selectors import CompanyRequired, CompanyUnknown, companies_of, company_for

ADD = "invoices.add_invoice"
ISSUE = "invoices.issue_invoice"
CREATE = [("create", "create")]
ISSUE_DRAFTS = [("issue", "issue")]
NO_COMPANY = 0
"""Under which a bulk's idempotency key is kept: its rows may be of several companies."""
Row = TypeVar("Row")
COMPANY_HELP = "Of all rows that name none. May be left out by a member of one company."


class BulkDraftSerializer(DraftSerializer):
    """A new invoice, and whether it is issued at once."""

    issue = serializers.BooleanField(required=False, help_text="Issue it too: the row is both or neither.")
    exchange_rate = ExactDecimalField(
        decimals=RATE_DECIMALS, required=False, help_text="By hand, for an invoice in another currency that is issued."
    )


class BulkIssueRowSerializer(CamelCaseSerializer):
    """A draft to be issued, and the version that the caller read, where they care."""

    id = serializers.IntegerField()
    version = serializers.IntegerField(required=False, min_value=1)
    exchange_rate = ExactDecimalField(decimals=RATE_DECIMALS, required=False, help_text="By hand.")


@extend_schema_field(BulkDraftSerializer(many=True))
class NewRowsField(serializers.ListField):
    """Rows that are read one by one, so that what is wrong with one is its own error."""


@extend_schema_field(BulkIssueRowSerializer(many=True))
class IssueRowsField(serializers.ListField):
    """Rows that are read one by one, so that what is wrong with one is its own error."""


class BulkCreateSerializer(CamelCaseSerializer):
    """Invoices to be made."""

    action = serializers.ChoiceField(CREATE)
    company_id = serializers.IntegerField(required=False, help_text=COMPANY_HELP)
    invoices: serializers.Field = NewRowsField(min_length=1, max_length=MAXIMUM_ROWS)


class BulkIssueSerializer(CamelCaseSerializer):
    """Drafts to be issued."""

    action = serializers.ChoiceField(ISSUE_DRAFTS)
    invoices: serializers.Field = IssueRowsField(min_length=1, max_length=MAXIMUM_ROWS)


class BulkActionSerializer(serializers.Serializer[Any]):
    """What is done: the rest of the body depends on it."""

    action = serializers.ChoiceField([*CREATE, *ISSUE_DRAFTS])


class BulkInvoiceStateSerializer(InvoiceStateSerializer):
    """Where an invoice of a row stands."""

    external_id = serializers.CharField(allow_null=True)


class BulkResultSerializer(CamelCaseSerializer):
    """What became of a row: the invoice, or the problem document that the request for it alone would get."""

    may_be_absent = frozenset({"invoice", "error"})

    index = serializers.IntegerField(help_text="The place of the row in the request, from 0.")
    status = serializers.IntegerField(help_text="201 made, 200 issued, or the status of the error.")
    invoice = BulkInvoiceStateSerializer(required=False)
    error = ProblemSerializer(required=False)


class BulkReplySerializer(CamelCaseSerializer):
    """What became of each row, in the order of the request."""

    succeeded = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkResultSerializer(many=True)


class BulkInvoiceViewSet(ScopedViewSet):
    """Many invoices of your companies."""

    required_permissions = {"bulk": ADD}
    serializer_class = BulkCreateSerializer

    def visible(self) -> QuerySet[Invoice]:
        """The caller's invoices."""
        return visible_to(self.caller, Invoice.objects.only("id", "company_id"))

    @extend_schema(
        operation_id="bulkInvoices",
        tags=["invoices"],
        request=PolymorphicProxySerializer(
            component_name="BulkInvoices",
            serializers=[BulkCreateSerializer, BulkIssueSerializer],
            resource_type_field_name=None,
        ),
        responses=BulkReplySerializer,
    )
    def bulk(self, request: Any) -> Response:
        """Make or issue up to 1,000 invoices. One row that is refused leaves the others as they are.

        Each row keeps the rules of the request for it alone, is recorded as that would be, and is answered with its
        status and its error. The reply is a 200 as soon as the request itself makes sense.
        """
        self.require()
        if self.body(BulkActionSerializer)["action"] == "issue":
            return self._issue(self.body(BulkIssueSerializer)["invoices"])
        company = self.company_of_body(company_for) if "companyId" in request.data else None
        return self._create(self.body(BulkCreateSerializer)["invoices"], company)

    def _create(self, rows: Sequence[Any], company: Company | None) -> Response:
        named = companies_of(self.caller).in_bulk(_ids_of(rows, "companyId"))
        company = company or _only_company(self.caller)
        serializer = BulkDraftSerializer()

        def read(row: Any) -> NewInvoice:
            biller = _company_of(row, named, company)
            self._require(biller.pk, ADD)
            values = dict(serializer.run_validation(row))
            if values.get("issue"):
                self._require(biller.pk, ISSUE)
            values.pop("company_id", None)
            items = [Item(**item) for item in values.pop("items", [])]
            return NewInvoice(company=biller, items=items, **values)

        return self._answer(rows, read, create_invoices, status=201)

    def _issue(self, rows: Sequence[Any]) -> Response:
        company_ids = dict(self.visible().filter(pk__in=_ids_of(rows, "id")).values_list("pk", "company_id"))
        serializer = BulkIssueRowSerializer()

        def read(row: Any) -> DraftToIssue:
            if isinstance(row, dict) and "id" in row:
                invoice_id = read_id(row["id"], "id")
                if invoice_id not in company_ids:
                    raise NotFound
                self._require(company_ids[invoice_id], ISSUE)
            values = serializer.run_validation(row)
            return DraftToIssue(
                invoice_id=values["id"], version=values.get("version"), exchange_rate=values.get("exchange_rate")
            )

        return self._answer(rows, read, issue_invoices, status=200)

    def _require(self, company_id: int, permission: str) -> None:
        if not self.caller.may(permission, company_id):
            raise PermissionDenied

    def _answer(
        self, rows: Sequence[Any], read: Callable[[Any], Row], write: Callable[..., Sequence[Outcome]], *, status: int
    ) -> Response:
        """The reply about all rows: those that cannot be read are refused, the others are written."""
        asked: dict[int, Row] = {}
        refused: dict[int, Outcome | APIException] = {}
        for index, row in enumerate(rows):
            try:
                asked[index] = read(row)
            except (DomainError, APIException) as refusal:
                refused[index] = refusal

        def command() -> Response:
            written = write(actor=self.caller, rows=list(asked.values()))
            outcomes = refused | dict(zip(asked, written, strict=True))
            return Response(_reply(outcomes, status))

        return self.once(NO_COMPANY, command)


def _reply(outcomes: dict[int, Outcome | APIException], status: int) -> dict[str, Any]:
    serializer = BulkInvoiceStateSerializer()
    results = [_result(index, outcomes[index], status, serializer) for index in range(len(outcomes))]
    succeeded = sum("invoice" in result for result in results)
    return {"succeeded": succeeded, "refused": len(results) - succeeded, "results": results}


def _result(
    index: int, outcome: Outcome | APIException, status: int, serializer: CamelCaseSerializer
) -> dict[str, Any]:
    if isinstance(outcome, Invoice):
        return {"index": index, "status": status, "invoice": serializer.to_representation(outcome)}
    error = problem_of(outcome)
    return {"index": index, "status": error["status"], "error": error}


def _company_of(row: Any, named: dict[int, Company], default: Company | None) -> Company:
    """The company that the row names, or the default. Raises CompanyUnknown, CompanyRequired."""
    if not isinstance(row, dict) or "companyId" not in row:
        if default is None:
            raise CompanyRequired(field="company_id")
        return default
    company = named.get(read_id(row["companyId"], "companyId"))
    if company is None:
        raise CompanyUnknown(field="company_id")
    return company


def _only_company(user: Any) -> Company | None:
    try:
        return company_for(user, None)
    except CompanyRequired:
        return None


def _ids_of(rows: Sequence[Any], name: str) -> set[int]:
    """The ids under `name` that are such: what else stands there is found when its row is read."""
    found = set()
    for row in rows:
        with suppress(ValidationError):
            found.add(read_id(row[name], name) if isinstance(row, dict) and name in row else 0)
    return {value for value in found if value in KEYS}
