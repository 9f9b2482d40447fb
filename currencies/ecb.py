"""Reading the European Central Bank's reference rates (eurofxref-daily.xml, eurofxref-hist-90d.xml). No ORM.

The file is a list of days, each with what one euro buys:
``<Cube time="2026-01-30"><Cube currency="USD" rate="1.1919"/></Cube>``.
It comes from outside: a document type (and with it every entity) is refused, and so is what is larger than it can be.

Errors: RateFileInvalid.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.parsers import expat

from core.errors import DomainError
from core.money import UnknownCurrency, exact, minor_units
from currencies.rates import ECB, PIVOT, RATE_BOUND, RATE_DECIMALS, Quotation

LARGEST_FILE_BYTES = 1_000_000
"""Ten times the file of ninety days."""
MAXIMUM_RATES = 5_000


class RateFileInvalid(DomainError):
    """The file is none of the European Central Bank's reference rates."""

    code = "rate_file_invalid"
    title = "Not a file of exchange rates"


@dataclass
class _Reading:
    """What was read so far."""

    day: date | None = None
    quotations: dict[tuple[date, str], Quotation] = field(default_factory=dict)


def read_ecb_file(content: bytes) -> list[Quotation]:
    """What one euro bought, day by day, oldest first. Currencies that are not in ISO 4217 (any more) are left out.

    Raises RateFileInvalid.
    """
    if len(content) > LARGEST_FILE_BYTES:
        raise RateFileInvalid(f"A file of rates has at most {LARGEST_FILE_BYTES:,} bytes.", field="file")
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = lambda name, attributes: _element(reading, name, attributes)
    try:
        parser.Parse(content, True)  # noqa: FBT003  # expat takes no keywords
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise RateFileInvalid(f"This is no well-formed XML: {error}.", field="file") from error
    if not reading.quotations:
        raise RateFileInvalid("There is no rate in it. Take eurofxref-daily.xml or -hist-90d.xml.", field="file")
    return sorted(reading.quotations.values(), key=lambda one: (one.day, one.quote))


def _refuse_document_type(*_: Any) -> None:
    raise RateFileInvalid("A file with a document type (DTD) is not read.", field="file")


def _element(reading: _Reading, name: str, attributes: dict[str, str]) -> None:
    if name.rpartition(":")[2] != "Cube":
        return
    if "time" in attributes:
        reading.day = _day(attributes["time"])
    if "currency" in attributes or "rate" in attributes:
        _keep(reading, attributes.get("currency", ""), attributes.get("rate", ""))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RateFileInvalid(f"{text[:40]!r} is no day.", field="file") from None


def _keep(reading: _Reading, currency: str, text: str) -> None:
    if reading.day is None:
        raise RateFileInvalid("A rate stands there before any day.", field="file")
    if len(reading.quotations) >= MAXIMUM_RATES:
        raise RateFileInvalid(f"At most {MAXIMUM_RATES:,} rates are read at once.", field="file")
    try:
        minor_units(currency)
    except UnknownCurrency:
        return
    try:
        rate = exact(text, decimals=RATE_DECIMALS)
    except DomainError:
        raise RateFileInvalid(f"{text[:40]!r} is no rate ({currency}, {reading.day}).", field="file") from None
    if currency == PIVOT or not 0 < rate < RATE_BOUND:
        raise RateFileInvalid(f"{text[:40]!r} cannot be the rate of {currency} on {reading.day}.", field="file")
    reading.quotations[reading.day, currency] = Quotation(PIVOT, currency, reading.day, rate, ECB)
