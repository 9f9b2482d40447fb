import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.tests.factories import add_role, make_user
from audit.actors import SYSTEM
from audit.models import Change
from invoices.models import Invoice
from invoices.tests.factories import make_draft, make_issued, make_item
from parties.models import Company
from parties.services import move_period_lock
from parties.tests.factories import make_company
from payments.models import Payment
from payments.services import apply_payment, refund_payment, reverse_payment

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/payment/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pay_url(invoice: Invoice) -> str:
    return f"{LIST}add/?invoice={invoice.pk}"


def form(invoice: Invoice, amount: str = "115.00", **values: Any) -> dict[str, Any]:
    paid_at = invoice.company.today().isoformat()
    return {"version": invoice.version, "amount": amount, "method": "EFT", "paid_at": paid_at, **values}


def book(invoice: Invoice, amount: str, **values: Any) -> Payment:
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **values)


@pytest.fixture
def company() -> Company:
    return make_company()


@pytest.fixture
def finance(company: Company) -> Client:
    return signed_in(make_user("Finance", company, email="finance@example.test"))


def test_the_form_offers_what_is_outstanding_paid_today(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    book(invoice, "15.50")

    page = finance.get(pay_url(invoice))

    shown = page.context["adminform"].form
    assert [shown[name].value() for name in ("amount", "paid_at", "version")] == ["99.50", company.today(), 3]


def test_a_payment_settles_the_invoice_and_leads_back_to_it(company: Company, finance: Client) -> None:
    invoice = make_issued(company)

    response = finance.post(pay_url(invoice), form(invoice, "15.50", reference="EFT 7", method="Card"), follow=True)

    payment = Payment.objects.get()
    invoice.refresh_from_db()
    assert response.redirect_chain == [(f"/admin/invoices/invoice/{invoice.pk}/change/", 302)]
    expected = f"Payment of ZAR 15.50 applied: {invoice.number} is partially paid, ZAR 99.50 outstanding."
    assert expected in response.content.decode()
    assert (payment.amount, payment.method, payment.reference) == (Decimal("15.50"), "Card", "EFT 7")
    assert payment.paid_at == datetime.combine(company.today(), datetime.min.time(), tzinfo=company.zone)
    assert payment.change.actor == "finance@example.test"
    assert (invoice.status, invoice.paid) == ("PartiallyPaid", Decimal("15.50"))
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"amount": "2 50,00"}, "amount", "This is no amount that can be read for sure."),
        ({"amount": "1e2"}, "amount", "This is no amount that can be read for sure."),
        ({"amount": "0"}, "amount", "The amount is above zero."),
        ({"amount": "-5"}, "amount", "The amount is above zero."),
        ({"amount": "0.001"}, "amount", "At most 2 decimals are possible here"),
        ({"amount": "115.01"}, "amount", "Payment exceeds outstanding amount."),
        ({"amount": ""}, "amount", "This field is required."),
        ({"paid_at": "2999-01-01"}, "paid_at", "Nothing is booked before it happened"),
        ({"paid_at": "1899-12-31"}, "paid_at", "Dates start in 1900."),
        ({"paid_at": "yesterday"}, "paid_at", "Enter a valid date."),
        ({"method": "Barter"}, "method", "Select a valid choice."),
        ({"reference": "ONE "}, "reference", "This reference is used on this invoice already."),
    ],
)
def test_what_cannot_be_booked_stands_beside_its_field_and_stays_as_typed(
    company: Company, finance: Client, values: dict[str, str], field: str, sentence: str
) -> None:
    invoice = make_issued(company)
    other = make_issued(company)
    book(other, "1", reference="one")
    target = other if field == "reference" else invoice
    target.refresh_from_db()

    response = finance.post(pay_url(target), form(target, **{"amount": "5", **values}))

    shown = response.context["adminform"].form
    assert response.status_code == 200
    assert sentence in str(shown.errors[field])
    assert shown[field].value() == values[field]
    assert Payment.objects.count() == 1


def test_a_second_click_books_nothing_and_says_so(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice, "15.50")

    finance.post(pay_url(invoice), typed)
    response = finance.post(pay_url(invoice), typed)

    page = response.content.decode()
    assert response.status_code == 200
    assert "finance@example.test changed this at " in page
    assert "payment.applied" in page
    assert Payment.objects.count() == 1
    assert Change.objects.filter(action="payment.applied").count() == 1


