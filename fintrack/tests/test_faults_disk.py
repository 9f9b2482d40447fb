"""A full disk: a clear 503, nothing half done, and everything goes on once there is room."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from core import outages
from core.models import IdempotencyKey
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.tests.factories import make_company
from payments.models import Payment

pytestmark = [
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="PostgreSQL's full disk is torture/tests/test_disk_full.py"
    ),
    pytest.mark.django_db(transaction=True),
]


@contextmanager
def no_more_pages() -> Iterator[None]:
    """The database file cannot grow in the block."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count")
        [most] = cursor.fetchone()
        cursor.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for what is too small
        yield
        cursor.execute(f"PRAGMA max_page_count = {most}")


def test_a_full_disk_is_a_503_that_leaves_no_half_state_and_goes_away_with_it():
    company = make_company()
    client, invoice = api_client(make_user("Finance", company)), make_issued(company)

    def pay(number):
        details = {"amount": "0.01", "reference": f"{number} ".ljust(190, "x")}
        key = {"HTTP_IDEMPOTENCY_KEY": f"key-{number}"}
        return client.post(f"/api/invoices/{invoice.pk}/payments", details, **key)

    with no_more_pages():
        refused = next(reply for reply in map(pay, range(500)) if reply.status_code != 201)
        booked = Payment.objects.count()
        assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (503, "storage_full", "60")
        assert Invoice.objects.get().entry_count == IdempotencyKey.objects.count() == booked
        assert list(faults()) == []

    assert pay(booked).status_code == 201
    assert Payment.objects.count() == booked + 1
    assert list(faults()) == []


def test_control_unless_the_words_of_the_database_are_known_a_full_disk_is_a_defect(monkeypatch):
    company = make_company()
    client, invoice = api_client(make_user("Finance", company)), make_issued(company)
    client.raise_request_exception = False
    monkeypatch.delitem(outages.WORDS_OF_SQLITE, "database or disk is full")

    def pay(number):
        details = {"amount": "0.01", "reference": f"{number} ".ljust(190, "x")}
        key = {"HTTP_IDEMPOTENCY_KEY": f"key-{number}"}
        return client.post(f"/api/invoices/{invoice.pk}/payments", details, **key)

    with no_more_pages():
        refused = next(reply for reply in map(pay, range(500)) if reply.status_code != 201)
    assert refused.status_code == 500
