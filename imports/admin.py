"""Imports in the admin: bring a file, see how it is read and what is wrong, then let it in."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.http import content_disposition_header

from audit.admin import RecordedAdmin
from audit.exports import record_export
from core.admin import RefusalForm, ScopedFilter, companies_where, refusal_text, require_page
from core.api.downloads import table_reply
from core.errors import DomainError
from core.exports import Columns, list_table
from core.money import plain_text
from core.widgets import dress_fields
from imports.columns import COLUMNS, Column, DateOrder, DecimalMark, Kind, read_row
from imports.files import header_of, table_rows
from imports.models import ImportFile, Mode, State
from imports.services import LARGEST_FILE_BYTES, bring_file, change_reading, discard_file, start_import, work_on
from parties.models import Company

ROWS_SHOWN = 12
PROBLEMS_SHOWN = 100
PROBLEM_COLUMNS: Columns = (("row", "row"), ("column", "column"), ("problem", "detail"))
PERMISSIONS = {
    Kind.CUSTOMERS: "parties.add_customer",
    Kind.DRAFTS: "invoices.add_invoice",
    Kind.ISSUED: "invoices.issue_invoice",
    Kind.PAYMENTS: "payments.add_payment",
}
"""What one may do by hand, one may import."""
WORKING = (State.CHECKING, State.RUNNING)


class ReadingForm(RefusalForm, forms.Form):
    """How a file is meant."""

    dates = forms.ChoiceField(label="Dates are written as", choices=DateOrder.choices, initial=DateOrder.ISO)
    decimals = forms.ChoiceField(label="Numbers are written as", choices=DecimalMark.choices, initial=DecimalMark.POINT)
    mode = forms.ChoiceField(label="Rows that are wrong", choices=Mode.choices, initial=Mode.ALL)
    make_customers = forms.BooleanField(label="Make customers that there are not", required=False)


class BringForm(ReadingForm):
    """The file, and how it is meant."""

    company = forms.ModelChoiceField(Company.objects.none(), empty_label=None)
    kind = forms.ChoiceField(label="What the rows are", choices=Kind.choices)
    file = forms.FileField(
        help_text=f"CSV or XLSX, the names of the columns in the first row, up to {LARGEST_FILE_BYTES // 2**20} MB."
    )

    field_order = ("company", "kind", "file")

    def __init__(self, *args: Any, companies: QuerySet[Company], refusal: DomainError | None = None, **options: Any):
        super().__init__(*args, **options)
        self.refusal = refusal
        self.fields["company"].queryset = companies


class MappingForm(ReadingForm):
    """Which column of the file is which of ours, and how it is meant."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, file: ImportFile, refusal: DomainError | None = None, **options: Any) -> None:
        self.file = file
        self.refusal = refusal
        super().__init__(*args, **options)
        names = [("", "—"), *((name, name) for name in header_of(bytes(file.content)) if name)]
        for column in COLUMNS[file.kind]:
            self.fields[f"column_{column.name}"] = forms.ChoiceField(
                label=column.label, choices=names, required=column.required, initial=file.mapping.get(column.name, "")
            )
        for name in ("dates", "decimals", "mode", "make_customers"):
            self.fields[name].initial = getattr(file, name)
        self.fields["version"].initial = file.version
        if file.kind not in (Kind.DRAFTS, Kind.ISSUED):
            del self.fields["make_customers"]
        dress_fields(self)

    def mapping(self) -> dict[str, str]:
        """Our names with the file's, as chosen."""
        chosen = {name: self.cleaned_data[f"column_{name}"] for name in (one.name for one in COLUMNS[self.file.kind])}
        return {name: theirs for name, theirs in chosen.items() if theirs}

    def columns(self) -> list[Any]:
        """The fields that choose a column."""
        return [self[name] for name in self.fields if name.startswith("column_")]

    def options(self) -> list[Any]:
        """The other fields."""
        return [self[name] for name in self.fields if name in ("dates", "decimals", "mode", "make_customers")]