def test_the_second_tab_is_told_and_may_still_pay_the_rest(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice, "15.50", reference="mine")
    book(invoice, "100")

    stale = finance.post(pay_url(invoice), typed)
    version = stale.context["adminform"].form["version"].value()
    again = finance.post(pay_url(invoice), typed | {"version": version, "amount": "15"})

    assert "system changed this at " in stale.content.decode()
    assert ("paid", "0.00", "100.00") in stale.context["news"][0].changes[0].values
    assert stale.context["adminform"].form["reference"].value() == "mine"
    assert version == "3"
    assert again.status_code == 302
    invoice.refresh_from_db()
    assert (invoice.status, invoice.payments.count()) == ("Paid", 2)


def test_what_was_paid_in_full_meanwhile_takes_no_more(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    typed = form(invoice)
    book(invoice, "115")

    stale = finance.post(pay_url(invoice), typed, follow=True)
    again = finance.post(pay_url(invoice), typed | {"version": "3"})
    opened = finance.get(pay_url(invoice), follow=True)

    assert "Nothing was done." in stale.content.decode()
    assert "system changed it at " in stale.content.decode()
    for page in (stale, again, opened):
        assert "this invoice is paid." in page.content.decode()
    assert Payment.objects.count() == 1


def test_a_payment_needs_an_invoice_that_takes_one(company: Company, finance: Client) -> None:
    draft = make_draft(company)

    without = finance.get(f"{LIST}add/", follow=True)
    unissued = finance.get(pay_url(draft), follow=True)
    forced = finance.post(pay_url(draft), form(draft))

    assert "Paste or type it as it stands on the statement" in without.content.decode()
    assert "this invoice is draft." in unissued.content.decode()
    assert "this invoice is draft." in forced.content.decode()
    assert not Payment.objects.exists()


def test_those_who_only_read_do_not_pay(company: Company) -> None:
    invoice = make_issued(company)
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))

        assert client.get(pay_url(invoice)).status_code == 403
        assert client.post(pay_url(invoice), form(invoice)).status_code == 403
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.get(LIST).status_code == 200

    assert not Payment.objects.exists()


def test_a_role_counts_where_it_is_held(company: Company) -> None:
    other = make_company()
    client = signed_in(add_role(make_user("Finance", company), other, "Viewer"))
    invoice = make_issued(other)

    assert client.post(pay_url(invoice), form(invoice)).status_code == 403
    assert not Payment.objects.exists()


def test_another_companys_invoice_and_payment_do_not_exist(finance: Client) -> None:
    invoice = make_issued(make_company())
    payment = book(invoice, "1", reference="foreign")

    for address in (
        pay_url(invoice),
        f"{LIST}add/?invoice=999999",
        f"{LIST}add/?invoice=",
        f"{LIST}add/?invoice=x",
        f"{LIST}{payment.pk}/change/",
        f"{LIST}{payment.pk}/history/",
        f"{LIST}{payment.pk + 1000}/change/",
    ):
        assert finance.get(address).status_code == 404
    assert finance.post(pay_url(invoice), form(invoice)).status_code == 404
    assert "foreign" not in finance.get(LIST).content.decode()
    assert Payment.objects.count() == 1


def test_entries_are_read_and_never_changed(company: Company, finance: Client) -> None:
    payment = book(make_issued(company), "15.50", reference="EFT 7")
    address = f"{LIST}{payment.pk}/"

    page = finance.get(f"{address}change/").content.decode()

    assert "ZAR 15.50" in page
    assert "EFT 7" in page
    assert '<input type="submit"' not in page
    assert finance.post(f"{address}change/", {"amount": "1"}).status_code == 403
    assert finance.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    payment.refresh_from_db()
    assert (payment.amount, payment.version) == (Decimal("15.50"), 1)


