"""The promise: whoever has the link sees that invoice and nothing else; whoever has not learns nothing at all."""

import base64
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Change
from audit.services import recording
from core.errors import DomainError
from core.testing.samples import Samples
from credits.documents import credit_note_file
from credits.tests.factories import make_credit_note
from invoices.models import Invoice
from invoices.services import cancel_invoice, delete_draft
from invoices.tests.factories import make_draft, make_item
from parties.models import Company
from parties.services import update_company
from parties.tests.factories import make_bank_account, make_company, make_customer, png_image
from payments.services import apply_payment, refund_payment
from portal import pay
from portal.models import InvoiceLink, LinkUse
from portal.pay import PayButton, offer_button
from portal.services import renew_link, revoke_link
from portal.tests.factories import make_linked, page_of, token_of_invoice
from portal.tokens import token_of

pytestmark = pytest.mark.django_db

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'none'"
)


@pytest.fixture
def company() -> Company:
    """A company with a logo and an account."""
    company = make_company(name="Karoo Coffee", email="accounts@karoo.test")
    make_bank_account(company)
    return update_company(actor=SYSTEM, company_id=company.pk, logo=png_image(), colour="#0f766e")


@pytest.fixture
def invoice(company: Company) -> Invoice:
    """Issued over ZAR 1 150.00, with a link."""
    return make_linked(company, make_item("1000", description="Roasting"))


def get(path: str, **options: Any) -> Any:
    return Client().get(path, **options)


def text_of(invoice: Invoice) -> str:
    reply = get(page_of(invoice))
    assert reply.status_code == 200
    return str(reply.content.decode())


def pay_in(invoice: Invoice, amount: str, **details: Any) -> Any:
    return apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(amount), **details)


def test_the_page_shows_the_invoice_and_how_to_pay_it(company: Company, invoice: Invoice) -> None:
    page = text_of(invoice)

    for text in ("Karoo Coffee", "Tax invoice", str(invoice.number), "Open", "Due in 30 days", "ZAR", "1,150.00"):
        assert text in page
    for text in (invoice.buyer_name, "Roasting", "15%", "150.00", "First Bank", "62812345", "250655", "Download PDF"):
        assert text in page
    assert f"data:image/png;base64,{base64.b64encode(png_image()).decode()}" in page
    assert 'fill="#0f766e"' in page
    assert '<html lang="en">' in page
    assert "<form" not in page
    assert "<script" not in page


def test_vat_in_another_currency_stands_there_in_the_companys_too(company: Company) -> None:
    page = text_of(make_linked(company, make_item("1000"), currency="EUR"))

    assert "VAT in ZAR" in page
    assert "3,075.00" in page
    assert "1 EUR = 20.5 ZAR" in page


def test_the_headers_are_strict_and_no_cookie_is_set_even_for_staff(invoice: Invoice, admin_client: Client) -> None:
    for client in (Client(), admin_client):
        before = dict(client.cookies)
        for path in (page_of(invoice), f"{page_of(invoice)}/pdf", "/i/nothing"):
            reply = client.get(path)
            assert reply["Content-Security-Policy"] == POLICY
            assert reply["Referrer-Policy"] == "no-referrer"
            assert reply["Cache-Control"] == "no-store"
            assert reply["X-Robots-Tag"] == "noindex, nofollow, noarchive"
            assert reply["X-Frame-Options"] == "DENY"
            assert reply["X-Content-Type-Options"] == "nosniff"
            assert not reply.cookies
            assert "Vary" not in reply
        assert dict(client.cookies) == before


