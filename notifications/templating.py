"""The texts of mails: plain placeholders such as {invoiceNumber}, and nothing that runs. No ORM."""

import re
from collections.abc import Mapping

from core.errors import DomainError
from notifications.kinds import Kind

BRACES = re.compile(r"\{([^{}]*)\}|[{}]")

PLACEHOLDERS: Mapping[str, str] = {
    "invoiceNumber": "INV-2026-000042",
    "customerName": "Acme Books",
    "companyName": "Demo Trading",
    "currency": "ZAR",
    "total": "1 150.00",
    "outstanding": "1 000.00",
    "issueDate": "1 March 2026",
    "dueDate": "31 March 2026",
    "daysOverdue": "7",
}
"""What may stand in a template, with a value to show what a mail will look like. daysOverdue is 0 until it is due."""

DEFAULT_LANGUAGE = "en"

DEFAULT_TEXTS: Mapping[tuple[str, str], tuple[str, str]] = {
    (Kind.INVOICE, "en"): (
        "Invoice {invoiceNumber} from {companyName}",
        "Dear {customerName},\n\nattached is invoice {invoiceNumber} of {issueDate} over {currency} {total}.\n"
        "Please pay it by {dueDate}.\n\nKind regards\n{companyName}",
    ),
    (Kind.REMINDER, "en"): (
        "Reminder: invoice {invoiceNumber} from {companyName}",
        "Dear {customerName},\n\nof invoice {invoiceNumber}, due on {dueDate}, {currency} {outstanding} are still "
        "open.\nIf you have paid in the last few days, thank you: there is nothing more to do.\n\n"
        "Kind regards\n{companyName}",
    ),
    (Kind.INVOICE, "de"): (
        "Rechnung {invoiceNumber} von {companyName}",
        "Guten Tag {customerName},\n\nim Anhang finden Sie die Rechnung {invoiceNumber} über {currency} {total}.\n"
        "Bitte zahlen Sie den Betrag bis zum {dueDate}.\n\nFreundliche Grüße\n{companyName}",
    ),
    (Kind.REMINDER, "de"): (
        "Erinnerung: Rechnung {invoiceNumber} von {companyName}",
        "Guten Tag {customerName},\n\nvon der Rechnung {invoiceNumber}, fällig am {dueDate}, sind noch {currency} "
        "{outstanding} offen.\nHaben Sie inzwischen bezahlt, betrachten Sie dieses Schreiben als gegenstandslos.\n\n"
        "Freundliche Grüße\n{companyName}",
    ),
}
"""Subject and body where a company has written none of its own."""


class TemplateInvalid(DomainError):
    """The text names what no invoice can fill in."""

    code = "template_invalid"
    title = "Template not acceptable"


def require_known_placeholders(text: str, *, field: str) -> None:
    """Raise TemplateInvalid, naming the first brace that is no placeholder, and the placeholders that there are."""
    for match in BRACES.finditer(text):
        if match[1] is None or match[1] not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise TemplateInvalid(f"{match[0]} is not filled in by anything; known are: {known}.", field=field)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each placeholder replaced, once: braces in a value stay what they are."""
    return BRACES.sub(lambda match: values[match[1]], text)


def one_line(text: str) -> str:
    """`text` as a header can carry it: whatever separates lines or words becomes one blank."""
    return " ".join(text.split())
