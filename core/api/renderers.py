"""What a caller may ask for (Accept) besides JSON."""

from rest_framework.renderers import JSONRenderer

JSON_TYPE = "application/json"
PDF_TYPE = "application/pdf"
CSV_TYPE = "text/csv"
JSON_LINES_TYPE = "application/jsonl"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PdfRenderer(JSONRenderer):
    """Lets a caller ask for a PDF, whose bytes the view gives. Written here is a refusal: a problem document."""

    media_type = PDF_TYPE
    format = "pdf"


class CsvRenderer(JSONRenderer):
    """Lets a caller ask for CSV, which the view gives. Written here is a refusal: a problem document."""

    media_type = CSV_TYPE
    format = "csv"


class JsonLinesRenderer(JSONRenderer):
    """Lets a caller ask for JSON Lines, which the view gives. Written here is a refusal: a problem document."""

    media_type = JSON_LINES_TYPE
    format = "jsonl"


class XlsxRenderer(JSONRenderer):
    """Lets a caller ask for a workbook, which the view gives. Written here is a refusal: a problem document."""

    media_type = XLSX_TYPE
    format = "xlsx"


PDF_RENDERERS = (PdfRenderer, JSONRenderer)
"""For a view that answers with a PDF: it comes to those who ask for anything, or for JSON by habit, all the same."""
TABLE_RENDERERS = (JSONRenderer, CsvRenderer, XlsxRenderer)
"""For a view that answers with JSON, or with a table to those who accept nothing else or say ?format=."""
STATEMENT_RENDERERS = (JSONRenderer, PdfRenderer)
"""For a view that answers with JSON, or with a PDF to those who accept nothing else or say ?format=."""
FEED_RENDERERS = (JSONRenderer, CsvRenderer, JsonLinesRenderer)
"""For a view that answers with a page of JSON, or with all of it as a file to those who ask for one."""
