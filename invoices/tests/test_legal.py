"""What the law wants to read, by the particulars of seller and buyer."""

from decimal import Decimal

import pytest

from invoices.legal import article_of, is_tax_invoice, may_be_abridged, missing_particulars, needs_english_words
from invoices.words import LANGUAGES, WORDS

ADDRESS = {"addressLine1": "1 Long Street", "city": "Cape Town"}
NO_ADDRESS = {"addressLine1": "", "city": ""}


def party(country: str = "ZA", vat_number: str = "4123456789", address: dict[str, str] = ADDRESS) -> dict[str, str]:
    return {"countryCode": country, "vatNumber": vat_number, **address}


def missing(seller, buyer, total="100", currency="ZAR", categories=("S",)):
    return missing_particulars(seller, buyer, total=Decimal(total), currency=currency, categories=categories)


def test_only_a_seller_with_a_vat_number_issues_tax_invoices():
    assert is_tax_invoice(party())
    assert not is_tax_invoice(party(vat_number=""))


@pytest.mark.parametrize(("total", "abridged"), [("5000", True), ("5000.01", False), ("4999.99", True)])
def test_in_south_africa_the_recipient_may_be_left_out_up_to_5000_rand(total, abridged):
    assert may_be_abridged(party(), Decimal(total), "ZAR") is abridged
    assert missing(party(), party(address=NO_ADDRESS), total) == ([] if abridged else ["buyer_address"])


def test_the_limit_is_in_rand_and_south_african():
    assert not may_be_abridged(party(), Decimal(100), "USD")
    assert not may_be_abridged(party("DE"), Decimal(100), "ZAR")


@pytest.mark.parametrize("country", ["ZA", "DE", "FR"])
def test_the_seller_s_address_is_always_wanted(country):
    assert missing(party(country, address=NO_ADDRESS), party(), total="9000", currency="EUR") == ["seller_address"]


@pytest.mark.parametrize("category", ["AE", "K"])
def test_in_the_union_a_buyer_who_owes_the_tax_needs_a_vat_number(category):
    buyer = party("FR", vat_number="")

    assert missing(party("DE"), buyer, currency="EUR", categories=[category]) == ["buyer_vat_number"]
    assert missing(party("DE"), party("FR"), currency="EUR", categories=[category]) == []
    assert missing(party("DE"), buyer, currency="EUR", categories=["S"]) == []


def test_where_the_law_is_not_known_or_no_vat_is_charged_nothing_is_missing():
    assert missing(party("JP", address=NO_ADDRESS), party(address=NO_ADDRESS)) == []
    assert missing(party(vat_number="", address=NO_ADDRESS), party(address=NO_ADDRESS), total="9000") == []


def test_articles_are_named_by_sellers_in_the_union_only():
    assert article_of(party("DE"), "AE") == "Art. 196, 2006/112/EC"
    assert article_of(party("ZA"), "AE") == ""
    assert article_of(party("DE"), "O") == ""


def test_the_english_words_stand_on_south_african_tax_invoices():
    assert needs_english_words(party())
    assert not needs_english_words(party("DE"))
    assert not needs_english_words(party(vat_number=""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word_with_the_same_places(language):
    english = WORDS["en"]

    assert WORDS[language].keys() == english.keys()
    assert [name for name, word in WORDS[language].items() if not word] == []
    assert [name for name, word in WORDS[language].items() if word.count("{}") != english[name].count("{}")] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Reverse charge"),
        ("de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("fr", "Autoliquidation"),
    ],
)
def test_the_reverse_charge_is_named_in_the_words_of_the_directive(language, words):
    assert WORDS[language]["category_AE"] == words
