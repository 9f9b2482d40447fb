"""The web server: gunicorn with threads (as the image has it), gunicorn's sync worker, and granian, side by side.

A bare view, `SELECT 1` through the whole stack, a read and a payment, in turn, round after round, with two workers and
eight clients; access logs on. granian is left out where it is not installed; it is no part of the program, so let it be
found outside of the environment:

    pip install --target /tmp/granian granian
    PYTHONPATH=/tmp/granian DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/servers.py
"""

import argparse
import importlib.util
import os
import random
import secrets
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from replay_receivables import free_port
from stage import (
    FULL_STACK,
    THREADS,
    WORKERS,
    Call,
    Server,
    as_json,
    gunicorn,
    load,
    own_books,
    print_table,
    served,
)

INVOICES = 5_000
PAYABLE = [number for number in range(1, INVOICES) if number % 20 in (2, 3, 4, 5)]
"""Issued or paid in part, as large_books.py makes them."""
BASELINE = "gunicorn gthread"
Rows = dict[str, dict[str, float]]


def granian(application: str, port: int) -> list[str]:
    """The command that serves with granian, with as many workers and threads."""
    options = ["--interface=wsgi", "--host=127.0.0.1", f"--port={port}", f"--workers={WORKERS}"]
    options += [f"--blocking-threads={THREADS}", "--no-ws", "--access-log", "--log-level=warning"]
    return [sys.executable, "-m", "granian", application, *options]


def commands(application: str, port: int) -> dict[str, list[str]]:
    """The command of each server there is."""
    found = {BASELINE: gunicorn(application, port), "gunicorn sync": gunicorn(application, port, "sync")}
    if importlib.util.find_spec("granian"):
        found["granian"] = granian(application, port)
    return found


OPERATIONS = {
    "bare DRF view": ("bare:drf", 4, 200),
    "SELECT 1": (FULL_STACK, 2, 200),
    "read one invoice": (FULL_STACK, 1, 200),
    "pay": (FULL_STACK, 1, 201),
}
"""Operation -> the application it is for, how many are done where others are done once, the status of its replies."""


def calls(operation: str, count: int) -> list[Call]:
    """New requests: a payment bears a key of its own, for a repeated one would only be looked up."""
    if operation == "pay":
        return [
            Call("POST", f"/api/invoices/{invoice}/payments", {"amount": "0.01"}, secrets.token_hex(16))
            for invoice in random.sample(PAYABLE, count)
        ]
    if operation == "read one invoice":
        return [Call("GET", f"/api/invoices/{invoice}") for invoice in random.sample(range(1, INVOICES), count)]
    return [Call("GET", "/drf" if operation.startswith("bare") else "/select-1")] * count


def compare(environment: Mapping[str, str], rounds: int, count: int) -> list[dict[str, Rows]]:
    """For each round, operation and server: rate, CPU and times; a short round before warms up."""
    names = list(commands("", 0))
    with ExitStack() as stack:
        running: dict[tuple[str, str], Server] = {}
        for name in names:
            for application in (FULL_STACK, "bare:drf"):
                port = free_port()
                own = application == FULL_STACK
                # granian wants the name of the application too; gunicorn takes it as well.
                command = commands(f"{application}:application" if own else application, port)[name]
                probed = {**environment, "DJANGO_SETTINGS_MODULE": "probe"} if own else dict(os.environ)
                running[name, application] = stack.enter_context(served(command, port, probed, signed_in=own))
        results = []
        for number in range(rounds + 1):
            result: dict[str, Rows] = {operation: {name: {} for name in names} for operation in OPERATIONS}
            for operation, (application, times, expected) in OPERATIONS.items():
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    plan = calls(operation, times * (count if number else count // 4))
                    result[operation][name] = load(running[name, application], plan, expected=expected)
            results.append(result)
        memory = {name: running[name, FULL_STACK].memory_mb() for name in names}
    for rows in results:
        for name in names:
            rows["pay"][name]["memory_mb"] = memory[name]
    return results[1:]


def medians(results: Sequence[Mapping[str, Rows]]) -> Rows:
    """The medians over the rounds, with the ratio of each rate to that of the server that the image has."""
    rows: Rows = {}
    for operation, servers in results[0].items():
        for name, figures in servers.items():
            units = [unit for unit in figures if unit != "ids"]
            row = {unit: statistics.median(result[operation][name][unit] for result in results) for unit in units}
            row["rate ratio"] = statistics.median(
                result[operation][name]["per_second"] / result[operation][BASELINE]["per_second"] for result in results
            )
            rows[f"{operation}: {name}"] = row
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=400, help="requests of a kind in a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with own_books(INVOICES) as environment:
        rows = medians(compare(environment, options.rounds, options.count))
    if options.json:
        print(as_json(rows, []))
        return
    print_table(rows)


if __name__ == "__main__":
    main()
