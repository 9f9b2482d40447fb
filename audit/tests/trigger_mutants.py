"""Mutation of the generated triggers: ``python -m audit.tests.trigger_mutants`` (part of ``make mutation``).

The SQL of the triggers is changed in one place at a time: a refusal that never refuses, a trigger left out, a column
that is not copied or not sealed, a comparison that always or never holds, a version that does not rise. The behaviour
tests of the record run on each mutant in a process of their own, forked after the tests are loaded and the database is
made; what none of them notices is printed. The tests that compare the triggers with the models are not among them: they
would see every change, and say nothing about what it does. A first run on the triggers as they are writes down which
test writes to which table: the triggers of a table are then tried by those tests, the ones that name it first.
Exit status 0: this measures, and does not judge.
"""
# ruff: noqa: PLC0415  pytest sets Django up before models can be imported

import argparse
import json
import os
import random
import re
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any

import pytest

TESTS = tuple(
    f"audit/tests/test_{name}.py"
    for name in ("every_column", "every_table", "recording", "guards", "triggers", "books", "tampering")
)
COMPARING = (
    "the_installed_triggers_are_those",
    "installing_again_changes_nothing",
    "refuses_to_go_on_where_a_trigger",
    "as_they_should_be_pass_the_check",
    "that_were_good_are_not_looked_at",
    "without_triggers_the_foreign_program",
)
PATIENCE_CPU_SECONDS, PATIENCE_SECONDS = 120, 1800
KILLED, SURVIVED, INVALID, BROKEN, ENDLESS = range(5)
NAMES = ("killed", "survived", "refused by the database", "not tested", "without an end")

COMPARISON = re.compile(
    r"(?:NEW|OLD|live)\.\w+ (IS NOT DISTINCT FROM|IS DISTINCT FROM|IS NOT|IS) (?:NEW|OLD)\.\w+(?! \+)"
)
REFUSAL_OF_SQLITE = re.compile(r"  SELECT RAISE\(ABORT, '(.*?)'\)(?: WHERE .*?)?;\n")
REFUSAL_OF_POSTGRESQL = re.compile(r"IF ([^\n]*) THEN\n\s+RAISE EXCEPTION '([^']*)'")
ALWAYS_REFUSED = re.compile(r"\nBEGIN\n  RAISE EXCEPTION '([^']*)'.*?;\nEND\n", re.DOTALL)
WHEN = re.compile(r"\nWHEN (.*)\n")
COPY = re.compile(r"INSERT INTO (\w+) \((.*)\)\s+VALUES \((.*)\);\n")
SEAL = re.compile(r"fintrack_seal\('([\w,]+)', ")
WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)
OWN_CONNECTIONS = "audit/tests/test_triggers.py"
"""Its tests also write through connections that nobody watches: they try every trigger."""


@dataclass(frozen=True)
class Mutant:
    """One piece of SQL (a trigger or a function, by its key) changed in one place; `text` None: it is left out."""

    piece: Any
    change: str
    text: str | None

    def __str__(self) -> str:
        return f"{self.piece}: {self.change}"


def mutants(pieces: dict[Any, str]) -> Iterator[Mutant]:
    """Every mutant of these pieces."""
    for piece, text in pieces.items():
        if not isinstance(piece, str) or "CREATE TRIGGER" in text:
            yield Mutant(piece, "left out", None)
        for change, start, end, replacement in _changes(text):
            yield Mutant(piece, change, text[:start] + replacement + text[end:])


def _changes(text: str) -> Iterator[tuple[str, int, int, str]]:
    """(what, from, to, replacement) of every change to the SQL."""
    for match in REFUSAL_OF_SQLITE.finditer(text):
        yield f"never refuses: {match[1]}", *match.span(), "  SELECT 1;\n"
    for match in REFUSAL_OF_POSTGRESQL.finditer(text):
        yield f"never refuses: {match[2]} [{match[1]}]", *match.span(1), "false"
    for match in ALWAYS_REFUSED.finditer(text):
        yield f"never refuses: {match[1]}", *match.span(), "\nBEGIN\n  RETURN coalesce(NEW, OLD);\nEND\n"
    for match in WHEN.finditer(text):
        yield "fires always", *match.span(), "\n"
        yield "fires when it must not", *match.span(1), f"NOT ({match[1]})"
    for match in COMPARISON.finditer(text):
        holds = "true" if match[1] in ("IS", "IS NOT DISTINCT FROM") else "false"
        yield f"{holds} for {match[0]}", *match.span(), holds
    for match in re.finditer(r"\.version \+ 1", text):
        yield f"no + 1 at {match.start()}", *match.span(), ".version"
    for match in COPY.finditer(text):
        yield from _changes_of_copy(match)
    for match in re.finditer(r"\('\{([\w,]*)\}'\)", text):  # PostgreSQL: what the seal leaves out
        yield "change_id is not sealed", *match.span(), f"('{{{match[1]},change_id}}')"


