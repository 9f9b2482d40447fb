"""Users, their roles and passwords in the admin; and the pages that need to know who somebody is."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import django.contrib.auth.admin  # noqa: F401  # registers Group, which is unregistered below
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordChangeView
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.attempts import duration
from accounts.forms import MembershipForm, NewUserForm, OwnPasswordForm, PasswordForm, UserForm
from accounts.models import Membership, User, people_of
from accounts.pages import links_from
from accounts.roles import Role
from accounts.selectors import lock_out_seconds
from accounts.services import change_password, grant_role, invite_user, revoke_role, update_user
from accounts.sign_in_events import EVENTS
from accounts.sign_ins.pages import sign_in_page
from accounts.sign_ins.session import note_session_use, sign_in_of
from accounts.user_pages import InviteAgainPage, LiftLockOutPage, ResetSecondFactorPage
from audit.admin import ChangeAdmin, CommandFilter, RecordedAdmin, companies_with_record, conflict_context
from audit.exports import EXPORTED
from audit.groups import NOTHING
from audit.models import Change, Recorded, history_model
from audit.selectors import History, TimelineEntry
from core.admin import MomentFilter, ScopedFilter, companies_where, refusal_text, require_page, require_permission
from core.errors import DomainError, StaleVersion
from core.exports import Columns
from parties.admin import CompanyAdmin
from parties.models import Company

STATE = ("sign_in_state", "second_factor_state", "last_login")
"""What the page of a user shows of them beside what can be changed."""


def users_of(user: User, permission: str) -> QuerySet[User]:
    """The users all of whose companies are ones in which `user` holds `permission`; who has no company is nobody's."""
    if user.is_superuser:
        return User.objects.all()
    return people_of([company for company in user.company_ids if user.may(permission, company)])


def role_names_of(user: User) -> str:
    """The roles, each with its company."""
    if user.is_superuser:
        return "Superuser"
    return ", ".join(f"{membership.role} of {membership.company}" for membership in user.memberships.all())


