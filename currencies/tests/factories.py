"""Exchange rates for tests, built through the services."""

from datetime import date
from decimal import Decimal

from audit.actors import SYSTEM
from currencies.models import ExchangeRate
from currencies.services import record_rate
from parties.models import Company

DAY = '<Cube time="{}">{}</Cube>'
FILE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
    'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>'
    "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender><Cube>{}</Cube></gesmes:Envelope>"
)


def make_rate(
    company: Company, base: str = "EUR", quote: str = "ZAR", rate: str = "20.5", day: date | None = None
) -> ExchangeRate:
    """A rate by hand, of today where no day is given."""
    return record_rate(
        actor=SYSTEM,
        company=company,
        base_currency=base,
        quote_currency=quote,
        day=day or company.today(),
        rate=Decimal(rate),
    )


def ecb_file(rates: dict[str, dict[str, str]]) -> bytes:
    """A file of the ECB: day -> currency -> what one euro buys."""
    days = (
        DAY.format(day, "".join(f'<Cube currency="{name}" rate="{rate}"/>' for name, rate in quotes.items()))
        for day, quotes in rates.items()
    )
    return FILE.format("".join(days)).encode()
