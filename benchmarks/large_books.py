"""Books of any size on PostgreSQL, in minutes: invoices of five years with lines, payments, journal and history.

The rows are those that the services would have left, version by version, sealed by the database; `verify_books` finds
no fault in them. One customer has a tenth of all invoices. Needs a superuser's rights, since the triggers stand aside.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/books python benchmarks/large_books.py --invoices 1000000

The database is made if it does not exist; one that holds a company already is left alone.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

FIRST_DAY, DAYS = date(2021, 1, 1), 1826
INVOICES_A_BATCH = 25_000
MOST_LINES = 5
EMAIL, PASSWORD = "bench@example.test", "bench-bench-bench"

# Of twenty invoices one is a draft, one is cancelled, two are issued, two paid in part, the others paid.
PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT i AS id, {entries} + 3 * i AS entry, 1 + i % {most_lines} AS line_count, issue_date, status,
  CASE WHEN i % 10 = 0 THEN {customers_from} ELSE {customers_from} + 1 + i * 7919 % {customers} END AS customer_id,
  CASE WHEN status <> 'Draft' THEN 'INV-' || extract(year FROM issue_date) || '-'
    || lpad((i - i / 20 - year.numbers_before)::text, 6, '0') END AS number,
  issue_date + make_interval(secs => i % 80000) AS created_at
FROM (
  SELECT i, date '{first_day}' + (i * {days} / {last_of_all})::integer AS issue_date,
    CASE i % 20 WHEN 0 THEN 'Draft' WHEN 1 THEN 'Cancelled' WHEN 2 THEN 'Issued' WHEN 3 THEN 'Issued'
      WHEN 4 THEN 'PartiallyPaid' WHEN 5 THEN 'PartiallyPaid' ELSE 'Paid' END AS status
  FROM generate_series({first}::bigint, {last}::bigint) AS i
) AS numbered
JOIN (VALUES {years}) AS year (year, numbers_before) ON year.year = extract(year FROM issue_date)
"""
# Unit prices are multiples of 0.20, of which 15 % is exact to the cent: nothing is left to round or to spread.
LINES = """
INSERT INTO invoices_invoiceline (id, invoice_id, position, description, quantity, unit_price, vat_category, vat_rate,
  discount_percent, discount_amount, currency, line_total, taxable_amount, vat_amount, version, change_id)
SELECT {most_lines} * id + position, id, position, 'Work of kind ' || id % 100, quantity, price, 'S', 0.15,
  0, 0, 'ZAR', quantity * price, quantity * price, 0.15 * quantity * price, 1, entry
FROM (
  SELECT plan.*, position, 1 + (7 * id + 3 * position) % 5 AS quantity,
    0.20 * (50 + (31 * id + 17 * position) % 5000) AS price
  FROM plan CROSS JOIN LATERAL generate_series(1, line_count) AS position
) AS line
"""
INVOICES = """
INSERT INTO invoices_invoice (id, company_id, customer_id, customer_name, number, status, issue_date, due_date,
  currency, prices_include_vat, vat_rounding, discount_percent, discount_amount, lines_total, discount_total, subtotal,
  vat_total, total, paid, credited, entry_count, seller, buyer, metadata, search_text, created_at, issued_at,
  cancelled_at, version, change_id)
SELECT plan.id, {company}, customer_id, customer.name, number, status, issue_date, issue_date + 30, 'ZAR',
  false, 'document', 0, 0, net, 0, net, 0.15 * net, 1.15 * net,
  CASE status WHEN 'Paid' THEN 1.15 * net WHEN 'PartiallyPaid' THEN round(0.46 * net, 2) ELSE 0 END, 0,
  (status IN ('Paid', 'PartiallyPaid'))::integer, party.seller, party.buyer, '{{}}',
  concat_ws(E'\\n', lower(number), lower(customer.name),
    CASE WHEN status IN ('Paid', 'PartiallyPaid') THEN 'pay-' || plan.id END),
  plan.created_at, CASE WHEN status <> 'Draft' THEN plan.created_at + interval '1 minute' END,
  CASE WHEN status = 'Cancelled' THEN plan.created_at + interval '9 days' END,
  CASE status WHEN 'Draft' THEN 1 WHEN 'Issued' THEN 2 ELSE 3 END,
  CASE status WHEN 'Draft' THEN entry WHEN 'Issued' THEN entry + 1 ELSE entry + 2 END
FROM plan
JOIN parties_customer AS customer ON customer.id = customer_id
JOIN (SELECT invoice_id, sum(line_total) AS net FROM invoices_invoiceline
  WHERE invoice_id BETWEEN {first} AND {last} GROUP BY invoice_id) AS line ON invoice_id = plan.id
CROSS JOIN LATERAL (SELECT
  CASE WHEN status <> 'Draft' THEN '{seller}'::jsonb END AS seller,
  CASE WHEN status <> 'Draft' THEN '{buyer}'::jsonb || jsonb_build_object('name', customer.name) END AS buyer) AS party
"""
PAYMENTS = """
INSERT INTO payments_payment (id, company_id, invoice_id, kind, amount, currency, method, reference, reference_key,
  paid_at, reason, version, change_id)
SELECT plan.id, company_id, plan.id, 'Payment', paid, currency, 'EFT', 'PAY-' || plan.id, 'pay-' || plan.id,
  plan.created_at + interval '9 days', '', 1, entry + 2
FROM plan JOIN invoices_invoice AS invoice USING (id) WHERE paid > 0
"""
JOURNAL = """
INSERT INTO audit_change (id, company_id, action, actor, at, request_id, reason)
SELECT entry + step, {company}, (ARRAY['invoice.created', 'invoice.issued',
    CASE status WHEN 'Cancelled' THEN 'invoice.cancelled' ELSE 'payment.applied' END])[step + 1],
  '{email}', created_at + (ARRAY[interval '0', interval '1 minute', interval '9 days'])[step + 1], '', ''
FROM plan CROSS JOIN generate_series(0, 2) AS step
WHERE step < CASE status WHEN 'Draft' THEN 1 WHEN 'Issued' THEN 2 ELSE 3 END
"""
CUSTOMERS = """
INSERT INTO parties_customer (id, company_id, name, vat_number, email, phone, address_line_1, address_line_2, city,
  postal_code, country_code, archived, metadata, search_text, created_at, version, change_id)
SELECT {customers_from} + i, {company}, 'Customer ' || to_hex(i * 2654435761 % 4294967296), '', '', '', '', '', '',
  '', 'ZA', false, '{{}}', 'customer ' || to_hex(i * 2654435761 % 4294967296), '{first_day}', 1, {entries} + i
FROM generate_series(0::bigint, {customers}) AS i
"""
CUSTOMER_JOURNAL = """
INSERT INTO audit_change (id, company_id, action, actor, at, request_id, reason)
SELECT {entries} + i, {company}, 'customer.created', '{email}', '{first_day}', '', ''
FROM generate_series(0::bigint, {customers}) AS i
"""
AS_DRAFT = {
    "version": "1",
    "change_id": "entry",
    "status": "'Draft'",
    "number": "NULL",
    "paid": "0",
    "entry_count": "0",
    "seller": "NULL",
    "buyer": "NULL",
    "issued_at": "NULL",
    "cancelled_at": "NULL",
}
AS_ISSUED = {
    "version": "2",
    "change_id": "entry + 1",
    "status": "'Issued'",
    "paid": "0",
    "entry_count": "0",
    "cancelled_at": "NULL",
}


