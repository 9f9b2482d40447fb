"""The latest journal entries, for the admin's front page."""

from typing import Any

from django import template
from django.contrib import admin

from audit.models import Change

register = template.Library()
LATEST = 10


@register.simple_tag(takes_context=True)
def latest_entries(context: dict[str, Any]) -> list[Change]:
    """The newest entries that the reader may read, at most ten."""
    request = context["request"]
    journal = admin.site.get_model_admin(Change)
    if not journal.has_view_permission(request):
        return []
    return list(journal.get_queryset(request)[:LATEST])
