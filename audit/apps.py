"""The audit room: the journal and the history, recorded, read and proven."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    """Keeps the recording triggers in step with the models."""

    name = "audit"

    def ready(self) -> None:
        """Install the triggers after every migrate; give SQLite the functions that its triggers call."""
        pre_migrate.connect(before_migrate, sender=self)
        post_migrate.connect(after_migrate, sender=self)
        connection_created.connect(define_functions)


def before_migrate(*, using: str, **_: Any) -> None:
    """On SQLite a table is rebuilt by many migrations, which its triggers would disturb: drop them."""
    from audit.triggers import drop_triggers

    if connections[using].vendor == "sqlite":
        drop_triggers(connections[using])


def after_migrate(*, using: str, **_: Any) -> None:
    """All migrations have run (the signal comes after the last): install the triggers of today's models."""
    from audit.triggers import install_triggers

    install_triggers(connections[using])


def define_functions(*, connection: Any, **_: Any) -> None:
    """Let SQLite's triggers ask this connection which journal entry is open, and how a row is sealed.

    A program that opens the file without these functions cannot write a recorded table at all.
    """
    from audit.seals import seal_of
    from audit.triggers.sqlite import open_entry

    if connection.vendor == "sqlite":
        create = connection.connection.create_function
        create("fintrack_entry", -1, lambda *named: open_entry(connection, *named))
        create("fintrack_seal", -1, seal_of, deterministic=True)
