"""Expressions that the databases disagree about."""

from typing import Any

from django.db.models.functions import Now


class DatabaseNow(Now):
    """The database's clock, UTC. On SQLite with six decimals, as Django writes and compares timestamps there.

    SQLite compares timestamps as text: "45.193" and "45.193000" would be different moments.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        """The clock of SQLite, which counts milliseconds."""
        template = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f000', 'NOW')"
        return self.as_sql(compiler, connection, template=template, **extra_context)
