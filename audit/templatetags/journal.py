"""The latest journal entries, for the admin's front page; and what differs between two values."""

from typing import Any

from django import template
from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.differences import Segments, marked
from audit.groups import NOTHING
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


@register.filter
def beside(old: str, new: str) -> SafeString:
    """The old value, with the words marked that the new one has not."""
    return _shown(marked(old, new)[0], "del") if NOTHING not in (old, new) else format_html("{}", old)


@register.filter
def instead_of(new: str, old: str) -> SafeString:
    """The new value, with the words marked that the old one had not."""
    return _shown(marked(old, new)[1], "ins") if NOTHING not in (old, new) else format_html("{}", new)


def _shown(segments: Segments, element: str) -> SafeString:
    return format_html_join("", "{}", ((_piece(text, element, differs),) for text, differs in segments))


def _piece(text: str, element: str, differs: bool) -> SafeString | str:
    return format_html(f"<{element}>{{}}</{element}>", text) if differs else text
