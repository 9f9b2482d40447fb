"""Books full of chance, and what they add up to, row by row in Python."""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

from audit.actors import SYSTEM
from credits.models import CreditNoteItem
from credits.services import CreditItem, issue_credit_note
from invoices.models import Invoice, InvoiceLine
from invoices.services import cancel_invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.tests.factories import make_company, make_customer
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment


def seeded(seed):
    return random.Random(seed)  # noqa: S311  # repeatable, not secret


def pay(invoice, amount, paid_at):
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), paid_at=paid_at)


def make_books(numbers, year=2026):
    """Two companies in two zones with documents in two currencies each, of every kind and fate."""
    companies = [
        make_company(currency="ZAR"),
        make_company(currency="JPY", time_zone="America/New_York", vat_rounding="line"),
    ]
    for company in companies:
        customers = [make_customer(company) for _ in range(4)]
        for _ in range(22):
            make_document(company, numbers.choice(customers), numbers, year)
    return companies


def make_document(company, customer, numbers, year=2026):
    currency = numbers.choice(["ZAR", "JPY"])
    items = [
        make_item(
            str(numbers.randint(1, 99999))
            if currency == "JPY"
            else str(Decimal(numbers.randint(1, 9999999)).scaleb(-2)),
            vat_rate=None if category is None else "0",
            vat_category=category,
        )
        for category in numbers.choices([None, None, "Z", "E", "AE"], k=numbers.randint(1, 3))
    ]
    issue_date = date(year, 1, 1) + timedelta(days=numbers.randrange(150))
    due_date = issue_date + timedelta(days=numbers.randrange(60))
    options = {
        "customer": customer,
        "currency": currency,
        "issue_date": issue_date,
        "due_date": due_date,
        "discount_percent": numbers.choice([Decimal(0), Decimal("7.5")]),
    }
    fate = numbers.random()
    if fate < 0.1:
        make_draft(company, *items, **options)
        return
    invoice = make_issued(company, *items, **options)
    if fate < 0.2:
        cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk)
    elif fate < 0.9:
        make_entries(company, invoice, numbers, year)
        credit_some(invoice, numbers)


def credit_some(invoice, numbers):
    """Half of a line, where so much is owed and something is left of it when it is rounded."""
    invoice.refresh_from_db()
    line = numbers.choice(list(invoice.lines.all()))
    if numbers.random() < 0.5 and line.taxable_amount + line.vat_amount < invoice.still_owed:
        items = [CreditItem(line.pk, Decimal("0.5"))]
        issue_credit_note(actor=SYSTEM, invoice_id=invoice.pk, reason="Half of it", items=items)


def make_entries(company, invoice, numbers, year):
    """One to three payments, some at the edges of months, some refunded or reversed later."""
    share = (invoice.total / 4).quantize(Decimal(1))
    moments = sorted(random_moment(company, numbers, year) for _ in range(numbers.randint(1, 4)))
    for moment in moments:
        invoice.refresh_from_db()
        payment = pay(invoice, invoice.still_owed if moment is moments[-1] and len(moments) > 2 else share, moment)
        later = moment + timedelta(days=numbers.randrange(40))
        undoing = {"actor": SYSTEM, "invoice_id": invoice.pk, "paid_at": later, "payment_id": payment.pk}
        fate = numbers.random()
        if fate < 0.25:
            refund_payment(**undoing, amount=Decimal(1))
        if fate < 0.15 or fate > 0.9:
            reverse_payment(**undoing)


def random_moment(company, numbers, year):
    day = date(year, numbers.randint(1, 7), 1) - timedelta(days=numbers.choice([0, 0, 1, numbers.randrange(28)]))
    hour, minute = numbers.choice([(0, 0), (23, 30), (23, 59), (numbers.randrange(24), 15)])
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=company.zone)


def revenue_by_hand(companies, first, last):
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for entry in Payment.objects.filter(company__in=companies).select_related("company"):
        day = entry.paid_at.astimezone(entry.company.zone).date()
        if first <= day <= last and entry.kind in ("Payment", "Refund", "Reversal"):
            sums[entry.company_id, entry.currency, str(day)[:7]][entry.kind != "Payment"] += entry.amount
    return {key: tuple(pair) for key, pair in sums.items()}


def vat_by_hand(companies, first, last):
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in InvoiceLine.objects.filter(invoice__company__in=companies).select_related("invoice"):
        invoice = line.invoice
        if invoice.status not in ("Draft", "Cancelled") and first <= invoice.issue_date <= last:
            key = (invoice.company_id, invoice.currency, line.vat_category, line.vat_rate)
            sums[key][0] += line.taxable_amount
            sums[key][1] += line.vat_amount
    for item in CreditNoteItem.objects.filter(note__company__in=companies).select_related("note"):
        if first <= item.note.issue_date <= last:
            key = (item.note.company_id, item.note.currency, item.vat_category, item.vat_rate)
            sums[key][0] -= item.taxable_amount
            sums[key][1] -= item.vat_amount
    return {key: tuple(pair) for key, pair in sums.items()}


def owed_by_hand(companies, as_of):
    """(company, currency, customer) -> [(days overdue, what was owed on the document)]."""
    owed = defaultdict(list)
    for invoice in Invoice.objects.filter(company__in=companies).select_related("company").prefetch_related("payments"):
        zone = invoice.company.zone
        cancelled = invoice.cancelled_at and invoice.cancelled_at.astimezone(zone).date()
        if invoice.issued_at is None or invoice.issue_date > as_of or (cancelled and cancelled <= as_of):
            continue
        entries = [entry for entry in invoice.payments.all() if entry.paid_at.astimezone(zone).date() <= as_of]
        left = invoice.total - sum(entry.amount for entry in entries)
        if left > 0:
            key = (invoice.company_id, invoice.currency, invoice.customer_id)
            owed[key].append(((as_of - invoice.due_date).days, left))
    return owed


def bucket_by_hand(overdue):
    limits = [(0, "current"), (30, "days1to30"), (60, "days31to60"), (90, "days61to90")]
    return next((name for limit, name in limits if overdue <= limit), "over90")
