"""A customer's statement as a page to print or to send. It shows the books as they are now, and is not stored."""

from collections.abc import Mapping
from typing import Any

from invoices.pdf import bank_block
from invoices.sheet import Row, Style, printed, table
from parties.selectors import seller_as_issued
from reports.statements import Movement, Statement


def statement_pdf(account: Statement) -> bytes:
    """The statement as a PDF on the company's paper, in the customer's language."""
    customer = account.customer
    seller = seller_as_issued(customer.company, customer, account.currency)
    sheet = statement_page(account, seller)
    return printed(sheet, seller, company_id=customer.company_id, dated=account.last)


def statement_pdf_name(account: Statement) -> str:
    """The name of the file: whose, and which days."""
    return f"statement-{account.customer.pk}-{account.first}-{account.last}.pdf"


def statement_page(account: Statement, seller: Mapping[str, Any]) -> dict[str, Any]:
    """All that the page shows, as texts."""
    style = Style(seller)
    words, formats = style.words, style.formats
    is_owed = account.closing_balance > 0
    return {
        **style.frame(),
        "title": words["statement"],
        "subtitle": "",
        "name": f"{formats.short_day(account.first)} – {formats.short_day(account.last)}",  # noqa: RUF001  # an en dash joins days
        "stamp": "",
        "buyer": style.buyer("customer", account.customer.details()),
        "facts": [
            [words["from"], formats.day(account.first)],
            [words["to"], formats.day(account.last)],
            [words["currency"], account.currency],
        ],
        "table": _movements(account, style),
        "breakdown": None,
        "totals": [style.amount("closing_balance", account.closing_balance, account.currency, is_strong=True)],
        "payments": None,
        "bank": bank_block(style) if is_owed else None,
        "notes": _notes(account, style),
        "cancellation": None,
    }


def _movements(account: Statement, style: Style) -> dict[str, Any]:
    """The opening balance, then each movement with the balance after it."""
    words, formats = style.words, style.formats
    labels = [words[name] for name in ("date", "description", "charge", "credit", "balance")]
    opening = [
        formats.short_day(account.first),
        words["opening_balance"],
        "",
        "",
        formats.money(account.opening_balance, account.currency),
    ]
    return table(labels, [opening, *(_row(movement, style) for movement in account.movements)], texts=2)


def _row(movement: Movement, style: Style) -> Row:
    words, formats = style.words, style.formats
    amount = formats.money(abs(movement.amount), movement.currency)
    what = f"{words[movement.kind.lower()]} {movement.number}".rstrip()
    return [
        formats.short_day(movement.day),
        f"{what}, {movement.reference}" if movement.reference else what,
        amount if movement.amount >= 0 else "",
        amount if movement.amount < 0 else "",
        formats.money(movement.balance, movement.currency),
    ]


def _notes(account: Statement, style: Style) -> list[str]:
    """What the page does not show."""
    notes = [] if account.movements else [style.words["no_movements"]]
    if account.other_currencies:
        notes.append(style.words["note_other_currencies"].format(", ".join(account.other_currencies)))
    return notes
