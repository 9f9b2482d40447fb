"""What must hold between the ledger and the invoices, for ``manage.py verify_books``."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from audit.books import Fault, name_documents, register
from core.money import ZERO
from invoices.models import Invoice
from payments.ledger import CREDITED_KINDS
from payments.models import Payment

ROWS_AT_A_TIME = 2_000


def register_checks() -> None:
    """Let verify_books look at the ledger, and name entries by their invoice's number."""
    register(paid_is_the_sum_of_entries)
    name_documents(Payment, "invoice__number")


def paid_is_the_sum_of_entries() -> Iterator[Fault]:
    """What is paid and credited of each invoice is what its entries sum to, in its company and currency; all count."""
    rows = (
        Invoice.objects.order_by("id")
        .values_list(
            "id",
            "number",
            "company_id",
            "currency",
            "paid",
            "credited",
            "entry_count",
            "payments__kind",
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
    credits = sum((entry.payments__amount for entry in entries if entry.payments__kind in CREDITED_KINDS), ZERO)
    booked = sum((entry.payments__amount for entry in entries), ZERO) - credits
    found = {
        f"paid is {invoice.paid}, its entries sum to {booked}": invoice.paid != booked,
        f"credited is {invoice.credited}, its entries sum to {credits}": invoice.credited != credits,
        f"entry_count is {invoice.entry_count}, there are {len(entries)}": invoice.entry_count != len(entries),
        "an entry is in another currency": any(row.payments__currency != row.currency for row in entries),
        "an entry belongs to another company": any(row.payments__company_id != row.company_id for row in entries),
    }
    for message, is_broken in found.items():
        if is_broken:
            yield Fault("Invoice", invoice.id, invoice.number or "", message)
