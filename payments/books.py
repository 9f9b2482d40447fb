"""What must hold between the ledger and the invoices, for ``manage.py verify_books``."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from audit.books import Fault, name_documents, register
from invoices.models import Invoice
from payments.models import Payment

ROWS_AT_A_TIME = 2_000


def register_checks() -> None:
    """Let verify_books look at the ledger, and name entries by their invoice's number."""
    register(paid_is_the_sum_of_entries)
    name_documents(Payment, "invoice__number")


def paid_is_the_sum_of_entries() -> Iterator[Fault]:
    """What is paid of each invoice is the sum of its entries, of its company and currency, and it counts them all."""
    rows = (
        Invoice.objects.order_by("id")
        .values_list(
            "id",
            "number",
            "company_id",
            "currency",
            "paid",
            "entry_count",
            "payments__amount",
            "payments__company_id",
            "payments__currency",
            named=True,
        )
        .iterator(chunk_size=ROWS_AT_A_TIME)
    )
    for _, group in groupby(rows, key=attrgetter("id")):
        yield from _faults_of(list(group))


def _faults_of(rows: list) -> Iterator[Fault]:
    """Summed here and not by the database: SQLite would add in floats."""
    invoice = rows[0]
    entries = [row for row in rows if row.payments__amount is not None]
    booked = sum((entry.payments__amount for entry in entries), Decimal(0))
    found = {
        f"paid is {invoice.paid}, its entries sum to {booked}": invoice.paid != booked,
        f"entry_count is {invoice.entry_count}, there are {len(entries)}": invoice.entry_count != len(entries),
        "an entry is in another currency": any(row.payments__currency != row.currency for row in entries),
        "an entry belongs to another company": any(row.payments__company_id != row.company_id for row in entries),
    }
    for message, is_broken in found.items():
        if is_broken:
            yield Fault("Invoice", invoice.id, invoice.number or "", message)
