"""Which words differ between an old and a new value. No ORM."""

import re
from difflib import SequenceMatcher

WORD = re.compile(r"\s+|[\w.]+|[^\w\s]")
LONGEST_COMPARED = 2_000
"""Characters. Of longer texts the whole differs."""

Segments = list[tuple[str, bool]]
"""The pieces of a text, each with whether it differs."""


def marked(old: str, new: str) -> tuple[Segments, Segments]:
    """Both texts in pieces, those that only one of them has marked. Nothing in common: each is one marked piece."""
    if max(len(old), len(new)) > LONGEST_COMPARED:
        return [(old, True)], [(new, True)]
    before, after = WORD.findall(old), WORD.findall(new)
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    if not any(tag == "equal" and "".join(before[start:end]).strip() for tag, start, end, _, _ in blocks):
        return [(old, True)], [(new, True)]
    old_pieces = [("".join(before[start:end]), tag != "equal") for tag, start, end, _, _ in blocks]
    new_pieces = [("".join(after[start:end]), tag != "equal") for tag, _, _, start, end in blocks]
    return [piece for piece in old_pieces if piece[0]], [piece for piece in new_pieces if piece[0]]