def test_the_invoice_shows_its_payments_newest_first_by_the_companys_clock(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    yesterday = company.today() - timedelta(days=1)
    book(invoice, "10", reference="REF-1", paid_at=yesterday)
    book(invoice, "20", reference="REF-2")

    page = finance.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    history = finance.get(f"/admin/invoices/invoice/{invoice.pk}/history/")

    assert page.index("REF-2") < page.index("REF-1")
    assert f"{yesterday} 00:00" in page
    assert "85.00" in page
    commands = [group.entry.command for group in history.context["groups"]]
    assert commands == ["payment.applied", "payment.applied", "invoice.issued", "invoice.created"]
    assert {change.entry.entity_type for change in history.context["groups"][0].changes} == {"Invoice", "Payment"}


def test_the_list_filters_finds_and_takes_few_statements(
    company: Company, finance: Client, django_assert_max_num_queries: Any
) -> None:
    invoice = make_issued(company)
    for number in range(8):
        book(invoice, "1", reference=f"part {number}", method="Cash" if number == 3 else "EFT")

    with django_assert_max_num_queries(8):
        everything = finance.get(LIST).content.decode()
    cash = finance.get(f"{LIST}?method__exact=Cash").content.decode()
    found = finance.get(f"{LIST}?q=part+5").content.decode()
    nothing = finance.get(f"{LIST}?q=part+9").content.decode()

    assert everything.count("part ") == 8
    assert [number for number in range(8) if f"part {number}" in cash] == [3]
    # The entries of the invoice that has the reference: what came before and after it is wanted, too.
    assert (found.count(">part "), nothing.count(">part ")) == (8, 0)


def refund_url(invoice: Invoice) -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/refund/"


def reverse_url(payment: Payment) -> str:
    return f"{LIST}{payment.pk}/reverse/"


def refund_form(invoice: Invoice, amount: str, **values: Any) -> dict[str, Any]:
    return {**form(invoice, amount), "method": "", "reason": "Goods came back", **values}


def reversal_form(invoice: Invoice, **values: Any) -> dict[str, Any]:
    paid_at = invoice.company.today().isoformat()
    return {"version": invoice.version, "paid_at": paid_at, "reason": "Bounced", **values}


def paid_invoice(company: Company, *amounts: str) -> Invoice:
    """An invoice of 115.00 with these payments, the oldest first, one a day up to yesterday ("day 1")."""
    invoice = make_issued(company)
    for days, amount in zip(range(len(amounts), 0, -1), amounts, strict=True):
        book(invoice, amount, paid_at=company.today() - timedelta(days=days), reference=f"day {days}")
    invoice.refresh_from_db()
    return invoice


def test_a_refund_falls_on_the_newest_payments_and_leads_back_to_the_invoice(company: Company, finance: Client) -> None:
    # given: 100.00 and, a day later, 15.00
    invoice = paid_invoice(company, "100", "15")

    response = finance.post(
        refund_url(invoice), refund_form(invoice, "40", method="Cash", reference="back 1"), follow=True
    )

    first, second = Payment.objects.filter(kind="Refund").order_by("id")
    invoice.refresh_from_db()
    assert response.redirect_chain == [(f"/admin/invoices/invoice/{invoice.pk}/change/", 302)]
    expected = f"ZAR 40.00 refunded: {invoice.number} is partially paid, ZAR 40.00 outstanding."
    assert expected in response.content.decode()
    assert [(entry.amount, entry.reverses.amount) for entry in (first, second)] == [(-15, 15), (-25, 100)]
    assert (first.method, first.reference, first.reason) == ("Cash", "back 1", "Goods came back")
    assert (first.change.actor, first.change.reason) == ("finance@example.test", "Goods came back")
    assert (invoice.status, invoice.paid) == ("PartiallyPaid", 75)


def test_a_refund_of_a_chosen_payment_goes_back_the_way_it_came(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    card, eft = book(invoice, "50", method="Card", reference="c 1"), book(invoice, "65")
    book_day = company.today().isoformat()
    invoice.refresh_from_db()

    page = finance.get(refund_url(invoice))
    finance.post(refund_url(invoice), refund_form(invoice, "20.50", payment_id=card.pk))

    refund = Payment.objects.get(kind="Refund")
    assert page.context["adminform"].form.fields["payment_id"].choices == [
        ("", "The newest"),
        (eft.pk, f"{book_day} EFT: 65.00 left of ZAR 65.00"),
        (card.pk, f"{book_day} Card: 50.00 left of ZAR 50.00 (c 1)"),
    ]
    assert (refund.reverses, refund.method, refund.amount) == (card, "Card", Decimal("-20.50"))
    # a payment of this very day can be refunded: today means now
    assert refund.paid_at >= card.paid_at


def test_a_wholly_refunded_payment_is_not_offered_again(company: Company, finance: Client) -> None:
    invoice = make_issued(company)
    gone, left = book(invoice, "50"), book(invoice, "65")
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(50), payment_id=gone.pk)

    page = finance.get(refund_url(invoice))
    invoice.refresh_from_db()
    forced = finance.post(refund_url(invoice), refund_form(invoice, "1", payment_id=gone.pk))

    choices = page.context["adminform"].form.fields["payment_id"].choices
    assert [pk for pk, _ in choices] == ["", left.pk]
    assert "Select a valid choice." in str(forced.context["adminform"].form.errors["payment_id"])


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"amount": "115.01"}, "amount", "Refund exceeds what is paid."),
        ({"amount": "0"}, "amount", "The amount is above zero."),
        ({"amount": "1,5,0"}, "amount", "This is no amount that can be read for sure."),
        ({"amount": "0.001"}, "amount", "At most 2 decimals are possible here"),
        ({"reason": "  "}, "reason", "This field is required."),
        ({"reason": "a\x07b"}, "reason", "The character U+0007 is not possible in a text."),
        ({"reference": "DAY 1"}, "reference", "This reference is used on this invoice already."),
        ({"paid_at": "2999-01-01"}, "paid_at", "Nothing is booked before it happened"),
        ({"paid_at": "2000-01-01"}, "paid_at", "A refund or reversal is not dated before the payment that it undoes."),
        ({"method": "Barter"}, "method", "Select a valid choice."),
        ({"payment_id": "999999"}, "payment_id", "Select a valid choice."),
    ],
)
def test_a_refund_that_cannot_be_booked_says_why_beside_its_field(
    company: Company, finance: Client, values: dict[str, str], field: str, sentence: str
) -> None:
    invoice = paid_invoice(company, "115")

    response = finance.post(refund_url(invoice), refund_form(invoice, **{"amount": "5", **values}))

    shown = response.context["adminform"].form
    assert response.status_code == 200
    assert sentence in str(shown.errors[field])
    assert shown[field].value() == values[field]
    assert shown["version"].value() == str(invoice.version)
    assert Payment.objects.count() == 1


