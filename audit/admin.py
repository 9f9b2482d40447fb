"""Reading the record in the admin: the history of each object, what a rival changed, and the journal itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from audit.models import Change, Recorded, history_model, recorded_models
from audit.selectors import TimelineEntry, newest_first, timeline
from core.admin import CommandAdmin, ScopedAdmin, conflict_text, refusal_of, require_page
from core.errors import StaleVersion

NOTHING = "—"


@dataclass(frozen=True)
class ObjectChange:
    """What one command did to one object, as people read it: (field, old, new) of only what differs."""

    entry: TimelineEntry
    values: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class CommandGroup:
    """One command: who, when and why, and all that it did."""

    entry: TimelineEntry
    changes: tuple[ObjectChange, ...]


def command_groups(entries: Iterable[TimelineEntry]) -> list[CommandGroup]:
    """Timeline entries, newest first, put together by command."""
    groups = []
    for _, together in groupby(entries, key=lambda entry: entry.entry_id):
        changes = tuple(ObjectChange(entry, _differences(entry)) for entry in together)
        groups.append(CommandGroup(changes[0].entry, changes))
    return groups


def _differences(entry: TimelineEntry) -> tuple[tuple[str, str, str], ...]:
    names = dict.fromkeys((*entry.old_values, *entry.new_values))
    rows = ((name, _shown(entry.old_values.get(name)), _shown(entry.new_values.get(name))) for name in names)
    return tuple(row for row in rows if row[1] != row[2])


def _shown(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items() if part)
    return str(value)


class RecordedAdmin(CommandAdmin):
    """Pages of recorded objects: the History button shows the timeline, and a stale form what a rival changed."""

    change_form_template = "audit/admin/change_form.html"
    object_history_template = "audit/admin/history.html"

    def timeline(self, obj: Any) -> list[TimelineEntry]:
        """What happened to the object, newest first. A leaf adds what belongs to it."""
        return timeline(type(obj), type(obj).history.filter(id=obj.pk))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The object's timeline."""
        obj = self.existing(request, object_id)
        require_page(self.has_view_permission(request, obj))
        context = self.page_context(
            request,
            title=f"History of {obj}",
            object=obj,
            groups=command_groups(self.timeline(obj)),
            **(extra_context or {}),
        )
        return TemplateResponse(request, self.object_history_template, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form; above it, where it was stale, what was changed since it was opened."""
        subject = self.versioned_object(request, options.get("obj"))
        context.update(conflict_context(request, subject, self.timeline_of_subject))
        return super().render_change_form(request, context, *args, **options)

    def versioned_object(self, request: HttpRequest, obj: Any) -> Any:
        """The object whose version the form carries."""
        return obj

    def timeline_of_subject(self, subject: Any) -> list[TimelineEntry]:
        """The timeline of that object."""
        return self.timeline(subject)


def conflict_context(request: HttpRequest, subject: Any, read_timeline: Any) -> dict[str, Any]:
    """For a command refused as stale: the sentence, and the commands given since the version that was read."""
    refusal = refusal_of(request)
    if not isinstance(refusal, StaleVersion) or subject is None:
        return {}
    posted = request.POST.get("version", "")
    read = history_model(type(subject)).objects.filter(id=subject.pk, version=posted if posted.isdigit() else 0).first()
    since = read.change_id if read else 0
    entries = [entry for entry in read_timeline(subject) if entry.entry_id > since]
    return {"conflict": refusal, "conflict_text": conflict_text(refusal), "news": command_groups(entries)}


class ChangeAdmin(ScopedAdmin):
    """The journal, to be read: every command, by whom, when and why, and what it changed."""

    list_display: ClassVar[Sequence[str]] = ("at_utc", "action", "actor", "company_id", "reason", "request_id")
    list_display_links = ("at_utc", "action")
    list_filter: ClassVar[Sequence[Any]] = (("at", admin.DateFieldListFilter), "action")
    search_fields = ("action", "actor", "reason", "request_id")
    change_form_template = "audit/admin/journal_entry.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        """The entries of the companies in which the reader may read the record."""
        entries = Change.objects.all()
        if request.user.is_superuser:
            return entries
        return entries.filter(self.readable(request))

    def readable(self, request: HttpRequest) -> Q:
        """Which entries the reader may read."""
        return Q(company_id__in=companies_with_record(request.user))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: entries are written by commands."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the journal is not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the journal is not shortened."""
        return False

    @admin.display(description="when (UTC)", ordering="id")
    def at_utc(self, change: Change) -> str:
        """When the command was given."""
        return f"{change.at:%Y-%m-%d %H:%M:%S}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One entry, and every change that was made under it."""
        require_page(self.has_view_permission(request))
        change = self.existing(request, object_id)
        entries = [entry for model in recorded_models() for entry in self.entries_under(request, change, model)]
        context = self.page_context(
            request, title=str(change), object=change, groups=command_groups(newest_first(entries))
        )
        return TemplateResponse(request, self.change_form_template, context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The entry itself: it has no history, it is history."""
        return self.change_view(request, object_id)

    def entries_under(self, request: HttpRequest, change: Change, model: type[Recorded]) -> list[TimelineEntry]:
        """What the command changed in one table."""
        history = history_model(model).objects
        touched = list(history.filter(change=change).values_list("id", flat=True))
        if not touched:
            return []
        earlier = history.filter(id__in=touched, change_id__lte=change.pk)
        return [entry for entry in timeline(model, earlier) if entry.entry_id == change.pk]


def companies_with_record(user: Any) -> list[int]:
    """The companies whose record the user may read."""
    return [company for company in user.company_ids if user.may("audit.view_change", company)]


# Django's own list of recent actions reads its own log, which is off.
admin.site.index_template = "audit/admin/index.html"