def _changes_of_copy(match: re.Match[str]) -> Iterator[tuple[str, int, int, str]]:
    """A column that is not copied, or not sealed."""
    columns, values = match[2].split(", "), _split(match[3])
    for index, column in enumerate(columns):
        kept = [*range(index), *range(index + 1, len(columns))]
        names, rest = ", ".join(columns[i] for i in kept), ", ".join(values[i] for i in kept)
        kind = values[columns.index("history_type")]
        yield f"{kind} does not copy {column}", *match.span(), f"INSERT INTO {match[1]} ({names}) VALUES ({rest});\n"
    seal = SEAL.search(match[0])
    if seal:
        sealed, start = seal[1].split(","), match.start() + seal.start()
        given = _split(match[0][seal.end() : match[0].rindex("))")])
        for index, column in enumerate(sealed):
            names = ",".join(sealed[:index] + sealed[index + 1 :])
            rest = ", ".join(given[:index] + given[index + 1 :])
            end = match.start() + match[0].rindex("))")
            yield f"{kind} does not seal {column}", start, end, f"fintrack_seal('{names}', {rest}"


def _split(text: str) -> list[str]:
    """A list of SQL expressions, taken apart at the commas outside of all parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


class Mutation:
    """A pytest plugin: in place of running the tests once, run them on every mutant."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.results: dict[Mutant, int] = {}
        self.written: dict[str, list[str]] = {}
        self.started = time.monotonic()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take away the tests that look at the text of the triggers, but for one to make the database with."""
        first = next(item for item in items if COMPARING[0] in item.name)
        items[:] = [first, *(item for item in items if not any(words in item.name for words in COMPARING))]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Make the database with the first test, then fork a process for each mutant."""
        run(session, session.items[:1], keep=session.items[1])
        if session.testsfailed:
            return True
        self._honest(session)
        waiting = self._chosen()
        print(f"{len(waiting)} mutants", flush=True)
        running: dict[int, Mutant] = {}
        while waiting or running:
            if time.monotonic() - self.started > self.options.seconds:
                waiting.clear()
            while waiting and len(running) < self.options.processes:
                mutant = waiting.pop()
                running[fork(session, mutant, self._tests(session, mutant))] = mutant
            if not running:
                break
            pid, status = os.wait()
            mutant = running.pop(pid)
            self.results[mutant] = os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else ENDLESS
            if self.results[mutant] != KILLED:
                print(f"{NAMES[self.results[mutant]]}: {mutant}", flush=True)
        return True

    def _honest(self, session: pytest.Session) -> None:
        """The tests pass on the triggers as they are, or no mutant means anything; which tables each writes to."""
        with TemporaryFile("w+") as notes:
            _, status = os.waitpid(fork(session, None, session.items[1:], notes), 0)
            if os.waitstatus_to_exitcode(status) != SURVIVED:
                sys.exit("the tests fail on the triggers as they are")
            notes.seek(0)
            self.written = json.load(notes)

    def _tests(self, session: pytest.Session, mutant: Mutant) -> list[pytest.Item]:
        """The tests that write to the mutant's table, those first that name it; all, where it is of no one table.

        Of a test that is run for each table, the one that is about this table.
        """
        table = table_of(mutant.piece)
        if table is None:
            return session.items[1:]
        writing = [
            item
            for item in session.items[1:]
            if table in self.written[item.nodeid] or item.nodeid.startswith(OWN_CONNECTIONS)
        ]
        about = {item: tables_named(item) for item in writing}
        return sorted(
            (item for item in writing if not about[item] or table in about[item]),
            key=lambda item: table not in about[item],
        )

    def _chosen(self) -> list[Mutant]:
        """The mutants that the options ask for, in an order that the seed decides."""
        found = [mutant for mutant in mutants(pieces()) if re.search(self.options.only, str(mutant))]
        random.Random(self.options.seed).shuffle(found)  # noqa: S311  not a secret
        return found[: self.options.sample]


def pieces() -> dict[Any, str]:
    """All triggers, and on PostgreSQL their functions, by key."""
    from audit.models import recorded_models
    from audit.triggers.tables import recorded_table

    tables = [recorded_table(model) for model in recorded_models()]
    module = dialect()
    functions = module.functions(tables) if hasattr(module, "functions") else {}
    return functions | module.triggers(tables)


def dialect() -> ModuleType:
    """The generator of the database at hand."""
    from django.db import connection

    from audit.triggers import _dialect

    return _dialect(connection)


def tables() -> dict[str, str]:
    """Every recorded table and its table of versions -> the model's name."""
    from audit.models import history_model, recorded_models

    models = recorded_models()
    return {kind._meta.db_table: model.__name__ for model in models for kind in (model, history_model(model))}


