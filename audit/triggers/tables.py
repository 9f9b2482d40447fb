"""What the triggers of one recorded table must know, read from its model."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.guards import AppendOnly, Guard
from audit.models import Recorded, history_model

HISTORY_ONLY_COLUMNS = ("history_date", "history_type")


@dataclass(frozen=True)
class FurtherTriggers:
    """Triggers that another room needs, on its tables and those that it knows; their names begin with "fintrack_".

    `functions` are the bodies of PostgreSQL's trigger functions by name, `postgresql` the definitions (what follows
    ``CREATE OR REPLACE TRIGGER name``) by table and name, `sqlite` the whole statements by name.
    """

    tables: frozenset[str]
    functions: Mapping[str, str]
    postgresql: Mapping[tuple[str, str], str]
    sqlite: Mapping[str, str]


@dataclass(frozen=True)
class RecordedTable:
    """A live table, its history table, and the columns that are copied."""

    model: type[Recorded]
    table: str
    history: str
    columns: tuple[str, ...]
    has_exempt_columns: bool
    guards: tuple[Guard, ...]

    @property
    def data_columns(self) -> tuple[str, ...]:
        """The copied columns without version and change: for a deletion these two are the entry's, not the row's."""
        return tuple(column for column in self.columns if column not in ("version", "change_id"))


def recorded_table(model: type[Recorded]) -> RecordedTable:
    """The tables and columns of `model`. Generated columns are left out: the database works them out on both sides.

    Of an append-only table no column is exempt: one that the history does not copy may not change either.
    """
    history = history_model(model)
    copied = {field.column for field in history._meta.concrete_fields if not field.generated}
    own = [field for field in model._meta.concrete_fields if not field.generated]
    return RecordedTable(
        model=model,
        table=model._meta.db_table,
        history=history._meta.db_table,
        columns=tuple(str(field.column) for field in own if field.column in copied),
        has_exempt_columns=any(field.column not in copied for field in own)
        and not any(isinstance(guard, AppendOnly) for guard in model.guards),
        guards=model.guards,
    )