def test_the_file_is_the_one_that_everybody_gets(invoice: Invoice) -> None:
    reply = get(f"{page_of(invoice)}/pdf")

    assert (reply.status_code, reply["Content-Type"]) == (200, "application/pdf")
    assert reply["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert reply.content == bytes(invoice.stored_documents.get().content)
    assert get(f"{page_of(invoice)}/pdf").content == reply.content


def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(company: Company, invoice: Invoice) -> None:
    other = make_linked(company)
    draft, deleted = make_draft(company), make_draft(company)
    drafts = [_forged_link(draft), _forged_link(deleted)]
    revoked, renewed = make_linked(company), make_linked(company)
    dead = [token_of_invoice(revoked), token_of_invoice(renewed)]
    revoke_link(actor=SYSTEM, invoice_id=revoked.pk)
    renew_link(actor=SYSTEM, invoice_id=renewed.pk)
    with recording(actor=SYSTEM, action="test"):
        InvoiceLink.objects.filter(invoice=deleted).delete()
    delete_draft(actor=SYSTEM, invoice_id=deleted.pk)
    token = token_of_invoice(invoice)
    link_id, signature = token.split(".")
    flipped = [
        f"{link_id}.{signature[:place]}{'A' if signature[place] != 'A' else 'B'}{signature[place + 1 :]}"
        for place in range(len(signature))
    ]
    malformed = [
        *(token[:length] for length in range(1, len(token))),
        *(f"{token}{more}" for more in ("A", "=", "%0A", "%00", "/", "/x", "/pdf/", ".")),
        *("", "x", "0.", f"0.{signature}", f"-1.{signature}", f"{link_id}{signature}", f"0{link_id}.{signature}"),
        *(f"{2**63}.{signature}", f"{10**19}.{signature}", f"٣.{signature}", f"{link_id}.{'é' * 43}", "A" * 5000),
        *("🙂", "%F0%9F", "..", "../admin", "%2e%2e%2fadmin", "INV-2026-000001", str(invoice.pk)),
    ]
    other_id = token_of_invoice(other).split(".")[0]
    wrong = [*flipped, *malformed, *drafts, *dead, f"{other_id}.{signature}", f"999999.{signature}"]
    expected = _without_id(get("/i/nothing"))
    assert expected[0] == 404
    assert b"There is no such page" in expected[1]

    with time_machine.travel(timezone.now(), tick=False) as clock:
        for token in wrong:
            clock.shift(timedelta(minutes=2))  # out of reach of the limit
            assert _without_id(get(f"/i/{token}")) == expected, token
            clock.shift(timedelta(minutes=2))
            if token and "/" not in token:
                assert _without_id(get(f"/i/{token}/pdf")) == expected, token
    assert LinkUse.objects.filter(views__gt=0).count() == 0
    assert get(page_of(invoice)).status_code == get(page_of(other)).status_code == 200


def _forged_link(draft: Invoice) -> str:
    """A link that no service would make: to a draft, and rightly signed."""
    with recording(actor=SYSTEM, action="test") as change:
        link = InvoiceLink.objects.create(
            company_id=draft.company_id, invoice=draft, nonce="n" * 32, created_at=change.at, change=change
        )
    return token_of(link.pk, link.nonce)


def _without_id(reply: Any) -> Any:
    headers = {name: value for name, value in reply.headers.items() if name != "X-Request-ID"}
    return reply.status_code, reply.content, headers, dict(reply.cookies)


def test_control_the_link_of_a_draft_is_otherwise_a_good_one(company: Company) -> None:
    draft = make_draft(company)
    token = _forged_link(draft)

    refused = get(f"/i/{token}").status_code
    invoice = make_linked(company)
    with recording(actor=SYSTEM, action="test") as change:
        InvoiceLink.objects.filter(invoice=invoice).delete()
    with recording(actor=SYSTEM, action="test") as change:
        InvoiceLink.objects.filter(invoice=draft).update(invoice=invoice, version=2, change=change)
    LinkUse.objects.create(link=InvoiceLink.objects.get())

    assert (refused, get(f"/i/{token}").status_code) == (404, 200)


def test_only_reading_is_possible(invoice: Invoice) -> None:
    for method in ("post", "put", "patch", "delete", "options"):
        replies = [getattr(Client(), method)(path) for path in (page_of(invoice), "/i/nothing")]
        assert [reply.status_code for reply in replies] == [405, 405]
        assert replies[0].content == replies[1].content


def test_a_new_secret_kills_links_unless_the_old_one_is_still_accepted(invoice: Invoice, settings: Any) -> None:
    path, old = page_of(invoice), settings.SECRET_KEY

    settings.SECRET_KEY = "another-secret-of-more-than-32-characters"
    rotated = get(path).status_code
    settings.SECRET_KEY_FALLBACKS = [old]

    assert (rotated, get(path).status_code) == (404, 200)
    assert page_of(invoice) != path


def test_views_and_downloads_are_counted_and_what_nobody_sees_is_not(invoice: Invoice) -> None:
    entries, path = Change.objects.count(), page_of(invoice)

    Client().head(path)
    for header in ({"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"X-Purpose": "preview"}):
        assert get(path, headers=header).status_code == 200
        get(f"{path}/pdf", headers=header)
    unseen = LinkUse.objects.values("views", "downloads", "first_viewed_at").get()
    before = timezone.now() - timedelta(seconds=5)
    get(path)
    first = LinkUse.objects.get()
    get(path)
    get(f"{path}/pdf")

    use = LinkUse.objects.get()
    assert unseen == {"views": 0, "downloads": 0, "first_viewed_at": None}
    assert (first.views, use.views, use.downloads) == (1, 2, 1)
    assert before < use.first_viewed_at == first.first_viewed_at <= use.last_viewed_at
    # the file was stored, by whoever asked first; looking is on no record
    assert list(Change.objects.order_by("id").values_list("action", flat=True))[entries:] == ["invoice.document_stored"]


def test_a_renewed_link_was_seen_by_nobody_yet(invoice: Invoice) -> None:
    get(page_of(invoice))
    renew_link(actor=SYSTEM, invoice_id=invoice.pk)

    assert LinkUse.objects.values_list("views", "first_viewed_at").get() == (0, None)


def test_how_it_stands(company: Company) -> None:
    invoice = make_linked(company)
    due = invoice.due_date
    part = make_linked(company)
    pay_in(part, "15")

    def standing(invoice: Invoice, days: int) -> str:
        with time_machine.travel(f"{due + timedelta(days=days)}T10:00:00Z", tick=False):
            page = text_of(invoice)
        return " ".join(page.split('<p class="standing">')[1].split("</p>")[0].replace("</span>", "|").split())

    badge = '<span class="badge">'
    assert standing(invoice, -5) == f"{badge}Open| Due in 5 days"
    assert standing(invoice, -1) == f"{badge}Open| Due tomorrow"
    assert standing(invoice, 0) == f"{badge}Open| Due today"
    assert standing(invoice, 1) == f"{badge}Overdue by 1 day|"
    assert standing(invoice, 3) == f"{badge}Overdue by 3 days|"
    assert standing(part, -2) == f"{badge}Partly paid| Due in 2 days"
    assert standing(part, 3) == f"{badge}Overdue by 3 days| Partly paid"


def test_the_day_is_that_of_the_company(company: Company) -> None:
    invoice = make_linked(company)

    with time_machine.travel(f"{invoice.due_date}T22:30:00Z", tick=False):  # past midnight in Johannesburg
        assert "Overdue by 1 day" in text_of(invoice)


def test_payments_are_shown_without_what_is_internal(company: Company) -> None:
    customer = make_customer(company, metadata={"risk": "INTERNAL-1"}, external_id="INTERNAL-2")
    invoice = make_linked(company, make_item("1000"), customer=customer, metadata={"x": "INTERNAL-3"})
    pay_in(invoice, "1150", reference="EFT-1", method="Card")
    refund_payment(actor=SYSTEM, invoice_id=invoice.pk, amount=Decimal(150), reason="INTERNAL-4")
    other = make_linked(company, make_item("77.31", description="OTHER"))

    page = text_of(invoice)

    assert "Partly paid" in page
    assert page.index("1,150.00") < page.index("\u2212150.00")
    for text in ("Card", "EFT-1", "Refund"):
        assert text in page
    for text in ("INTERNAL", "system", "OTHER", "77.31", str(other.number)):
        assert text not in page


def test_a_paid_invoice_is_a_receipt_and_asks_for_nothing(invoice: Invoice) -> None:
    pay_in(invoice, "1150")

    page = text_of(invoice)

    assert "Thank you for your payment." in page
    assert "Amount paid" in page
    assert "62812345" not in page


def test_a_cancelled_invoice_says_so_and_asks_for_nothing(invoice: Invoice) -> None:
    cancel_invoice(actor=SYSTEM, invoice_id=invoice.pk, reason="INTERNAL")

    page = text_of(invoice)

    assert "This document was cancelled: nothing is to be paid." in page
    assert "62812345" not in page
    assert "INTERNAL" not in page
    assert get(f"{page_of(invoice)}/pdf").content == bytes(invoice.stored_documents.get(kind="cancellation").content)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ("Rechnung", "Offen", "Fällig in 30 Tagen", "1.150,00", "PDF herunterladen", "Per Überweisung zahlen")),
        ("fr", ("Facture", "À payer dans 30 jours", "1\u202f150,00", "Télécharger le PDF")),
        ("af", ("Belastingfaktuur", "Betaalbaar oor 30 dae", "1\xa0150,00", "Laai PDF af")),
    ],
)
def test_the_language_is_that_of_the_document(company: Company, language: str, texts: tuple[str, ...]) -> None:
    invoice = make_linked(company, make_item("1000"), customer=make_customer(company, language=language))

    page = text_of(invoice)

    assert f'<html lang="{language}">' in page
    for text in texts:
        assert text in page


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("JPY", "1234567", "1,234,567"), ("KWD", "1234.567", "1,234.567")]
)
def test_currencies_have_their_own_decimals(currency: str, price: str, amount: str) -> None:
    company = make_company(currency=currency, default_vat_rate=Decimal(0), vat_number="")
    page = text_of(make_linked(company, make_item(price)))

    assert f'<span class="currency">{currency}</span> <strong>{amount}</strong>' in page


