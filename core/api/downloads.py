"""Replies that carry a file: a table to save, a page to print."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from rest_framework.serializers import Serializer

from core.api.renderers import CSV_TYPE, JSON_LINES_TYPE, JSON_TYPE, PDF_TYPE, XLSX_TYPE
from core.spreadsheets import Table, csv_chunks, xlsx_chunks

TABLE_FORMATS = ("json", "csv", "xlsx")
FEED_FORMATS = ("json", "csv", "jsonl")


def table_reply(table: Table, table_format: str, *, stem: str) -> StreamingHttpResponse:
    """The table as a file to save, `stem`.csv or `stem`.xlsx (letters, digits and hyphens). Raises SheetFull."""
    is_workbook = table_format == "xlsx"
    return StreamingHttpResponse(
        xlsx_chunks(table) if is_workbook else csv_chunks(table),
        content_type=XLSX_TYPE if is_workbook else f"{CSV_TYPE}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{stem}.{table_format}"'},
    )


def json_lines_reply(lines: Iterable[bytes], *, stem: str) -> StreamingHttpResponse:
    """The lines as a file to save, `stem`.jsonl (letters, digits and hyphens)."""
    return StreamingHttpResponse(
        lines,
        content_type=f"{JSON_LINES_TYPE}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{stem}.jsonl"'},
    )


def pdf_reply(content: bytes, file_name: str, *, as_attachment: bool) -> HttpResponse:
    """The PDF, to be saved under its name (`as_attachment`) or shown by the browser."""
    disposition = content_disposition_header(as_attachment, file_name)
    return HttpResponse(content, content_type=PDF_TYPE, headers={"Content-Disposition": disposition or "inline"})


def table_replies(serializer_class: type[Serializer]) -> dict[tuple[int, str], Any]:
    """What the OpenAPI document says of a reply that may also be a file."""
    return {
        (200, JSON_TYPE): serializer_class,
        (200, CSV_TYPE): OpenApiTypes.STR,
        (200, XLSX_TYPE): OpenApiTypes.BINARY,
    }
