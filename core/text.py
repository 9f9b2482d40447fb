"""Text that people and programs send: trimmed, free of control characters, comparable."""

import re
import unicodedata

from core.errors import DomainError

ALLOWED_CONTROLS = frozenset("\n\t\r")


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


def comparison_key(value: str) -> str:
    """`value` as it is compared for equality: NFKC, trimmed, casefolded ("INV-1", "inv-1 " and full width agree)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).strip().casefold()).strip()


def camel_case(name: str) -> str:
    """The public name of a field: issueDate for issue_date."""
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)
