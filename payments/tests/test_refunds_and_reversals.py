"""Money that goes back: refunds and reversals, to the cent and never too much."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.services import move_period_lock
from parties.tests.factories import make_company
from payments.models import Payment
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_company()


@pytest.fixture
def client(company):
    return api_client(make_user("Finance", company))


@pytest.fixture
def invoice(company):
    """Issued over 230.00."""
    return make_issued(company, make_item("200"))


def pay(invoice, amount, **fields):
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **fields)


def refund(client, invoice, amount, **fields):
    return client.post(f"/api/invoices/{invoice.pk}/refunds", {"amount": amount, **fields})


def reverse(client, payment, **fields):
    return client.post(f"/api/invoices/{payment.invoice_id}/payments/{payment.pk}/reverse", fields)


def cancel(client, invoice, **fields):
    return client.post(f"/api/invoices/{invoice.pk}/cancel", fields)


def entries(invoice):
    rows = invoice.payments.order_by("id").values_list("kind", "amount", "reverses_id")
    return [(kind, str(amount.normalize()), reverses) for kind, amount, reverses in rows]


def test_a_refund_takes_from_the_newest_payments_first(client, invoice):
    first, second = pay(invoice, "100"), pay(invoice, "50", method="Card")

    reply = refund(client, invoice, "70", reason="Goods returned", reference="RF-1")

    body = reply.json()
    assert reply.status_code == 201
    assert (body["status"], body["paid"], body["outstanding"], body["version"]) == (
        "PartiallyPaid",
        "80.00",
        "150.00",
        5,
    )
    assert entries(invoice)[2:] == [("Refund", "-5E+1", second.pk), ("Refund", "-2E+1", first.pk)]
    one, two = Payment.objects.filter(kind="Refund").order_by("id")
    assert body["refundPaymentIds"] == [one.pk, two.pk]
    assert body["refundPaymentId"] == one.pk
    assert (one.reference, two.reference) == ("RF-1", "")
    assert (one.refund_group_id, two.refund_group_id) == (None, one.pk)
    assert (one.method, two.method, one.reason) == ("Card", "EFT", "Goods returned")
    shown = client.get(f"/api/invoices/{invoice.pk}").json()["payments"]
    assert [entry["isRefund"] for entry in shown] == [True, True, False, False]
    assert shown[0]["refundGroupId"] == one.pk


def test_a_refund_may_name_its_payment(client, invoice):
    first, _ = pay(invoice, "100"), pay(invoice, "50")

    assert refund(client, invoice, "60", paymentId=first.pk).status_code == 201
    too_much = refund(client, invoice, "40.01", paymentId=first.pk)

    assert (too_much.status_code, too_much.json()["code"]) == (400, "refund_exceeds_paid")
    assert entries(invoice) == [("Payment", "1E+2", None), ("Payment", "5E+1", None), ("Refund", "-6E+1", first.pk)]


def test_refunds_together_never_exceed_what_is_paid(client, invoice):
    pay(invoice, "100")

    statuses = [refund(client, invoice, amount).status_code for amount in ("60", "40.01", "40", "0.01")]

    assert statuses == [201, 400, 201, 400]
    assert Invoice.objects.get().paid == 0


def test_an_invoice_refunded_to_nothing_is_issued_again_and_cannot_be_cancelled(client, invoice):
    pay(invoice, "230")

    assert refund(client, invoice, "230").json()["status"] == "Issued"
    reply = cancel(client, invoice)

    assert (reply.status_code, reply.json()["code"]) == (400, "has_payments")


def test_a_reversal_undoes_what_refunds_have_left_once(client, invoice):
    payment = pay(invoice, "100")
    refund(client, invoice, "30")

    reply = reverse(client, payment, reason="Bounced", reference="RV-1")
    again = reverse(client, payment)

    body = reply.json()
    assert reply.status_code == 201
    assert (body["originalPaymentId"], body["status"], body["paid"]) == (payment.pk, "Issued", "0.00")
    assert entries(invoice)[-1] == ("Reversal", "-7E+1", payment.pk)
    assert (again.status_code, again.json()["code"]) == (400, "already_reversed")
    assert cancel(client, invoice).json()["code"] == "has_payments"


def test_a_wholly_refunded_payment_is_not_reversed(client, invoice):
    payment = pay(invoice, "100")
    refund(client, invoice, "100")

    reply = reverse(client, payment)

    assert (reply.status_code, reply.json()["code"]) == (400, "not_reversible")


def test_refunds_and_reversals_are_not_undone(client, invoice):
    pay(invoice, "100")
    ids = refund(client, invoice, "10").json()["refundPaymentIds"]
    undone = Payment.objects.get(pk=ids[0])

    assert reverse(client, undone).json()["code"] == "not_reversible"
    assert refund(client, invoice, "5", paymentId=undone.pk).json()["code"] == "payment_invalid"


def test_a_reference_is_used_once_over_all_kinds_of_entries(client, invoice):
    payment = pay(invoice, "100", reference="X-1")

    replies = [refund(client, invoice, "1", reference="x-1"), reverse(client, payment, reference=" X-1 ")]

    assert [reply.json()["code"] for reply in replies] == ["duplicate_reference"] * 2
    assert Invoice.objects.get().paid == 100


def test_money_does_not_go_back_before_it_came(client, invoice):
    noon = timezone.now() - timedelta(days=10)
    payment = pay(invoice, "100", paid_at=noon)
    before = (noon - timedelta(seconds=1)).isoformat()

    replies = [refund(client, invoice, "1", paidAt=before), reverse(client, payment, paidAt=before)]
    at_the_same_moment = refund(client, invoice, "1", paidAt=noon.isoformat())

    assert [reply.json()["code"] for reply in replies] == ["paid_before_payment"] * 2
    assert at_the_same_moment.status_code == 201


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "abc", None])
def test_a_refund_is_an_exact_amount_above_zero(client, invoice, amount):
    pay(invoice, "100")

    assert refund(client, invoice, amount).status_code == 400
    assert Invoice.objects.get().entry_count == 1


def test_what_was_never_paid_is_not_refunded(client, company):
    for document in (make_draft(company), make_issued(company)):
        assert refund(client, document, "1").json()["code"] == "wrong_status"


def test_a_payment_of_another_invoice_is_none_of_this(client, company, invoice):
    elsewhere = pay(make_issued(company), "5")
    pay(invoice, "5")

    assert refund(client, invoice, "1", paymentId=elsewhere.pk).json()["code"] == "payment_invalid"
    assert client.post(f"/api/invoices/{invoice.pk}/payments/{elsewhere.pk}/reverse", {}).status_code == 404


def test_stale_versions_change_nothing(client, invoice):
    payment = pay(invoice, "100")

    replies = [
        refund(client, invoice, "1", version=2),
        reverse(client, payment, version=2),
        cancel(client, invoice, version=2),
    ]

    assert [reply.status_code for reply in replies] == [409] * 3
    assert Invoice.objects.get().version == 3


def test_drafts_and_unpaid_invoices_are_cancelled_with_a_reason_and_keep_their_number(client, company):
    draft, issued = make_draft(company), make_issued(company)

    assert cancel(client, draft).json()["status"] == "Cancelled"
    body = cancel(client, issued, reason="Ordered twice", version=2).json()

    assert (body["status"], body["invoiceNumber"]) == ("Cancelled", issued.number)
    newest = client.get(f"/api/invoices/{issued.pk}/history").json()["results"][0]
    assert (newest["command"], newest["reason"]) == ("invoice.cancelled", "Ordered twice")
    assert cancel(client, issued).json()["code"] == "wrong_status"
    paid = client.post(f"/api/invoices/{issued.pk}/payments", {"amount": 1})
    assert paid.json()["code"] == "wrong_status"


def test_a_zero_total_invoice_is_paid_and_not_cancelled(client, company):
    assert cancel(client, make_issued(company, make_item("0"))).json()["code"] == "wrong_status"


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_readers_give_nothing_back(company, invoice, role):
    payment = pay(invoice, "10")
    reader = api_client(make_user(role, company))

    replies = [refund(reader, invoice, "1"), reverse(reader, payment), cancel(reader, invoice)]

    assert [reply.status_code for reply in replies] == [403] * 3


def test_a_locked_period_takes_no_document_and_no_entry(client, company):
    zone = ZoneInfo("Africa/Johannesburg")
    invoice = make_issued(company, make_item("200"), issue_date=date(2026, 3, 10))
    unpaid = make_issued(company, issue_date=date(2026, 3, 10))
    payment = pay(invoice, "100", paid_at=datetime(2026, 3, 20, 12, tzinfo=zone))
    draft = make_draft(company, issue_date=date(2026, 3, 31))
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=date(2026, 3, 31), reason="VAT return filed")

    locked = {"paidAt": "2026-03-31"}
    replies = [
        client.post(f"/api/invoices/{draft.pk}/issue"),
        client.post(f"/api/invoices/{invoice.pk}/payments", {"amount": 1, **locked}),
        refund(client, invoice, "1", **locked),
        reverse(client, payment, **locked),
        cancel(client, unpaid),
    ]
    after = [
        client.post(f"/api/invoices/{invoice.pk}/payments", {"amount": 1, "paidAt": "2026-04-01"}),
        refund(client, invoice, "1", paidAt="2026-04-01"),
        reverse(client, payment),
    ]

    assert [reply.json()["code"] for reply in replies] == ["period_locked"] * 5
    assert [reply.status_code for reply in after] == [201] * 3
