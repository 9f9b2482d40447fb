"""The triggers that record every change: generated from the models, installed after every migrate, checked at start."""

from types import ModuleType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from audit.models import Change, history_model, recorded_models
from audit.triggers import postgresql, sqlite
from audit.triggers.tables import RecordedTable, recorded_table

_checked_databases: set[str] = set()


def _dialect(database: Any) -> ModuleType:
    return {"postgresql": postgresql, "sqlite": sqlite}[database.vendor]


def _existing_tables(database: Any) -> list[RecordedTable] | None:
    """The recorded tables that exist (a migrate may stop half way), or None where there is not even a journal."""
    names = set(database.introspection.table_names())
    if Change._meta.db_table not in names:
        return None
    return [
        recorded_table(model)
        for model in recorded_models()
        if {model._meta.db_table, history_model(model)._meta.db_table} <= names
    ]


def install_triggers(database: Any) -> None:
    """Bring the triggers of `database` in line with the models, in one transaction."""
    tables = _existing_tables(database)
    if tables is None:
        return
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        _dialect(database).install(cursor, tables)


def drop_triggers(database: Any) -> None:
    """Remove all recording triggers of `database`: before tables are rebuilt, and in tests."""
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        _dialect(database).drop(cursor)


def trigger_differences(database: Any) -> list[str]:
    """How the triggers of `database` differ from what the models ask for; empty when they agree."""
    names = set(database.introspection.table_names())
    missing = [model._meta.db_table for model in recorded_models() if model._meta.db_table not in names]
    if missing or Change._meta.db_table not in names:
        return ["tables are missing"]
    with database.cursor() as cursor:
        found: list[str] = _dialect(database).differences(
            cursor, [recorded_table(model) for model in recorded_models()]
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
