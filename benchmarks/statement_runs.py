"""A run of statements against single sendings: messages written in a second, in the database that DATABASE_URL names.

Makes a company with so many customers, each with an issued invoice of last month, then asks for the sending of some of
the invoices one by one, and for all statements in one run. Prints both rates, their ratio, and how the memory grew.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/statement_runs.py --customers 20000
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
os.environ.setdefault("DEBUG", "off" if os.environ.get("SECRET_KEY") else "on")

import django

django.setup()

from audit.actors import SYSTEM
from audit.services import insert_rows, recording
from invoices.bulk import MAXIMUM_ROWS, NewInvoice, create_invoices
from invoices.models import Invoice
from invoices.services import Item
from notifications.services import request_sending
from parties.models import Company, Customer
from parties.services import create_company
from reports.statement_runs.services import run_statements


def make_customers(company: Company, count: int) -> list[int]:
    """So many customers with addresses."""
    with recording(actor=SYSTEM, action="customers.imported", company_id=company.pk) as change:
        rows = [
            Customer(company=company, name=f"Customer {number}", email=f"c{number}@example.test", change=change)
            for number in range(count)
        ]
        for start in range(0, count, 1_000):
            insert_rows(rows[start : start + 1_000])
    return list(Customer.objects.filter(company=company).values_list("pk", flat=True))


def bill(company: Company, customer_ids: list[int], day: Any) -> None:
    """An issued invoice for each."""
    for start in range(0, len(customer_ids), MAXIMUM_ROWS):
        rows = [
            NewInvoice(
                company=company,
                customer_id=pk,
                issue=True,
                issue_date=day,
                due_date=day,
                items=[Item(description="Work", quantity=Decimal(1), unit_price=Decimal(100))],
            )
            for pk in customer_ids[start : start + MAXIMUM_ROWS]
        ]
        create_invoices(actor=SYSTEM, rows=rows)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def memory_mb() -> float:
    """The most memory that the process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--single", type=int, default=200)
    options = parser.parse_args()
    company = create_company(actor=SYSTEM, name=f"Bench {time.time()}", currency="ZAR")
    last_day = company.today().replace(day=1) - timedelta(days=1)
    customer_ids = make_customers(company, options.customers)
    bill(company, customer_ids, last_day)
    invoices = list(Invoice.objects.filter(company=company)[: options.single].values_list("pk", flat=True))

    single = seconds(lambda: [request_sending(actor=SYSTEM, invoice_id=pk) for pk in invoices]) / options.single
    few = customer_ids[:500]
    run_statements(actor=SYSTEM, company=company, month=last_day, customer_ids=few)
    before = memory_mb()
    bulk = seconds(lambda: run_statements(actor=SYSTEM, company=company, month=last_day))
    rate = (options.customers - len(few)) / bulk
    print(f"single {1 / single:10.0f} messages/s\nrun    {rate:10.0f} messages/s\nratio  {rate * single:10.1f}")
    print(f"memory {before:10.0f} MB before, {memory_mb():.0f} MB after {options.customers} customers")


if __name__ == "__main__":
    main()
