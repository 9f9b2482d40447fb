"""The texts of mails: plain placeholders such as {invoiceNumber}, and nothing that runs. No ORM."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from core.errors import DomainError
from core.languages import formats_of
from core.placeholders import unknown_placeholder
from notifications.kinds import Kind

EMPTY_LINES = re.compile(r"\n{3,}")

PLACEHOLDERS: Mapping[str, str] = {
    "invoiceNumber": "INV-2026-000042",
    "customerName": "Acme Books",
    "companyName": "Demo Trading",
    "currency": "ZAR",
    "total": "1,150.00",
    "outstanding": "1,000.00",
    "issueDate": "1 March 2026",
    "dueDate": "31 March 2026",
    "daysOverdue": "7",
    "link": "https://books.example.com/i/42.Xb3kQ9",
}
"""What may stand in a template, with a value to show what a mail will look like. daysOverdue is 0 until it is due."""

CREDIT_NOTE_PLACEHOLDERS: Mapping[str, str] = {
    **PLACEHOLDERS,
    "creditNoteNumber": "CN-2026-000007",
    "creditNoteTotal": "115.00",
    "reason": "One of them came back",
}
"""What may stand in a template of credit notes: that of their invoice, and their own. The reason is as typed."""

STATEMENT_PLACEHOLDERS: Mapping[str, str] = {
    "customerName": "Acme Books",
    "companyName": "Demo Trading",
    "month": "March 2026",
    "firstDay": "1 March 2026",
    "lastDay": "31 March 2026",
    "openingBalance": "ZAR 500.00",
    "closingBalance": "ZAR 1,000.00",
}
"""What may stand in a template of statements. Who is billed in several currencies has a balance in each."""

LINK = "{link}"
"""The address of the customer's page. Where there is none to give, its line is left out."""

DEFAULT_LANGUAGE = "en"


class Texts(NamedTuple):
    """Subject and body, and the language in which they are written: dates and amounts follow it."""

    subject: str
    body: str
    language: str


DEFAULT_TEXTS: Mapping[tuple[str, str], tuple[str, str]] = {
    (Kind.INVOICE, "en"): (
        "Invoice {invoiceNumber} from {companyName}",
        "Dear {customerName},\n\nattached is invoice {invoiceNumber} of {issueDate} over {currency} {total}.\n"
        "Please pay it by {dueDate}.\n\nYou can see it, and what is still open, at any time here:\n{link}\n\n"
        "Kind regards\n{companyName}",
    ),
    (Kind.REMINDER, "en"): (
        "Reminder: invoice {invoiceNumber} from {companyName}",
        "Dear {customerName},\n\nof invoice {invoiceNumber}, due on {dueDate}, {currency} {outstanding} are still "
        "open.\nIf you have paid in the last few days, thank you: there is nothing more to do.\n\n"
        "The invoice, and how to pay it:\n{link}\n\nKind regards\n{companyName}",
    ),
    (Kind.CREDIT_NOTE, "en"): (
        "Credit note {creditNoteNumber} from {companyName}",
        "Dear {customerName},\n\nattached is credit note {creditNoteNumber} over {currency} {creditNoteTotal} for "
        "invoice {invoiceNumber}.\nReason: {reason}\n\nOf the invoice, {currency} {outstanding} are open now.\n"
        "You can see it at any time here:\n{link}\n\nKind regards\n{companyName}",
    ),
    (Kind.STATEMENT, "en"): (
        "Statement for {month} from {companyName}",
        "Dear {customerName},\n\nattached is the statement of your account from {firstDay} to {lastDay}.\n"
        "Balance at the end: {closingBalance}.\n\nKind regards\n{companyName}",
    ),
    (Kind.INVOICE, "de"): (
        "Rechnung {invoiceNumber} von {companyName}",
        "Guten Tag {customerName},\n\nim Anhang finden Sie die Rechnung {invoiceNumber} über {currency} {total}.\n"
        "Bitte zahlen Sie den Betrag bis zum {dueDate}.\n\nSie können sie, und was noch offen ist, "
        "jederzeit hier einsehen:\n{link}\n\nFreundliche Grüße\n{companyName}",
    ),
    (Kind.REMINDER, "de"): (
        "Erinnerung: Rechnung {invoiceNumber} von {companyName}",
        "Guten Tag {customerName},\n\nvon der Rechnung {invoiceNumber}, fällig am {dueDate}, sind noch {currency} "
        "{outstanding} offen.\nHaben Sie inzwischen bezahlt, betrachten Sie dieses Schreiben als gegenstandslos.\n\n"
        "Die Rechnung, und wie Sie sie zahlen können:\n{link}\n\nFreundliche Grüße\n{companyName}",
    ),
    (Kind.CREDIT_NOTE, "de"): (
        "Rechnungskorrektur {creditNoteNumber} von {companyName}",
        "Guten Tag {customerName},\n\nim Anhang finden Sie die Rechnungskorrektur {creditNoteNumber} über {currency} "
        "{creditNoteTotal} zur Rechnung {invoiceNumber}.\nGrund: {reason}\n\nVon der Rechnung sind jetzt {currency} "
        "{outstanding} offen.\n\nFreundliche Grüße\n{companyName}",
    ),
    (Kind.STATEMENT, "de"): (
        "Kontoauszug {month} von {companyName}",
        "Guten Tag {customerName},\n\nim Anhang finden Sie Ihren Kontoauszug vom {firstDay} bis zum {lastDay}.\n"
        "Saldo am Ende: {closingBalance}.\n\nFreundliche Grüße\n{companyName}",
    ),
    (Kind.INVOICE, "fr"): (
        "Facture {invoiceNumber} de {companyName}",
        "Bonjour {customerName},\n\nveuillez trouver ci-joint la facture {invoiceNumber} du {issueDate}, d'un montant "
        "de {currency} {total}.\nMerci de la régler avant le {dueDate}.\n\nCordialement\n{companyName}",
    ),
    (Kind.REMINDER, "fr"): (
        "Rappel : facture {invoiceNumber} de {companyName}",
        "Bonjour {customerName},\n\nsur la facture {invoiceNumber}, échue le {dueDate}, {currency} {outstanding} "
        "restent à payer.\nSi vous avez payé ces derniers jours, merci de ne pas tenir compte de ce message.\n\n"
        "Cordialement\n{companyName}",
    ),
    (Kind.CREDIT_NOTE, "fr"): (
        "Facture d'avoir {creditNoteNumber} de {companyName}",
        "Bonjour {customerName},\n\nveuillez trouver ci-joint la facture d'avoir {creditNoteNumber} de {currency} "
        "{creditNoteTotal} pour la facture {invoiceNumber}.\nMotif : {reason}\n\nSur cette facture, {currency} "
        "{outstanding} restent à payer.\n\nCordialement\n{companyName}",
    ),
    (Kind.STATEMENT, "fr"): (
        "Relevé de compte de {month}, {companyName}",
        "Bonjour {customerName},\n\nveuillez trouver ci-joint le relevé de votre compte du {firstDay} au {lastDay}.\n"
        "Solde à la fin : {closingBalance}.\n\nCordialement\n{companyName}",
    ),
    (Kind.INVOICE, "af"): (
        "Faktuur {invoiceNumber} van {companyName}",
        "Beste {customerName},\n\naangeheg is faktuur {invoiceNumber} van {issueDate} vir {currency} {total}.\n"
        "Betaal dit asseblief teen {dueDate}.\n\nVriendelike groete\n{companyName}",
    ),
    (Kind.REMINDER, "af"): (
        "Herinnering: faktuur {invoiceNumber} van {companyName}",
        "Beste {customerName},\n\nvan faktuur {invoiceNumber}, betaalbaar op {dueDate}, is {currency} {outstanding} "
        "nog uitstaande.\nAs u in die laaste paar dae betaal het, dankie: u hoef niks verder te doen nie.\n\n"
        "Vriendelike groete\n{companyName}",
    ),
    (Kind.CREDIT_NOTE, "af"): (
        "Kredietnota {creditNoteNumber} van {companyName}",
        "Beste {customerName},\n\naangeheg is kredietnota {creditNoteNumber} vir {currency} {creditNoteTotal} op "
        "faktuur {invoiceNumber}.\nRede: {reason}\n\nVan die faktuur is {currency} {outstanding} nou uitstaande.\n\n"
        "Vriendelike groete\n{companyName}",
    ),
    (Kind.STATEMENT, "af"): (
        "Rekeningstaat vir {month} van {companyName}",
        "Beste {customerName},\n\naangeheg is die staat van u rekening van {firstDay} tot {lastDay}.\n"
        "Saldo aan die einde: {closingBalance}.\n\nVriendelike groete\n{companyName}",
    ),
}
"""Subject and body where a company has written none of its own."""


