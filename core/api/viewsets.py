"""The base of every endpoint: scoping to the caller's companies, permissions, filters, ETags and caching."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from core.api.pagination import PAGE_PARAMETERS, KeysetPagination
from core.errors import NotFound, PermissionDenied


class ScopedViewSet(GenericViewSet[Any]):
    """An endpoint over rows that belong to companies.

    A leaf names its selector (`visible`), the permission of each action, its filters and serializers, and calls one
    service per verb. Who is it (401), does it exist for them (404), may they (403), is the body well formed (400):
    in this order.
    """

    required_permissions: ClassVar[dict[str, str]] = {}
    filter_serializers: ClassVar[dict[str, type[Serializer[Any]]]] = {}
    pagination_class = KeysetPagination
    default_ordering = "-createdAt"
    lookup_url_kwarg = "id"

    def visible(self) -> QuerySet[Any]:
        """The rows that exist for the caller."""
        raise NotFound

    @property
    def permission(self) -> str:
        """The permission that the current action needs."""
        return self.required_permissions[str(self.action)]

    def require(self, company_id: int | None = None) -> None:
        """Raise PermissionDenied unless the caller may do this in the company (in any, where none is given)."""
        if not self.request.user.may(self.permission, company_id):
            raise PermissionDenied

    def scoped_object(self, queryset: QuerySet[Any] | None = None) -> Any:
        """The row of the URL, if it exists for the caller and they may. Raises NotFound, PermissionDenied."""
        rows = self.visible() if queryset is None else queryset
        row = rows.filter(pk=self.kwargs["id"]).first()
        if row is None:
            raise NotFound
        self.require(row.company_id)
        return row

    def body(self) -> dict[str, Any]:
        """The validated body of the request, in snake_case."""
        serializer = self.get_serializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def filters(self) -> dict[str, Any]:
        """The validated query parameters of a list. Raises a 400 for an unknown one or a malformed value."""
        serializer_class = self.filter_serializers.get(str(self.action))
        parameters = {
            name: self.request.query_params[name] for name in self.request.query_params if name not in PAGE_PARAMETERS
        }
        known = serializer_class(context=self.get_serializer_context()).fields if serializer_class else {}
        unknown = [name for name in parameters if name not in known]
        if unknown:
            message = f"There is no such parameter; known are: {', '.join([*known, *sorted(PAGE_PARAMETERS)])}."
            raise ValidationError({unknown[0]: [message]}, code="unknown_parameter")
        if serializer_class is None:
            return {}
        serializer = serializer_class(data=parameters, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def page(self, queryset: QuerySet[Any], serializer_class: type[Serializer[Any]]) -> Response:
        """One page of `queryset`."""
        rows = self.paginate_queryset(queryset)
        return self.get_paginated_response(
            serializer_class(rows, many=True, context=self.get_serializer_context()).data
        )

    def document(self, data: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """A reply about one document: its version is the ETag."""
        response = Response(data, status=status, headers=headers)
        if "version" in data:
            response["ETag"] = f'"{data["version"]}"'
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Business data is not for caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        return response