@admin.register(User)
class UserAdmin(RecordedAdmin):
    """The users whom the reader may see. Admins manage those all of whose companies are theirs, but no superuser."""

    change_form_template = "accounts/admin/user_change_form.html"
    list_display = ("email", "full_name", "role_names", "is_active", "second_factor", "last_login")
    list_filter = ("is_active", ("second_factor_since", admin.EmptyFieldListFilter))
    command_pages = (InviteAgainPage, LiftLockOutPage, ResetSecondFactorPage)
    search_fields = ("email", "full_name")
    ordering = ("email",)
    export_columns: Columns = (
        ("id", "pk"),
        ("email", "email"),
        ("full_name", "full_name"),
        ("roles", role_names_of),
        ("active", "is_active"),
        ("second_factor_since", "second_factor_since"),
        ("last_sign_in", "last_login"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """The users all of whose companies are the reader's."""
        return users_of(request.user, "accounts.view_user").prefetch_related(
            "memberships__group", "memberships__company"
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No list is filtered by password hashes."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> type[Any]:
        """The form of a new user, or of one that there is."""
        options["form"] = NewUserForm if obj is None else UserForm
        return super().get_form(request, obj, change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who, and the first role; later who and whether they may sign in."""
        if obj is None:
            return ("email", "full_name", "company", "role")
        return ("email", "full_name", "is_active", *STATE)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The e-mail address names somebody in the journal, so it stays."""
        return () if obj is None else ("email", *STATE)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether the reader is Admin in all of the user's companies, and the user is no superuser."""
        if obj is None or request.user.is_superuser:
            return self._may(request, "change")
        return not obj.is_superuser and users_of(request.user, "accounts.change_user").filter(pk=obj.pk).exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a user is deactivated."""
        return False

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        """Whether it is on."""
        return user.second_factor_since is not None

    @admin.display(description="second factor")
    def second_factor_state(self, user: User) -> str:
        """Since when it is on."""
        since = user.second_factor_since
        return "Off" if since is None else f"On since {since:%Y-%m-%d}"

    @admin.display(description="sign-in")
    def sign_in_state(self, user: User) -> str:
        """What keeps somebody from signing in, if anything does."""
        seconds = lock_out_seconds(user)
        if seconds:
            return f"Locked after too many failures, for {duration(seconds)}"
        return "Possible" if user.has_usable_password() else "Invited, no password chosen yet"

    @admin.display(description="roles")
    def role_names(self, user: User) -> str:
        """The roles, each with its company."""
        return role_names_of(user)

    def histories(self, obj: User) -> list[History]:
        """What happened to the user and to their roles."""
        return [*super().histories(obj), (Membership, Membership.history.filter(user_id=obj.pk))]

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new user, with one role and an invitation."""
        company = values["company"]
        require_permission(request.user, "accounts.add_user", company, field="company")
        return invite_user(
            actor=request.user,
            email=values["email"],
            full_name=values["full_name"],
            memberships={company: values["role"]},
            link_of=links_from(request),
        )

    def update(
        self, request: HttpRequest, obj: User, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """The user with what was typed, roles included."""
        return update_user(actor=request.user, user_id=obj.pk, version=version, **values)

    def get_urls(self) -> list[Any]:
        """The admin's own addresses, and the one that sets a password."""
        password = path(
            "<path:object_id>/password/",
            self.admin_site.admin_view(self.password_view),
            name="auth_user_password_change",
        )
        return [password, *super().get_urls()]

    @method_decorator(sensitive_post_parameters())
    def password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set a user's password."""
        user = self.existing(request, object_id)
        require_page(self.has_change_permission(request, user))
        form = PasswordForm(user, request.POST or None, initial={"version": user.version})
        if request.method == "POST" and form.is_valid() and self.set_password(request, user, form):
            messages.success(request, f"{user} has a new password, and has to sign in again with it.")
            return HttpResponseRedirect(self.change_url(user))
        context = self.page_context(request, title=f"New password for {user}", original=user, form=form)
        context.update(conflict_context(request, user, self.timeline))
        return TemplateResponse(request, "accounts/admin/password.html", context)

    def set_password(self, request: HttpRequest, user: User, form: PasswordForm) -> bool:
        """Whether the password was set; otherwise the form says why not."""
        values = form.cleaned_data
        try:
            change_password(
                actor=request.user,
                user=user,
                password=values["password1"],
                version=values["version"],
                kept_sign_in=sign_in_of(request) if user.pk == request.user.pk else None,
            )
        except DomainError as refusal:
            request.refusal = refusal
            if isinstance(refusal, StaleVersion):
                form.data = form.data.copy()
                form.data["version"] = str(refusal.current_version)
            form.add_error(None, refusal_text(refusal))
            return False
        if user.pk == request.user.pk:
            user.refresh_from_db()
            update_session_auth_hash(request, user)
            note_session_use(request, now=True)
        return True


@admin.register(Membership)
class MembershipAdmin(RecordedAdmin):
    """Who holds which role where. An Admin gives and takes the roles of their own companies, and of no superuser."""

    form = MembershipForm
    list_display = ("user", "company", "group")
    export_columns: Columns = (
        ("id", "pk"),
        ("user", "user.email"),
        ("name", "user.full_name"),
        ("company", "company.name"),
        ("role", "role"),
        ("active", "user.is_active"),
    )
    list_filter = (("company", ScopedFilter), "group")
    list_select_related = ("user", "company", "group")
    search_fields = ("user__email", "user__full_name")
    autocomplete_fields = ("user",)
    fields = ("user", "company", "role")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """The roles of the users whom the reader sees."""
        return super().get_queryset(request).filter(user__in=users_of(request.user, "accounts.view_membership"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose role it is, and where, stays."""
        return () if obj is None else ("user", "company")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> type[Any]:
        """The form; readers who may not change anything see the role itself."""
        return super().get_form(request, obj, change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The role is a choice for those who give roles, and a word for others."""
        editable = obj is None or self.has_change_permission(request, obj)
        return ("user", "company", "role" if editable else "group")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Only users whom the reader manages, and companies in which they may give roles."""
        if db_field.name == "company":
            options["queryset"] = companies_where(request.user, "accounts.add_membership", Company.objects.all())
        if db_field.name == "user":
            options["queryset"] = self.managed_users(request)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def managed_users(self, request: HttpRequest) -> QuerySet[User]:
        """The users whose roles the reader may touch."""
        users = users_of(request.user, "accounts.change_user")
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def has_change_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Whether the reader is Admin there, and manages the user."""
        return self._may(request, "change", obj) and self._manages(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Whether the reader is Admin there, and manages the user."""
        return self._may(request, "delete", obj) and self._manages(request, obj)

    def _manages(self, request: HttpRequest, obj: Membership | None) -> bool:
        return obj is None or self.managed_users(request).filter(pk=obj.user_id).exists()

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The role, given."""
        require_permission(request.user, "accounts.add_membership", values["company"], field="company")
        return grant_role(actor=request.user, **values)

    def update(
        self, request: HttpRequest, obj: Membership, values: dict[str, Any], formsets: Sequence[Any], version: int
    ) -> Model:
        """Another role in place of the one held."""
        return grant_role(actor=request.user, user=obj.user, company=obj.company, role=values["role"], version=version)

    def erase(self, request: HttpRequest, obj: Membership, version: int | None) -> None:
        """The role, taken away."""
        revoke_role(actor=request.user, user=obj.user, company=obj.company, version=version)


class FoundedCompanyAdmin(CompanyAdmin):
    """Companies; who founds one becomes its Admin, or would not see it."""

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """The new company, and its founder's role."""
        company = super().create(request, values, formsets)
        if not request.user.is_superuser:
            grant_role(actor=request.user, user=request.user, company=company, role=Role.ADMIN)
            del request.user.roles_by_company
        return company


class JournalCompanyFilter(admin.SimpleListFilter):
    """The journal by company: those whose record the reader may read."""

    title = "company"
    parameter_name = "company"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The companies to choose from."""
        companies = companies_where(request.user, "audit.view_change", Company.objects.all())
        return [(str(company.pk), company.name) for company in companies]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """The entries of the chosen company; of none where the value is none of the choices."""
        if self.value() is None:
            return queryset
        chosen = self.value() in {str(value) for value, _ in self.lookup_choices}
        return queryset.filter(company_id=self.value()) if chosen else queryset.none()


@admin.register(Change)
class JournalAdmin(ChangeAdmin):
    """The journal with the names of companies; commands about users are read by those who see the users."""

    list_display = ("at_utc", "action", "actor", "company_name", "reason", "request_id")
    list_filter = (("at", MomentFilter), JournalCompanyFilter, CommandFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        """The entries that the reader may read, each with its company's name."""
        name = Company.objects.filter(pk=OuterRef("company_id")).values("name")
        return super().get_queryset(request).annotate(company_as_named=Subquery(name))

    def readable(self, request: HttpRequest) -> Q:
        """The entries of the reader's companies, and those of no company that are about them or their users."""
        companies = history_model(Company).objects.filter(id__in=companies_with_record(request.user))
        users = history_model(User).objects.filter(id__in=self.visible_users(request))
        about = Q(pk__in=companies.values("change_id")) | Q(pk__in=users.values("change_id"))
        about |= Q(action__in=(*EVENTS, EXPORTED), actor_id__in=self.visible_users(request))
        return super().readable(request) | (Q(company_id=None) & about)

    def companies(self, request: HttpRequest) -> dict[int, str]:
        """The companies whose record the reader may read: id -> name."""
        companies = companies_where(request.user, "audit.view_change", Company.objects.order_by("name", "pk"))
        return dict(companies.values_list("pk", "name"))

    def zone(self, request: HttpRequest, company_id: int | None) -> ZoneInfo:
        """The time zone of the company, or that of all of the reader's companies; UTC where they have several."""
        companies = companies_where(request.user, "audit.view_change", Company.objects.all())
        chosen = companies if company_id is None else companies.filter(pk=company_id)
        zones = list(chosen.order_by("time_zone").values_list("time_zone", flat=True).distinct()[:2])
        return ZoneInfo(zones[0] if len(zones) == 1 else "UTC")

    def visible_users(self, request: HttpRequest) -> QuerySet[User]:
        """The users whose record the reader may read."""
        return users_of(request.user, "audit.view_change").values("pk")

    def entries_under(self, request: HttpRequest, change: Change, model: type[Recorded]) -> list[TimelineEntry]:
        """What the command changed in one table, without users whom the reader does not see."""
        entries = super().entries_under(request, change, model)
        if model is not User or not entries:
            return entries
        seen = set(self.visible_users(request).values_list("pk", flat=True))
        return [entry for entry in entries if entry.entity_id in seen]

    @admin.display(description="company")
    def company_name(self, change: Any) -> str:
        """The company that the command was about."""
        return change.company_as_named or NOTHING


class OwnPasswordView(PasswordChangeView):
    """Changing one's own password, on the record. All other sign-ins end."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form knows which sign-in stays."""
        return {**super().get_form_kwargs(), "kept_sign_in": sign_in_of(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Done; the session goes on under another key."""
        response = super().form_valid(form)
        note_session_use(self.request, now=True)
        return response


def own_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The page on which one changes one's own password."""
    context = {**admin.site.each_context(request), **(extra_context or {})}
    return OwnPasswordView.as_view(extra_context=context)(request)


# Roles are decided in accounts.roles, so groups are not edited; Django's own page changes passwords off the record.
admin.site.unregister(Group)
admin.site.password_change = own_password
admin.site.login = sign_in_page