class TemplateInvalid(DomainError):
    """The text names what nothing can fill in."""

    code = "template_invalid"
    title = "Template not acceptable"


def placeholders_of(kind: str) -> Mapping[str, str]:
    """What may stand in a template of this kind, with a value of each to show."""
    own = {Kind.STATEMENT: STATEMENT_PLACEHOLDERS, Kind.CREDIT_NOTE: CREDIT_NOTE_PLACEHOLDERS}
    return own.get(Kind(kind), PLACEHOLDERS)


def sample_values(kind: str, language: str) -> Mapping[str, str]:
    """What the placeholders might stand for, as the language writes it."""
    formats = formats_of(language)
    day, money = formats.day, formats.money
    return {
        **placeholders_of(kind),
        "total": money(Decimal(1150), "ZAR"),
        "outstanding": money(Decimal(1000), "ZAR"),
        "creditNoteTotal": money(Decimal(115), "ZAR"),
        "issueDate": day(date(2026, 3, 1)),
        "dueDate": day(date(2026, 3, 31)),
        "month": formats.month_of_year(date(2026, 3, 1)),
        "firstDay": day(date(2026, 3, 1)),
        "lastDay": day(date(2026, 3, 31)),
        "openingBalance": f"ZAR {money(Decimal(500), 'ZAR')}",
        "closingBalance": f"ZAR {money(Decimal(1000), 'ZAR')}",
    }


def require_known_placeholders(text: str, *, kind: str, field: str) -> None:
    """Raise TemplateInvalid, naming the first brace that is no placeholder, and the placeholders that there are."""
    placeholders = placeholders_of(kind)
    unknown = unknown_placeholder(text, placeholders)
    if unknown is not None:
        known = ", ".join(f"{{{name}}}" for name in placeholders)
        raise TemplateInvalid(f"{unknown} is not filled in by anything; known are: {known}.", field=field)


def without_link(text: str) -> str:
    """`text` without the lines that give the address of the customer's page, and those that only lead to them (":")."""
    lines = text.split("\n")
    kept = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if LINK not in line and not (LINK in following and line.endswith(":"))
    ]
    return EMPTY_LINES.sub("\n\n", "\n".join(kept))


def one_line(text: str) -> str:
    """`text` as a header can carry it: whatever separates lines or words becomes one blank."""
    return " ".join(text.split())
