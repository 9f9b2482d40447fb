"""What clients must never be answered, whatever goes wrong: no answer that leaves them without knowing what to do."""

from collections.abc import Iterable, Iterator, Sequence

from torture.clients import Answer, Attempt

SETTLING_SECONDS = 5
"""How long after a restart of the database a connection to the one before may still be found."""


def reply_faults(answers: Iterable[Answer], restarts: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Every attempt that was answered as none may be, in sentences. `restarts` of the database: from when to when."""
    for answer in answers:
        for attempt in answer.tries:
            told = f"{answer.key}: {answer.verb} was answered {attempt.status} {attempt.code}"
            if (attempt.status in (429, 503) or attempt.code == "idempotency_key_busy") and not attempt.retry_after:
                yield f"{told}, which says nothing of when to repeat"
            if attempt.code == "database_unavailable" and not _is_near(attempt, restarts):
                yield f"{told} while the database was there"


def _is_near(attempt: Attempt, restarts: Sequence[tuple[float, float]]) -> bool:
    """Whether the database was being restarted while the attempt lasted, or shortly before."""
    ended = attempt.began + attempt.seconds
    return any(began <= ended and attempt.began <= end + SETTLING_SECONDS for began, end in restarts)
