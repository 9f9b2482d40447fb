"""What must hold of the sums kept beside the books, for ``manage.py verify_books``."""

from collections.abc import Iterator

from audit.books import Fault, register
from core.model_fields import AMOUNT_DECIMALS
from reports.summaries import differences

COUNTS = frozenset({"documents", "lines"})


def register_checks() -> None:
    """Let verify_books compare the sums with their rows."""
    register(sums_are_those_of_their_rows)


def sums_are_those_of_their_rows() -> Iterator[Fault]:
    """Each sum that reports are read from is that of its rows, what waits to be added included."""
    for topic, keys, differing in differences():
        place = ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in keys.items())
        amounts = (f"{name} by {_shown(name, units)}" for name, units in differing.items() if units)
        yield Fault(
            topic.model.__name__, None, "", f"of {place} differs from the sum of its rows: {', '.join(amounts)}"
        )


def _shown(name: str, units: int) -> str:
    return str(units) if name in COUNTS else f"{units / 10**AMOUNT_DECIMALS:.{AMOUNT_DECIMALS}f}"
