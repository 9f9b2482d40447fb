"""The rows of a list of the desk, drawn as unfold draws them, but with what is alike in all rows worked out once.

unfold draws the headers anew for each row, a fifth of a list's work (docs/performance.md, "The desk").
"""

from collections.abc import Iterator
from datetime import date, time
from functools import cached_property
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import DateField, ForeignKey, Model, TimeField
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import (
    CHECKBOX_CLASSES,
    LINK_CLASSES,
    ROW_CLASSES,
    UnfoldResultList,
    result_headers,
)
from unfold.utils import display_for_field, display_for_label, display_for_value

register = template.Library()

CHECKBOX = "action_checkbox"


class Column:
    """What the cells of a column have in common."""

    def __init__(self, change_list: ChangeList, name: str, header: dict[str, Any], links: list[str]) -> None:
        self.admin, self.name = change_list.model_admin, name
        self.is_link = name in links
        self.tag = "th" if [name] == links[:1] else "td"
        is_checkbox = name == CHECKBOX
        self.text = "Select record" if is_checkbox else header["text"]
        names = CHECKBOX_CLASSES if is_checkbox else [f"field-{name}", *ROW_CLASSES]
        self.classes = " ".join(names)

    @cached_property
    def empty_value(self) -> str:
        """What stands for nothing."""
        return str(self.admin.get_empty_value_display())

    def shown(self, row: Model) -> tuple[Any, bool]:
        """The value as it is shown, and whether it stays on one line."""
        try:
            field, source, value = lookup_field(self.name, row, self.admin)
        except ObjectDoesNotExist:
            return self.empty_value, False
        if field is not None and not field.auto_created:
            return self._of_field(row, field, value), isinstance(field, (DateField, TimeField, ForeignKey))
        empty_value = getattr(source, "empty_value_display", self.empty_value)
        is_time = isinstance(value, (date, time))
        if label := getattr(source, "label", False):
            return display_for_label(value, empty_value, label), is_time
        return display_for_value(value, empty_value, getattr(source, "boolean", False)), is_time

    def _of_field(self, row: Model, field: Any, value: Any) -> Any:
        if isinstance(field, ForeignKey):
            related = getattr(row, field.name)
            return self.empty_value if related is None else related
        return display_for_field(value, field, self.empty_value)

    def cell(self, row: Model, address: str) -> SafeString:
        """The cell of the row, whose page is at `address`."""
        shown, is_on_one_line = self.shown(row)
        if self.is_link:
            shown = format_html('<a href="{}" class="{}" >{}</a>', address, " ".join(LINK_CLASSES), shown)
        return format_html(
            '<{} class="{}{}" data-label="{}">{}</{}>',
            self.tag,
            self.classes,
            " nowrap" if is_on_one_line else "",
            self.text,
            shown,
            self.tag,
        )


def columns_of(change_list: ChangeList, headers: list[dict[str, Any]]) -> list[Column]:
    """The columns under these headers."""
    names = [str(name) for name in change_list.list_display]
    links = [name for name in names if name in (change_list.list_display_links or ())]
    return [Column(change_list, name, header, links) for name, header in zip(names, headers, strict=True)]


def cells(change_list: ChangeList, columns: list[Column], row: Model) -> Iterator[SafeString]:
    """The cells of a row."""
    filters: dict[str, Any] = {"preserved_filters": change_list.preserved_filters, "opts": change_list.opts}
    address = add_preserved_filters(filters, change_list.url_for_result(row))
    return (column.cell(row, address) for column in columns)


@register.inclusion_tag("admin/change_list_results.html", takes_context=True)
def desk_list(context: template.Context, change_list: ChangeList) -> dict[str, Any]:
    """The table of a list whose rows are not edited in place."""
    headers = list(result_headers(change_list))
    columns = columns_of(change_list, headers)
    return {
        "cl": change_list,
        "result_headers": headers,
        "num_sorted_fields": sum(header["sortable"] and header["sorted"] for header in headers),
        "results": [UnfoldResultList(row, None, cells(change_list, columns, row)) for row in change_list.result_list],
        "actions_row": context.get("actions_row"),
        "has_add_permission": change_list.model_admin.has_add_permission(context["request"]),
    }
