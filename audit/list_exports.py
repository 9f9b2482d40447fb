"""Lists of the admin as files: what is filtered, as CSV or XLSX, and on record before its first row leaves."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.text import capfirst, slugify
from django.views.decorators.http import require_safe

from audit.exports import record_export
from core.admin import ScopedAdmin, require_page
from core.api.downloads import table_reply
from core.exports import FILE_FORMATS, Columns, list_table
from core.spreadsheets import SHEET_ROWS, SheetFull

NO_FILTERS = ("p", "e", "o")
"""What an address says about the page that is looked at, and not about which rows there are."""
COMPANY_FILTER = "company__id__exact"
LOOKUPS = {"__id__exact": "", "__exact": "", "__gte": " from", "__lte": " to", "__lt": " before", "__": " "}


class ExportedList(ScopedAdmin):
    """A list that can be taken away as it is filtered. A leaf says which columns the file has."""

    export_columns: Columns = ()
    list_after_template: str | None = "audit/admin/export_links.html"

    def filtered(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that the list shows for this address, on all its pages. Raises IncorrectLookupParameters."""
        rows: QuerySet[Any] = self.get_changelist_instance(request).queryset
        return rows

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and that of the list as a file."""
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/<str:file_format>/", view, name=self._export_name()), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with links to the files of what it shows."""
        return super().changelist_view(request, {"exports": self._export_links(request), **(extra_context or {})})

    @method_decorator(require_safe)
    def export_view(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        """What is filtered as a file, written while it is read; it is on record who took it, and how many rows."""
        is_offered = bool(self.export_columns) and file_format in dict(FILE_FORMATS)
        require_page(is_offered and self.has_view_permission(request))
        changelist = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        try:
            return self._file(request, file_format)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{changelist}?e=1")
        except SheetFull as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(changelist)

    def _file(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        asked = _asked(request)
        if any("\x00" in value for value in asked.values()):
            raise IncorrectLookupParameters
        rows = self.filtered(request)
        count = rows.order_by().count()
        if file_format == "xlsx" and count >= SHEET_ROWS:
            raise SheetFull
        name = str(self.opts.verbose_name_plural)
        actor: Any = request.user
        record_export(
            actor=actor,
            what=capfirst(name),
            file_format=file_format,
            company_id=_company_of(request),
            wanted=asked,
            row_count=count,
        )
        stem = f"{slugify(name)}-{timezone.now():%Y-%m-%d}"
        return table_reply(list_table(name, self.export_columns, rows), file_format, stem=stem)

    def _export_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_export"

    def _export_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        if not self.export_columns:
            return []
        query = request.GET.copy()
        for name in NO_FILTERS:
            query.pop(name, None)
        return [
            (label, reverse(f"admin:{self._export_name()}", args=[file_format], query=query or None))
            for file_format, label in FILE_FORMATS
        ]


def _asked(request: HttpRequest) -> dict[str, str]:
    """What the list is narrowed down to, in words that the journal keeps."""
    return {
        _in_words(name): " or ".join(values)
        for name, values in request.GET.lists()
        if name not in NO_FILTERS and any(values)
    }


def _in_words(name: str) -> str:
    """A filter's name as a reader of the journal understands it."""
    for lookup, words in LOOKUPS.items():
        name = name.replace(lookup, words)
    return "search" if name == "q" else name


def _company_of(request: HttpRequest) -> int | None:
    """The company whose rows are taken: the only one of the reader, or the one that the list is narrowed down to."""
    user: Any = request.user
    ids = user.company_ids
    if len(ids) == 1 and not user.is_superuser:
        return int(ids[0])
    chosen = request.GET.get(COMPANY_FILTER, "")
    return next((company for company in ids if str(company) == chosen), None)
