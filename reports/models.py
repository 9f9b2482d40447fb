"""Sums kept beside the books, so that a report reads days and not documents.

None of it is a source: each figure is the sum of rows that are there, and `verify_books` adds them all up.
Triggers write what each change of a document or entry adds to the sums into two tables of waiting rows, in the change's
own transaction: new rows, so that no payment waits for another. The worker takes them from there into the sums. A sum
is what is kept and what waits, read in one statement, and so is right at every moment.

Amounts are whole ten-thousandths, which both databases add exactly. Rows refer by plain ids.
"""

from django.db import models

from core.model_fields import RateField


class WaitingInvoice(models.Model):
    """What one change of a document adds to the sums; keys of a document that is issued never change."""

    company_id = models.BigIntegerField()
    invoice_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    issue_date = models.DateField()
    due_date = models.DateField()
    open_documents = models.SmallIntegerField()
    owed = models.BigIntegerField()
    issued_documents = models.SmallIntegerField()
    invoiced = models.BigIntegerField()
    drafts = models.SmallIntegerField()
    drafted = models.BigIntegerField()


class WaitingEntry(models.Model):
    """What one entry of the ledger adds to the sums, on a day of its company's calendar."""

    company_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=50)
    day = models.DateField()
    received = models.BigIntegerField()
    returned = models.BigIntegerField()


class WaitingNote(models.Model):
    """What a credit note adds to the sums: its total, and its lines."""

    company_id = models.BigIntegerField()
    note_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    issue_date = models.DateField()
    credited = models.BigIntegerField()


class _Sum(models.Model):
    company_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        abstract = True


def _one_row_for(*fields: str, name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=("company_id", "currency", *fields), name=name)


class OwedByDueDate(_Sum):
    """What is owed on the documents with one due date."""

    due_date = models.DateField()
    documents = models.BigIntegerField()
    owed = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("due_date", name="owed_by_due_date_once")]


class OwedByCustomer(_Sum):
    """What one customer owes."""

    customer_id = models.BigIntegerField()
    documents = models.BigIntegerField()
    owed = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("customer_id", name="owed_by_customer_once")]
        indexes = [models.Index(fields=("company_id", "currency", "-owed", "customer_id"), name="owed_most")]


class InvoicedByDay(_Sum):
    """The totals of the documents with one issue date, issued and not cancelled."""

    issue_date = models.DateField()
    documents = models.BigIntegerField()
    invoiced = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("issue_date", name="invoiced_by_day_once")]


class VatByDay(_Sum):
    """The VAT of the same documents, by category and rate."""

    issue_date = models.DateField()
    vat_category = models.CharField(max_length=2)
    vat_rate = RateField()
    lines = models.BigIntegerField()
    taxable = models.BigIntegerField()
    vat = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("issue_date", "vat_category", "vat_rate", name="vat_by_day_once")]


class CreditedByDay(_Sum):
    """The totals of the credit notes with one issue date, which are taken off what was invoiced."""

    issue_date = models.DateField()
    documents = models.BigIntegerField()
    credited = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("issue_date", name="credited_by_day_once")]


class CreditedVatByDay(_Sum):
    """The VAT of the same notes, by category and rate."""

    issue_date = models.DateField()
    vat_category = models.CharField(max_length=2)
    vat_rate = RateField()
    lines = models.BigIntegerField()
    taxable = models.BigIntegerField()
    vat = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("issue_date", "vat_category", "vat_rate", name="credited_vat_by_day_once")]


class Drafts(_Sum):
    """The drafts, and what they would come to."""

    documents = models.BigIntegerField()
    drafted = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for(name="drafts_once")]


class MoneyByDay(_Sum):
    """The money that moved on one day of the calendar of `time_zone`, which was the company's when it was added."""

    time_zone = models.CharField(max_length=50)
    day = models.DateField()
    received = models.BigIntegerField()
    returned = models.BigIntegerField()

    class Meta:
        constraints = [_one_row_for("time_zone", "day", name="money_by_day_once")]
