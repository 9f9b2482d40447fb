"""What recording costs: the same commands with the recording triggers and without them, in turn, in one run.

Prints, for each command, the application's CPU and the elapsed time per operation, and the ratio of both. Runs on a
database of its own: SQLite in a temporary folder, or a new one on the server that DATABASE_URL names.

    python benchmarks/recording_cost.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/recording_cost.py --json
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from replay_receivables import new_environment

COMMANDS = ("create", "issue", "pay")


def measured(work: Callable[[], Any], count: int) -> tuple[float, float]:
    """CPU and elapsed milliseconds of one of `count` operations that `work` does."""
    cpu, elapsed = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) * 1000 / count, (time.perf_counter() - elapsed) * 1000 / count


def one_round(actor: Any, company: Any, customer: Any, count: int) -> dict[str, tuple[float, float]]:
    """`count` invoices of five lines created, issued and paid: the cost of each command."""
    from invoices.services import Item, create_draft, issue_invoice
    from payments.services import apply_payment

    items = [Item(f"Line {number}", Decimal(2), Decimal("19.99")) for number in range(5)]
    ids: list[int] = []

    def create() -> None:
        for _ in range(count):
            ids.append(create_draft(actor=actor, company=company, customer_id=customer.pk, items=items).pk)

    def issue() -> None:
        for invoice_id in ids:
            issue_invoice(actor=actor, invoice_id=invoice_id)

    def pay() -> None:
        for invoice_id in ids:
            apply_payment(actor=actor, invoice_id=invoice_id, amount=Decimal("10"), reference="EFT")

    return {name: measured(work, count) for name, work in zip(COMMANDS, (create, issue, pay), strict=True)}


def compare(rounds: int, count: int) -> dict[str, dict[str, float]]:
    """The medians over `rounds` rounds of each kind, in turn, after one that is not counted."""
    from django.db import connection

    from audit.actors import SYSTEM
    from audit.triggers import drop_triggers, install_triggers
    from parties.services import create_company, create_customer

    company = create_company(
        actor=SYSTEM, name="Bench", currency="ZAR", vat_number="4", default_vat_rate=Decimal("0.15")
    )
    customer = create_customer(actor=SYSTEM, company=company, name="Customer")
    costs: dict[bool, list[dict[str, tuple[float, float]]]] = {True: [], False: []}
    for number in range(rounds + 1):
        for recorded in (True, False):
            (install_triggers if recorded else drop_triggers)(connection)
            cost = one_round(SYSTEM, company, customer, count)
            if number:
                costs[recorded].append(cost)
    return {name: summary(name, costs) for name in COMMANDS}


def summary(name: str, costs: dict[bool, list[dict[str, tuple[float, float]]]]) -> dict[str, float]:
    """Medians of one command, with and without recording, and the median of the ratios of neighbouring rounds."""
    pairs = [(with_it[name], without[name]) for with_it, without in zip(costs[True], costs[False], strict=True)]
    return {
        "cpu_ms_recorded": round(statistics.median(pair[0][0] for pair in pairs), 3),
        "cpu_ms_unrecorded": round(statistics.median(pair[1][0] for pair in pairs), 3),
        "cpu_ratio": round(statistics.median(pair[0][0] / pair[1][0] for pair in pairs), 3),
        "elapsed_ms_recorded": round(statistics.median(pair[0][1] for pair in pairs), 3),
        "elapsed_ms_unrecorded": round(statistics.median(pair[1][1] for pair in pairs), 3),
        "elapsed_ratio": round(statistics.median(pair[0][1] / pair[1][1] for pair in pairs), 3),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=60, help="invoices per round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(new_environment(folder))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        results = compare(options.rounds, options.count)
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(
        f"{'command':8} {'CPU with':>10} {'without':>9} {'ratio':>6}   {'elapsed with':>12} {'without':>9} {'ratio':>6}"
    )
    for name, row in results.items():
        cpu, unrecorded, ratio, elapsed, elapsed_without, elapsed_ratio = row.values()
        print(
            f"{name:8} {cpu:8.2f}ms {unrecorded:7.2f}ms {ratio:6.2f}   "
            f"{elapsed:10.2f}ms {elapsed_without:7.2f}ms {elapsed_ratio:6.2f}"
        )


if __name__ == "__main__":
    main()