def history_of(table: str, source: str, overrides: dict[str, str], condition: str = "true", kind: str = "~") -> str:
    """The statement that copies the rows called "live" in `source` into the history of `table`, but for `overrides`.

    The time of a version is that of its entry.
    """
    from audit.models import recorded_models
    from audit.triggers.tables import recorded_table

    model = next(model for model in recorded_models() if model._meta.db_table == table)
    recorded = recorded_table(model)
    values = [overrides.get(column, f"live.{column}") for column in recorded.columns]
    entry = overrides.get("change_id", "live.change_id")
    return (
        f"INSERT INTO {recorded.history} ({', '.join(recorded.columns)}, history_type, history_date) "
        f"SELECT {', '.join(values)}, '{kind}', journal.at FROM {source} "
        f"JOIN audit_change AS journal ON journal.id = {entry} WHERE {condition}"
    )


def batch_statements() -> list[str]:
    """What fills the tables with the invoices of one batch, in order."""
    invoices = "plan JOIN invoices_invoice AS live USING (id)"
    lines = "plan JOIN invoices_invoiceline AS live ON live.invoice_id = plan.id"
    payments = "plan JOIN payments_payment AS live USING (id)"
    return [
        LINES,
        INVOICES,
        PAYMENTS,
        JOURNAL,
        history_of("invoices_invoiceline", lines, {}, kind="+"),
        history_of("invoices_invoice", invoices, AS_DRAFT, kind="+"),
        history_of("invoices_invoice", invoices, AS_ISSUED, "live.version > 1"),
        history_of("invoices_invoice", invoices, {}, "live.version > 2"),
        history_of("payments_payment", payments, {}, kind="+"),
    ]