def test_what_people_type_is_shown_as_they_typed_it(company: Company) -> None:
    name = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    customer = make_customer(company, name=name, city="</style>{{ 7|add:7 }}")
    page = text_of(make_linked(company, make_item("1", description=f"{name}\n<b>bold</b>"), customer=customer))

    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7|add:7 }}" in page


def test_naughty_names_break_nothing(company: Company, samples: Samples) -> None:
    shown = 0
    for name in samples.json("reference/naughty_strings.json")[::20]:
        with suppress(DomainError):  # what the company cannot type cannot be shown
            customer = make_customer(company, name=name)
            shown += 1
        page = text_of(make_linked(company, customer=customer))
        assert page.count("<script") == page.count("<form") == 0
        assert page.count("<img") == 1
    assert shown > 10


def test_the_gateways_put_their_buttons_on_open_invoices_only(
    company: Company, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pay, "_makers", [])
    offer_button(lambda shown, language: None)
    offer_button(
        lambda shown, language: PayButton(
            f"Card {language}", "https://pay.example.test/start", ("https://pay.example.test",), {"id": str(shown.pk)}
        )
    )

    reply = get(page_of(invoice))
    page = reply.content.decode()
    pay_in(invoice, "1150")

    assert reply["Content-Security-Policy"].endswith("form-action https://pay.example.test")
    assert 'action="https://pay.example.test/start"' in page
    assert f'<input type="hidden" name="id" value="{invoice.pk}">' in page
    assert "Card en" in page
    assert "<form" not in text_of(invoice)


