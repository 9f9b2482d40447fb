"""Seals: a digest that the database writes beside each journal entry and each version, over all of its values.

The triggers write seals, `audit.books` proves them. NULLs are left out, so that a nullable column may be added to a
table whose rows are sealed already; a column of a recorded table is never given another type.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django.db.migrations import RunPython
from django.db.models import Model

NEVER_SEALED = {"seal", "history_id"}

SEAL_FUNCTION = """
  SELECT encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(sealed) - left_out)::text, 'UTF8')), 'hex')
"""
CREATE_SEAL_FUNCTION = (
    "CREATE OR REPLACE FUNCTION fintrack_seal(sealed anyelement, left_out text[]) RETURNS text LANGUAGE sql STABLE "
    f"SET TimeZone = 'UTC' AS $body${SEAL_FUNCTION}$body$"
)


def seal_of(columns: str, *values: Any) -> str:
    """The seal of a row on SQLite (its function ``fintrack_seal``): 64 hex digits over the names and values.

    `columns` are the names, separated by commas, of `values`.
    """
    known = {column: value for column, value in zip(columns.split(","), values, strict=True) if value is not None}
    return sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def sealed_columns(model: type[Model]) -> list[str]:
    """The columns of the journal, or of a history table, that its seals cover: all that are stored as they were given.

    Generated columns follow from the others.
    """
    columns = [str(field.column) for field in model._meta.concrete_fields if not field.generated]
    return [column for column in columns if column not in NEVER_SEALED]


def left_out_columns(model: type[Model]) -> str:
    """The columns that seals do not cover, as PostgreSQL writes an array."""
    every = {str(field.column) for field in model._meta.concrete_fields}
    return "{" + ",".join(sorted(every - set(sealed_columns(model)))) + "}"


def seal_of_values(columns: Sequence[str], values: Sequence[str]) -> str:
    """The SQL expression of the seal of `values` (SQL too) on SQLite."""
    return f"fintrack_seal('{','.join(columns)}', {', '.join(values)})"


def seal_expression(vendor: str, model: type[Model], row: str) -> str:
    """The SQL expression of the seal that `row` (the alias of a table of `model`) should have."""
    if vendor == "postgresql":
        return f"fintrack_seal({row}, '{left_out_columns(model)}')"
    columns = sealed_columns(model)
    return seal_of_values(columns, [f"{row}.{column}" for column in columns])


def sealing(app_label: str, *model_names: str) -> RunPython:
    """The migration that seals the rows written before there were seals. Nothing else seals anything afterwards."""

    def seal(apps: Any, schema_editor: Any) -> None:
        for name in model_names:
            _seal_rows(schema_editor.connection, apps.get_model(app_label, name))

    return RunPython(seal, RunPython.noop)


def _seal_rows(database: Any, model: type[Model]) -> None:
    table = model._meta.db_table
    statements = [f"UPDATE {table} SET seal = {seal_expression(database.vendor, model, table)}"]
    if database.vendor == "postgresql":  # on SQLite there are no triggers while it migrates
        statements = [
            CREATE_SEAL_FUNCTION,
            f"ALTER TABLE {table} DISABLE TRIGGER USER",
            *statements,
            f"ALTER TABLE {table} ENABLE TRIGGER USER",
        ]
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
