"""What runs at this moment on this machine, by name: known to all threads and processes, and forgotten when they die.

SQLite has one writer, and nobody else sees what it writes: a repeated request could not tell its own first from any
other command. So the first marks its name here before it waits for the writer's turn. The mark of a process is a lock
of one byte in a file beside the database, which the operating system takes back from the dead; the byte's place is the
name's hash. (Such locks do not tell the threads of a process apart: these have a set.)
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

try:
    import fcntl
except ImportError:  # Windows, where one process serves
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.05
PLACE_BYTES = 7
SUFFIX = "-running"

_guard = Lock()
_running: set[tuple[str | None, int]] = set()


class StillRunning(Exception):
    """Something of the same name runs for longer than anybody should wait."""


@contextmanager
def running_alone(name: str, *, beside: str | None, patience_seconds: float) -> Iterator[None]:
    """Run the block while nothing else of this name runs beside the same database. Raises StillRunning.

    `beside` is the file of the database, or None for one in memory, which no other process can have.
    """
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:PLACE_BYTES], "big")
    deadline = time.monotonic() + patience_seconds
    while not _taken(beside, place):
        if time.monotonic() >= deadline:
            raise StillRunning
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        _give_back(beside, place)


def _taken(beside: str | None, place: int) -> bool:
    """Whether the place was free, and is ours now."""
    with _guard:
        if (beside, place) in _running or not _locked(beside, place):
            return False
        _running.add((beside, place))
        return True


def _locked(beside: str | None, place: int) -> bool:
    if fcntl is None or beside is None:
        return True
    try:
        fcntl.lockf(_marks(beside), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except BlockingIOError:
        return False
    return True


def _give_back(beside: str | None, place: int) -> None:
    with _guard:
        _running.discard((beside, place))
        if fcntl is not None and beside is not None:
            fcntl.lockf(_marks(beside), fcntl.LOCK_UN, 1, place)


@cache
def _marks(beside: str) -> int:
    """The file of the marks, empty for ever. It stays open: to close it once would end all locks of the process."""
    return os.open(f"{beside}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
