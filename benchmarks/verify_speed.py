"""How fast verify_books reads, and how much memory it takes: a database of many invoices, made by SQL, then proven.

Each invoice has three lines, is issued and half paid; the recording triggers write its history as always. Runs on a
database of its own: SQLite in a temporary folder, or a new one on the server that DATABASE_URL names.

    python benchmarks/verify_speed.py --invoices 20000
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/verify_speed.py --invoices 100000 --json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from replay_receivables import new_environment

INVOICES_AN_ENTRY = 500

INSERT_DRAFTS = """
INSERT INTO invoices_invoice (company_id, customer_id, customer_name, status, issue_date, due_date, currency,
  prices_include_vat, vat_rounding, discount_percent, discount_amount, lines_total, discount_total, subtotal,
  vat_total, total, paid, credited, entry_count, metadata, search_text, version, change_id)
WITH RECURSIVE row(i) AS (SELECT CAST(%(first)s AS bigint) UNION ALL SELECT i + 1 FROM row WHERE i < %(last)s),
  priced AS (SELECT i, 10 + i %% 90 AS price FROM row)
SELECT %(company)s, %(customer)s, 'Bench', 'Draft', '2026-03-01', '2026-03-31', 'ZAR',
  false, 'document', 0, 0, 6 * price, 0, 6 * price,
  round(0.9 * price, 2), round(6.9 * price, 2), 0, 0, 0, '{}', 'bench', 1, %(change)s
FROM priced ORDER BY i
"""
INSERT_LINES = """
INSERT INTO invoices_invoiceline (invoice_id, position, description, quantity, unit_price, vat_category, vat_rate,
  discount_percent, discount_amount, currency, line_total, taxable_amount, vat_amount, version, change_id)
SELECT invoice.id, line.position, 'Work', line.position, invoice.lines_total / 6, 'S', 0.15,
  0, 0, 'ZAR', line.position * invoice.lines_total / 6, line.position * invoice.lines_total / 6,
  round(0.15 * line.position * invoice.lines_total / 6, 2), 1, invoice.change_id
FROM invoices_invoice AS invoice
CROSS JOIN (SELECT 1 AS position UNION ALL SELECT 2 UNION ALL SELECT 3) AS line
WHERE invoice.change_id = %(before)s ORDER BY invoice.id, line.position
"""
ISSUE = """
UPDATE invoices_invoice SET status = 'Issued', number = {number}, issued_at = %(at)s, seller = %(seller)s,
  buyer = %(buyer)s, version = 2, change_id = %(change)s
WHERE change_id = %(before)s
"""
INSERT_PAYMENTS = """
INSERT INTO payments_payment (company_id, invoice_id, kind, amount, currency, method, reference, reference_key,
  paid_at, reason, version, change_id)
SELECT company_id, id, 'Payment', lines_total / 2, 'ZAR', 'EFT', 'EFT-1', 'eft-1', %(at)s, '', 1, %(change)s
FROM invoices_invoice WHERE change_id = %(before)s ORDER BY id
"""
SETTLE = """
UPDATE invoices_invoice SET paid = lines_total / 2, status = 'PartiallyPaid', entry_count = 1, version = 3,
  change_id = %(change)s
WHERE change_id = %(before)s
"""
NUMBERS = {
    "postgresql": "'INV-2026-' || lpad((id - %(offset)s)::text, 6, '0')",
    "sqlite": "'INV-2026-' || printf('%%06d', id - %(offset)s)",
}


def make_books(invoices: int) -> None:
    """As many invoices of one company, with lines, numbers and payments."""
    from audit.actors import SYSTEM
    from invoices.models import NumberSeries
    from parties.selectors import seller_as_issued
    from parties.services import create_company, create_customer

    company = create_company(actor=SYSTEM, name="Bench", currency="ZAR", vat_number="4", default_vat_rate="0.15")
    customer = create_customer(actor=SYSTEM, company=company, name="Bench")
    parties = {"seller": seller_as_issued(company, customer, "ZAR"), "buyer": customer.details()}
    ids = {"company": company.pk, "customer": customer.pk, "at": "2026-03-02 00:00:00"}
    ids |= {name: json.dumps(details) for name, details in parties.items()}
    for first in range(1, invoices + 1, INVOICES_AN_ENTRY):
        add_invoices(ids, first, min(first + INVOICES_AN_ENTRY - 1, invoices))
    NumberSeries.objects.create(company=company, year=2026, next_value=invoices + 1)


def add_invoices(ids: dict[str, Any], first: int, last: int) -> None:
    """The invoices numbered `first` to `last`, in three journal entries: drafted, issued, paid."""
    from django.db import connection, transaction

    values = {**ids, "first": first, "last": last, "offset": 0, "before": None}
    numbered = ISSUE.format(number=NUMBERS[connection.vendor])
    steps = {"created": [INSERT_DRAFTS, INSERT_LINES], "issued": [numbered], "paid": [INSERT_PAYMENTS, SETTLE]}
    with transaction.atomic(), connection.cursor() as cursor:
        for action, statements in steps.items():
            values["before"] = record_step(cursor, action, statements, values)


def record_step(cursor: Any, action: str, statements: list[str], values: dict[str, Any]) -> int:
    """Run the statements within one journal entry, and return its id."""
    from audit.actors import SYSTEM
    from audit.services import recording

    with recording(actor=SYSTEM, action=f"bench.{action}") as change:
        values = {**values, "change": change.pk}
        if action == "created":
            values["before"] = change.pk
        for statement in statements:
            used = {name: value for name, value in values.items() if f"%({name})s" in statement}
            cursor.execute(statement, used)
    return int(change.pk)


def prove(environment: dict[str, str]) -> dict[str, Any]:
    """What verify_books says in a process of its own, and what it took."""
    started = time.monotonic()
    verify = subprocess.run(
        [sys.executable, "manage.py", "verify_books", "--json"],
        cwd=PROJECT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    summary = json.loads(verify.stdout.splitlines()[-1])
    seconds = time.monotonic() - started
    rows = summary["rows"] + summary["versions"] + summary["entries"]
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / summary["seconds"]),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = new_environment(folder)
        os.environ.update(environment)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        started = time.monotonic()
        make_books(options.invoices)
        made = {"invoices": options.invoices, "making_seconds": round(time.monotonic() - started, 1)}
        result = {**made, **prove(environment)}
    print(json.dumps(result) if options.json else "\n".join(f"{name:>16}: {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
