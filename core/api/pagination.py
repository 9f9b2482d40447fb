"""Pages by keyset: the next page starts behind the last row, so page 20,000 costs what page 1 does."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import BooleanField, Func, Model, Q, QuerySet, Value
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

DEFAULT_PAGE_SIZE = 50
MAXIMUM_PAGE_SIZE = 200
CURSOR_HINT = "Use the next or previous link of a list as it is."
PAGE_SIZE_HELP = f"From 1; {DEFAULT_PAGE_SIZE} where absent, and more than {MAXIMUM_PAGE_SIZE} is taken as that."
PAGE_PARAMETERS = frozenset({"cursor", "pageSize", "ordering"})


class KeysetPagination(BasePagination):
    """`{results, next, previous}` without a count. The view names its `orderings` (public name -> column)."""

    orderings: Mapping[str, str] = {"createdAt": "created_at"}

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of rows. Raises a 400 for a bad cursor, ordering or page size."""
        self.request = request
        self.orderings = getattr(view, "orderings", self.orderings)
        self.ordering = self._ordering(request.query_params.get("ordering") or view.default_ordering)
        self.column = self.orderings[self.ordering.lstrip("-")]
        size = read_page_size(request.query_params.get("pageSize"))
        cursor = self._read_cursor(request.query_params.get("cursor"), queryset.model)
        backwards = bool(cursor and cursor["back"])
        descending = self.ordering.startswith("-") != backwards
        if cursor:
            queryset = queryset.filter(self._beyond(cursor["value"], cursor["id"], descending, queryset.model))
        sign = "-" if descending else ""
        page = list(self.first_rows(queryset, [f"{sign}{self.column}", f"{sign}id"], size + 1))
        has_more = len(page) > size
        page = page[:size]
        if backwards:
            page.reverse()
        has_next = has_more if not backwards else True
        has_previous = has_more if backwards else cursor is not None
        self.next_url = self._url(page[-1], back=False) if page and has_next else None
        self.previous_url = self._url(page[0], back=True) if page and has_previous else None
        return page

    def first_rows(self, rows: QuerySet[Any], order: Sequence[str], count: int) -> QuerySet[Any]:
        """The first `count` of the rows in this order."""
        return rows.order_by(*order)[:count]

    def get_paginated_response(self, data: Any) -> Response:
        """The reply around a page."""
        return Response({"results": data, "next": self.next_url, "previous": self.previous_url})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The OpenAPI shape of a page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters of every list."""
        names = [sign + name for name in getattr(view, "orderings", self.orderings) for sign in ("", "-")]
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From next or previous."},
            {
                "name": "pageSize",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "default": DEFAULT_PAGE_SIZE},
                "description": PAGE_SIZE_HELP,
            },
            {
                "name": "ordering",
                "in": "query",
                "schema": {"type": "string", "enum": names, "default": view.default_ordering},
                "description": "The column to sort by; with - descending.",
            },
        ]

    def _ordering(self, ordering: str) -> str:
        name = ordering[1:] if ordering.startswith("-") else ordering
        if name not in self.orderings:
            raise _invalid("ordering", f"Order by one of: {', '.join(self.orderings)}, each with - for descending.")
        return ordering

    def _beyond(self, value: Any, row_id: int, descending: bool, model: type[Model]) -> Any:
        """What comes after the row, compared as a pair: an index finds it among any number of equal values."""
        if self.column == "id":
            return Q(**{f"id__{'lt' if descending else 'gt'}": row_id})
        behind = Value(value, output_field=_field(model, self.column))
        pairs = [Func(*pair, template="(%(expressions)s)") for pair in ((self.column, "id"), (behind, Value(row_id)))]
        sign = " < " if descending else " > "
        return Func(*pairs, template="%(expressions)s", arg_joiner=sign, output_field=BooleanField())

    def _read_cursor(self, text: str | None, model: type[Model]) -> dict[str, Any] | None:
        if not text:
            return None
        try:
            ordering, value, row_id, back = json.loads(base64.urlsafe_b64decode(text.encode()))
            position = {"value": self._column_value(value, model), "id": row_id, "back": bool(back)}
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, DjangoValidationError):
            raise _invalid("cursor", CURSOR_HINT) from None
        if ordering != self.ordering or type(row_id) is not int or abs(row_id) >= 2**63:
            raise _invalid("cursor", CURSOR_HINT)
        return position

    def _column_value(self, text: Any, model: type[Model]) -> Any:
        """The value of the ordering column that a cursor holds as text; a column worked out by the query is text.

        Raises ValueError, TypeError, OverflowError or Django's ValidationError for what no column holds.
        """
        if not isinstance(text, str) or "\0" in text:
            raise ValueError(text)
        text.encode()  # refuses half of a surrogate pair
        column = _field(model, self.column)
        value = text if column is None else column.to_python(text)
        return value.astimezone(UTC) if isinstance(value, datetime) else value

    def _url(self, row: Any, *, back: bool) -> str:
        payload = json.dumps([self.ordering, str(getattr(row, self.column)), row.pk, back])
        cursor = base64.urlsafe_b64encode(payload.encode()).decode()
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)


def _field(model: type[Model], column: str) -> Any:
    """The field that the values of an ordering column are of; None where the query works them out."""
    try:
        field = model._meta.get_field(column)
    except FieldDoesNotExist:
        return None
    return getattr(field, "output_field", field)


def read_page_size(text: str | None) -> int:
    """The number of rows that ``?pageSize=`` asks for, at most MAXIMUM_PAGE_SIZE. Raises a 400."""
    if text is None:
        return DEFAULT_PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise _invalid("pageSize", "Give a whole number from 1.")
    return min(int(text), MAXIMUM_PAGE_SIZE)


def _invalid(parameter: str, detail: str) -> ValidationError:
    return ValidationError({parameter: [detail]}, code="invalid_parameter")
