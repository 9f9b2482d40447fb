"""A request that is repeated with its key has one effect and one reply."""

import threading

import pytest
from django.db import connection, connections, transaction

from accounts.tests.factories import add_role, api_client, make_user
from core.models import IdempotencyKey
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.tests.factories import make_company, make_customer
from payments.models import Payment

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-4711"}


@pytest.fixture
def company(db):
    return make_company()


@pytest.fixture
def client(company):
    return api_client(make_user("Finance", company))


def pay(client, invoice, amount="10", **headers):
    return client.post(f"/api/invoices/{invoice.pk}/payments", {"amount": amount}, **(headers or KEY))


def test_a_repeat_gets_the_first_reply_and_books_nothing(client, company):
    invoice = make_issued(company)

    first, again = pay(client, invoice), pay(client, invoice)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert again["ETag"] == first["ETag"] == '"3"'
    assert "Idempotent-Replayed" not in first
    assert Payment.objects.count() == 1


def test_another_request_with_the_same_key_is_a_422(client, company):
    invoice, other = make_issued(company), make_issued(company)
    pay(client, invoice)

    replies = [pay(client, invoice, "11"), pay(client, other)]

    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(422, "idempotency_key_reused")] * 2


def test_a_refused_command_gives_its_key_back(client, company):
    invoice = make_issued(company)

    refused = pay(client, invoice, "1000000")
    accepted = pay(client, invoice, "115")

    assert (refused.status_code, accepted.status_code) == (400, 201)


def test_another_user_or_another_company_is_independent(company):
    elsewhere = make_company()
    user = add_role(make_user("Finance", company), elsewhere, "Finance")
    one, two = make_issued(company), make_issued(elsewhere)

    replies = [
        pay(api_client(user), one),
        pay(api_client(user), two),
        pay(api_client(make_user("Finance", company)), one),
    ]

    assert [reply.status_code for reply in replies] == [201] * 3
    assert not any("Idempotent-Replayed" in reply for reply in replies)
    assert IdempotencyKey.objects.count() == 3


def test_who_may_not_gets_no_replay(client, company):
    invoice = make_issued(company)
    pay(client, invoice)

    assert pay(api_client(make_user("Viewer", company)), invoice).status_code == 403
    assert pay(api_client(make_user("Finance")), invoice).status_code == 404


def test_a_replay_comes_before_the_version_is_looked_at(client, company):
    invoice = make_issued(company)
    body = {"amount": 1, "version": 2}
    url = f"/api/invoices/{invoice.pk}/payments"

    first, again = client.post(url, body, **KEY), client.post(url, body, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_what_is_no_key_is_refused(client, company, key):
    reply = pay(client, make_issued(company), HTTP_IDEMPOTENCY_KEY=key)

    assert (reply.status_code, reply.json()["code"]) == (400, "idempotency_key_invalid")


def _together(count, work):
    """Run `work` in `count` threads that start at once; their results."""
    barrier, results = threading.Barrier(count), []

    def run():
        barrier.wait()
        try:
            results.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_have_one_effect():
    company = make_company()
    user = make_user("Finance", company)
    customer = make_customer(company)

    for number in range(10):
        invoice = make_issued(company, customer=customer)
        key = {"HTTP_IDEMPOTENCY_KEY": f"round-{number}"}
        replies = _together(8, lambda: pay(api_client(user), invoice, **key))  # noqa: B023  # joined in the same round
        assert {reply.status_code for reply in replies} == {201}
        assert len({reply.json()["paymentId"] for reply in replies}) == 1
        assert Invoice.objects.get(pk=invoice.pk).paid == 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_a_key_eight_at_once_have_eight_effects():
    company = make_company()
    user = make_user("Finance", company)
    invoice = make_issued(company)

    _together(8, lambda: pay(api_client(user), invoice, HTTP_X_REQUEST_ID="no-key-here"))

    assert Invoice.objects.get().entry_count == 8


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_first_request_that_does_not_end_is_a_409_with_retry_after():
    company = make_company()
    user = make_user("Finance", company)
    invoice = make_issued(company)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_idempotencykey (user_id, company_id, key, fingerprint, entity_tag) "
                "VALUES (%s, %s, %s, '', '')",
                [user.pk, company.pk, KEY["HTTP_IDEMPOTENCY_KEY"]],
            )
        (reply,) = _together(1, lambda: pay(api_client(user), invoice))

    assert (reply.status_code, reply.json()["code"], reply["Retry-After"]) == (409, "idempotency_key_busy", "5")
    assert not Payment.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_document_that_somebody_holds_is_a_503_with_retry_after_and_nothing_is_changed():
    company = make_company()
    user = make_user("Finance", company)
    invoice = make_issued(company)
    with transaction.atomic():
        Invoice.objects.select_for_update().get(pk=invoice.pk)
        (reply,) = _together(1, lambda: pay(api_client(user), invoice, HTTP_X_REQUEST_ID="held-by-another"))

    assert (reply.status_code, reply.json()["code"], reply["Retry-After"]) == (503, "busy", "5")
    assert not Payment.objects.exists()