def test_a_second_click_on_refund_or_reverse_books_nothing_and_says_so(company: Company, finance: Client) -> None:
    invoice = paid_invoice(company, "100")
    payment = Payment.objects.get()
    refund, reversal = refund_form(invoice, "40"), reversal_form(invoice)

    finance.post(refund_url(invoice), refund)
    again = finance.post(refund_url(invoice), refund)
    stale = finance.post(reverse_url(payment), reversal)
    finance.post(reverse_url(payment), reversal | {"version": stale.context["adminform"].form["version"].value()})
    late = finance.post(reverse_url(payment), reversal, follow=True)

    for page in (again, stale):
        assert "finance@example.test changed this at " in page.content.decode()
    assert stale.context["adminform"].form["reason"].value() == "Bounced"
    # what is not possible any more leads back, and says who was faster
    assert (
        "Nothing was done. This payment is reversed already. finance@example.test changed it" in late.content.decode()
    )
    assert [entry.amount for entry in Payment.objects.order_by("id")] == [100, -40, -60]


def test_a_reversal_undoes_what_is_left_once(company: Company, finance: Client) -> None:
    invoice = paid_invoice(company, "115")
    payment = Payment.objects.get()
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal("15.50"))
    invoice.refresh_from_db()

    page = finance.get(reverse_url(payment)).content.decode()
    response = finance.post(reverse_url(payment), reversal_form(invoice, reference="R 1"), follow=True)
    opened = finance.get(reverse_url(payment), follow=True)

    reversal = Payment.objects.get(kind="Reversal")
    invoice.refresh_from_db()
    assert "ZAR 99.50</strong>" in page
    expected = f"ZAR 99.50 reversed: {invoice.number} is issued, ZAR 115.00 outstanding."
    assert expected in response.content.decode()
    assert (reversal.amount, reversal.reverses, reversal.reason) == (Decimal("-99.50"), payment, "Bounced")
    assert (reversal.reference, invoice.paid, invoice.status) == ("R 1", 0, "Issued")
    assert "This payment is reversed already." in opened.content.decode()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"reason": ""}, "reason", "This field is required."),
        ({"reference": "day 1"}, "reference", "This reference is used on this invoice already."),
        ({"paid_at": "2000-01-01"}, "paid_at", "A refund or reversal is not dated before the payment that it undoes."),
    ],
)
def test_a_reversal_that_cannot_be_booked_says_why_beside_its_field(
    company: Company, finance: Client, values: dict[str, str], field: str, sentence: str
) -> None:
    invoice = paid_invoice(company, "115")

    response = finance.post(reverse_url(Payment.objects.get()), reversal_form(invoice, **values))

    shown = response.context["adminform"].form
    assert sentence in str(shown.errors[field])
    assert shown[field].value() == values[field]
    assert Payment.objects.count() == 1


