"""What the database could not do, told apart from a defect of ours: a lock is held, it is away, its disk is full.

All are 503 with Retry-After. PostgreSQL says it with a SQLSTATE (or with none where nobody answered), SQLite in words.
"""

import logging
import time
from collections.abc import Callable, Sequence

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from core.errors import DomainError

DISK_FULL = "53100"
BUSY_CLASSES = ("40", "55P03", "57014")

logger = logging.getLogger(__name__)


class Outage(DomainError):
    """The database could not do it; not what was asked for is wrong. `wait` is in seconds."""

    status = 503
    wait = 5

    @property
    def page_detail(self) -> str:
        """The sentence for people before a page, who know no keys."""
        return self.detail


class Busy(Outage):
    """Somebody holds what the command needs for longer than anybody should wait; nothing was changed."""

    code = "busy"
    title = "Busy"
    default_detail = (
        "Somebody else is working on this document or its company. Nothing was changed: repeat in a moment."
    )


class DatabaseUnavailable(Outage):
    """The database ended the conversation or does not answer. If it came at the commit, nobody knows what was done."""

    code = "database_unavailable"
    title = "Database not available"
    default_detail = (
        "The database does not answer just now. Repeat in a moment, with the same Idempotency-Key; what was sent "
        "without one may have taken effect, so look first."
    )

    @property
    def page_detail(self) -> str:
        """The sentence for people before a page."""
        return (
            "The database does not answer just now. In a moment, look whether the change was made before repeating it."
        )


class StorageFull(Outage):
    """There is no room to write; nothing was changed."""

    code = "storage_full"
    title = "Storage full"
    default_detail = "The database has no room left. Nothing was changed. Whoever runs FinTrack must make room."
    wait = 60


WORDS_OF_SQLITE = {
    "database is locked": Busy,
    "database or disk is full": StorageFull,
    "disk I/O error": DatabaseUnavailable,
    "unable to open database file": DatabaseUnavailable,
}


def outage_of(error: DatabaseError | InterfaceError) -> Outage | None:
    """The outage behind an error of the database, or None where the error is a defect of ours."""
    if connection.vendor == "sqlite":
        return next((kind() for words, kind in WORDS_OF_SQLITE.items() if words in str(error)), None)
    if not isinstance(error, (OperationalError, InterfaceError)):
        return None
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    if sqlstate == DISK_FULL:
        return StorageFull()
    return Busy() if sqlstate.startswith(BUSY_CLASSES) else DatabaseUnavailable()


def logged_outage(error: DatabaseError | InterfaceError) -> Outage | None:
    """`outage_of` the error; why, is in the log, for whoever runs the program (a lock is nobody's fault)."""
    outage = outage_of(error)
    if outage is not None and not isinstance(outage, Busy):
        logger.error("The database could not: %s", outage.title, exc_info=error)
    return outage


def outlast(work: Callable[[], None], *, pauses_seconds: Sequence[float]) -> None:
    """Do `work`, and again after each pause for as long as the database cannot; the last outage is raised.

    For what must be written down although nobody waits for it who could repeat it. `work` may have been done when it
    is repeated (the answer to its commit was lost), so it must find out by itself.
    """
    for pause_seconds in pauses_seconds:
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            if logged_outage(error) is None:
                raise
        time.sleep(pause_seconds)
        connection.close_if_unusable_or_obsolete()
    return work()
