"""Opening the journal, and writing the next version of a row: the one way in which a recorded row changes.

Errors: UnnamedActor, StaleVersion, ConstraintBroken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from audit.actors import Actor
from audit.models import Change, Recorded
from audit.selectors import stale_version
from audit.triggers import require_current_triggers
from core.errors import DomainError, NotFound, from_integrity_error
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
        except IntegrityError as error:
            refusal = from_integrity_error(error)
            if refusal is None:
                raise
            raise refusal from error
        finally:
            _open(None)


def require_version(row: Recorded, version: int | None) -> None:
    """Raise StaleVersion where the caller read another version than the (locked) row has; None asks for no check."""
    if version is not None and version != row.version:
        raise stale_version(row, version)


def write_version(row: Recorded, *, change: Change, **values: Any) -> None:
    """Write `values` as the next version of `row`, in the database and on the instance.

    Raises StaleVersion where the row has moved on since it was read, NotFound where it is gone: nothing is written
    then.
    """
    written = {**values, "version": row.version + 1, "change": change}
    if not _update(row, written):
        current = type(row)._default_manager.filter(pk=row.pk).first()
        if current is None:
            raise NotFound
        raise stale_version(current, row.version)
    for name, value in written.items():
        setattr(row, name, value)


def _update(row: Recorded, values: dict[str, Any]) -> bool:
    """Whether the row was there in its version, and has the `values` now. The ORM takes far longer."""
    fields: list[Any] = [row._meta.get_field(name) for name in values]
    assignments = ", ".join(f'"{field.column}" = %s' for field in fields)
    parameters = [
        field.get_db_prep_save(_plain(value), connection) for field, value in zip(fields, values.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{row._meta.db_table}" SET {assignments} WHERE id = %s AND version = %s',  # noqa: S608  # names of the model's own
            [*parameters, row.pk, row.version],
        )
        return bool(cursor.rowcount)


def _plain(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value


def _open(change: Change | None) -> None:
    connection.open_entry = change  # type: ignore[attr-defined]  # Django's connection is ours to mark
    connection.open_entry_id = change.pk if change else None  # type: ignore[attr-defined]  # Django's connection is ours to mark


def _close_in_database() -> None:
    """PostgreSQL would keep the entry open until the end of the transaction, which may be an outer one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('fintrack.change', '', true)")
