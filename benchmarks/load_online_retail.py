"""Load half of the UCI Online Retail set through the services, and compare every total with the published one.

Each document whose lines all have a positive quantity, a description and a customer becomes an issued invoice at VAT 0,
and its total must equal the sum of its lines rounded to two decimals. What the services refuse is counted by reason.
Runs on a database of its own: SQLite in a temporary folder, or a new one on the server that DATABASE_URL names.

    python benchmarks/load_online_retail.py --limit 500
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/load python benchmarks/load_online_retail.py
"""

import argparse
import csv
import lzma
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from replay_receivables import PROGRESS_EVERY_SECONDS, SAMPLES, new_environment

LINES_FILE = SAMPLES / "transactions" / "online_retail.csv.xz"
TOTALS_FILE = SAMPLES / "transactions" / "online_retail_invoice_totals.csv"

Row = dict[str, str]


def documents() -> Iterator[tuple[str, list[Row]]]:
    """Each document's number and lines, in the order of the file."""
    with lzma.open(LINES_FILE, "rt", encoding="utf-8", newline="") as file:
        for number, rows in groupby(csv.DictReader(file), key=itemgetter("InvoiceNo")):
            yield number, list(rows)


def published_totals() -> dict[str, Decimal]:
    """The published total of each document, its lines rounded to two decimals."""
    with TOTALS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["invoice"]: Decimal(row["total_2dp_lines"]) for row in csv.DictReader(file)}


class Loader:
    """Loads documents into one company, and counts what came of them."""

    def __init__(self) -> None:
        from audit.actors import SystemActor
        from parties.services import create_company

        self.actor = SystemActor("system:load")
        self.company = create_company(actor=self.actor, name="Online Retail", currency="GBP", vat_number="GB1")
        self.customers: dict[str, int] = {}
        self.expected = published_totals()
        self.refused: Counter[str] = Counter()
        self.loaded = self.lines = 0

    def load(self, number: str, rows: list[Row]) -> None:
        """One document: issued, or counted with the reason why not. Ends the run where a total differs."""
        from core.errors import DomainError

        if not rows[0]["CustomerID"]:
            self.refused["no customer"] += 1
            return
        try:
            total = self.issue(rows)
        except DomainError as error:
            self.refused[error.detail] += 1
            return
        if total != self.expected[number]:
            sys.exit(f"document {number}: total {total}, published {self.expected[number]}")
        self.loaded += 1
        self.lines += len(rows)

    def issue(self, rows: list[Row]) -> Decimal:
        """The total of the invoice that `rows` become. Raises a DomainError where the services refuse them."""
        from invoices.services import Item, create_draft, issue_invoice

        items = [
            Item(row["Description"], Decimal(row["Quantity"]), Decimal(row["UnitPrice"]), Decimal(0)) for row in rows
        ]
        draft = create_draft(
            actor=self.actor,
            company=self.company,
            customer_id=self.customer(rows[0]["CustomerID"]),
            issue_date=date.fromisoformat(rows[0]["InvoiceDate"][:10]),
            items=items,
        )
        return issue_invoice(actor=self.actor, invoice_id=draft.pk).total

    def customer(self, name: str) -> int:
        """The id of the customer of that name, made where there is none."""
        from parties.services import create_customer

        if name not in self.customers:
            self.customers[name] = create_customer(actor=self.actor, company=self.company, name=name).pk
        return self.customers[name]


def run(limit: int | None) -> None:
    """Load, with progress and rate, and report."""
    loader = Loader()
    started = shown = time.monotonic()
    count = 0
    for count, (number, rows) in enumerate(islice(documents(), limit), start=1):
        loader.load(number, rows)
        now = time.monotonic()
        if now - shown > PROGRESS_EVERY_SECONDS:
            shown = now
            print(f"{count:6} documents read, {loader.loaded} loaded, {count / (now - started):.0f}/s", flush=True)
    seconds = time.monotonic() - started
    print(f"{loader.loaded} of {count} documents loaded ({loader.lines} lines), every total as published; ", end="")
    print(f"{loader.loaded / seconds:.1f} documents/s, {loader.lines / seconds:.0f} lines/s")
    for reason, documents_refused in loader.refused.most_common():
        print(f"  {documents_refused:5} refused: {reason}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="read only the first so many documents")
    options = parser.parse_args()
    if not LINES_FILE.exists():
        sys.exit(f"{LINES_FILE.name} is not there: set FINTRACK_SAMPLES to the folder that has transactions/")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(new_environment(folder))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        run(options.limit)
        call_command("verify_books")


if __name__ == "__main__":
    main()
