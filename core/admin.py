"""The base of every admin page: a form is read here, one service does the work, and its refusal is shown in the form.

A page is scoped to the companies of whoever is signed in, judged by their role in the object's company, and nothing is
written but by a service: `save_model` does nothing, `save_related` gives one command. A command that is refused
(DomainError) shows the same form again with everything that was typed, the sentence of the refusal, and the version
that is current now.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AdminTextareaWidget, RelatedFieldWidgetWrapper
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied as PageForbidden
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, checkbox

from core.amounts import read_amount, typed_text
from core.changelist import CountlessChangeList
from core.errors import ConstraintBroken, DomainError, NotFound, PermissionDenied, StaleVersion
from core.money import exact, percent_text
from core.scope import visible_to
from core.widgets import dress_fields

SAVED_FORMS = "saved_forms"
SAVED_FORMS_KEPT = 50
INCOMPLETE_PAGE = "This page is incomplete: open it again, then repeat."


class ExactField(forms.Field):
    """A decimal number as people type or paste it: read exactly, never rounded, refused with a sentence if in doubt.

    `currency`, where it is known, is what it is an amount of.
    """

    widget = forms.TextInput

    def __init__(self, *, decimals: int, currency: str | None = None, **options: Any) -> None:
        self.decimals = decimals
        self.currency = currency
        super().__init__(**options)

    def to_python(self, value: Any) -> Decimal | None:
        """The number, or None where nothing was typed."""
        text = value.strip() if isinstance(value, str) else value
        if text in self.empty_values:
            return None
        try:
            return read_amount(text, decimals=self.decimals, currency=self.currency)
        except DomainError as error:
            raise ValidationError(error.detail, code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """A stored number without needless zeros; what was typed stays as it was typed."""
        return typed_text(value) if isinstance(value, Decimal) else value

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Digits on a telephone's keyboard, right-aligned."""
        return {"inputmode": "decimal", "class": "number", "autocomplete": "off"}


class PercentageField(ExactField):
    """A percentage, typed with its sign or without: 10 and 10 % are 10."""

    def to_python(self, value: Any) -> Decimal | None:
        """The percentage, or None where nothing was typed."""
        return super().to_python(value.strip().removesuffix("%") if isinstance(value, str) else value)