def table_of(piece: Any) -> str | None:
    """The table that a trigger or a function is about (the live one, of versions); None where it serves several."""
    from audit.models import history_model, recorded_models

    live = {history_model(model)._meta.db_table: model._meta.db_table for model in recorded_models()}
    found = [table for table in tables() if re.search(rf"(?<![a-z]){table}(?![a-z])", str(piece))]
    return live.get(found[0], found[0]) if found else None


def tables_named(item: pytest.Item) -> set[str]:
    """The table that the test is about, live and of versions, if there is such a test for every table."""
    words = set(re.split(r"[\[\]-]", item.nodeid))
    models = {name for table, name in tables().items() if words & {table, name}}
    return {table for table, name in tables().items() if name in models}


def fork(session: pytest.Session, mutant: Mutant | None, items: list[pytest.Item], notes: Any = None) -> int:
    """The id of a process that tests the mutant (None: the triggers as they are); its exit status is the result.

    Into `notes` it writes which tables each test wrote to.
    """
    from django.db import connection

    if connection.vendor == "postgresql":
        connection.close()
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(PATIENCE_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_CPU_SECONDS, PATIENCE_CPU_SECONDS))
    if mutant is not None:
        output = os.open(os.devnull, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
    result = BROKEN
    try:
        result = tested(session, mutant, items, notes)
    finally:
        os._exit(result)


def tested(session: pytest.Session, mutant: Mutant | None, items: list[pytest.Item], notes: Any) -> int:
    """Whether the tests notice the mutant, in a database of its own."""
    from django.db import DatabaseError, connection
    from pytest_django.plugin import blocking_manager_key

    from audit.triggers import install_triggers

    if mutant is not None:
        plant(mutant)
    with session.config.stash[blocking_manager_key].unblock(), own_database():
        try:
            install_triggers(connection)
        except DatabaseError:
            return INVALID
        written = run(session, items, keep=session.items[0])
        if notes:
            json.dump(written, notes)
            notes.flush()
    return KILLED if session.testsfailed else SURVIVED


def plant(mutant: Mutant) -> None:
    """Let the generator of this process generate the mutant."""
    module = dialect()
    for name in ("functions", "triggers"):
        if hasattr(module, name):
            setattr(module, name, _mutated(getattr(module, name), mutant))


def _mutated(generate: Any, mutant: Mutant) -> Any:
    def generated(tables: Any) -> dict[Any, str]:
        result: dict[Any, str] = generate(tables)
        if mutant.piece in result:
            result.pop(mutant.piece)
            if mutant.text is not None:
                result[mutant.piece] = mutant.text
        return result

    return generated


class own_database:  # noqa: N801  used as a function
    """The test database as it was when this process was forked: on SQLite its own memory, on PostgreSQL a copy."""

    def __enter__(self) -> None:
        from django.db import connection

        self.name = ""
        if connection.vendor == "postgresql":
            template, self.name = connection.settings_dict["NAME"], f"{connection.settings_dict['NAME']}_{os.getpid()}"
            self._execute(f"CREATE DATABASE {self.name} TEMPLATE {template}")
            connection.settings_dict["NAME"] = self.name

    def __exit__(self, *_: object) -> None:
        from django.db import connections

        if self.name:
            connections.close_all()
            self._execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    @staticmethod
    def _execute(statement: str) -> None:
        from django.db import connection

        with connection._nodb_cursor() as cursor:
            cursor.execute(statement)


def run(session: pytest.Session, items: list[pytest.Item], keep: pytest.Item) -> dict[str, list[str]]:
    """Run tests until one fails; the tables that each wrote to. What `keep` needs (the database) stays."""
    from django.db import connection

    written: dict[str, set[str]] = {}
    known = set(tables())

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if WRITING.match(sql):
            written[item.nodeid] |= known & set(re.findall(r"\w+", sql))
        return execute(sql, *arguments)

    for index, item in enumerate(items):
        written[item.nodeid] = set()
        following = items[index + 1] if index + 1 < len(items) else keep
        with connection.execute_wrapper(note):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            break
    return {nodeid: sorted(found) for nodeid, found in written.items()}


def main() -> None:
    """Mutate, test, count."""
    parser = argparse.ArgumentParser(prog="python -m audit.tests.trigger_mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose description matches this regular expression")
    parser.add_argument("--sample", type=int, help="so many mutants, taken at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin with no other mutant after so long")
    parser.add_argument("--processes", type=int, default=2, help="tested at the same time")
    mutation = Mutation(options := parser.parse_args())
    arguments = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:schemathesis", "--capture=no"]
    status = pytest.main([*arguments, *TESTS], plugins=[mutation])
    counts = Counter(mutation.results.values())
    print(
        ", ".join(f"{counts[result]} {NAMES[result]}" for result in (KILLED, SURVIVED, INVALID, BROKEN, ENDLESS)),
        end="",
    )
    print(f", of {len(mutation.results)} in {time.monotonic() - mutation.started:.0f} s (seed {options.seed})")
    if not mutation.results:
        sys.exit(int(status) or 1)


if __name__ == "__main__":
    main()
