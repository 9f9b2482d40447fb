"""What each report costs on large books, in times of `SELECT 1` through the same stack, in process.

The books are such as large_books.py makes; nothing is written. Every route of the reports room is measured as it is
without parameters, and those over days also over all five years of the books.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/million python benchmarks/reports_speed.py
"""

import argparse
import os
import statistics
import time
from collections.abc import Mapping
from typing import Any

from growth import signed_in_client
from stage import Goal, as_json, at_most, print_goals, print_table, served_environment, set_up_django

YARDSTICK, BOUND = "SELECT 1", 50
ALL_YEARS = "?from=2021-01-01&to=2025-12-31"
OVER_DAYS = ("reports/revenue", "reports/vat")


def paths() -> dict[str, str]:
    """The name and the address of each measurement."""
    from reports.urls import urlpatterns

    routes = [str(pattern.pattern) for pattern in urlpatterns]
    found = {YARDSTICK: "/select-1", **{route: f"/api/{route}" for route in routes if "<" not in route}}
    return found | {f"{route}, five years": f"/api/{route}{ALL_YEARS}" for route in OVER_DAYS if route in routes}


def milliseconds(client: Any, path: str) -> tuple[float, float]:
    """The time of one reply, and this process's CPU for it."""
    started, used = time.perf_counter(), time.process_time()
    reply = client.get(path)
    cost = (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000
    assert reply.status_code == 200, (path, reply.content)
    return cost


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds, each of which asks for everything once, after one that warms up."""
    client, addresses = signed_in_client(), paths()
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in addresses}
    for number in range(rounds + 1):
        for name, path in addresses.items():
            cost = milliseconds(client, path)
            if number:
                costs[name].append(cost)
    rows = {}
    for name, pairs in costs.items():
        elapsed, cpu = (statistics.median(pair[place] for pair in pairs) for place in (0, 1))
        ratios = [pair[0] / one[0] for pair, one in zip(pairs, costs[YARDSTICK], strict=True)]
        rows[name] = {"elapsed ms": elapsed, "CPU ms": cpu, "ratio": statistics.median(ratios)}
    return rows


def goals(rows: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    """One goal for each report."""
    return [
        at_most(f"{name}: times of SELECT 1 through the same stack", BOUND, row["ratio"])
        for name, row in rows.items()
        if name != YARDSTICK
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    set_up_django({**served_environment(os.environ.get("DATABASE_URL", "")), "DJANGO_SETTINGS_MODULE": "probe"})
    rows = measure(options.rounds)
    if options.json:
        print(as_json(rows, goals(rows)))
        return
    print_table(rows)
    print_goals(goals(rows))


if __name__ == "__main__":
    main()