def test_the_books_of_a_closed_period_take_no_entry(company: Company, finance: Client) -> None:
    invoice = paid_invoice(company, "15")
    payment = Payment.objects.get()
    move_period_lock(actor=SYSTEM, company_id=company.pk, locked_through=company.today(), reason="Year end")
    pages = [
        (pay_url(invoice), form(invoice, "1")),
        (refund_url(invoice), refund_form(invoice, "1")),
        (reverse_url(payment), reversal_form(invoice)),
    ]

    for address, typed in pages:
        shown = finance.post(address, typed).context["adminform"].form
        assert f"The books are closed up to {company.today()}" in str(shown.errors["paid_at"])
    assert Payment.objects.count() == 1


def test_the_buttons_are_those_that_would_succeed_now(company: Company, finance: Client) -> None:
    def buttons(invoice: Invoice, client: Client = finance) -> list[str]:
        page = client.get(f"/admin/invoices/invoice/{invoice.pk}/change/")
        rows = [button for row in page.context["ledger"] for button in row.buttons]
        return [button.button for button in (*page.context["buttons"], *rows)]

    unpaid, part, whole = make_issued(company), paid_invoice(company, "15"), paid_invoice(company, "15", "100")
    undone = paid_invoice(company, "15")
    reverse_payment(actor=SYSTEM, invoice_id=undone.pk, payment_id=undone.payments.get().pk)
    viewer = signed_in(make_user("Viewer", company))

    assert buttons(unpaid) == [
        "Apply payment",
        "Write off",
        "Duplicate",
        "Cancel invoice",
        "Credit",
        "Send",
        "Reminders",
    ]
    assert buttons(part) == [
        *("Apply payment", "Refund", "Write off", "Duplicate", "Credit", "Send", "Reminders", "Reverse")
    ]
    assert buttons(whole) == ["Refund", "Duplicate", "Credit", "Send", "Reverse", "Reverse"]
    # money was recorded on it once, so it is never cancelled
    assert buttons(undone) == ["Apply payment", "Write off", "Duplicate", "Credit", "Send", "Reminders"]
    assert [buttons(invoice, viewer) for invoice in (unpaid, part, whole, undone)] == [[], [], [], []]


def test_what_the_buttons_do_not_offer_is_refused_with_its_reason(company: Company, finance: Client) -> None:
    unpaid, undone = make_issued(company), paid_invoice(company, "15")
    payment = undone.payments.get()
    reversal = reverse_payment(actor=SYSTEM, invoice_id=undone.pk, payment_id=payment.pk)
    undone.refresh_from_db()

    nothing_paid = finance.get(refund_url(unpaid), follow=True)
    forced = finance.post(refund_url(unpaid), refund_form(unpaid, "1"))
    of_a_reversal = finance.post(reverse_url(reversal), reversal_form(undone))

    for page in (nothing_paid, forced):
        assert "Only invoices with something paid can be refunded; this invoice is issued." in page.content.decode()
    assert "Only payments are reversed, not refunds or reversals." in of_a_reversal.content.decode()
    assert Payment.objects.count() == 2


