"""What recurring invoices say of their period: placeholders in the descriptions of their lines. No ORM."""

from collections.abc import Mapping
from datetime import date

from core.errors import DomainError
from core.languages import formats_of
from core.placeholders import unknown_placeholder

PLACEHOLDERS = ("period", "month", "quarter", "year", "date")
"""The days that the invoice is for; month, quarter and year in which they begin; the day on which they begin."""
PLACEHOLDERS_TEXT = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)


class PlaceholderUnknown(DomainError):
    """The text names what no date can fill in."""

    code = "placeholder_unknown"
    title = "Placeholder not known"


def require_known_placeholders(text: str, *, field: str) -> None:
    """Raise PlaceholderUnknown, naming the first brace that is no placeholder, and the placeholders that there are."""
    unknown = unknown_placeholder(text, PLACEHOLDERS)
    if unknown is not None:
        raise PlaceholderUnknown(
            f"{unknown} is not filled in by anything; known are: {PLACEHOLDERS_TEXT}.", field=field
        )


def placeholder_values(first: date, last: date, language: str) -> Mapping[str, str]:
    """What the placeholders stand for, of the period from `first` to `last`, in that language."""
    formats = formats_of(language)
    return {
        "period": formats.span(first, last),
        "month": formats.month(first),
        "quarter": formats.quarter(first),
        "year": str(first.year),
        "date": formats.day(first),
    }
