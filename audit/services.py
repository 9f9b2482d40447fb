"""Opening the journal: the one way in which a change of a recorded row is possible.

Errors: UnnamedActor.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from audit.actors import Actor
from audit.models import Change
from audit.triggers import require_current_triggers
from core.errors import DomainError
from core.request_context import current_request_id


class UnnamedActor(DomainError):
    """A command came without saying who gives it."""

    code = "unnamed_actor"
    title = "Nobody gives this command"
    default_detail = "Every command names who gives it."


@contextmanager
def recording(*, actor: Actor, action: str, company_id: int | None = None, reason: str = "") -> Iterator[Change]:
    """Open one journal entry for the changes made in the block, and yield it.

    Call it after the rows are locked: an entry must be newer than the last change of each row it changes, and the
    database refuses it otherwise. A row changes at most once within one entry. Inside another recording the outer
    entry is joined. What is written is committed or rolled back together with the entry.
    """
    outer: Change | None = getattr(connection, "open_entry", None)
    if outer is not None:
        yield outer
        return
    if actor is None or not actor.actor_name:
        raise UnnamedActor
    require_current_triggers()
    with transaction.atomic(savepoint=False):
        change = Change.objects.create(
            company_id=company_id,
            action=action,
            actor_id=actor.actor_id,
            actor=actor.actor_name,
            request_id=current_request_id(),
            reason=reason,
        )
        _open(change)
        try:
            yield change
            _close_in_database()
        finally:
            _open(None)


def _open(change: Change | None) -> None:
    connection.open_entry = change  # type: ignore[attr-defined]
    connection.open_entry_id = change.pk if change else None  # type: ignore[attr-defined]


def _close_in_database() -> None:
    """PostgreSQL would keep the entry open until the end of the transaction, which may be an outer one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('fintrack.change', '', true)")
