"""Replies that carry a table to save."""

from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from rest_framework.serializers import Serializer

from core.api.renderers import CSV_TYPE, JSON_TYPE, XLSX_TYPE
from core.spreadsheets import Table, csv_chunks, xlsx_file

TABLE_FORMATS = ("json", "csv", "xlsx")


def table_reply(table: Table, table_format: str, *, stem: str) -> StreamingHttpResponse:
    """The table as a file to save, `stem`.csv or `stem`.xlsx. Raises SheetFull."""
    name = f"{stem}.{table_format}"
    if table_format == "xlsx":
        return FileResponse(xlsx_file(table), as_attachment=True, filename=name, content_type=XLSX_TYPE)
    headers = {"Content-Disposition": str(content_disposition_header(as_attachment=True, filename=name))}
    return StreamingHttpResponse(csv_chunks(table), content_type=f"{CSV_TYPE}; charset=utf-8", headers=headers)


def table_replies(serializer_class: type[Serializer]) -> dict[tuple[int, str], Any]:
    """What the OpenAPI document says of a reply that may also be a file."""
    return {
        (200, JSON_TYPE): serializer_class,
        (200, CSV_TYPE): OpenApiTypes.STR,
        (200, XLSX_TYPE): OpenApiTypes.BINARY,
    }
