"""The triggers that record every change: generated from the models, installed after every migrate, checked at start."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from audit.models import Change, Recorded, SequencedEntry, UnsequencedEntry, history_model, recorded_models
from audit.triggers import postgresql, sqlite
from audit.triggers.tables import FurtherTriggers, recorded_table

__all__ = ["FurtherTriggers", "drop_triggers", "install_triggers", "register", "trigger_differences"]

_JOURNAL_TABLES = {model._meta.db_table for model in (Change, UnsequencedEntry, SequencedEntry)}
_checked_databases: set[str] = set()
_further: list[FurtherTriggers] = []


def register(further: FurtherTriggers) -> None:
    """Keep another room's triggers in step as well, and write nothing where they are missing."""
    _further.append(further)


def _dialect(database: Any) -> ModuleType:
    return {"postgresql": postgresql, "sqlite": sqlite}[database.vendor]


def install_triggers(database: Any) -> None:
    """Bring the triggers of `database` in line with the models, in one transaction.

    A migrate may stop half way, or go back: tables that lack a column of their model get none. Nothing is written then,
    since a program that meets other triggers than its models ask for refuses to start.
    """
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        columns = _dialect(database).columns_by_table(cursor)
        if not columns.keys() >= _JOURNAL_TABLES:
            return
        tables = [recorded_table(model) for model in recorded_models() if _has_tables(model, columns)]
        further = [further for further in _further if further.tables <= columns.keys()]
        _dialect(database).install(cursor, tables, further)


def _has_tables(model: type[Recorded], columns: Mapping[str, set[str]]) -> bool:
    """Whether the tables of the rows and of their history are as the models have them."""
    return all(
        {field.column for field in table._meta.concrete_fields} <= columns.get(table._meta.db_table, set())
        for table in (model, history_model(model))
    )


def drop_triggers(database: Any) -> None:
    """Remove all recording triggers of `database`: before tables are rebuilt, and in tests."""
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        _dialect(database).drop(cursor)


def trigger_differences(database: Any) -> list[str]:
    """How the triggers of `database` differ from what the models ask for; empty when they agree."""
    names = set(database.introspection.table_names())
    wanted = {*_JOURNAL_TABLES, *(model._meta.db_table for model in recorded_models())}
    if not wanted.union(*(further.tables for further in _further)) <= names:
        return ["tables are missing"]
    with database.cursor() as cursor:
        found: list[str] = _dialect(database).differences(
            cursor, [recorded_table(model) for model in recorded_models()], _further
        )
    return found


def require_current_triggers() -> None:
    """Refuse to go on where changes would not be recorded. Looks once per process and database."""
    name = str(connection.settings_dict["NAME"])
    if name in _checked_databases:
        return
    found = trigger_differences(connection)
    if found:
        raise ImproperlyConfigured(
            f"The database does not record changes as the models ask ({found[0]}; {len(found)} in all). "
            "Stop the program and run: python manage.py migrate"
        )
    _checked_databases.add(name)
