"""What somebody typed beside what is stored now, for whoever saved a moment too late."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from core.money import plain_text

NOTHING = "—"


@dataclass(frozen=True)
class Difference:
    """A field whose typed value is not the stored one, as people read both; and what to know about it."""

    label: str
    yours: str
    current: str
    note: str = ""


def differences_of(form: Any, *, prefix: str = "") -> Iterator[Difference]:
    """The fields of a bound form whose values are not those of its object as it is now."""
    for bound in form.visible_fields():
        current = form.get_initial_for_field(bound.field, bound.name)
        if bound.field.has_changed(current, bound.data):
            label = f"{prefix}{bound.label}"
            yield Difference(label, shown_value(bound.field, bound.data), shown_value(bound.field, current))


def shown_value(field: forms.Field, value: Any) -> str:
    """A value, typed or stored, as people read it: a choice by its name, a number without needless zeros."""
    if value in (None, "", []):
        return NOTHING
    if isinstance(field, forms.ModelChoiceField):
        rows: Any = field.queryset
        return str((rows.filter(pk=value).first() if str(value).isdigit() else None) or value)
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        return str(dict(choices).get(value, value))
    if isinstance(field, forms.BooleanField):
        return "yes" if field.to_python(value) else "no"
    if isinstance(value, Decimal):
        return str(field.prepare_value(value)) if hasattr(field, "decimals") else plain_text(value)
    return value.isoformat() if isinstance(value, date) else str(value)
