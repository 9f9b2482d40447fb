"""Texts with plain placeholders such as {month}, and nothing that runs. No ORM."""

import re
from collections.abc import Collection, Mapping

BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def unknown_placeholder(text: str, known: Collection[str]) -> str | None:
    """The first brace or placeholder of `text` that is none of `known`, as it stands there; None where all are."""
    return next((match[0] for match in BRACES.finditer(text) if match[1] not in known), None)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each placeholder replaced, once: braces in a value stay what they are."""
    return BRACES.sub(lambda match: values[match[1]], text)
