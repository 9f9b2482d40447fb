"""What a mail with a statement says, and the files that go with it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from core.api.renderers import PDF_TYPE
from core.languages import Formats, formats_of
from notifications.letters import File
from notifications.models import Message
from reports.periods import Days
from reports.statement_pdf import statement_pdf, statement_pdf_name
from reports.statement_runs.accounts import Account, Balance, balances_of, month_of
from reports.statements import statement


def values_of(account: Account, days: Days, language: str) -> Mapping[str, str]:
    """What the placeholders stand for, as the language writes it."""
    formats = formats_of(language)
    company = account.customer.company
    balances = account.balances or {company.currency: Balance()}
    return {
        "customerName": account.customer.name,
        "companyName": company.name,
        "month": formats.month_of_year(days.first),
        "firstDay": formats.day(days.first),
        "lastDay": formats.day(days.last),
        "openingBalance": _amounts({code: row.opening for code, row in balances.items()}, formats),
        "closingBalance": _amounts({code: row.closing for code, row in balances.items()}, formats),
    }


def files_of(message: Message) -> Iterator[File]:
    """The statements of the month, one for each currency, as the books are when it is sent."""
    customer, run = message.customer, message.run
    if customer is None or run is None:
        raise RuntimeError(f"Message {message.pk} is no statement.")
    days = month_of(message.company, run.month)
    for currency in balances_of(customer, days) or [customer.company.currency]:
        account = statement(customer, days, currency=currency)
        yield _name_in(statement_pdf_name(account), currency), statement_pdf(account), PDF_TYPE


def _name_in(name: str, currency: str) -> str:
    """The name of the file with the currency, so that the files of one mail differ."""
    return f"{name.removesuffix('.pdf')}-{currency}.pdf"


def _amounts(amounts: Mapping[str, Decimal], formats: Formats) -> str:
    return ", ".join(f"{code} {formats.money(amount, code)}" for code, amount in amounts.items())
