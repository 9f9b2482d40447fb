"""What every document on paper shares: its looks and language, its parties, its tables; and printing it.

A sheet is all that the page shows, as texts: formatted here and in the modules of the documents, laid out by the
template, which knows no rule and no word of its own.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.languages import Formats, formats_of
from core.typesetting import typeset
from invoices.words import words_of
from parties.images import picture_of
from parties.models import DEFAULT_COLOUR
from parties.selectors import logo_of

TEMPLATE = Path(__file__).parent / "templates" / "invoices" / "document.typ"
FIGURES_BESIDE_DESCRIPTION = 56
"""How many characters the columns of figures take at most, for a description to stand beside them on A4."""
TOWN_BEFORE_CODE = frozenset({"ZA", "GB", "IE", "US", "CA", "AU", "NZ", "NA", "KE", "IN"})
"""Where an address has the town first and then the postal code."""

Row = list[str]


@dataclass(frozen=True)
class Style:
    """The language and looks of a document of the company whose details are `seller`."""

    seller: Mapping[str, Any]

    @property
    def language(self) -> str:
        """Of the words and the formats. Details kept before there were languages are printed in English."""
        return str(self.seller.get("language", "en"))

    @property
    def words(self) -> Mapping[str, str]:
        """The words of the language."""
        return words_of(self.language)

    @property
    def formats(self) -> Formats:
        """The formats of the language."""
        return formats_of(self.language)

    def frame(self) -> dict[str, Any]:
        """What surrounds every document: paper, colour, seller, foot of the page."""
        return {
            "language": self.language,
            "paper": {"letter": "us-letter"}.get(self.seller.get("paper", ""), "a4"),
            "colour": self.seller.get("colour") or DEFAULT_COLOUR,
            "footer": self.seller.get("footer", ""),
            "seller": self.party(self.seller),
            "page": {"before": self.words["page"], "between": self.words["page_of"]},
        }

    def party(self, details: Mapping[str, Any]) -> dict[str, Any]:
        """Name and lines of an address; what is empty is left out."""
        town = [details["postalCode"], details["city"]]
        if details["countryCode"] in TOWN_BEFORE_CODE:
            town.reverse()
        country = self.formats.country(details["countryCode"]) if details["countryCode"] else ""
        address = [details["addressLine1"], details["addressLine2"], " ".join(filter(None, town)), country]
        identifiers = [
            f"{self.words[word]} {details[name]}"
            for word, name in (("vat_number", "vatNumber"), ("registration", "registrationNumber"))
            if details.get(name)
        ]
        lines = [*address, *identifiers, details["email"], details["phone"]]
        return {"name": details["name"], "lines": [line for line in lines if line]}

    def buyer(self, heading: str, details: Mapping[str, Any]) -> dict[str, Any]:
        """The party that the document is for, below `heading` (a word)."""
        return {"heading": self.words[heading], **self.party(details)}

    def amount(self, word: str, amount: Decimal, currency: str, *, is_strong: bool = False) -> dict[str, Any]:
        """A row of sums; a word with a place for it names the currency."""
        return {
            "label": self.words[word].format(currency),
            "amount": self.formats.money(amount, currency),
            "strong": is_strong,
        }


def table(labels: Row, rows: Sequence[Row], *, texts: int = 1, none: str = "") -> dict[str, Any]:
    """A table whose first `texts` columns are text, the first as wide as there is room, and the others figures.

    `stacked` puts long figures below the text. `none` stands where there is no row.
    """
    widths = [max(len(cell) for cell in column) for column in zip(labels, *rows, strict=True)]
    return {
        "labels": labels,
        "rows": [list(row) for row in rows],
        "texts": texts,
        "stacked": texts == 1 and sum(widths[1:]) > FIGURES_BESIDE_DESCRIPTION,
        "none": none,
    }


def printed(sheet: Mapping[str, Any], seller: Mapping[str, Any], *, company_id: int, dated: date) -> bytes:
    """The sheet as a PDF, with the logo that is among the seller's details."""
    return typeset(TEMPLATE, sheet, dated=dated, picture=_logo_picture(company_id, seller.get("logoSha256", "")))


def _logo_picture(company_id: int, digest: str) -> str:
    """The logo as an SVG around the image, which is the form in which bytes reach the template; nothing without one."""
    logo = logo_of(company_id, digest)
    picture = picture_of(bytes(logo.content)) if logo else None
    if logo is None or picture is None:
        return ""
    size = f'width="{picture.width}" height="{picture.height}"'
    data = base64.b64encode(bytes(logo.content)).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {size}>'
        f'<image {size} xlink:href="data:{logo.media_type};base64,{data}"/></svg>'
    )
