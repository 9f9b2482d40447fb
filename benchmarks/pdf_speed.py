"""What a PDF costs: the application's CPU for an invoice of 5, 40 and 500 lines, each text and amount different.

Every page that is counted is a new one, so that nothing is remembered from the page before but what a running program
remembers: fonts and the template. The first page of the process is told apart.

    python benchmarks/pdf_speed.py
    python benchmarks/pdf_speed.py --json
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from replay_receivables import new_environment

SIZES = {5: 40, 40: 20, 500: 5}
"""Lines of an invoice -> how many such invoices are printed."""


def make_invoices() -> dict[int, list[Any]]:
    """Drafts of each size, read as the API reads them."""
    from audit.actors import SYSTEM
    from invoices.models import Invoice
    from invoices.services import Item, create_draft
    from parties.services import create_company, create_customer

    company = create_company(
        actor=SYSTEM, name="Bench", currency="ZAR", vat_number="4", default_vat_rate=Decimal("0.15")
    )
    invoices = {}
    for size, count in {1: 1, **SIZES}.items():
        ids = []
        for number in range(count):
            customer = create_customer(
                actor=SYSTEM, company=company, name=f"Customer {size}-{number}", city="Cape Town"
            )
            items = [
                Item(f"Work package {number}-{line}: analysis and repair", Decimal(line + 1), Decimal(number) + 19)
                for line in range(size)
            ]
            draft = create_draft(
                actor=SYSTEM, company=company, customer_id=customer.pk, items=items, issue_date=date(2026, 3, 1)
            )
            ids.append(draft.pk)
        rows = Invoice.objects.select_related("company", "customer").prefetch_related("lines")
        invoices[size] = list(rows.filter(pk__in=ids))
    return invoices


def cpu_ms(invoice: Any) -> float:
    """The CPU of one PDF, in milliseconds, over all threads of the process."""
    from invoices.pdf import invoice_pdf

    started = time.process_time()
    invoice_pdf(invoice)
    return (time.process_time() - started) * 1000


def measure() -> dict[str, float]:
    """Medians of the CPU in milliseconds; the first page, with fonts and template to be read, beside them."""
    invoices = make_invoices()
    results = {"first_page_cpu_ms": round(cpu_ms(invoices.pop(1)[0]), 1)}
    for size, rows in invoices.items():
        costs = [cpu_ms(invoice) for invoice in rows]
        results[f"lines_{size}_cpu_ms"] = round(statistics.median(costs), 1)
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(new_environment(folder))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        results = measure()
    if options.json:
        print(json.dumps(results, indent=2))
        return
    first, few, two_pages, many = results.values()
    print(f"CPU of a PDF: 5 lines {few} ms, 40 lines {two_pages} ms, 500 lines {many} ms; the first one {first} ms")


if __name__ == "__main__":
    main()
