"""Eight clients pay one invoice at once, beside eight clients who pay an invoice each: what waiting in line costs.

A payment holds its invoice from its first look to the commit, so that payments of one invoice come one after the other.
No payment may be lost or counted twice: what is paid is compared with what was sent.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/hot_invoice.py
"""

import argparse
import secrets
import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal

from stage import (
    CLIENTS,
    Call,
    Goal,
    Server,
    as_json,
    at_least,
    fintrack_served,
    load,
    own_books,
    print_goals,
    print_table,
)

HOT, APART = "one invoice", f"{CLIENTS} invoices"
CENT = Decimal("0.01")
INVOICES = 1_000
SHARE = 0.25
"""The rate on one invoice to be reached, of that on eight: a line of eight may move at a quarter of the pace."""


def payments(invoices: Sequence[int], count: int) -> list[Call]:
    """Payments of a cent, of the invoices in turn."""
    return [
        Call("POST", f"/api/invoices/{invoices[number % len(invoices)]}/payments", {"amount": str(CENT)}, _key())
        for number in range(count)
    ]


def _key() -> str:
    return secrets.token_hex(16)


def compare(server: Server, rounds: int, count: int) -> list[dict[str, dict[str, float]]]:
    """Both kinds in turn, round after round, each on other invoices, after a round that warms up."""
    payable = range(2, INVOICES, 20)  # issued, as large_books.py makes them, and far from paid by so many cents
    results = []
    for number in range(rounds + 1):
        apart = payable[number * CLIENTS : (number + 1) * CLIENTS]
        plans = {HOT: payments(payable[-1 - number : -number or None], count), APART: payments(apart, count)}
        rows = {name: load(server, plan, expected=201, in_lanes=True) for name, plan in plans.items()}
        if number:
            results.append(rows)
    return results


def medians(results: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """The medians over the rounds of each kind."""
    units = ("per_second", "median_ms", "slow_ms", "cpu_ms")
    return {
        name: {unit: statistics.median(result[name][unit] for result in results) for unit in units}
        for name in (HOT, APART)
    }


def lost_cents(environment: Mapping[str, str], sent: int) -> int:
    """How many of the payments sent are not in the books, or not in what their invoice says is paid."""
    import psycopg

    query = "SELECT count(*) FROM payments_payment WHERE amount = 0.01"
    agree = (
        "SELECT count(*) FROM invoices_invoice WHERE paid <> "
        "(SELECT coalesce(sum(amount), 0) FROM payments_payment WHERE invoice_id = invoices_invoice.id)"
    )
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        booked, wrong = (connection.execute(text).fetchone() or (0,) for text in (query, agree))
    return sent - int(booked[0]) + int(wrong[0])


def goals(results: Sequence[Mapping[str, Mapping[str, float]]], lost: int) -> list[Goal]:
    """The line moves on, and nothing is lost in it."""
    share = statistics.median(result[HOT]["per_second"] / result[APART]["per_second"] for result in results)
    return [
        at_least(f"{CLIENTS} clients on one invoice: rate of {CLIENTS} clients on {CLIENTS} invoices", SHARE, share),
        Goal(f"{CLIENTS} clients on one invoice: payments lost or counted twice", "0", str(lost), lost == 0),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=400, help="payments of each kind in a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with own_books(INVOICES) as environment:
        with fintrack_served(environment) as server:
            results = compare(server, options.rounds, options.count)
        table = goals(results, lost_cents(environment, 2 * options.count * (options.rounds + 1)))
    if options.json:
        print(as_json(medians(results), table))
        return
    print_table(medians(results))
    print_goals(table)


if __name__ == "__main__":
    main()
