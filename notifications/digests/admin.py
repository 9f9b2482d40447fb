"""The daily digests that the reader gets, to ask for another or to stop one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from audit.admin import RecordedAdmin
from core.admin import CommandForm, companies_where, require_permission
from notifications.digests.selectors import READING, wishes_of
from notifications.digests.services import ask_for_digest, stop_digest
from notifications.models import DigestWish
from parties.models import Company


class DigestWishForm(CommandForm):
    """Of which company."""

    constraint_fields = {"digest_wished": "company"}


@admin.register(DigestWish)
class DigestWishAdmin(RecordedAdmin):
    """One's own digests: nobody asks for somebody else."""

    form = DigestWishForm
    list_display = ("company_name", "reader")
    fields = ("company",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DigestWish]:
        """The reader's own."""
        return wishes_of(request.user)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The companies whose journal the reader may read."""
        options["queryset"] = companies_where(request.user, READING, Company.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A wish is not changed."""
        return () if obj is None else ("company",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For those who may read a journal."""
        return request.user.has_perm(READING, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For those who may read a journal."""
        return request.user.has_perm(READING)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: there is nothing to change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of what is one's own, always."""
        return request.user.is_active

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For those who may read a journal."""
        return request.user.has_perm(READING)

    @admin.display(description="company", ordering="company__name")
    def company_name(self, wish: DigestWish) -> str:
        """Of which company."""
        return wish.company.name

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """One digest more."""
        require_permission(request.user, READING, values["company"], field="company")
        return ask_for_digest(actor=request.user, company=values["company"])

    def erase(self, request: HttpRequest, obj: DigestWish, version: int | None) -> None:
        """Send it no more."""
        stop_digest(actor=request.user, wish_id=obj.pk, version=version)
