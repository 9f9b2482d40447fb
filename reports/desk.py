"""The reports as pages of the admin: figures, each with a link to the rows behind it, and the same as a file."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from audit.exports import record_export
from core.admin import companies_where, require_page
from core.api.downloads import table_reply
from core.widgets import dress_fields
from parties.models import Company
from reports.desk_sections import REPORTS, Asked, ReportPage
from reports.periods import EARLIEST_DAY, LATEST_DAY, Days, day_of, days_between, months_back
from reports.tables import table_of

PERMISSION = "invoices.view_invoice"
USUAL_MONTHS = 12
FILES = ("csv", "xlsx")
CALENDAR = forms.Media(js=["admin/js/core.js"])
"""What the calendar of a date needs before its own script."""


class ReportForm(forms.Form):
    """Of which company, and of which days. What is left empty is the usual."""

    company = forms.ModelChoiceField(Company.objects.none(), required=False, empty_label=None)
    first = forms.DateField(label="From", required=False, widget=AdminDateWidget)
    last = forms.DateField(label="To", required=False, widget=AdminDateWidget)
    as_of = forms.DateField(label="As of", required=False, widget=AdminDateWidget)

    def __init__(self, *args: Any, companies: Sequence[Company], is_of_a_period: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("as_of",) if is_of_a_period else ("first", "last"):
            del self.fields[name]
        self.fields["company"].queryset = Company.objects.filter(pk__in=[company.pk for company in companies])
        if len(companies) == 1:
            del self.fields["company"]
        dress_fields(self)

    def clean(self) -> dict[str, Any]:
        """Days that a calendar has, in their order."""
        wanted = self.cleaned_data
        for name in [name for name, value in wanted.items() if isinstance(value, date)]:
            if not EARLIEST_DAY <= wanted[name] <= LATEST_DAY:
                self.add_error(name, f"Give a date from {EARLIEST_DAY} to {LATEST_DAY}.")
        first, last = wanted.get("first"), wanted.get("last")
        if first and last and first > last:
            self.add_error("first", "The first day is after the last.")
        return wanted


def report_page(request: HttpRequest, name: str) -> HttpResponseBase:
    """A report of one company; with ?format=csv or xlsx, as a file."""
    page = REPORTS.get(name)
    if page is None:
        raise Http404("There is no such report.")
    companies = list(companies_where(request.user, PERMISSION, Company.objects.order_by("name")))
    require_page(bool(companies))
    form = ReportForm(request.GET, companies=companies, is_of_a_period=page.is_of_a_period)
    wanted = form.cleaned_data if form.is_valid() else {}
    company = wanted.get("company") or companies[0]
    days = _days(page, company, wanted)
    figures = page.selector([days])
    if request.GET.get("format") in FILES:
        return _file(request, page, days, figures)
    context = {
        **admin.site.each_context(request),
        "title": page.title,
        "page": page,
        "form": _shown(form, company, days),
        "company": company,
        "days": days,
        "sections": [page.section(one, Asked(company, days)) for one in figures],
        "summary": page.summary(figures),
        "files": [(table_format, _address_of_file(request, table_format)) for table_format in FILES],
        "media": CALENDAR + form.media,
    }
    return TemplateResponse(request, "reports/admin/report.html", context)


def _file(request: HttpRequest, page: ReportPage, days: Days, figures: Sequence[Any]) -> HttpResponseBase:
    """The report as a file; it is on record who took it, as over REST."""
    table_format = request.GET["format"]
    [company_id] = days.company_ids
    actor: Any = request.user
    asked = {"from": days.first, "to": days.last} if page.is_of_a_period else {"as_of": days.last}
    record_export(
        actor=actor, what=f"Report {page.name}", file_format=table_format, company_id=company_id, wanted=asked
    )
    return table_reply(table_of(page.layout, figures), table_format, stem=_stem(page, days))


def _shown(form: ReportForm, company: Company, days: Days) -> ReportForm:
    """The form with the days that the report is of, where they were not typed."""
    used = {"company": company.pk, "first": days.first, "last": days.last, "as_of": days.last}
    if form.is_valid():
        form.data = {**form.data.dict(), **{name: used[name] for name in form.fields if not form.data.get(name)}}
    return form


def _days(page: ReportPage, company: Company, wanted: Mapping[str, Any]) -> Days:
    """The days asked for; by default the last twelve months, or today."""
    if not page.is_of_a_period:
        [day] = day_of([company], wanted.get("as_of"))
        return day
    last = wanted.get("last") or company.today()
    first = wanted.get("first") or months_back(last, USUAL_MONTHS - 1)
    [days] = days_between([company], min(first, last), last)
    return days


def _stem(page: ReportPage, days: Days) -> str:
    spans = (days.first, days.last) if page.is_of_a_period else (days.last,)
    return "-".join([page.layout.name, *map(str, spans)])


def _address_of_file(request: HttpRequest, table_format: str) -> str:
    parameters = request.GET.copy()
    parameters["format"] = table_format
    return f"?{parameters.urlencode()}"
