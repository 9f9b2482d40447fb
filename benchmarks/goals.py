"""All benchmarks, one after the other, and the table of goals: what was to be reached, and what was.

By default in some minutes, on books of 2,000 and 50,000 invoices made for the purpose; --full takes the sizes that the
goals name (10,000 and 1,000,000: the books alone take ten minutes and 6 GB) and more rounds. --small and --large
name databases of large_books.py that are there already; they stay as they are.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/goals.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/goals.py --small small --large large
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stage import FOLDER, Goal, at_least, at_most, own_books, postgresql_server, print_goals

QUICK_SIZES, FULL_SIZES = (2_000, 50_000), (10_000, 1_000_000)
QUICK = {
    "operations.py": ["--rounds", "3", "--count", "300"],
    "recording_cost.py": ["--rounds", "5", "--count", "30"],
    "hot_invoice.py": ["--rounds", "2", "--count", "200"],
    "growth.py": ["--rounds", "80"],
    "lists.py": ["--rounds", "2"],
    "admin_pages.py": ["--rounds", "4"],
    "recurring.py": ["--templates", "1000", "--single", "50"],
}
"""Arguments of the short run; the full one takes each script's own defaults."""
LIST_GOALS = {
    "cpu of a bare view": ("list, any filter, order or search: CPU of bare views", 6),
    "growth": ("list, any filter or order: growth", 1.3),
    "of one invoice": ("search: times of one invoice by its id", 2),
    "growth of feed": ("audit feed, any filter: growth", 1.5),
    "of SELECT 1": ("report: times of SELECT 1", 50),
    "dashboard of SELECT 1": ("dashboard: times of SELECT 1", 20),
    "growth of dashboard": ("dashboard: growth", 1.5),
}
"""The kind of ratio that lists.py prints -> words, and what is to be reached."""
PDF_MS, BULK_RATE = 10, 20


def run(script: str, arguments: Sequence[str], *, short: bool, database: str | None = "postgres") -> str:
    """What the script prints, with that database, or SQLite. One that fails ends nothing else."""
    command = [sys.executable, str(FOLDER / script), *arguments, *(QUICK.get(script, []) if short else []), "--json"]
    print(f"{time.strftime('%H:%M:%S')} {script} {' '.join(arguments)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DATABASE_URL": f"{postgresql_server()}/{database}" if database else ""}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout


def goals_of(output: str) -> list[Goal]:
    """The part of the table that a script brings along."""
    return [Goal(**goal) for goal in json.loads(output)["goals"]]


def list_goals(output: str) -> list[Goal]:
    """The worst of what lists.py measured, for each kind of ratio."""
    worst: dict[str, tuple[float, str]] = {}
    for row in map(json.loads, output.splitlines()):
        for ratio, value in row["ratios"].items():
            kind = "growth of feed" if ratio == "growth" and row["question"].startswith("feed") else ratio
            worst[kind] = max(worst.get(kind, (0.0, "")), (value, row["question"]))
    return [
        at_most(f"{words} (worst: {worst[kind][1]})", bound, worst[kind][0])
        for kind, (words, bound) in LIST_GOALS.items()
        if kind in worst
    ]


def bulk_goals(output: str) -> list[Goal]:
    """What bulk.py measured."""
    return [at_least("bulk: rate of single commands", BULK_RATE, json.loads(output.splitlines()[-1])["ratio"])]


def recurring_goals(output: str) -> list[Goal]:
    """What recurring.py measured."""
    return [at_least("recurring run: rate of single commands", BULK_RATE, json.loads(output.splitlines()[-1])["ratio"])]


def pdf_goals(output: str) -> list[Goal]:
    """What pdf_speed.py measured."""
    return [at_most("PDF of one page: CPU", PDF_MS, json.loads(output)["lines_5_cpu_ms"], " ms")]


def measure(small: str, large: str, *, short: bool) -> Iterator[list[Goal]]:
    """The goals of one benchmark after the other; what fails has met none."""
    server = postgresql_server()
    both = ["--small", f"{server}/{small}", "--large", f"{server}/{large}"]
    outputs: list[tuple[str, Callable[[str], list[Goal]], list[str], str | None]] = [
        ("operations.py", goals_of, [], "postgres"),
        ("recording_cost.py", goals_of, [], "postgres"),
        ("hot_invoice.py", goals_of, [], "postgres"),
        ("growth.py", goals_of, [small, large], "postgres"),
        ("lists.py", list_goals, both, "postgres"),
        ("admin_pages.py", goals_of, both, "postgres"),
        ("bulk.py", bulk_goals, [], None),
        ("recurring.py", recurring_goals, [], None),
        ("pdf_speed.py", pdf_goals, [], None),
    ]
    for script, goals_in, arguments, database in outputs:
        output = run(script, arguments, short=short, database=database)
        try:
            yield goals_in(output)
        except (ValueError, LookupError):  # it broke off, and said why
            yield [Goal(f"{script} failed", "-", "-", met=False)]


@contextmanager
def two_books(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The names of the small and the large books: those that are given, or such as are made for the purpose."""
    if options.small and options.large:
        yield options.small, options.large
        return
    few, many = FULL_SIZES if options.full else QUICK_SIZES
    with own_books(few) as small, own_books(many) as large:
        yield small["DATABASE_URL"].rpartition("/")[2], large["DATABASE_URL"].rpartition("/")[2]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all rounds, on 10,000 and 1,000,000 invoices")
    parser.add_argument("--small", help="the name of a database of large_books.py, taken together with --large")
    parser.add_argument("--large")
    parser.add_argument("--json", type=Path, help="a file that takes the table as JSON as well")
    options = parser.parse_args()
    table: list[Goal] = []
    with two_books(options) as (small, large):
        for goals in measure(small, large, short=not options.full):
            table += goals
            print_goals(goals)
    print("\nAll goals")
    print_goals(table)
    print(f"\n{sum(goal.met for goal in table)} of {len(table)} met")
    if options.json:
        result: list[dict[str, Any]] = [asdict(goal) for goal in table]
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