@admin.register(ImportFile)
class ImportFileAdmin(RecordedAdmin):
    """The files that were brought to the reader's companies."""

    list_display = ("file_name", "kind", "state_badge", "good_count", "bad_count", "requested_by", "brought", "company")
    list_filter = ("kind", "state", ("company", ScopedFilter))
    list_select_related = ("company",)
    search_fields = ("file_name",)
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("file", "file_name"),
        ("sha256", "sha256"),
        ("kind", "get_kind_display"),
        ("state", "get_state_display"),
        ("rows", "rows_total"),
        ("good", "good_count"),
        ("wrong", "bad_count"),
        ("brought_by", "requested_by"),
        ("brought_at", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportFile]:
        """The files, without their bytes."""
        return super().get_queryset(request).defer("content")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what was brought stays, with who brought it."""
        return False

    @admin.display(description="state", ordering="state")
    def state_badge(self, file: ImportFile) -> str:
        """How far it has come, as a badge."""
        return format_html('<span class="status status-{}">{}</span>', file.state, file.get_state_display())

    @admin.display(description="brought (UTC)", ordering="id")
    def brought(self, file: ImportFile) -> str:
        """When it was brought."""
        return f"{file.created_at:%Y-%m-%d %H:%M}"

    def get_urls(self) -> list[Any]:
        """The addresses of the file itself, of its problems, and of the buttons."""
        views = {
            "file": self.file_view,
            "problems": self.problems_view,
            "progress": self.progress_view,
            "start": self.start_view,
            "discard": self.discard_view,
        }
        named = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"imports_importfile_{name}")
            for name, view in views.items()
        ]
        return [*named, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form that takes a file; the file is kept and checked at once."""
        require_page(self.has_add_permission(request))
        companies = companies_where(request.user, "imports.add_importfile", Company.objects.order_by("name"))
        form = BringForm(request.POST or None, request.FILES or None, companies=companies)
        if request.method == "POST" and form.is_valid():
            try:
                return HttpResponseRedirect(self.change_url(self._brought(request, form.cleaned_data)))
            except DomainError as refusal:
                form.add_error("file" if refusal.field == "file" or not refusal.field else None, refusal.detail)
        context = self.page_context(request, title="Import a file", form=form, kinds=COLUMNS.items())
        return TemplateResponse(request, "imports/admin/bring.html", context)

    def _brought(self, request: HttpRequest, values: dict[str, Any]) -> ImportFile:
        file, company = values.pop("file"), values.pop("company")
        require_page(request.user.has_perm(PERMISSIONS[values["kind"]], company))
        content = file.read(LARGEST_FILE_BYTES + 1)
        return work_on(bring_file(actor=request.user, company=company, file_name=file.name, content=content, **values))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How the file is read, what is wrong, and what can be done."""
        file = self.existing(request, unquote(object_id), ImportFile.objects.filter(pk__in=self.get_queryset(request)))
        require_page(self.has_view_permission(request, file))
        form = MappingForm(request.POST or None, file=file)
        if request.method == "POST":
            require_page(self._may_import(request, file))
            if form.is_valid() and self._read_anew(request, file, form):
                return HttpResponseRedirect(self.change_url(file))
        labels = {column.name: column.label for column in COLUMNS[file.kind]}
        context = self.page_context(
            request,
            title=str(file),
            object=file,
            file=file,
            form=form,
            may_import=self._may_import(request, file),
            is_working=file.state in WORKING,
            can_be_read_anew=file.state in (State.CHECKED, State.REFUSED),
            can_start=file.state == State.CHECKED
            and file.good_count
            and (file.mode == Mode.GOOD or not file.bad_count),
            sample=_sample(file),
            problems=[(problem, labels.get(problem.column, "")) for problem in file.problems.all()[:PROBLEMS_SHOWN]],
            labels=[column.label for column in shown_columns(file)],
        )
        return TemplateResponse(request, "imports/admin/file.html", context)

    def _read_anew(self, request: HttpRequest, file: ImportFile, form: MappingForm) -> bool:
        typed = form.cleaned_data
        options = {name: typed[name] for name in ("dates", "decimals", "mode", "make_customers") if name in typed}
        try:
            work_on(
                change_reading(
                    actor=request.user, file_id=file.pk, version=typed["version"], mapping=form.mapping(), **options
                )
            )
        except DomainError as refusal:
            form.add_error(None, refusal_text(refusal))
            return False
        return True

    def _may_import(self, request: HttpRequest, file: ImportFile) -> bool:
        own = request.user.has_perm("imports.change_importfile", file)
        return bool(own and request.user.has_perm(PERMISSIONS[Kind(file.kind)], file))

    def start_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the file in."""
        return self._give(request, object_id, start_import)

    def discard_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Leave the file as it is."""
        return self._give(request, object_id, discard_file)

    def _give(self, request: HttpRequest, object_id: str, command: Any) -> HttpResponse:
        file = self.existing(request, unquote(object_id))
        require_page(self._may_import(request, file) and request.method == "POST")
        version = request.POST.get("version", "")
        try:
            given = command(actor=request.user, file_id=file.pk, version=int(version) if version.isdigit() else None)
            if given.state in WORKING:
                work_on(given)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        return HttpResponseRedirect(self.change_url(file))

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far the work has come, as a part of the page that asks for it every two seconds."""
        file = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, file))
        response = TemplateResponse(
            request, "imports/admin/progress.html", {"file": file, "is_working": file.state in WORKING}
        )
        if file.state not in WORKING:
            response["HX-Refresh"] = "true"
        return response

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file as it was brought."""
        file = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, file))
        disposition = content_disposition_header(as_attachment=True, filename=file.file_name)
        headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
        return HttpResponse(bytes(file.content), content_type="application/octet-stream", headers=headers)

    def problems_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """What is wrong, as CSV; it is on record who took it."""
        file = self.existing(request, unquote(object_id))
        require_page(self.has_view_permission(request, file))
        problems = file.problems.all()
        actor: Any = request.user
        record_export(
            actor=actor,
            what=f"Problems of import {file.pk}",
            file_format="csv",
            company_id=file.company_id,
            wanted={},
            row_count=problems.count(),
        )
        table = list_table("problems", PROBLEM_COLUMNS, problems)
        return table_reply(table, "csv", stem=f"import-{file.pk}-problems")


def _sample(file: ImportFile) -> list[dict[str, Any]]:
    """The first rows as they are read: each with its cells, and what is wrong with them."""
    rows = table_rows(bytes(file.content))
    _, header = next(rows, (0, []))
    return list(_read_cells(file, header, islice(rows, ROWS_SHOWN)))


def _read_cells(file: ImportFile, header: list[str], rows: Any) -> Iterator[dict[str, Any]]:
    for number, cells in rows:
        values, wrong = read_row(file.kind, file.mapping, header, cells, file.reading)
        problems = dict(wrong)
        yield {
            "number": number,
            "cells": [(_shown(values.get(one.name)), problems.get(one.name, "")) for one in shown_columns(file)],
        }


def shown_columns(file: ImportFile) -> list[Column]:
    """The columns that the file has, and those that it lacks and needs."""
    return [column for column in COLUMNS[file.kind] if column.required or column.name in file.mapping]


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain_text(value)
    return "" if value is None else str(value)
