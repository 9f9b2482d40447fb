"""Which stage of reminders an invoice has reached. No ORM."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from core.errors import DomainError

STAGES_AT_MOST = 10
FURTHEST_DAYS = 365


class StagesInvalid(DomainError):
    """The stages are no days in ascending order."""

    code = "stages_invalid"
    title = "Stages not acceptable"


def require_stages(stages: Sequence[int]) -> list[int]:
    """The stages, ascending and each once. Raises StagesInvalid."""
    if not 1 <= len(set(stages)) <= STAGES_AT_MOST:
        raise StagesInvalid(f"Name from one to {STAGES_AT_MOST} stages.", field="stages")
    if any(abs(stage) > FURTHEST_DAYS for stage in stages):
        raise StagesInvalid(f"A stage is at most {FURTHEST_DAYS} days before or after the due date.", field="stages")
    return sorted(set(stages))


def due_stage(due_date: date, today: date, stages: Iterable[int], done: Iterable[int]) -> int | None:
    """The latest stage that is reached today, unless it or a later one was done: earlier ones are left out."""
    reached = [stage for stage in stages if due_date + timedelta(days=stage) <= today]
    if not reached or any(stage >= max(reached) for stage in done):
        return None
    return max(reached)
