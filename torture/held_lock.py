"""A lock that somebody holds for long: the hot invoice's row, in the middle of the hammering, and what that may do.

Commands on the invoice are to be told soon that it is busy; commands on others are to go on as if nothing had happened.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from torture.clients import Answer, Attempt, Board

SPREAD_SECONDS = 1.0
MARGIN_SECONDS = 3.0
RETRY_AFTER = "5"


@dataclass(frozen=True)
class HeldLock:
    """Which invoice was locked, from when to when, by the machine's monotonic clock."""

    invoice: int
    taken: float
    released: float

    def covers(self, attempt: Attempt) -> bool:
        """Whether the lock was held from the attempt's first moment to its last."""
        return self.taken <= attempt.began and attempt.began + attempt.seconds <= self.released

    def meets(self, attempt: Attempt) -> bool:
        """Whether the attempt began while the lock was held."""
        return self.taken <= attempt.began <= self.released


def hold(url: str, board: Board, seconds: float) -> HeldLock:
    """Lock the hot invoice for so long; while it lasts, some clients insist on it and the others have other work.

    The others are given a moment first to finish what they do with it: each thread of the server that waits for the
    lock is one that serves nobody, and so many clients would stop all of them.
    """
    board.held.value = invoice = int(board.issued[0])
    time.sleep(SPREAD_SECONDS)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1 FROM invoices_invoice WHERE id = %s FOR UPDATE", [invoice])
        taken = time.monotonic()
        time.sleep(seconds)
        lock = HeldLock(invoice, taken, time.monotonic())
    board.held.value = 0
    return lock


def lock_faults(answers: Sequence[Answer], lock: HeldLock, lock_timeout_seconds: float) -> Iterator[str]:
    """What the lock did that it must not do, in sentences.

    Who stands in line behind another waits for their turn first and then for the lock: twice the timeout, and a margin.
    """
    most_seconds = 2 * lock_timeout_seconds + MARGIN_SECONDS
    for answer, attempt in _attempts_at(answers, lock):
        if attempt.seconds > most_seconds:
            yield f"{answer.key}: {answer.verb} waited for the lock for {attempt.seconds:.1f} s, not {most_seconds}"
        elif (
            attempt.status == 503
            and lock.covers(attempt)
            and (attempt.code, attempt.retry_after) != ("busy", RETRY_AFTER)
        ):
            yield f"{answer.key}: the locked invoice is {attempt.code}, Retry-After {attempt.retry_after!r}"
        elif attempt.status == 201 and lock.covers(attempt) and not answer.replayed:
            yield f"{answer.key}: {answer.verb} was acknowledged while its invoice was locked"
    if not _busy_seconds(answers, lock):
        yield f"invoice {lock.invoice}: was locked, and no command was told that it is busy"
    if not _cold(answers, lock):
        yield f"invoice {lock.invoice}: was locked, and nothing was done to any other"
    for answer, attempt in _cold(answers, lock):
        if attempt.seconds > lock_timeout_seconds + MARGIN_SECONDS:
            yield f"{answer.key}: {answer.verb} of another invoice waited {attempt.seconds:.1f} s"


def told(lock: HeldLock, answers: Sequence[Answer]) -> str:
    """How the lock was borne, in a line."""
    busy, cold = _busy_seconds(answers, lock), [attempt.seconds for _, attempt in _cold(answers, lock)]
    return (
        f"a lock held for {lock.released - lock.taken:.0f} s: {len(busy)} times busy, "
        f"after at most {max(busy, default=0):.1f} s; {len(cold)} commands done on other invoices, "
        f"each in at most {max(cold, default=0):.1f} s"
    )


def _attempts_at(answers: Sequence[Answer], lock: HeldLock) -> list[tuple[Answer, Attempt]]:
    """The attempts that met the lock."""
    return [
        (answer, attempt)
        for answer in answers
        if answer.invoice == lock.invoice
        for attempt in answer.tries
        if lock.meets(attempt)
    ]


def _busy_seconds(answers: Sequence[Answer], lock: HeldLock) -> list[float]:
    """How long each waited who was told that the locked invoice is busy."""
    return [attempt.seconds for _, attempt in _attempts_at(answers, lock) if attempt.code == "busy"]


def _cold(answers: Sequence[Answer], lock: HeldLock) -> list[tuple[Answer, Attempt]]:
    """The last attempts of the commands that were done on other invoices while the lock was held."""
    return [
        (answer, answer.tries[-1])
        for answer in answers
        if answer.invoice not in (None, lock.invoice) and answer.status < 300 and lock.covers(answer.tries[-1])
    ]
