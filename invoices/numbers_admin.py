"""The number register in the admin: the series of the reader's companies, and every number of one."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from audit.list_exports import ExportedList
from core.admin import ScopedFilter, require_page
from core.exports import FILE_FORMATS, Columns
from invoices.models import NumberSeries, SeriesKind
from invoices.numbers import number_text, numbering_of, register_file, registered

PAGE_NUMBERS = 100


@admin.register(NumberSeries)
class NumberSeriesAdmin(ExportedList):
    """The series, to be read: who sees invoices sees their numbers."""

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("invoices/numbers.css",)}

    list_display = ("series", "company", "first_number", "next_number")
    list_display_links = ("series",)
    list_filter = ("kind", "year", ("company", ScopedFilter))
    list_select_related = ("company",)
    ordering = ("-year", "company", "-kind")
    export_columns: Columns = (
        ("series", str),
        ("company", "company.name"),
        ("first_number", lambda series: number_text(str(series), series.first_value)),
        ("next_number", lambda series: number_text(str(series), series.next_value)),
    )

    def _may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        return verb == "view" and bool(request.user.has_perm("invoices.view_invoice", obj))

    @admin.display(description="series", ordering="year")
    def series(self, series: NumberSeries) -> str:
        """What the numbers begin with."""
        return str(series)

    @admin.display(description="first number")
    def first_number(self, series: NumberSeries) -> str:
        """Where it began."""
        return number_text(str(series), series.first_value)

    @admin.display(description="next number")
    def next_number(self, series: NumberSeries) -> str:
        """What the next document gets."""
        return number_text(str(series), series.next_value)

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and that of the register as a file."""
        view = self.admin_site.admin_view(self.file_view)
        file = path("<path:object_id>/file/<str:file_format>/", view, name="invoices_numberseries_file")
        return [file, *super().get_urls()]

    @method_decorator(require_safe)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A page of the register, from the value of ?from= on, with what can be said of the whole."""
        series = self.existing(request, object_id)
        require_page(self.has_view_permission(request, series))
        numbering = numbering_of(series.company, series.year, SeriesKind(series.kind))
        asked = request.GET.get("from", "")
        start = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else numbering.start
        start = max(start, numbering.start)
        context = self.page_context(
            request,
            title=f"Number register {series} of {series.company}",
            object=series,
            numbering=numbering,
            rows=registered(numbering, start=start, size=PAGE_NUMBERS),
            formats=FILE_FORMATS,
            earlier=max(numbering.start, start - PAGE_NUMBERS) if start > numbering.start else None,
            later=start + PAGE_NUMBERS if start + PAGE_NUMBERS <= numbering.end else None,
        )
        return TemplateResponse(request, "invoices/admin/numbers.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The register: a counter has no history, its numbers are it."""
        return self.change_view(request, object_id)

    @method_decorator(require_safe)
    def file_view(self, request: HttpRequest, object_id: str, file_format: str) -> HttpResponseBase:
        """The whole register as a file."""
        series = self.existing(request, object_id)
        require_page(self.has_view_permission(request, series) and file_format in dict(FILE_FORMATS))
        numbering = numbering_of(series.company, series.year, SeriesKind(series.kind))
        actor: Any = request.user
        return register_file(actor=actor, numbering=numbering, file_format=file_format)
