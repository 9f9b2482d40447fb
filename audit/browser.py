"""The change browser: every version of everything, filtered, page by page, with old and new values, or as a file."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from audit.api import ACTION_CHOICES, feed_file
from audit.books import document_lookup
from audit.cursors import cursor_of, position_of
from audit.feed import FeedFilter, Page, feed_page
from audit.groups import command_groups
from audit.models import recorded_models
from audit.places import places_of
from audit.selectors import known_commands
from core.spreadsheets import SheetFull
from core.widgets import dress_fields

PAGE_ROWS = 50
ANY = ("", "Any")
FILE_FORMATS = (("csv", "CSV"), ("xlsx", "XLSX"), ("jsonl", "JSON Lines"))


class ChangeFilterForm(forms.Form):
    """What an auditor looks for. Days are those of `zone`."""

    performed_by = forms.CharField(label="Who", required=False, max_length=254)
    entity_type = forms.ChoiceField(label="Kind of object", required=False)
    object = forms.CharField(label="Object", required=False, max_length=40)
    command = forms.CharField(label="Command", required=False, max_length=60)
    action = forms.ChoiceField(label="Change", required=False, choices=[ANY, *ACTION_CHOICES])
    since = forms.DateField(label="From", required=False, widget=AdminDateWidget)
    until = forms.DateField(label="To", required=False, widget=AdminDateWidget)
    request_id = forms.CharField(label="Request", required=False, max_length=64)
    company = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)

    def __init__(self, data: Any, *, companies: Sequence[tuple[int, str]], is_of_all: bool) -> None:
        super().__init__(data)
        self.companies = companies
        self.is_of_all = is_of_all
        fields: dict[str, Any] = self.fields
        fields["entity_type"].choices = [ANY, *((model.__name__, model.__name__) for model in recorded_models())]
        fields["company"].choices = [ANY, *companies]
        fields["performed_by"].widget.attrs["placeholder"] = "name@example.com"
        fields["object"].widget.attrs["placeholder"] = "Number or id"
        fields["command"].widget.attrs |= {"list": "commands", "placeholder": "invoice.issued"}
        if len(companies) < 2:
            del fields["company"]
        dress_fields(self)

    def clean(self) -> dict[str, Any]:
        """The values, with the object's type and id in place of what was typed for it."""
        values = super().clean() or self.cleaned_data
        typed = values.pop("object", "").strip()
        if typed.isascii() and typed.isdigit():
            values["entity_id"] = int(typed[:18])
        elif typed:
            values |= self._numbered(typed, values)
        return values

    def _numbered(self, number: str, values: dict[str, Any]) -> dict[str, Any]:
        """The document with this number, in the companies that are looked at."""
        company = values.get("company")
        for model in recorded_models():
            if document_lookup(model) != "number" or values.get("entity_type") not in ("", None, model.__name__):
                continue
            rows: QuerySet[Any] = model._default_manager.all()
            rows = rows.filter(number=number.upper())
            if company or not self.is_of_all:
                rows = rows.filter(company_id__in=[company] if company else [pk for pk, _ in self.companies])
            found = list(rows.values_list("pk", flat=True)[:2])
            if len(found) > 1:
                raise ValidationError({"object": "Several companies have this number: choose the company."})
            if found:
                return {"entity_type": model.__name__, "entity_id": found[0]}
        raise ValidationError({"object": "There is no document with this number. Of other objects give kind and id."})

    def wanted(self, zone: ZoneInfo) -> FeedFilter:
        """The filter of the feed."""
        values = self.cleaned_data
        return FeedFilter(
            entity_type=values["entity_type"] or None,
            entity_id=values.get("entity_id"),
            action=values["action"] or None,
            command=values["command"] or None,
            performed_by=values["performed_by"] or None,
            request_id=values["request_id"] or None,
            company_id=values.get("company"),
            since=_moment(values["since"], time.min, zone),
            until=_moment(values["until"], time.max, zone),
        )


class ChangeBrowser:
    """The page of one request. `model_admin` says whose record the reader reads, and which time zone they live in."""

    template = "audit/admin/changes.html"

    def __init__(self, model_admin: Any, request: HttpRequest) -> None:
        self.model_admin = model_admin
        self.request = request
        self.companies: dict[int, str] = model_admin.companies(request)
        self.form = ChangeFilterForm(
            request.GET, companies=list(self.companies.items()), is_of_all=request.user.is_superuser
        )
        self.is_valid = self.form.is_valid()
        self.zone: ZoneInfo = model_admin.zone(request, self.form.cleaned_data.get("company"))

    @property
    def company_ids(self) -> list[int] | None:
        """The companies whose record the reader reads; None stands for all."""
        return None if self.request.user.is_superuser else list(self.companies)

    def respond(self) -> HttpResponse:
        """The page."""
        page = self._page() if self.is_valid else Page([], has_older=False, has_newer=False)
        entries = [row.entry for row in page.rows]
        context = self.model_admin.page_context(
            self.request,
            title="Changes",
            opts=None,  # it is no list of journal entries
            form=self.form,
            zone=self.zone.key,
            groups=command_groups(entries, places_of(entries, self.model_admin.admin_site)),
            commands=known_commands(),
            formats=FILE_FORMATS,
            asked=self._asked(),
            **self._links(page),
            media=self.model_admin.media + self.form.media,
        )
        return TemplateResponse(self.request, self.template, context)

    def file(self, file_format: str) -> HttpResponseBase:
        """All that fits, as a file; the page with its complaints where the filter is wrong."""
        if not self.is_valid or file_format not in dict(FILE_FORMATS):
            return self.respond()
        try:
            return feed_file(self.request.user, self.form.wanted(self.zone), self.company_ids, file_format)
        except SheetFull as refusal:
            messages.error(self.request, refusal.detail)
            return self.respond()

    def _page(self) -> Page:
        cursor = self.request.GET.get("cursor", "")
        try:
            position = position_of(cursor) if cursor else None
        except ValueError:
            position = None
        return feed_page(self.form.wanted(self.zone), company_ids=self.company_ids, position=position, size=PAGE_ROWS)

    def _links(self, page: Page) -> dict[str, str]:
        rows = page.rows
        return {
            "older": self._asked(cursor_of(rows[-1].position, back=False)) if rows and page.has_older else "",
            "newer": self._asked(cursor_of(rows[0].position, back=True)) if rows and page.has_newer else "",
        }

    def _asked(self, cursor: str = "") -> str:
        """What was asked for, as the query of an address; of a further page with `cursor`."""
        query = self.request.GET.copy()
        for name in [name for name in query if name not in self.form.fields or not query[name]]:
            del query[name]
        if cursor:
            query["cursor"] = cursor
        return str(query.urlencode())


def _moment(day: date | None, edge: time, zone: ZoneInfo) -> datetime | None:
    """The first or the last moment of a day where the company is."""
    return None if day is None else datetime.combine(day, edge, tzinfo=zone).astimezone(UTC)
