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
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stage import FOLDER, Goal, at_most, own_books, postgresql_server, print_goals

QUICK_SIZES, FULL_SIZES = (2_000, 50_000), (10_000, 1_000_000)
QUICK = {
    "operations.py": ["--rounds", "3", "--count", "300"],
    "recording_cost.py": ["--rounds", "5", "--count", "30"],
    "hot_invoice.py": ["--rounds", "2", "--count", "200"],
    "growth.py": ["--rounds", "16"],
    "lists.py": ["--rounds", "5"],
    "reports_speed.py": ["--rounds", "5"],
}
"""Arguments of the short run; the full one takes each script's own defaults."""
SEARCH = "search"
FIRST_PAGE = "first page"
PDF_MS = 10


def run(script: str, arguments: Sequence[str], *, short: bool, database: str | None = "postgres") -> str:
    """What the script prints, with that database, or SQLite; nothing where it fails, which is said and ends no more."""
    command = [sys.executable, str(FOLDER / script), *arguments, *(QUICK.get(script, []) if short else []), "--json"]
    print(f"{time.strftime('%H:%M:%S')} {script} {' '.join(arguments)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DATABASE_URL": f"{postgresql_server()}/{database}" if database else ""}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"{script} failed", file=sys.stderr)
        return ""
    return done.stdout


def goals_of(output: str) -> list[Goal]:
    """The part of the table that a script brings along."""
    return [Goal(**goal) for goal in json.loads(output)["goals"]] if output else []


def list_goals(small: str, large: str) -> list[Goal]:
    """What lists.py measured in small and in large books: pages are flat, and a search costs a page or two."""
    before, after = (
        {row["query"]: row["milliseconds"] for row in map(json.loads, text.splitlines())} for text in (small, large)
    )
    if not (before and after):
        return []
    pages = [name for name in after if not name.startswith(SEARCH)]
    searches = [name for name in after if name.startswith(SEARCH)]
    worst = max(pages, key=lambda name: after[name] / before[name])
    slowest = max(searches, key=lambda name: after[name])
    page = statistics.median(after[name] for name in pages)
    return [
        at_most(f"page of 50, worst growth ({worst})", 1.3, after[worst] / before[worst]),
        at_most(f"search, slowest ({slowest}): times of a page", 2, after[slowest] / page),
    ]


def pdf_goals(output: str) -> list[Goal]:
    """What pdf_speed.py measured."""
    return [at_most("PDF of one page: CPU", PDF_MS, json.loads(output)["lines_5_cpu_ms"], " ms")] if output else []


def measure(small: str, large: str, *, short: bool) -> Iterator[list[Goal]]:
    """The goals of one benchmark after the other."""
    yield goals_of(run("operations.py", [], short=short))
    yield goals_of(run("recording_cost.py", [], short=short))
    yield goals_of(run("hot_invoice.py", [], short=short))
    yield goals_of(run("growth.py", [small, large], short=short))
    yield list_goals(*(run("lists.py", [], short=short, database=books) for books in (small, large)))
    yield goals_of(run("reports_speed.py", [], short=short, database=large))
    if (FOLDER / "bulk.py").exists():
        yield goals_of(run("bulk.py", [], short=short))
    yield pdf_goals(run("pdf_speed.py", [], short=short, database=None))


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
