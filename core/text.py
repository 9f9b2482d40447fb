"""Text that people and programs send: trimmed, free of control characters, comparable."""

import re
import unicodedata
from collections.abc import Mapping

from core.errors import DomainError

EXTERNAL_ID_LENGTH = 200
METADATA_PAIRS = 50
METADATA_NAME_LENGTH = 40
METADATA_VALUE_LENGTH = 500
ALLOWED_CONTROLS = frozenset("\n\t\r")
CAPITAL_WITHIN = re.compile(r"(?<!^)(?=[A-Z])")


class TextInvalid(DomainError):
    """The text holds control characters or half of a surrogate pair, or is too long."""

    code = "text_invalid"
    title = "Text not acceptable"


def clean_text(value: str, *, max_length: int, field: str | None = None) -> str:
    """`value` trimmed, every line break a line feed. Raises TextInvalid for control characters and overlong text."""
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in ALLOWED_CONTROLS:
            raise TextInvalid(f"The character U+{ord(character):04X} is not possible in a text.", field=field)
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > max_length:
        raise TextInvalid(f"At most {max_length} characters are possible here; this has {len(text)}.", field=field)
    return text


def clean_external_id(value: str | None, *, field: str = "external_id") -> str | None:
    """The id that another program gave, trimmed; None where there is none. Raises TextInvalid."""
    return clean_text(value or "", max_length=EXTERNAL_ID_LENGTH, field=field) or None


def clean_metadata(pairs: Mapping[str, object], *, field: str = "metadata") -> dict[str, str]:
    """What another program keeps with a row: up to 50 pairs of strings. Raises TextInvalid."""
    if len(pairs) > METADATA_PAIRS:
        raise TextInvalid(f"At most {METADATA_PAIRS} pairs are possible; these are {len(pairs)}.", field=field)
    cleaned = {}
    for name, value in pairs.items():
        if not isinstance(value, str):
            raise TextInvalid(f"Metadata are pairs of strings; the value of {name[:40]!r} is none.", field=field)
        key = clean_text(name, max_length=METADATA_NAME_LENGTH, field=field)
        cleaned[key] = clean_text(value, max_length=METADATA_VALUE_LENGTH, field=field)
    if "" in cleaned:
        raise TextInvalid("A pair of metadata has a name.", field=field)
    return cleaned


def search_text(*parts: str | None) -> str:
    """What a row is found by: its parts without regard to case (Müller and MÜLLER agree), one in a line."""
    return "\n".join(comparison_key(part) for part in parts if part)


def comparison_key(value: str) -> str:
    """`value` as it is compared for equality: NFKC, trimmed, casefolded ("INV-1", "inv-1 " and full width agree)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).strip().casefold()).strip()


def snake_case(name: str) -> str:
    """The name of a class in words: recurring_invoice for RecurringInvoice."""
    return CAPITAL_WITHIN.sub("_", name).lower()


def camel_case(name: str) -> str:
    """The public name of a field: issueDate for issue_date."""
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)
