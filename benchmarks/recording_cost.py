"""What recording costs: the same commands with the recording triggers and without them, in turn, in one run.

Prints, for each command, the application's CPU, the elapsed time and, on PostgreSQL, the database's time per operation
(that in which the server was busy with our statements, commits included: `active_time` of pg_stat_database), and the
ratio of each. Runs on a database of its own: SQLite's in a temporary folder, or on the server that DATABASE_URL names.

    python benchmarks/recording_cost.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/recording_cost.py --json
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stage import Goal, as_json, at_most, own_database, print_goals, print_table, set_up_django

COMMANDS = ("create", "issue", "pay")
CPU, ELAPSED, DATABASE = "CPU ms", "elapsed ms", "database ms"
BOUNDS = {CPU: 1.35, DATABASE: 1.5}
Cost = dict[str, float]


def measured(work: Callable[[], Any], count: int) -> Cost:
    """The cost in milliseconds of one of `count` operations that `work` does."""
    before = busy_ms()
    cpu, elapsed = time.process_time(), time.perf_counter()
    work()
    cost = {
        CPU: (time.process_time() - cpu) * 1000 / count,
        ELAPSED: (time.perf_counter() - elapsed) * 1000 / count,
    }
    return cost if before is None else {**cost, DATABASE: ((busy_ms() or before) - before) / count}


def busy_ms() -> float | None:
    """How long PostgreSQL has been busy with this database so far, to the last statement; None for SQLite."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT active_time FROM pg_stat_database WHERE datname = current_database()")
        return float(cursor.fetchone()[0])


def one_round(actor: Any, company: Any, customer: Any, count: int) -> dict[str, Cost]:
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


def compare(rounds: int, count: int) -> dict[str, Cost]:
    """The medians over `rounds` rounds of each kind, in turn, after one that is not counted."""
    from django.db import connection

    from audit.actors import SYSTEM
    from audit.triggers import drop_triggers, install_triggers
    from parties.services import create_company, create_customer

    company = create_company(
        actor=SYSTEM, name="Bench", currency="ZAR", vat_number="4", default_vat_rate=Decimal("0.15")
    )
    customer = create_customer(actor=SYSTEM, company=company, name="Customer")
    costs: dict[bool, list[dict[str, Cost]]] = {True: [], False: []}
    for number in range(rounds + 1):
        for recorded in (True, False):
            (install_triggers if recorded else drop_triggers)(connection)
            cost = one_round(SYSTEM, company, customer, count)
            if number:
                costs[recorded].append({**cost, "all three": added(cost)})
    return {name: summary(name, costs) for name in (*COMMANDS, "all three")}


def added(cost: Mapping[str, Cost]) -> Cost:
    """The cost of the three commands together."""
    return {unit: sum(one[unit] for one in cost.values()) for unit in cost["pay"]}


def summary(name: str, costs: Mapping[bool, list[dict[str, Cost]]]) -> Cost:
    """Medians of one command, with and without recording, and the median of the ratios of neighbouring rounds."""
    pairs = [(with_it[name], without[name]) for with_it, without in zip(costs[True], costs[False], strict=True)]
    row = {}
    for unit in pairs[0][0]:
        row[unit] = statistics.median(recorded[unit] for recorded, _ in pairs)
        row[f"without {unit}"] = statistics.median(unrecorded[unit] for _, unrecorded in pairs)
        row[f"{unit.split()[0]} ratio"] = statistics.median(one[unit] / other[unit] for one, other in pairs)
    return row


def goals(rows: Mapping[str, Cost]) -> list[Goal]:
    """What history may cost, over the three commands; the database's time is known on PostgreSQL only."""
    names = {CPU: "CPU", DATABASE: "database time"}
    ratios = {unit: rows["all three"].get(f"{unit.split()[0]} ratio") for unit in BOUNDS}
    return [
        at_most(f"history: {names[unit]} of the same writes without it", BOUNDS[unit], ratio)
        for unit, ratio in ratios.items()
        if ratio is not None
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=60, help="invoices per round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with own_database() as environment:
        set_up_django(environment)
        rows = compare(options.rounds, options.count)
    if options.json:
        print(as_json(rows, goals(rows)))
        return
    print_table(rows)
    print_goals(goals(rows))


if __name__ == "__main__":
    main()
