"""A place in the feed as a short text, to stand in an address."""

import base64
import binascii
import json

from audit.feed import Position


def cursor_of(position: Position, *, back: bool) -> str:
    """The text of a place: behind it, towards older rows, or towards newer ones (`back`)."""
    payload = json.dumps([position.entry_id, position.stream, position.object_id, back])
    return base64.urlsafe_b64encode(payload.encode()).decode()


def position_of(cursor: str) -> Position:
    """The place that a text stands for. Raises ValueError for a text that `cursor_of` did not make."""
    try:
        *numbers, back = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ValueError(cursor) from None
    if len(numbers) != 3 or any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
        raise ValueError(cursor)
    entry_id, stream, object_id = numbers
    return Position(entry_id, stream, object_id, back=bool(back))
