"""Invoices in bulk against single calls: documents made and issued in a second over HTTP, in turn, in one run.

One client, one server process. A single document is two requests (POST, then issue); a bulk is one request for many
documents, each made and issued. Prints the medians of the rounds and their ratio; verify_books proves the books.

    python benchmarks/bulk.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/bulk.py --json
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from replay_receivables import ADMIN, Client, manage, own_installation


def body(customer_id: int, lines: int) -> dict[str, Any]:
    """An invoice of `lines` lines."""
    items = [{"description": f"Line {number}", "qty": "2", "unitPrice": "19.99"} for number in range(lines)]
    return {"customerId": customer_id, "items": items}


def make_single(client: Client, customer_id: int, lines: int, count: int) -> None:
    """`count` documents, each made by one request and issued by another."""
    for _ in range(count):
        draft = client.post("/api/invoices", body(customer_id, lines))
        client.post(f"/api/invoices/{draft['id']}/issue", {"version": draft["version"]})


def make_in_bulk(client: Client, customer_id: int, lines: int, count: int) -> None:
    """`count` documents, made and issued by one request."""
    rows = [body(customer_id, lines) | {"issue": True}] * count
    reply = client.post("/api/invoices/bulk", {"action": "create", "invoices": rows})
    if reply["refused"]:
        sys.exit(f"{reply['refused']} of {count} rows were refused")


def rate(work: Callable[[], None], count: int) -> float:
    """Documents in a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def compare(client: Client, options: argparse.Namespace) -> dict[str, float]:
    """The median rates over the rounds, each kind in turn, after one round that is not counted."""
    customer_id = client.post("/api/customers", {"name": "Acme"})["id"]
    single, bulk = [], []
    for _ in range(options.rounds + 1):
        shared = (client, customer_id, options.lines)
        single.append(rate(lambda shared=shared: make_single(*shared, options.single), options.single))
        bulk.append(rate(lambda shared=shared: make_in_bulk(*shared, options.bulk), options.bulk))
    rates = {"single": statistics.median(single[1:]), "bulk": statistics.median(bulk[1:])}
    return rates | {"ratio": rates["bulk"] / rates["single"]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--single", type=int, default=50, help="documents of a round, one by one")
    parser.add_argument("--bulk", type=int, default=1_000, help="documents of a round, in bulk")
    parser.add_argument("--lines", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with own_installation() as (url, environment, password):
        client = Client(url)
        client.sign_in(ADMIN, password)
        rates = compare(client, options)
        manage(environment, "verify_books")
    if options.json:
        print(json.dumps({name: round(value, 1) for name, value in rates.items()}))
        return
    print(f"{'':8}{'documents/s':>14}")
    for name in ("single", "bulk"):
        print(f"{name:8}{rates[name]:14.1f}")
    print(f"{'ratio':8}{rates['ratio']:14.1f}")


if __name__ == "__main__":
    main()
