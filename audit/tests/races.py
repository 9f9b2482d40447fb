"""Running rivals at the same moment: threads with connections of their own, let go together at a barrier."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

PATIENCE_SECONDS = 20


def race(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each deed returned or raised, all started at the same moment (PostgreSQL only)."""
    barrier = Barrier(len(deeds), timeout=PATIENCE_SECONDS)

    def run(deed: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait()
            return deed()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(deeds)) as pool:
        return list(pool.map(run, deeds))


def outcomes(results: Sequence[Any]) -> dict[str, int]:
    """How often each kind of outcome came: the error's name, or "done"."""
    counts: dict[str, int] = {}
    for result in results:
        name = type(result).__name__ if isinstance(result, Exception) else "done"
        counts[name] = counts.get(name, 0) + 1
    return counts
