"""Running rivals at the same moment: threads with connections of their own, let go together at a barrier."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Thread
from typing import Any

from django.db import connection

PATIENCE_SECONDS = 20


def race(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each deed returned or raised, all started at the same moment (PostgreSQL only)."""
    [results] = race_rounds([lambda _, deed=deed: deed() for deed in deeds], rounds=1)
    return results


def race_rounds(deeds: Sequence[Callable[[int], Any]], *, rounds: int) -> list[list[Any]]:
    """For each round what each deed returned or raised, called with the round's number, all at the same moment.

    The threads and their connections live through all rounds.
    """
    barrier = Barrier(len(deeds), timeout=PATIENCE_SECONDS)

    def run(deed: Callable[[int], Any]) -> list[Any]:
        connection.ensure_connection()
        try:
            return [_at_the_barrier(barrier, partial(deed, number)) for number in range(rounds)]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(deeds)) as pool:
        return [list(results) for results in zip(*pool.map(run, deeds), strict=True)]


def _at_the_barrier(barrier: Barrier, deed: Callable[[], Any]) -> Any:
    barrier.wait()
    try:
        return deed()
    except Exception as error:
        return error


def start(deed: Callable[[], Any], done: list[Any]) -> Thread:
    """A thread that does the deed now; what it returned or raised is appended to `done`."""

    def run() -> None:
        try:
            done.append(deed())
        except Exception as error:
            done.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


def outcomes(results: Sequence[Any]) -> dict[str, int]:
    """How often each kind of outcome came: the error's name, or "done"."""
    counts: dict[str, int] = {}
    for result in results:
        name = type(result).__name__ if isinstance(result, Exception) else "done"
        counts[name] = counts.get(name, 0) + 1
    return counts
