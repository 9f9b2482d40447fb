"""Recurring invoices in bulk against single calls: documents made and issued in a second, in one run.

Makes recurring invoices that are due today (--templates), then one run as the worker does it, in this process. Before
and after it single documents are made over HTTP, by one client and one server process: a POST, and another that issues.
Prints the rates and their ratio; verify_books proves the books.

    python benchmarks/recurring.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/recurring.py --templates 100000 --json
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bulk import make_single, rate
from replay_receivables import ADMIN, Client, manage, own_installation

CUSTOMERS = 200


def use_database(environment: dict[str, str]) -> None:
    """Let this process work on the installation's database."""
    import django

    os.environ.update(environment)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
    django.setup()


def make_templates(count: int, lines: int, on_run: str) -> None:
    """Recurring invoices of one company that are due today, written as the services write them, many at once."""
    from django.db import transaction

    from audit.actors import SYSTEM
    from audit.services import ENTRIES_AT_ONCE, insert_rows, recording_each
    from invoices.recurring.services import create_recurring
    from invoices.services import Item
    from parties.models import Company
    from parties.services import create_customer

    company = Company.objects.get()
    customers = [
        create_customer(actor=SYSTEM, company=company, name=f"Customer {number}", email=f"c{number}@example.test")
        for number in range(CUSTOMERS)
    ]
    items = [Item(f"Line {number}, {{period}}", 2, "19.99") for number in range(lines)]
    first = create_recurring(
        actor=SYSTEM, company=company, customer_id=customers[0].pk, name="Rent", items=items, on_run=on_run
    )
    values, line_values = values_of(first), [values_of(line) for line in first.lines.all()]
    for start in range(1, count, ENTRIES_AT_ONCE):
        numbers = range(start, min(start + ENTRIES_AT_ONCE, count))
        ids = [company.pk] * len(numbers)
        with (
            transaction.atomic(),
            recording_each(actor=SYSTEM, action="recurring_invoice.created", company_ids=ids) as changes,
        ):
            new = [
                type(first)(**values | {"customer": customers[number % CUSTOMERS], "change": change})
                for number, change in zip(numbers, changes, strict=True)
            ]
            insert_rows(new)
            line_model = type(first.lines.first())
            insert_rows(
                [
                    line_model(**line | {"recurring_invoice": row, "change": row.change})
                    for row in new
                    for line in line_values
                ]
            )


def values_of(row: Any) -> dict[str, Any]:
    """The columns of the row that another one can have, too."""
    own = ("id", "version", "change", "created_at")
    return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields if field.name not in own}


def run_due(count: int) -> None:
    """The run, as the worker does it."""
    from django.utils import timezone

    from invoices.recurring.run import Tally, run_all_due

    done = run_all_due(now=timezone.now())
    if done != Tally(made=count):
        sys.exit(f"{done} instead of {count} invoices")


def single_rate(url: str, password: str, options: argparse.Namespace) -> float:
    """Documents in a second, one by one, over a connection of their own."""
    client = Client(url)
    client.sign_in(ADMIN, password)
    customer_id = client.post("/api/customers", {"name": "Acme"})["id"]
    make_single(client, customer_id, options.lines, options.single // 10)  # not counted
    return rate(lambda: make_single(client, customer_id, options.lines, options.single), options.single)


def compare(url: str, password: str, options: argparse.Namespace) -> dict[str, float]:
    """Documents in a second: single, before and after, and in the run."""
    before = single_rate(url, password, options)
    recurring = rate(lambda: run_due(options.templates), options.templates)
    rates = {"single": statistics.mean((before, single_rate(url, password, options))), "recurring": recurring}
    return rates | {"ratio": rates["recurring"] / rates["single"], "templates": options.templates}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", type=int, default=5_000, help="how many are due")
    parser.add_argument("--single", type=int, default=100, help="documents of a round, one by one")
    parser.add_argument("--lines", type=int, default=2)
    parser.add_argument("--on-run", choices=("draft", "issue", "send"), default="issue")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with own_installation() as (url, environment, password):
        use_database(environment)
        make_templates(options.templates, options.lines, options.on_run)
        rates = compare(url, password, options)
        manage(environment, "verify_books")
    if options.json:
        print(json.dumps({name: round(value, 1) for name, value in rates.items()}))
        return
    print(f"{'':10}{'documents/s':>14}")
    for name in ("single", "recurring"):
        print(f"{name:10}{rates[name]:14.1f}")
    print(f"{'ratio':10}{rates['ratio']:14.1f}")


if __name__ == "__main__":
    main()
