"""SQL that writes many rows in one statement: all their values are one JSON parameter, whatever their number.

The ORM's `bulk_create` takes two to three times as long, in Python, over the same rows, and splits them into as many
statements as the database's limit on parameters asks for. Here is no execution: `audit.services` writes.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import JSONField, Model
from django.db.models.expressions import DatabaseDefault

PLACE = "place"


def stored_fields(row: Model) -> list[Any]:
    """The fields of a new row that are written: not its key, and not what the database works out or gives itself."""
    return [
        field
        for field in row._meta.concrete_fields
        if not field.primary_key
        and not field.generated
        and not isinstance(getattr(row, field.attname), DatabaseDefault)
    ]


def returned_fields(row: Model) -> list[Any]:
    """The key of a new row, and what the database works out or gives itself."""
    stored = set(stored_fields(row))
    return [row._meta.pk, *(field for field in row._meta.concrete_fields if field not in {row._meta.pk, *stored})]


def insert_statement(model: type[Model], fields: Sequence[Any], returned: Sequence[Any]) -> str:
    """The INSERT of the rows that are the parameter (see `as_json`), in their order, RETURNING `returned`."""
    columns = ", ".join(str(field.column) for field in fields)
    return (
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {columns} FROM {_rows(fields)} ORDER BY {PLACE} "
        f"RETURNING {', '.join(str(field.column) for field in returned)}"
    )


def update_statement(model: type[Model], fields: Sequence[Any]) -> str:
    """The UPDATE of the rows that are the parameter: each found by its id and the version before its own."""
    table, key = model._meta.db_table, model._meta.pk
    sets = ", ".join(f"{field.column} = written.{field.column}" for field in fields)
    return (
        f"UPDATE {table} SET {sets} FROM {_rows([key, *fields])} "
        f"WHERE {table}.{key.column} = written.{key.column} AND {table}.version = written.version - 1"
    )


def as_json(fields: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """The parameter of a statement: of each row the values of `fields`, as the database takes them."""
    is_sqlite = connection.vendor == "sqlite"
    ready = [
        [_stored(field, value, is_sqlite=is_sqlite) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    if not is_sqlite:
        return json.dumps([dict(zip((str(field.column) for field in fields), row, strict=True)) for row in ready])
    return json.dumps(ready)


def _stored(field: Any, value: Any, *, is_sqlite: bool) -> Any:
    if value is None or type(value) in (int, str, bool):
        return value
    if type(value) is Decimal:  # exact already, and JSON has no decimals
        return str(value)
    if isinstance(field, JSONField):
        return json.dumps(value) if is_sqlite else value
    prepared = field.get_db_prep_save(value, connection)
    return prepared if is_sqlite else str(prepared)


def _rows(fields: Sequence[Any]) -> str:
    """The parameter as a table `written` with the columns of `fields`, and the place of each row."""
    if connection.vendor == "sqlite":
        columns = ", ".join(f"json_extract(value, '$[{place}]') AS {f.column}" for place, f in enumerate(fields))
        return f"(SELECT key AS {PLACE}, {columns} FROM json_each(%s)) AS written"
    typed = ", ".join(f"{field.column} {_type_of(field)}" for field in fields)
    names = ", ".join(str(field.column) for field in fields)
    return f"ROWS FROM (json_to_recordset(%s::json) AS ({typed})) WITH ORDINALITY AS written ({names}, {PLACE})"


def _type_of(field: Any) -> str:
    """The type of the column; of a key, without what makes the database give it."""
    return str((field.rel_db_type if field.primary_key else field.db_type)(connection))
