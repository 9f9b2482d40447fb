"""Queries whose SQL is worked out once: what a busy path asks again and again differs in its values only.

The ORM builds and compiles a query anew each time, which takes it several times as long as the database takes to answer
a look-up by key. A prepared query is written as any other, with slots where its values go.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model, QuerySet, Value
from django.db.models.query import ModelIterable
from django.db.transaction import TransactionManagementError

from core.database import KEYS

Row = TypeVar("Row", bound=Model)


class Slot(Value):
    """The place of a value in a prepared query, as in ``filter(pk=Slot("id"))``.

    The value goes to the driver as it is, or as `column` prepares it.
    """

    def __init__(self, name: str, column: "Field[Any, Any] | None" = None) -> None:
        super().__init__(name)
        self.name = name
        self.column = column

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """A placeholder, and this slot in the place of its value."""
        return "%s", [self]

    def filled(self, values: dict[str, Any]) -> Any:
        """The value of this slot among `values`, as the driver takes it."""
        value = values[self.name]
        return value if self.column is None else self.column.get_db_prep_value(value, connection)


class Prepared(Generic[Row]):
    """A query with slots, compiled once for each connection. It has no prefetches."""

    def __init__(self, build: Callable[[], QuerySet[Row]]) -> None:
        self.build = build

    def rows(self, **values: Any) -> list[Row]:
        """The rows that the query finds with `values` in its slots: none where one is an id that no row can have."""
        if any(isinstance(value, int) and value not in KEYS for value in values.values()):
            return []
        # The connection of this thread: `connection` itself stands for that of whoever asks.
        compiled = connections[DEFAULT_DB_ALIAS].__dict__.setdefault("prepared_queries", {})
        if self not in compiled:
            compiled[self] = _Compiled(self.build())
        found: list[Row] = compiled[self].rows(values)
        return found

    def first(self, **values: Any) -> Row | None:
        """The first of the rows, or None."""
        return next(iter(self.rows(**values)), None)


def attach(parent: Model, name: str, rows: list[Any]) -> None:
    """Let the reverse relation `name` of `parent` answer with `rows`, as a prefetch would."""
    relation: Any = parent._meta.get_field(name)
    for row in rows:
        setattr(row, relation.field.name, parent)
    related = relation.related_model._default_manager.all()
    related._result_cache, related._prefetch_done = rows, True
    parent.__dict__.setdefault("_prefetched_objects_cache", {})[name] = related


class _Compiled:
    """What Django's iteration over a queryset asks its queryset and its query, answered with SQL worked out before."""

    _known_related_objects: ClassVar[dict[Any, Any]] = {}

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self.db, self.model, self.query = queryset.db, queryset.model, self
        self.compiler = queryset.query.get_compiler(using=self.db)
        self.sql, self.parameters = self.compiler.as_sql()
        converters = self.compiler.get_converters([column for column, *_ in self.compiler.select])
        self.compiler.get_converters = lambda _: converters
        self.locks = queryset.query.select_for_update

    def get_compiler(self, *, using: str) -> Any:
        return self.compiler

    def rows(self, values: dict[str, Any]) -> list[Any]:
        if self.locks and not connection.in_atomic_block:
            raise TransactionManagementError("A lock ends with its transaction, and there is none.")
        filled = [value.filled(values) if isinstance(value, Slot) else value for value in self.parameters]
        self.compiler.as_sql = lambda *_, **__: (self.sql, filled)
        return list(ModelIterable(self))  # type: ignore[arg-type]  # all that it asks of a queryset is here
