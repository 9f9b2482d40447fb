"""The look of what people type: one place dresses every field of every form of the admin."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminDateWidget
from unfold import widgets as unfold

SELECT_TEMPLATE = "unfold/widgets/select.html"
TEXT = (forms.TextInput, forms.NumberInput, forms.EmailInput, forms.URLInput, forms.PasswordInput)


def dress_fields(form: forms.BaseForm) -> None:
    """Give each field of `form` that the admin has not dressed yet the admin's look; what it does stays the same."""
    for field in form.fields.values():
        dress_widget(field)


def dress_widget(field: Any) -> None:
    """Give one field the admin's look."""
    widget = field.widget
    if widget.is_hidden or type(widget).__module__.startswith("unfold."):
        return
    if isinstance(widget, AdminDateWidget):
        field.widget = unfold.UnfoldAdminSingleDateWidget(attrs=_plain_attributes(widget))
        field.widget.is_required = field.required
    elif isinstance(widget, forms.Textarea):
        _add_classes(widget, unfold.TEXTAREA_CLASSES)
    elif isinstance(widget, forms.Select) and not isinstance(widget, forms.RadioSelect):
        widget.template_name = SELECT_TEMPLATE
        _add_classes(widget, unfold.SELECT_CLASSES)
    elif isinstance(widget, forms.CheckboxInput):
        _add_classes(widget, unfold.CHECKBOX_CLASSES)
    elif isinstance(widget, forms.FileInput):
        field.widget = unfold.UnfoldAdminFileFieldWidget(attrs=_plain_attributes(widget))
        field.widget.is_required = field.required
    elif isinstance(widget, TEXT):
        _add_classes(widget, unfold.INPUT_CLASSES)


def _add_classes(widget: forms.Widget, classes: list[str]) -> None:
    widget.attrs["class"] = " ".join(dict.fromkeys([*widget.attrs.get("class", "").split(), *classes]))


def _plain_attributes(widget: forms.Widget) -> dict[str, Any]:
    return {name: value for name, value in widget.attrs.items() if name not in ("class", "size")}
