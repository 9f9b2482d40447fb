"""Further writes that the database refuses on a recorded table, declared on the model as ``guards``.

Each guard yields the SQL condition under which the recording trigger raises.
"""

from dataclasses import dataclass
from typing import Protocol

from django.db.models import Field, Model


@dataclass(frozen=True)
class Dialect:
    """What the databases write differently: their null-safe inequality, and how a row that is looked at stays so."""

    distinct: str
    row_lock: str


POSTGRESQL = Dialect(distinct="IS DISTINCT FROM", row_lock=" LIMIT 1 FOR SHARE")
SQLITE = Dialect(distinct="IS NOT", row_lock="")  # a writer is alone there


class Guard(Protocol):
    """A rule over OLD and NEW."""

    @property
    def message(self) -> str:
        """What the refused writer is told."""
        ...

    def conditions(self, model: type[Model], dialect: Dialect) -> dict[str, str]:
        """The refusing condition of each event ("INSERT", "UPDATE", "DELETE") that the guard watches."""
        ...


@dataclass(frozen=True)
class AppendOnly:
    """Rows are inserted, never changed, never deleted: a ledger."""

    message: str = "entries are never changed or deleted"

    def conditions(self, model: type[Model], dialect: Dialect) -> dict[str, str]:
        """Refuse every UPDATE and DELETE."""
        always = f"OLD.{model._meta.pk.column} IS NOT NULL"
        return {"UPDATE": always, "DELETE": always}


@dataclass(frozen=True)
class OnlyRises:
    """The number in `field` stays or grows."""

    field: str
    message: str

    def conditions(self, model: type[Model], dialect: Dialect) -> dict[str, str]:
        """Refuse an UPDATE that lowers it."""
        column = _column(model, self.field)
        return {"UPDATE": f"NEW.{column} < OLD.{column}"}


@dataclass(frozen=True)
class FrozenSince:
    """Once the column `since` is set, `fields` keep their values and the row is not deleted."""

    since: str
    fields: tuple[str, ...]
    message: str = "an issued document does not change"

    def conditions(self, model: type[Model], dialect: Dialect) -> dict[str, str]:
        """Refuse a changed column and a deletion."""
        frozen, distinct = f"OLD.{_column(model, self.since)} IS NOT NULL", dialect.distinct
        columns = [_column(model, field) for field in (self.since, *self.fields)]
        changed = " OR ".join(f"NEW.{column} {distinct} OLD.{column}" for column in columns)
        return {"UPDATE": f"{frozen} AND ({changed})", "DELETE": frozen}


@dataclass(frozen=True)
class FrozenWith:
    """Once the row that `parent` points at has `since` set, this row does not come, change or go."""

    parent: str
    since: str
    message: str = "the lines of an issued document do not change"

    def conditions(self, model: type[Model], dialect: Dialect) -> dict[str, str]:
        """Refuse every write while the parent, the old one or the new one, is frozen."""
        return {
            "INSERT": self._parent_is_frozen(model, "NEW", dialect),
            "UPDATE": " OR ".join(self._parent_is_frozen(model, row, dialect) for row in ("OLD", "NEW")),
            "DELETE": self._parent_is_frozen(model, "OLD", dialect),
        }

    def _parent_is_frozen(self, model: type[Model], row: str, dialect: Dialect) -> str:
        """The parent is locked first: somebody else may be freezing it in a transaction that has not ended."""
        foreign_key = model._meta.get_field(self.parent)
        parent = foreign_key.related_model
        assert isinstance(parent, type)
        return (
            f"EXISTS (SELECT 1 FROM (SELECT {_column(parent, self.since)} AS since FROM {parent._meta.db_table} "
            f"WHERE {parent._meta.pk.column} = {row}.{_column(model, self.parent)}{dialect.row_lock}) parent "
            "WHERE parent.since IS NOT NULL)"
        )


def _column(model: type[Model], field: str) -> str:
    column = model._meta.get_field(field)
    assert isinstance(column, Field)
    return str(column.column)
