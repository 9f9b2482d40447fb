"""Proving the books: nothing happened off the record, and what is stored follows from what was recorded.

Reading only. Each check yields the faults it finds, one by one, so that memory stays flat however long the books are.
Other rooms add what they know with `register`: a check without arguments, whose docstring's first line says what it
proves.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef

from audit.models import Change, Recorded, SequencedEntry, UnsequencedEntry, history_model, recorded_models
from audit.seals import seal_expression
from audit.triggers import trigger_differences

JOURNAL = Change._meta.db_table
ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True)
class Fault:
    """Something that must not be: on which object (None: on none in particular), and of which document number."""

    model: str
    id: int | None
    document: str
    message: str

    def __str__(self) -> str:
        return " ".join(filter(None, [self.model, str(self.id or ""), self.document])) + f": {self.message}"


@dataclass(frozen=True)
class Extent:
    """How much there is to check."""

    models: int
    rows: int
    versions: int
    entries: int


@dataclass(frozen=True)
class Rule:
    """An SQL condition that is true of a faulty row, and what it means."""

    condition: str
    message: str


Check = Callable[[], Iterable[Fault]]

_registered_checks: list[Check] = []
_document_lookups: dict[type[Recorded], str] = {}


def register(check: Check) -> Check:
    """Let `faults` run `check` too (another room's knowledge)."""
    _registered_checks.append(check)
    return check


def name_documents(model: type[Recorded], lookup: str) -> None:
    """Say where the document number of a row of `model` stands, as a lookup from the row ("invoice__number")."""
    _document_lookups[model] = lookup


def document_lookup(model: type[Recorded]) -> str | None:
    """Where the document number of a row of `model` stands, as `name_documents` was told; None: it has none."""
    return _document_lookups.get(model)


def checks() -> list[Check]:
    """All checks: those of the record first, then those that the rooms registered."""
    return [
        triggers_agree,
        versions_are_complete,
        rows_equal_their_newest_version,
        no_row_is_missing,
        seals_hold,
        events_are_complete,
        *_registered_checks,
    ]


def faults() -> Iterator[Fault]:
    """All faults of the books, found while they are read."""
    return chain.from_iterable(_finished(check) for check in checks())


def title_of(check: Check) -> str:
    """What `check` proves, in a sentence."""
    return (check.__doc__ or check.__name__).splitlines()[0]


def _finished(check: Check) -> Iterator[Fault]:
    """The faults that `check` finds; a number that cannot even be read (SQLite stores any) ends it, not the others."""
    try:
        yield from check()
    except ArithmeticError:
        yield Fault("Check", None, "", f"cannot be finished, a value is not a number that fits: {title_of(check)}")


def extent() -> Extent:
    """How many rows, versions and entries the books hold."""
    models = recorded_models()
    return Extent(
        models=len(models),
        rows=sum(model._default_manager.count() for model in models),
        versions=sum(history_model(model).objects.count() for model in models),
        entries=Change.objects.count(),
    )


@contextmanager
def one_moment() -> Iterator[None]:
    """Let all that is read in the block be of one moment, without holding up any writer.

    Inside a transaction that has begun already (a test's), each statement sees its own moment.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with _deferred_transaction():
            yield


@contextmanager
def _deferred_transaction() -> Iterator[None]:
    """SQLite's plain BEGIN reads a snapshot; Django's own transactions would take the write lock."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def triggers_agree() -> Iterator[Fault]:
    """The recording triggers are those that the models ask for."""
    for difference in trigger_differences(connection):
        yield Fault(model="Triggers", id=None, document="", message=difference)


def versions_are_complete() -> Iterator[Fault]:
    """Versions run 1..n without a gap, from a creation to at most one deletion, in the order of their entries.

    Their times are the clock's, which may be set back between two of them; that is nobody's doing, and no fault.
    """
    rules = [
        Rule("step.version <> coalesce(step.previous_version, 0) + 1", "does not follow the version before it"),
        Rule(
            "(step.previous_version IS NULL) <> (step.history_type = '+')", "is not a creation exactly if it is first"
        ),
        Rule("step.history_type NOT IN ('+', '~', '-')", "is no creation, change or deletion"),
        Rule("step.history_type = '-' AND step.next_version IS NOT NULL", "is a deletion that something follows"),
        Rule("step.change_id <= step.previous_change", "has an older journal entry than the version before it"),
        Rule("entry.id IS NULL", "has no journal entry"),
        Rule("entry.at <> step.history_date", "has another time than its journal entry"),
    ]
    for model in recorded_models():
        source = (
            "(SELECT id, version, history_type, history_date, change_id, "
            "lag(version) OVER timeline AS previous_version, lag(change_id) OVER timeline AS previous_change, "
            "lead(version) OVER timeline AS next_version "
            f"FROM {_history_table(model)} WINDOW timeline AS (PARTITION BY id ORDER BY version, history_id)) AS step "
            f"LEFT JOIN {JOURNAL} AS entry ON entry.id = step.change_id"
        )
        yield from _broken_rules(model, "step", source, rules)


def rows_equal_their_newest_version() -> Iterator[Fault]:
    """Every row equals its newest version column by column, and its journal entry exists."""
    for model in recorded_models():
        history = _history_table(model)
        source = (
            f"{model._meta.db_table} AS live LEFT JOIN {history} AS newest ON newest.id = live.id "
            f"AND newest.version = (SELECT max(version) FROM {history} AS any_version WHERE any_version.id = live.id) "
            f"LEFT JOIN {JOURNAL} AS entry ON entry.id = live.change_id"
        )
        rules = [
            Rule("newest.id IS NULL", "has no history"),
            Rule("newest.history_type = '-'", "is there although its newest version is a deletion"),
            Rule("entry.id IS NULL", "names a journal entry that does not exist"),
            *(
                Rule(f"newest.history_type <> '-' AND {_differs(column)}", f"{column} differs from the newest version")
                for column in _compared_columns(model)
            ),
        ]
        yield from _broken_rules(model, "live", source, rules)


def no_row_is_missing() -> Iterator[Fault]:
    """Every object whose newest version is no deletion is there."""
    for model in recorded_models():
        history = _history_table(model)
        source = f"{history} AS step LEFT JOIN {model._meta.db_table} AS live ON live.id = step.id"
        newest = (
            f"NOT EXISTS (SELECT 1 FROM {history} AS later WHERE later.id = step.id AND later.version > step.version)"
        )
        gone = Rule(
            f"live.id IS NULL AND step.history_type <> '-' AND {newest}", "is gone without a deletion on record"
        )
        yield from _broken_rules(model, "step", source, [gone])


def seals_hold() -> Iterator[Fault]:
    """Every journal entry and every version still has the values that it was sealed with."""
    unsealed = f"entry.seal <> {seal_expression(connection.vendor, Change, 'entry')}"
    for (entry_id,) in _rows(f"SELECT entry.id FROM {JOURNAL} AS entry WHERE {unsealed} ORDER BY 1"):
        yield Fault("Change", entry_id, "", "was changed after it was written")
    for model in recorded_models():
        seal = seal_expression(connection.vendor, history_model(model), "step")
        changed = Rule(f"step.seal <> {seal}", "was changed after it was written")
        yield from _broken_rules(model, "step", f"{_history_table(model)} AS step", [changed])


def _broken_rules(model: type[Recorded], alias: str, source: str, rules: Sequence[Rule]) -> Iterator[Fault]:
    """One fault for each rule and row that breaks it; the database looks for them, in one statement."""
    flags = ", ".join(f"({rule.condition})" for rule in rules)
    broken = " OR ".join(f"({rule.condition})" for rule in rules)
    for row_id, version, *broken_flags in _rows(
        f"SELECT {alias}.id, {alias}.version, {flags} FROM {source} WHERE {broken} ORDER BY 1, 2"
    ):
        document = _document_number(model, row_id)
        for rule, is_broken in zip(rules, broken_flags, strict=True):
            if is_broken:
                yield Fault(model.__name__, row_id, document, f"version {version} {rule.message}")


def _rows(sql: str) -> Iterator[Any]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            yield from rows


def _history_table(model: type[Recorded]) -> str:
    return str(history_model(model)._meta.db_table)


def _compared_columns(model: type[Recorded]) -> list[str]:
    """The columns of the live row that its history has too, generated ones included, exempt ones not."""
    recorded = {field.column for field in history_model(model)._meta.concrete_fields}
    return [str(field.column) for field in model._meta.concrete_fields if field.column in recorded]


def _differs(column: str) -> str:
    distinct = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    return f"newest.{column} {distinct} live.{column}"


def _document_number(model: type[Recorded], row_id: int) -> str:
    """The number of the document that the row is, or belongs to; "" where there is none (or none any more)."""
    lookup = _document_lookups.get(model)
    if lookup is None:
        return ""
    live = model._default_manager.filter(pk=row_id).values_list(lookup, flat=True)
    past = history_model(model).objects.filter(id=row_id).order_by("-version").values_list(lookup, flat=True)
    return live.first() or past.first() or ""


def events_are_complete() -> Iterator[Fault]:
    """Each entry of a company has one place among its events, or waits for it; the places run from 1 without a gap."""
    places = SequencedEntry.objects.order_by().filter(change=OuterRef("pk"), company_id=OuterRef("company_id"))
    waiting = UnsequencedEntry.objects.order_by().filter(change=OuterRef("pk"), company_id=OuterRef("company_id"))
    entries = Change.objects.filter(company_id__isnull=False).annotate(
        is_placed=Exists(places), is_waiting=Exists(waiting)
    )
    for entry in entries.filter(is_placed=F("is_waiting")).order_by("id").iterator(chunk_size=ROWS_AT_A_TIME):
        message = "has its place among the events and waits for one" if entry.is_placed else "is missing in the events"
        yield Fault("Change", entry.pk, "", message)
    of_companies = SequencedEntry.objects.order_by("company_id").values("company_id")
    for row in of_companies.annotate(first=Min("sequence"), last=Max("sequence"), count=Count("sequence")):
        if (row["first"], row["last"]) != (1, row["count"]):
            message = f"{row['count']} events of company {row['company_id']} run from {row['first']} to {row['last']}"
            yield Fault("SequencedEntry", None, "", message)