def years_of(invoices: int) -> dict[int, int]:
    """Year -> how many of the invoices before it have a number."""
    before = {}
    for year in range(FIRST_DAY.year, FIRST_DAY.year + 6):
        day = (date(year, 1, 1) - FIRST_DAY).days
        last = max(-(-day * invoices // DAYS) - 1, 0)
        before[year] = last - last // 20
    return before


def make_books(invoices: int, customers: int) -> None:
    """Fill an empty database; prints the progress."""
    from django.db import connection, transaction

    ids, parties = founders()
    with connection.cursor() as cursor:
        values = ids | {"customers": customers, "customers_from": 1, "entries": highest(cursor, "audit_change") + 1}
        values |= {"first_day": FIRST_DAY, "days": DAYS, "email": EMAIL, "most_lines": MOST_LINES}
        values |= {"last_of_all": invoices, **parties}
        values["years"] = ", ".join(f"({year}, {before})" for year, before in years_of(invoices).items())
        with triggers_aside(cursor):
            with transaction.atomic():
                cursor.execute(CUSTOMERS.format(**values))
                cursor.execute(CUSTOMER_JOURNAL.format(**values))
                cursor.execute(history_of("parties_customer", "parties_customer AS live", {}, kind="+"))
            values["entries"] = highest(cursor, "audit_change") + 1
            statements = batch_statements()
            for first in range(1, invoices + 1, INVOICES_A_BATCH):
                values |= {"first": first, "last": min(first + INVOICES_A_BATCH - 1, invoices)}
                with transaction.atomic():
                    for statement in (PLAN, *statements):
                        cursor.execute(statement.format(**values))
                print(f"\r{values['last']:>10} invoices", end="", flush=True)
        print()
        finish(cursor, ids["company"])


def founders() -> tuple[dict[str, int], dict[str, str]]:
    """The company and its Admin, made by the services: its id, and both parties as issued documents keep them."""
    from accounts.services import create_user
    from audit.actors import SYSTEM
    from parties.models import Customer
    from parties.selectors import seller_as_issued
    from parties.services import create_company

    company = create_company(actor=SYSTEM, name="Bench", currency="ZAR", vat_number="4", default_vat_rate="0.15")
    create_user(actor=SYSTEM, email=EMAIL, password=PASSWORD, memberships={company: "Admin"})
    parties = {"seller": seller_as_issued(company, Customer(), "ZAR"), "buyer": Customer(country_code="ZA").details()}
    return {"company": company.pk}, {name: json.dumps(details) for name, details in parties.items()}


@contextmanager
def triggers_aside(cursor: Any) -> Iterator[None]:
    """Neither recording nor foreign keys are checked in the block; the seals are still written."""
    from audit.models import Change, history_model, recorded_models

    sealed = [Change._meta.db_table, *(history_model(model)._meta.db_table for model in recorded_models())]
    cursor.execute("SET session_replication_role = replica")
    for table in sealed:
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER fintrack_seal")
    yield
    for table in sealed:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER fintrack_seal")
    cursor.execute("SET session_replication_role = DEFAULT")


def finish(cursor: Any, company: int) -> None:
    """Number series, ids that come next, sums of the reports, statistics, and the map of what indexes can answer."""
    from audit.events import sequence_all
    from reports.summaries import work_out

    cursor.execute(
        "INSERT INTO invoices_numberseries (company_id, year, first_value, next_value) "
        "SELECT company_id, split_part(number, '-', 2)::integer, 1, count(*) + 1 FROM invoices_invoice "
        "WHERE number IS NOT NULL AND company_id = %s GROUP BY 1, 2",
        [company],
    )
    for table in ("audit_change", "parties_customer", "invoices_invoice", "invoices_invoiceline", "payments_payment"):
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    work_out()
    cursor.execute(
        "INSERT INTO audit_unsequencedentry (change_id, company_id) "
        "SELECT id, company_id FROM audit_change AS entry WHERE company_id = %s AND NOT EXISTS "
        "(SELECT 1 FROM audit_unsequencedentry AS waiting WHERE waiting.change_id = entry.id)",
        [company],
    )
    sequence_all()
    cursor.execute("VACUUM ANALYZE")


def highest(cursor: Any, table: str) -> int:
    """The highest id of the table."""
    cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
    return int(cursor.fetchone()[0])


def make_database(url: str) -> None:
    """Make the database of the URL, unless there is one."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres", query="")), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=20_000)
    options = parser.parse_args()
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        sys.exit("Set DATABASE_URL to a PostgreSQL database of its own.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
    os.environ.setdefault("DEBUG", "on")
    make_database(url)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from parties.models import Company

    if Company.objects.exists():
        sys.exit("There are books in this database already.")
    started = time.monotonic()
    make_books(options.invoices, options.customers)
    print(f"{options.invoices} invoices in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