def test_refunds_and_reversals_need_the_role_and_the_company(company: Company, finance: Client) -> None:
    invoice, foreign = paid_invoice(company, "15"), paid_invoice(make_company(), "15")
    mine, theirs = invoice.payments.get(), foreign.payments.get()
    for role in ("Viewer", "Auditor"):
        client = signed_in(make_user(role, company))
        for address in (refund_url(invoice), reverse_url(mine)):
            assert client.get(address).status_code == 403
            assert client.post(address, refund_form(invoice, "1")).status_code == 403

    for address in (refund_url(foreign), reverse_url(theirs), f"{LIST}x/reverse/", f"{LIST}999999/reverse/"):
        assert finance.get(address).status_code == 404
        assert finance.post(address, refund_form(foreign, "1")).status_code == 404
    assert Payment.objects.count() == 2


def test_the_invoice_shows_what_was_undone_and_why(company: Company, finance: Client) -> None:
    invoice = paid_invoice(company, "15", "100")
    old, new = invoice.payments.order_by("id")
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(40), payment_id=new.pk, reason="Came back")
    reverse_payment(actor=SYSTEM, invoice_id=invoice.pk, payment_id=old.pk, reason="Bounced")

    response = finance.get(f"/admin/invoices/invoice/{invoice.pk}/change/")

    page = response.content.decode()
    rows = [(row.entry.kind, row.entry.amount, row.undoes, row.left) for row in response.context["ledger"]]
    assert rows[0][:3] == ("Reversal", -15, old)
    assert rows[1][:3] == ("Refund", -40, new)
    assert rows[2:] == [("Payment", 100, None, 60), ("Payment", 15, None, 0)]
    assert page.count('<tr class="undoing">') == 2
    for text in ("Came back", "Bounced", "60.00 of it is left", "nothing of it is left", "-40.00"):
        assert text in page
    assert f"of the payment of {company.today() - timedelta(days=2)} over 15.00 (day 2)" in page


def test_amounts_are_grouped_where_people_read_them(company: Company, finance: Client) -> None:
    invoice = make_issued(company, make_item("19859.04"))
    book(invoice, "12345.67")

    page = finance.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    listed = finance.get(LIST).content.decode()
    offered = finance.get(pay_url(invoice)).context["adminform"].form["amount"].value()

    # 19859.04 and VAT of 2978.86, with narrow spaces at which no line breaks
    for text in ("22\u202f837.90", "10\u202f492.23", "12\u202f345.67"):
        assert text in page
    assert '<progress max="22837.9" value="12345.67"' in page
    assert "ZAR 12\u202f345.67" in listed
    assert offered == "10492.23"


def test_what_a_page_shows_can_be_pasted_as_an_amount(company: Company, finance: Client) -> None:
    invoice = make_issued(company, make_item("19859.04"))

    finance.post(pay_url(invoice), form(invoice, "22\u202f837.90"))

    assert Payment.objects.get().amount == Decimal("22837.90")


def test_a_day_typed_into_the_address_filters_in_utc(company: Company, finance: Client) -> None:
    book(make_issued(company), "1", reference="early", paid_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))

    def found(query: str) -> bool:
        return ">early<" in finance.get(f"{LIST}?{query}").content.decode()

    assert found("paid_at__gte=2026-03-01&paid_at__lt=2026-03-02")
    assert not found("paid_at__gte=2026-03-02")
    assert not found("paid_at__gte=2026-03-01T23:45")
    assert found("paid_at__gte=2026-03-01T23:15:00Z")


def test_the_path_above_a_payment_s_form_leads_to_the_list_and_to_the_invoice() -> None:
    company = make_company()
    invoice = make_issued(company, make_item("100"))
    page = signed_in(make_user("Finance", company)).get(pay_url(invoice)).content.decode()

    path = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    assert path is not None
    steps = re.findall(r'<a href="([^"]+)"[^>]*>\s*([^<]+?)\s*</a>', path[1])
    invoices = "/admin/invoices/invoice/"
    assert steps == [(invoices, "Invoices"), (f"{invoices}{invoice.pk}/change/", str(invoice))]