class RateField(ExactField):
    """A rate, kept as a fraction and shown as a percentage: "15 %", "15" and "0.15" are the same rate.

    No rate of VAT is below 1 % or 100 %, so a number below 1 is a fraction and one above it a percentage. 1 is refused.
    """

    def to_python(self, value: Any) -> Decimal | None:
        """The fraction, or None where nothing was typed."""
        text = value.strip() if isinstance(value, str) else value
        number = super().to_python(text.removesuffix("%") if isinstance(text, str) else text)
        is_percentage = isinstance(text, str) and text.endswith("%")
        if number is None or not (is_percentage or number >= 1):
            return number
        if number == 1 and not is_percentage:
            raise ValidationError("“1” can be read as 1 % or as 100 %: write the sign too.", code="rate_ambiguous")
        try:
            return exact(number.scaleb(-2), decimals=self.decimals)
        except DomainError as error:
            raise ValidationError(error.detail, code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """A stored rate as a percentage; what was typed stays as it was typed."""
        return percent_text(value) if isinstance(value, Decimal) else value


class RefusalForm(forms.BaseForm):
    """The part of a form that shows what a service refused, beside the field that the refusal names.

    `user` and `refusal` are set by the page. `constraint_fields` says which field a database constraint is about.
    """

    user: ClassVar[Any] = None
    refusal: DomainError | None = None
    constraint_fields: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        dress_fields(self)

    def require_version_field(self) -> None:
        """Say what it means if the hidden version is missing, and let it be the current one after a conflict."""
        self.fields["version"].error_messages = dict.fromkeys(("required", "invalid", "min_value"), INCOMPLETE_PAGE)
        if isinstance(self.refusal, StaleVersion):
            # Whoever saves again has read what changed, so the next attempt is about the current version.
            self.data = self.data.copy()
            self.data[self.add_prefix("version")] = str(self.refusal.current_version)

    def _post_clean(self) -> None:
        """Write nothing to an instance: the service judges the values. Show its refusal, if there is one."""
        if self.refusal is not None and not (self.refusal.field or "").startswith("items"):
            self.add_error(self._field_of(self.refusal), refusal_text(self.refusal))

    def _field_of(self, refusal: DomainError) -> str | None:
        if isinstance(refusal, ConstraintBroken):
            name = self.constraint_fields.get(refusal.constraint_code, "")
        else:
            name = refusal.field or ""
        candidates = (name, name.removesuffix("_id"))
        return next((candidate for candidate in candidates if candidate in self.fields), None)


class CommandForm(RefusalForm, forms.ModelForm):
    """What is typed about one object, to make or to change it. The rules are the service's.

    The form of a new object carries a token of its own, so that a second click on Save makes no second object.
    """

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    form_token = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk is None:
            del self.fields["version"]
            self.initial["form_token"] = secrets.token_urlsafe(16)
            return
        del self.fields["form_token"]
        self.initial["version"] = self.instance.version
        self.require_version_field()


class VerbForm(RefusalForm, forms.Form):
    """What is typed for one command on a page of its own, with the version of the object that it is about."""

    required_css_class = "required"

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, refusal: DomainError | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.refusal = refusal
        self.require_version_field()


class ReasonForm(VerbForm):
    """Why something is done that cannot be undone."""

    reason = forms.CharField(
        max_length=1000,
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        help_text="It stands in the history, for whoever asks later.",
    )


class ScopedFilter(admin.RelatedFieldListFilter):
    """A filter by a related object that offers only what the reader may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """The objects that the related admin lists for this reader."""
        related = model_admin.admin_site.get_model_admin(field.remote_field.model).get_queryset(request)
        return [(row.pk, str(row)) for row in related]


class MomentFilter(admin.DateFieldListFilter):
    """A filter by a timestamp. A day or a time without a zone, as somebody may type it into the address, is in UTC."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, values in self.used_parameters.items():
            self.used_parameters[name] = [_moment_in_utc(value) for value in values]


A_VALUE = "a-value"
"""What stands for the value in the box of a row."""


@cache
def _row_checkbox() -> str:
    return str(checkbox.render(ACTION_CHECKBOX_NAME, A_VALUE))


class ScopedAdmin(ModelAdmin):
    """Pages about rows that belong to companies: what is another company's does not exist."""

    company_path = "company_id"
    actions: ClassVar[Sequence[Any] | None] = None
    change_list_template = "core/admin/change_list.html"
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = False
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the reader's companies."""
        return visible_to(request.user, super().get_queryset(request), company=self.company_path)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[CountlessChangeList]:
        """The list that counts nothing."""
        return CountlessChangeList

    @admin.display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> str:
        """The box that chooses a row: the same for each but for its value, and so rendered once."""
        return SafeString(_row_checkbox().replace(A_VALUE, escape(obj.pk)))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """The choices of a foreign key: what the related admin lists for this reader."""
        try:
            related_admin = self.admin_site.get_model_admin(db_field.remote_field.model)
        except NotRegistered:
            return db_field.remote_field.model._default_manager.none()
        return related_admin.get_queryset(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; a NUL character in the address, which no database takes, is as wrong as any other filter value."""
        if any("\x00" in value for value in request.GET.values()):
            return HttpResponseRedirect(f"{request.path}?e=1")
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The object's own page: what is not recorded has no history, and nothing more to show than it is."""
        return HttpResponseRedirect(self.change_url(self.existing(request, object_id)))

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        """The columns; which company a row is of only matters to those who have several."""
        columns = super().get_list_display(request)
        several = request.user.is_superuser or len(request.user.company_ids) > 1
        return columns if several else [column for column in columns if column != "company"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The field; beside a choice there is a button to add another, and none that changes or deletes it."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_delete_related = field.widget.can_view_related = False
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the role in the object's company lets the reader see it."""
        return self._may(request, "view", obj) or self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether a role in any company lets the reader add one."""
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the role in the object's company lets the reader change it."""
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the role in the object's company lets the reader delete it."""
        return self._may(request, "delete", obj)

    def _may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}", obj)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """What does not exist for the reader is a 404, as everywhere else in the program."""
        raise Http404(f"There is no such {opts.verbose_name} that you can see. Perhaps it was deleted.")

    def existing(self, request: HttpRequest, object_id: str, rows: QuerySet[Any] | None = None) -> Any:
        """The object of an address, or 404."""
        candidates = self.get_queryset(request) if rows is None else rows
        found = candidates.filter(pk=object_id).first() if object_id.isascii() and object_id.isdigit() else None
        if found is None:
            raise Http404(f"There is no such {self.opts.verbose_name} that you can see.")
        return found

    def change_url(self, obj: Model) -> str:
        """The address of the object's page."""
        return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])

    def page_context(self, request: HttpRequest, **values: Any) -> dict[str, Any]:
        """The context of a page of our own, as the admin's own pages have it."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **values}


class CommandAdmin(ScopedAdmin):
    """Pages whose every change is one command: a leaf implements `create`, `update` and `erase` by one service each."""

    form = CommandForm
    change_form_template = "core/admin/change_form.html"
    delete_confirmation_template = "core/admin/delete_confirmation.html"

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new object, made by a service."""
        raise NotImplementedError

    def update(
        self, request: HttpRequest, obj: Any, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The object, changed by a service."""
        raise NotImplementedError

    def erase(self, request: HttpRequest, obj: Any, version: int | None) -> None:
        """Delete the object by a service."""
        raise NotImplementedError

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> type[Any]:
        """The form of this request: it knows who types, and what was refused."""
        form = super().get_form(request, obj, change, **options)
        return type(form.__name__, (form,), {"user": request.user, "refusal": refusal_of(request)})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page. A refused command rolls back and shows the form again, through the same code, with the refusal."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refusal:
            request.refusal = refusal
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """The object as it is stored: nothing is written here."""
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the service writes, in `save_related`, where the lines are known too."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Sequence[Any], change: bool) -> None:
        """Give the one command, and make the form's object the one that came of it."""
        values = dict(form.cleaned_data)
        if change:
            saved = self.update(request, form.instance, values, formsets, values.pop("version"))
        else:
            token = values.pop("form_token")
            saved = self.once(request, token, lambda: self.create(request, values, formsets))
        form.instance.__dict__.update(saved.__dict__)

    def once(self, request: HttpRequest, token: str, make: Callable[[], Model]) -> Model:
        """The object that `make` makes; or the one that it made, where this very form was saved before.

        What was saved is kept in the session, whose row is locked: of two clicks at once the second waits for the
        first. A form that was opened again by Back and changed is another one.
        """
        if not token:
            return make()
        stored = Session.objects.select_for_update().filter(pk=request.session.session_key).first()
        saved = stored.get_decoded().get(SAVED_FORMS, {}) if stored else {}
        digest = _digest_of(request.POST)
        if digest in saved:
            return self._made_before(saved[digest])
        made = make()
        latest = list(saved.items())[1 - SAVED_FORMS_KEPT :]
        request.session[SAVED_FORMS] = {**dict(latest), digest: made.pk}
        request.session.save()
        return made

    def _made_before(self, pk: int) -> Model:
        made: Model | None = self.model._default_manager.filter(pk=pk).first()
        if made is None:
            raise NotFound("This was saved already, and deleted since.")
        return made

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The confirmation, then the command. A refused one leads back to the object, with the refusal."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as refusal:
            obj = self.existing(request, object_id)
            messages.error(request, f"Not deleted. {refusal.detail}")
            return HttpResponseRedirect(self.change_url(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete by the service, in the version that the confirmation showed."""
        version = request.POST.get("version", "")
        self.erase(request, obj, int(version) if version.isascii() and version.isdigit() else None)

    def get_deleted_objects(self, objs: Sequence[Any], request: HttpRequest) -> Any:
        """Only the object itself: what goes with it, and whether it may go, is the service's to say."""
        return [str(obj) for obj in objs], {}, set(), []

    def construct_change_message(self, *args: Any, **options: Any) -> list[Any]:
        """Nothing: the journal says what changed."""
        return []

    def log_addition(self, *args: Any) -> None:
        """Nothing: there is one audit trail, and it is not the admin's."""

    def log_change(self, *args: Any) -> None:
        """Nothing: there is one audit trail, and it is not the admin's."""

    def log_deletions(self, *args: Any) -> None:
        """Nothing: there is one audit trail, and it is not the admin's."""


def refusal_of(request: HttpRequest) -> DomainError | None:
    """What the command of this request was refused for, if it was."""
    return getattr(request, "refusal", None)


def refusal_text(refusal: DomainError) -> str:
    """The sentence beside the field, or above the form."""
    if isinstance(refusal, StaleVersion):
        return "Nothing is saved yet: read above what was changed since you opened this."
    return refusal.detail


def conflict_text(refusal: StaleVersion) -> str:
    """Who was faster, when, and what to do about it."""
    return (
        f"{refusal.changed_by} changed this at {moment_text(refusal.changed_at)}, after you opened it. Nothing of "
        "yours is saved yet, and what you typed is kept: read what changed, then save again to let yours stand."
    )


def moment_text(timestamp: str) -> str:
    """An ISO 8601 timestamp as people read it, in UTC: "2026-03-01 12:00:05 UTC"."""
    return f"{timestamp[:10]} {timestamp[11:19]} UTC"


def require_permission(user: Any, permission: str, obj: Any, *, field: str | None = None) -> None:
    """Raise PermissionDenied unless the role in the object's company carries `permission`."""
    if not user.has_perm(permission, obj):
        raise PermissionDenied(field=field)


def require_page(allowed: bool) -> None:
    """Answer 403 unless the page is open to the reader."""
    if not allowed:
        raise PageForbidden


def companies_where(user: Any, permission: str, companies: QuerySet[Any]) -> QuerySet[Any]:
    """Those of `companies` in which the user's role carries `permission`."""
    if user.is_superuser:
        return companies
    return companies.filter(pk__in=[company for company in user.company_ids if user.may(permission, company)])


def _digest_of(typed: Any) -> str:
    """A short name of all that a form sent, whichever of its buttons was clicked."""
    pairs = [(name, typed.getlist(name)) for name in sorted(typed) if not name.startswith(("_", "csrf"))]
    return hashlib.sha256(urlencode(pairs, doseq=True).encode()).hexdigest()


def _moment_in_utc(value: str) -> datetime | str:
    """The moment that an ISO 8601 text names, in UTC where it names no zone; any other text as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
