"""Reading the record in the admin: the history of each object, what a rival changed, and the journal itself."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from audit.browser import ChangeBrowser
from audit.conflicts import Difference, differences_of
from audit.groups import command_groups
from audit.list_exports import ExportedList
from audit.models import Change, Recorded, history_model, recorded_models
from audit.places import address_of, places_of
from audit.selectors import History, TimelineEntry, known_commands, newest_first, timeline, timeline_page
from core.admin import (
    CommandAdmin,
    MomentFilter,
    VerbForm,
    conflict_text,
    moment_text,
    refusal_of,
    require_page,
)
from core.errors import DomainError, StaleVersion
from core.exports import Columns

RECORD_STYLES = {"all": ("audit/record.css",)}
HISTORY_ROWS = 100
ENTRY_ID = re.compile("[0-9]{1,18}")


class RecordedAdmin(ExportedList, CommandAdmin):
    """Pages of recorded objects: the History button shows the timeline, and a stale form what a rival changed."""

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = RECORD_STYLES

    change_form_template = "audit/admin/change_form.html"
    object_history_template = "audit/admin/history.html"
    command_pages: ClassVar[tuple[type["CommandPage"], ...]] = ()

    def histories(self, obj: Any) -> list[History]:
        """The history rows that tell what happened to the object. A leaf adds those of what belongs to it."""
        return [(type(obj), type(obj).history.filter(id=obj.pk))]

    def timeline(self, obj: Any) -> list[TimelineEntry]:
        """What happened to the object, newest first."""
        return newest_first([entry for model, rows in self.histories(obj) for entry in timeline(model, rows)])

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The object's timeline, page by page: ?before= names the journal entry behind which a page starts."""
        obj = self.existing(request, object_id)
        require_page(self.has_view_permission(request, obj))
        before = request.GET.get("before", "")
        first = int(before) if ENTRY_ID.fullmatch(before) else None
        page = timeline_page(self.histories(obj), before=first, size=HISTORY_ROWS)
        context = self.page_context(
            request,
            title=f"History of {obj}",
            object=obj,
            groups=command_groups(page.entries, places_of(page.entries, self.admin_site)),
            older=page.entries[-1].entry_id if page.has_older else None,
            is_first_page=first is None,
            is_own_history=True,
            past_address=address_of(type(obj), "past", obj.pk),
            **(extra_context or {}),
        )
        return TemplateResponse(request, self.object_history_template, context)

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and those of the pages on which one command is given."""
        pages = [
            path(f"<path:object_id>/{page.name}/", self.page_view(page), name=page.url_name(self.opts))
            for page in self.command_pages
        ]
        return [*pages, *super().get_urls()]

    def page_view(self, page: type["CommandPage"]) -> Any:
        """The view of a page on which one command is given."""

        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return page(self, request, self.existing(request, object_id, page.rows(request.user))).respond()

        return self.admin_site.admin_view(view)

    def buttons(self, request: HttpRequest, obj: Any) -> list["CommandPage"]:
        """The pages whose command would succeed now for this reader."""
        pages = [page(self, request, obj) for page in self.command_pages]
        return [page for page in pages if page.is_offered()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form and its buttons; above it, where it was stale, what was changed since it was opened."""
        obj = options.get("obj")
        if obj is not None:
            context.update(conflict_context(request, obj, self.timeline), buttons=self.buttons(request, obj))
            if "conflict" in context:
                context["differences"] = list(self.differences(context))
        return super().render_change_form(request, context, *args, **options)

    def differences(self, context: dict[str, Any]) -> Iterator[Difference]:
        """What was typed where it is not what is stored now. Lines know their own."""
        yield from differences_of(context["adminform"].form)
        for inline in context["inline_admin_formsets"]:
            yield from inline.formset.differences()