def test_more_than_sixty_requests_a_minute_from_an_address_are_refused(invoice: Invoice) -> None:
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as clock:
        statuses = [
            get(f"/i/{number}", headers={"X-Forwarded-For": f"203.0.113.{number}"}).status_code for number in range(60)
        ]
        refused = get(page_of(invoice), headers={"X-Forwarded-For": "198.51.100.1"})
        elsewhere = get(page_of(invoice), REMOTE_ADDR="192.0.2.7")
        clock.shift(timedelta(seconds=60))
        again = get(page_of(invoice))

    assert statuses == [404] * 60
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert refused["Content-Security-Policy"] == POLICY
    assert "Please wait a minute" in refused.content.decode()
    assert (elsewhere.status_code, again.status_code) == (200, 200)


def test_a_link_is_used_up_to_a_hundred_and_twenty_times_a_minute_wherever_from(
    company: Company, invoice: Invoice
) -> None:
    other = make_linked(company)
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False):
        statuses = [get(page_of(invoice), REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(121)]
        unharmed = get(page_of(other), REMOTE_ADDR="192.0.2.1").status_code
        wrong = get(f"{page_of(invoice)[:-1]}", REMOTE_ADDR="192.0.2.200").status_code

    assert statuses == [200] * 120 + [429]
    assert (unharmed, wrong) == (200, 404)
    assert LinkUse.objects.get(link__invoice=invoice).views == 120


def test_the_page_shows_credit_notes_and_gives_their_files_and_no_others(invoice: Invoice, company: Company) -> None:
    first, other = make_credit_note(invoice, "0.5", reason="INTERNAL-5"), make_credit_note(make_linked(company))
    page = page_of(invoice)

    text = text_of(invoice)
    assert first.number in text
    assert "575.00" in text
    assert "INTERNAL-5" not in text
    file = get(f"{page}/credit-notes/{first.pk}")
    assert (file.status_code, file.content) == (200, bytes(credit_note_file(first.pk).content))
    for note_id in (other.pk, 987_654, 2**70):
        refused = get(f"{page}/credit-notes/{note_id}")
        assert (refused.status_code, refused.content) == (404, get("/i/nothing").content)


def test_what_is_wholly_credited_is_not_to_be_paid_and_nobody_is_thanked_for_a_payment(invoice: Invoice) -> None:
    make_credit_note(invoice)

    text = text_of(invoice)

    assert "Nothing is to be paid." in text
    assert "Thank you for your payment." not in text
