"""How an invoice stands, in words for whoever is to pay it. No ORM."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from invoices.lifecycle import Status


@dataclass(frozen=True)
class Standing:
    """A badge, what stands beside it (or nothing), and the `tone` that the page gives them."""

    tone: str
    badge: str
    sentence: str


def standing_of(
    status: str, due_date: date, *, today: date, words: Mapping[str, str], was_charged: bool = True
) -> Standing:
    """How an invoice that was issued stands on a day. `was_charged`: its total is above zero."""
    if status == Status.CANCELLED:
        return Standing("cancelled", words["is_cancelled"], words["note_cancelled"])
    if status == Status.PAID:
        return Standing("paid", words["is_paid"], words["thank_you" if was_charged else "nothing_due"])
    days = (due_date - today).days
    is_part_paid = status == Status.PARTIALLY_PAID
    if days < 0:
        lateness = _sentence("overdue_by_day", "overdue_by_days", -days, words)
        return Standing("overdue", lateness, words["partly_paid"] if is_part_paid else "")
    sentence = words["due_today"] if days == 0 else _sentence("due_tomorrow", "due_in_days", days, words)
    return Standing("open", words["partly_paid" if is_part_paid else "open"], sentence)


def _sentence(one: str, many: str, days: int, words: Mapping[str, str]) -> str:
    return words[one] if days == 1 else words[many].format(days)