class CommandPage:
    """A page on which one command about one object is given: a form, one service, and its refusal in the form.

    A leaf says what is typed (`form_class`), who may (`permission`), when it is possible and which service does it.
    """

    name: ClassVar[str]
    """The last part of the address."""
    button: ClassVar[str]
    submit: ClassVar[str] = ""
    """What the form's own button says, where that is not what leads to it."""
    consequence: ClassVar[str] = ""
    """What comes of it, in a sentence above the form."""
    permission: ClassVar[str]
    form_class: ClassVar[type[VerbForm]] = VerbForm
    template: ClassVar[str] = "audit/admin/command_page.html"
    is_primary: ClassVar[bool] = False
    is_dangerous: ClassVar[bool] = False

    def __init__(self, model_admin: RecordedAdmin, request: HttpRequest, obj: Any) -> None:
        self.model_admin = model_admin
        self.request = request
        self.obj = obj

    @classmethod
    def url_name(cls, opts: Any) -> str:
        """The name of the address."""
        return f"{opts.app_label}_{opts.model_name}_{cls.name}"

    @classmethod
    def rows(cls, user: Any) -> QuerySet[Any] | None:
        """Where the object is found; None for the rows of the list."""
        return None

    @property
    def address(self) -> str:
        """Where the page is."""
        return reverse(f"admin:{self.url_name(self.obj._meta)}", args=[self.obj.pk])

    @property
    def subject(self) -> Any:
        """The object whose version the page carries."""
        return self.obj

    @property
    def opts(self) -> Any:
        """The model whose list the page is below."""
        return self.subject._meta

    @property
    def title(self) -> str:
        """The question, as a heading."""
        return f"{self.button} {self.subject}"

    def initial(self) -> dict[str, Any]:
        """What the form proposes."""
        return {}

    def require_possible(self) -> None:
        """Raise the DomainError that the command would be refused with as things are now, where that is known."""

    def give(self, values: dict[str, Any]) -> str:
        """Give the command by its service; the sentence that says what came of it."""
        raise NotImplementedError

    def context(self) -> dict[str, Any]:
        """What the leaf's template shows beside the form."""
        return {}

    def timeline(self, subject: Any) -> list[TimelineEntry]:
        """What happened to the subject, newest first."""
        return self.model_admin.timeline(subject)

    def is_allowed(self) -> bool:
        """Whether the reader's role in the subject's company carries the command."""
        return bool(self.request.user.has_perm(self.permission, self.subject))

    def is_offered(self) -> bool:
        """Whether the command would succeed now for this reader, as far as is known."""
        return self.is_allowed() and self.obstacle() is None

    def obstacle(self) -> DomainError | None:
        """Why the command is not possible now, or None."""
        try:
            self.require_possible()
        except DomainError as refusal:
            return refusal
        return None

    def respond(self) -> HttpResponse:
        """The page, or what came of the command."""
        require_page(self.is_allowed())
        if self.request.method != "POST":
            obstacle = self.obstacle()
            return self.show(self.form()) if obstacle is None else self.turn_back(obstacle.detail)
        form = self.form()
        if not form.is_valid():
            return self.show(form)
        try:
            done = self.give(form.cleaned_data)
        except DomainError as refusal:
            return self.refused(refusal)
        messages.success(self.request, done)
        return HttpResponseRedirect(self.back_address)

    def refused(self, refusal: DomainError) -> HttpResponse:
        """The form as it was typed, with the refusal; or back, where somebody else made the command impossible."""
        self.request.refusal = refusal
        self.obj = self.model_admin.existing(self.request, str(self.obj.pk), self.rows(self.request.user))
        obstacle = self.obstacle()
        if isinstance(refusal, StaleVersion) and obstacle is not None:
            changed = f"{refusal.changed_by} changed it at {moment_text(refusal.changed_at)}."
            return self.turn_back(f"Nothing was done. {obstacle.detail} {changed}")
        return self.show(self.form())

    def turn_back(self, sentence: str) -> HttpResponse:
        """Back to the subject, with the reason why."""
        messages.error(self.request, sentence)
        return HttpResponseRedirect(self.back_address)

    @property
    def back_address(self) -> str:
        """The subject's own page."""
        return self.model_admin.change_url(self.subject)

    def form(self) -> VerbForm:
        """The form as it opens, or as it was sent."""
        options = {"refusal": refusal_of(self.request), **self.form_options()}
        if self.request.method == "POST":
            return self.form_class(self.request.POST, **options)
        return self.form_class(initial={"version": self.subject.version, **self.initial()}, **options)

    def form_options(self) -> dict[str, Any]:
        """What else the form needs to know."""
        return {}

    def show(self, form: VerbForm) -> HttpResponse:
        """The page."""
        names = [field.name for field in form.visible_fields()]
        fieldsets = [(None, {"fields": names})] if names else []
        context = self.model_admin.page_context(
            self.request,
            title=self.title,
            object=self.obj,
            page=self,
            subject=self.subject,
            adminform=AdminForm(form, fieldsets, {}, model_admin=self.model_admin),
            **conflict_context(self.request, self.subject, self.timeline),
            **self.context(),
            opts=self.opts,
            media=self.model_admin.media + form.media,
        )
        return TemplateResponse(self.request, self.template, context)


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


class CommandFilter(admin.SimpleListFilter):
    """The journal by command. Which commands there are is looked up without reading the whole journal."""

    title = "command"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The commands that the journal knows."""
        return [(command, command) for command in known_commands()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """The entries with the chosen command."""
        return queryset if self.value() is None else queryset.filter(action=self.value())


class ChangeAdmin(ExportedList):
    """The journal, to be read: every command, by whom, when and why, and what it changed."""

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = RECORD_STYLES

    list_display: ClassVar[Sequence[str]] = ("at_utc", "action", "actor", "company_id", "reason", "request_id")
    list_display_links = ("at_utc", "action")
    list_filter: ClassVar[Sequence[Any]] = (("at", MomentFilter), CommandFilter)
    search_fields = ("action", "actor", "reason", "request_id")
    export_columns: Columns = (
        ("entry", "pk"),
        ("at", "at"),
        ("command", "action"),
        ("actor", "actor"),
        ("company_id", "company_id"),
        ("reason", "reason"),
        ("request_id", "request_id"),
    )
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

    def companies(self, request: HttpRequest) -> dict[int, str]:
        """The companies whose record the reader may read: id -> name. A leaf that knows their names gives those."""
        return {company: str(company) for company in companies_with_record(request.user)}

    def zone(self, request: HttpRequest, company_id: int | None) -> ZoneInfo:
        """The time zone in which the reader names days. A leaf that knows companies gives theirs."""
        return ZoneInfo("UTC")

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and those of the change browser."""
        pages = [
            path("changes/", self.admin_site.admin_view(self.changes_view), name="audit_changes"),
            path("changes/<str:file_format>/", self.admin_site.admin_view(self.file_view), name="audit_changes_file"),
        ]
        return [*pages, *super().get_urls()]

    @method_decorator(require_safe)
    def changes_view(self, request: HttpRequest) -> HttpResponse:
        """The change browser."""
        require_page(self.has_view_permission(request))
        return ChangeBrowser(self, request).respond()

    @method_decorator(require_safe)
    def file_view(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        """What the change browser shows, all of it, as a file."""
        require_page(self.has_view_permission(request))
        return ChangeBrowser(self, request).file(file_format)

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
        groups = command_groups(newest_first(entries), places_of(entries, self.admin_site))
        context = self.page_context(request, title=str(change), object=change, groups=groups, is_one_command=True)
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
