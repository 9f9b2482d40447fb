"""Migrations of indexes that hold nobody up: PostgreSQL builds them while others read and write.

A build that was interrupted leaves an index that PostgreSQL never uses; the next attempt removes it first.
"""

from typing import Any

from django.db import ProgrammingError
from django.db.migrations.operations import AddIndex, AlterField, RemoveIndex
from django.db.migrations.operations.base import Operation

EXTENSION_REFUSED = (
    "The search needs PostgreSQL's extension pg_trgm, which this role may not create. Let the database's owner or a "
    "superuser run CREATE EXTENSION pg_trgm; in this database (it comes with PostgreSQL's contrib package), then "
    "migrate again."
)


class ExtensionRefused(Exception):
    """The role may not create an extension that the program needs; the message says what to do."""


class AddIndexOnline(AddIndex):
    """AddIndex, without a lock on PostgreSQL. For migrations with ``atomic = False``."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build the index."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        drop_online(schema_editor, self.index.name)
        model = to_state.apps.get_model(app_label, self.model_name)
        build_online(schema_editor, self.index.create_sql(model, schema_editor, concurrently=True))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the index."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        drop_online(schema_editor, self.index.name)


class RemoveIndexOnline(RemoveIndex):
    """RemoveIndex, without a lock on PostgreSQL. For migrations with ``atomic = False``."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the index."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        drop_online(schema_editor, self.name)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build the index again."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        build_online(schema_editor, index.create_sql(model, schema_editor, concurrently=True))


class DropIndexOfField(AlterField):
    """AlterField to ``db_index=False``; on PostgreSQL nothing but the index goes.

    Django would take the constraint away with it and check every row to put it back.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the index that the field was given."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.name).column
        own = {index.name for index in model._meta.indexes}
        names = schema_editor._constraint_names(model, [column], index=True, type_="idx", exclude=own)
        for name in names:
            drop_online(schema_editor, name)


class AddTrigramIndex(Operation):
    """An index for ``LIKE '%part%'`` on PostgreSQL; nothing on SQLite, which reads the texts one by one.

    Raises ExtensionRefused where the role may not create the extension.
    """

    reversible = True

    def __init__(self, name: str, *, table: str, column: str) -> None:
        self.name, self.table, self.column = name, table, column

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models know nothing of it: Django has no name for such an index on SQLite."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the extension, where it is missing, and build the index."""
        if schema_editor.connection.vendor != "postgresql":
            return
        require_extension(schema_editor, "pg_trgm")
        drop_online(schema_editor, self.name)
        # The list of pending entries, which every search reads from end to end, stays short.
        statement = "CREATE INDEX CONCURRENTLY {} ON {} USING gin ({} gin_trgm_ops) WITH (gin_pending_list_limit = 512)"
        names = (schema_editor.quote_name(name) for name in (self.name, self.table, self.column))
        build_online(schema_editor, statement.format(*names))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the index; the extension stays, it may serve others."""
        if schema_editor.connection.vendor == "postgresql":
            drop_online(schema_editor, self.name)

    def describe(self) -> str:
        """What ``migrate --plan`` prints."""
        return f"Create trigram index {self.name} on {self.table} ({self.column}) where PostgreSQL runs"


def require_extension(schema_editor: Any, name: str) -> None:
    """Create the extension unless it is there. Raises ExtensionRefused."""
    try:
        schema_editor.execute(f"CREATE EXTENSION IF NOT EXISTS {schema_editor.quote_name(name)}")
    except ProgrammingError as error:
        raise ExtensionRefused(EXTENSION_REFUSED) from error


def build_online(schema_editor: Any, statement: Any) -> None:
    """Run a CREATE INDEX CONCURRENTLY, which waits for every transaction that began earlier: longer than a caller."""
    schema_editor.execute("SET lock_timeout = 0")
    try:
        schema_editor.execute(statement)
    finally:
        schema_editor.execute("RESET lock_timeout")


def drop_online(schema_editor: Any, name: str) -> None:
    """Drop the index if it exists, whole or half built."""
    build_online(schema_editor, f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")
