"""Credit notes on paper: what the law wants to read there, in every language, the same bytes for ever."""

import pytest

from accounts.tests.factories import api_client, make_user
from audit.books import faults
from audit.models import Change, history_model
from audit.tests.tampering import without_triggers
from credits.documents import CreditNoteNotFound, credit_note_file
from credits.models import CreditNote, StoredCreditNote
from credits.pdf import credit_note_pdf
from credits.selectors import credit_note_document
from credits.tests.factories import make_credit_note
from invoices.models import Invoice
from invoices.tests.factories import make_issued, make_item
from invoices.tests.test_pdf import text_of
from parties.models import Company
from parties.tests.factories import make_company, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company(name="Karoo", country_code="ZA", city="Graaff-Reinet")


def billed(company: Company, *, discount: str = "0") -> Invoice:
    customer = make_customer(company, name="Table Mountain", vat_number="4987654321")
    items = [make_item("100", "3", description="Wool"), make_item("10", vat_rate="0", description="Post")]
    return make_issued(company, *items, customer=customer, discount_percent=discount)


def text_of_note(note: CreditNote) -> str:
    return text_of(bytes(credit_note_file(note.pk).content))


def test_in_south_africa_it_is_a_tax_credit_note_with_all_that_section_21_wants(company: Company) -> None:
    invoice = billed(company)
    note = make_credit_note(invoice, "2", reason="Two bales were wet")

    text = text_of_note(note)

    parties = ("Karoo", "VAT number 4123456789", "Table Mountain", "VAT number 4987654321")
    for shown in ("Tax credit note", note.number, str(invoice.number), "Reason: Two bales were wet", *parties):
        assert shown in text, shown
    assert "Wool 2 15%" in text.replace("15 %", "15%").replace("15\u00a0%", "15%")
    assert "Post" not in text
    assert "Subtotal 200.00 VAT 30.00 Credited ZAR 230.00" in text


@pytest.mark.parametrize(
    ("language", "title", "reason"),
    [
        ("de", "Rechnungskorrektur", "Grund: Goods came back"),
        ("fr", "Facture d’avoir", "Motif : Goods came back"),  # noqa: RUF001  # as it is printed
        ("af", "Kredietnota", "Rede: Goods came back"),
        ("en", "Credit note", "Reason: Goods came back"),
    ],
)
def test_it_speaks_the_language_of_the_document(language: str, title: str, reason: str) -> None:
    note = make_credit_note(billed(make_company(language=language, country_code="DE")))

    text = text_of_note(note)

    assert title in text
    assert "Tax credit note" not in text
    assert reason.replace(" :", ":") in text


def test_in_another_language_of_south_africa_the_english_words_stand_below() -> None:
    note = make_credit_note(billed(make_company(language="af", country_code="ZA")))

    text = text_of_note(note)

    assert "Belastingkredietnota" in text
    assert "Tax credit note" in text


def test_a_document_discount_is_shown(company: Company) -> None:
    note = make_credit_note(billed(company, discount="10"), "1")

    text = text_of_note(note).replace("\N{MINUS SIGN}", "-")
    assert "Lines 100.00 Discount -10.00 Subtotal 90.00 VAT 13.50 Credited ZAR 103.50" in text


def test_it_is_stored_once_and_stays_the_same(company: Company) -> None:
    note = make_credit_note(billed(company))
    client = api_client(make_user("Viewer", company))

    first = client.get(f"/api/credit-notes/{note.pk}/pdf")
    entry = Change.objects.latest("id")
    entries = Change.objects.count()
    second = client.get(f"/api/credit-notes/{note.pk}/pdf")

    document = StoredCreditNote.objects.get()
    assert first.content == second.content == bytes(document.content) == credit_note_pdf(_read(note))
    assert first["Content-Disposition"] == f'attachment; filename="{note.number}.pdf"'
    assert (entry.action, entry.actor, Change.objects.count()) == ("credit_note.document_stored", "system", entries)
    assert history_model(StoredCreditNote).objects.get().sha256 == document.sha256
    assert list(faults()) == []


def test_a_file_that_was_exchanged_is_found(company: Company) -> None:
    document = credit_note_file(make_credit_note(billed(company)).pk)
    with without_triggers():
        StoredCreditNote.objects.update(content=b"forged")

    assert [(fault.model, fault.id) for fault in faults()] == [("StoredCreditNote", document.pk)]


def test_of_no_note_there_is_no_file() -> None:
    with pytest.raises(CreditNoteNotFound):
        credit_note_file(7)


def _read(note: CreditNote) -> CreditNote:
    found = credit_note_document(note.pk)
    assert found is not None
    return found
