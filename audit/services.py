"""Opening the journal, and writing the next version of a row: the one way in which a recorded row changes.

Errors: UnnamedActor, StaleVersion, ConstraintBroken.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.db.models.sql import Query

from audit.actors import Actor
from audit.models import Change, Recorded
from audit.rows import as_json, insert_statement, returned_fields, stored_fields, update_statement
from audit.selectors import stale_version
from audit.triggers import require_current_triggers
from core.errors import DomainError, NotFound, from_integrity_error
from core.request_context import current_request_id

ENTRIES_AT_ONCE = 1_000
"""How many entries `recording_each` opens at most: the journal takes them in one statement on either database."""

Row = TypeVar("Row", bound=Recorded)
NewRow = TypeVar("NewRow", bound=Model)


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
    with _opened([_entry(actor, action, company_id, reason)]) as changes:
        yield changes[0]


@contextmanager
def recording_each(*, actor: Actor, action: str, company_ids: Sequence[int | None]) -> Iterator[list[Change]]:
    """Open one journal entry for each of `company_ids`, up to `ENTRIES_AT_ONCE`, and yield them in that order.

    For one command on many rows, each in an entry of its own: a row goes by the entry that its `change` names, and the
    rules of `recording` hold for each. Nothing is deleted here (a deletion names no entry), and no other entry is
    opened inside or around.
    """
    is_open = getattr(connection, "open_entry", None) or getattr(connection, "open_entry_ids", None)
    if is_open or not 1 <= len(company_ids) <= ENTRIES_AT_ONCE:
        raise RuntimeError(f"Entries are opened together while no other is open, 1 to {ENTRIES_AT_ONCE} of them.")
    entries = [_entry(actor, action, company_id, "") for company_id in company_ids]
    with _opened(entries) as changes:
        yield changes


def _entry(actor: Actor, action: str, company_id: int | None, reason: str) -> Change:
    if actor is None or not actor.actor_name:
        raise UnnamedActor
    return Change(
        company_id=company_id,
        action=action,
        actor_id=actor.actor_id,
        actor=actor.actor_name,
        request_id=current_request_id(),
        reason=reason,
    )


@contextmanager
def _opened(entries: list[Change]) -> Iterator[list[Change]]:
    """Write the entries and keep them open, together, for the block."""
    require_current_triggers()
    with transaction.atomic(savepoint=False):
        insert_rows(entries)
        _open(entries)
        try:
            yield entries
            _close_in_database()
        except IntegrityError as error:
            refusal = from_integrity_error(error)
            if refusal is None:
                raise
            raise refusal from error
        finally:
            _open([])


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


def write_versions(rows: Sequence[Row], values: Sequence[Mapping[str, Any]], changes: Sequence[Change]) -> None:
    """Write the next version of many rows in one statement: of each its own `values`, under its own entry.

    All values have the same names. The rows are locked by the caller; where one has moved on all the same, StaleVersion
    or NotFound is raised, as by `write_version`, and the caller's transaction is rolled back with what was written.
    """
    model = type(rows[0])
    written = [
        {**own, "version": row.version + 1, "change": change}
        for row, own, change in zip(rows, values, changes, strict=True)
    ]
    fields: list[Any] = [model._meta.get_field(name) for name in written[0]]
    stored = (
        (row.pk, *(getattr(value, "pk", value) for value in own.values()))
        for row, own in zip(rows, written, strict=True)
    )
    with connection.cursor() as cursor:
        cursor.execute(update_statement(model, fields), [as_json([model._meta.pk, *fields], stored)])
        is_complete = cursor.rowcount == len(rows)
    if not is_complete:
        _raise_stale(rows, changes)
    for row, own in zip(rows, written, strict=True):
        for name, value in own.items():
            setattr(row, name, value)


def insert_rows(rows: Sequence[NewRow]) -> None:
    """Insert many rows of one model in one statement; they get their ids and what else the database gives them.

    A recorded row names its `change`. All rows leave the same columns to the database.
    """
    model = type(rows[0])
    fields, returned = stored_fields(rows[0]), returned_fields(rows[0])
    parameter = as_json(fields, ([getattr(row, field.attname) for field in fields] for row in rows))
    with connection.cursor() as cursor:
        cursor.execute(insert_statement(model, fields, returned), [parameter])
        given = sorted(cursor.fetchall())  # ids rise in the order of insertion; the rows may come back in another
    compiler = Query(model).get_compiler(connection=connection)
    converters = compiler.get_converters([field.get_col(model._meta.db_table) for field in returned])
    for row, values in zip(rows, compiler.apply_converters(given, converters), strict=True):
        for field, value in zip(returned, values, strict=True):
            setattr(row, field.attname, value)
        row._state.adding, row._state.db = False, connection.alias


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


def _raise_stale(rows: Sequence[Recorded], changes: Sequence[Change]) -> NoReturn:
    """Raise what is to be said of the first row that was not written: it is not under its entry."""
    current = type(rows[0])._default_manager.in_bulk([row.pk for row in rows])
    for row, change in zip(rows, changes, strict=True):
        if row.pk in current and current[row.pk].change_id != change.pk:
            raise stale_version(current[row.pk], row.version)
    raise NotFound


def _open(changes: Sequence[Change]) -> None:
    """Mark the connection: one entry is joined by inner recordings, of several each row names its own."""
    only = changes[0] if len(changes) == 1 else None
    ids = frozenset(change.pk for change in changes)
    connection.open_entry = only  # type: ignore[attr-defined]  # Django's connection is ours to mark
    connection.open_entry_id = only.pk if only else None  # type: ignore[attr-defined]  # Django's connection is ours to mark
    connection.open_entry_ids = ids if len(ids) > 1 else frozenset()  # type: ignore[attr-defined]  # Django's connection is ours to mark


def _close_in_database() -> None:
    """PostgreSQL would keep the entry open until the end of the transaction, which may be an outer one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('fintrack.change', '', true)")
