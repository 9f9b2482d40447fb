"""What the law wants to read on an invoice. No ORM, no words: `invoices.words` says them.

Sources: South Africa, Value-Added Tax Act 89 of 1991, section 20(4) (full tax invoice) and 20(5) (abridged, for a
consideration of up to R5,000); European Union, Directive 2006/112/EC, articles 226 (what an invoice says), 138
(intra-Community supply), 146 (export), 196 (reverse charge).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from invoices.totals import VatCategory

SOUTH_AFRICA = "ZA"
ABRIDGED_UP_TO = Decimal(5000)
"""Rand, VAT included (section 20(5))."""
EUROPEAN_UNION = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
ARTICLES = {
    VatCategory.REVERSE_CHARGE: "Art. 196, 2006/112/EC",
    VatCategory.INTRA_COMMUNITY: "Art. 138, 2006/112/EC",
    VatCategory.EXPORT: "Art. 146, 2006/112/EC",
}
"""Why a seller in the European Union charges no VAT (article 226(11) and (11a))."""


def is_tax_invoice(seller: Mapping[str, Any]) -> bool:
    """Whether the seller may charge VAT: only a registered one issues tax invoices."""
    return bool(seller["vatNumber"])


def needs_english_words(seller: Mapping[str, Any]) -> bool:
    """Whether the words "Tax invoice" have to stand there as the law has them: section 20(4)(a)."""
    return is_tax_invoice(seller) and seller["countryCode"] == SOUTH_AFRICA


def may_be_abridged(seller: Mapping[str, Any], total: Decimal, currency: str) -> bool:
    """Whether the recipient may be left out: in South Africa, up to R5,000 with VAT."""
    return seller["countryCode"] == SOUTH_AFRICA and currency == "ZAR" and total <= ABRIDGED_UP_TO


def article_of(seller: Mapping[str, Any], category: str) -> str:
    """The article by which a seller in the European Union charges no VAT, or nothing."""
    in_union = seller["countryCode"] in EUROPEAN_UNION
    return ARTICLES.get(VatCategory(category), "") if in_union else ""


def missing_particulars(
    seller: Mapping[str, Any],
    buyer: Mapping[str, Any],
    *,
    total: Decimal,
    currency: str,
    categories: Sequence[str],
) -> list[str]:
    """What a tax invoice would still have to say: names of words. Nothing where the law of the seller is not known."""
    country = seller["countryCode"]
    if not is_tax_invoice(seller) or (country != SOUTH_AFRICA and country not in EUROPEAN_UNION):
        return []
    missing = [] if _has_address(seller) else ["seller_address"]
    if not may_be_abridged(seller, total, currency) and not _has_address(buyer):
        missing.append("buyer_address")
    is_shifted = {VatCategory.REVERSE_CHARGE, VatCategory.INTRA_COMMUNITY} & set(categories)
    if country in EUROPEAN_UNION and is_shifted and not buyer["vatNumber"]:
        missing.append("buyer_vat_number")
    return missing


def _has_address(party: Mapping[str, Any]) -> bool:
    return bool(party["addressLine1"] and party["city"])
