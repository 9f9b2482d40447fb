"""What the services ask of the database: its clock, and a row locked."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Now

from core.errors import NotFound

Row = TypeVar("Row", bound=Model)
KEYS = range(1, 2**63)
"""What a row can have as its key: anything else is not asked for, since SQLite would not take it."""


def locked(rows: QuerySet[Row], **lookup: Any) -> Row:
    """The row that `lookup` names, locked until the end of the transaction. Raises NotFound."""
    row = rows.select_for_update().filter(**lookup).first()
    if row is None:
        raise NotFound
    return row


class DatabaseNow(Now):
    """The database's clock, UTC. On SQLite with six decimals, as Django writes and compares timestamps there.

    SQLite compares timestamps as text: "45.193" and "45.193000" would be different moments.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        """The clock of SQLite, which counts milliseconds."""
        template = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f000', 'NOW')"
        return self.as_sql(compiler, connection, template=template, **extra_context)


def unindexed(column: str) -> Coalesce:
    """The column in words that PostgreSQL knows no index for: ordered by it, what the other conditions leave is sorted.

    By the index it would go through the rows in this order until enough of them fit, which may be nearly all.
    """
    return Coalesce(F(column), F(column))


def among(keys: Iterable[int]) -> RawSQL:
    """The keys as a subquery of one parameter, for ``pk__in``: of a list of thousands each would be a parameter."""
    numbers = list(keys)
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [numbers])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(numbers)])
