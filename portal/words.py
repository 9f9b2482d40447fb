"""The words of the customer's page that documents do not have, in their languages. `{}` is where a value goes."""

# ruff: noqa: RUF001  # typographic apostrophes, as French and Afrikaans are printed

from collections.abc import Mapping

from invoices.words import LANGUAGES, words_of

_TABLE: dict[str, tuple[str, str, str, str]] = {
    # How the invoice stands
    "open": ("Open", "Offen", "À payer", "Onbetaal"),
    "partly_paid": ("Partly paid", "Teilweise bezahlt", "Payée en partie", "Gedeeltelik betaal"),
    "is_paid": ("Paid", "Bezahlt", "Payée", "Betaal"),
    "is_cancelled": ("Cancelled", "Storniert", "Annulée", "Gekanselleer"),
    "due_in_days": ("Due in {} days", "Fällig in {} Tagen", "À payer dans {} jours", "Betaalbaar oor {} dae"),
    "due_tomorrow": ("Due tomorrow", "Morgen fällig", "À payer demain", "Môre betaalbaar"),
    "due_today": ("Due today", "Heute fällig", "À payer aujourd’hui", "Vandag betaalbaar"),
    "overdue_by_day": ("Overdue by 1 day", "Seit 1 Tag überfällig", "En retard d’un jour", "1 dag agterstallig"),
    "overdue_by_days": (
        "Overdue by {} days",
        "Seit {} Tagen überfällig",
        "En retard de {} jours",
        "{} dae agterstallig",
    ),
    "thank_you": (
        "Thank you for your payment.",
        "Vielen Dank für Ihre Zahlung.",
        "Merci pour votre paiement.",
        "Dankie vir u betaling.",
    ),
    "nothing_due": (
        "Nothing is to be paid.",
        "Es ist nichts zu zahlen.",
        "Rien n’est à payer.",
        "Niks is betaalbaar nie.",
    ),
    # The page
    "amount_due": ("Amount to pay", "Zu zahlen", "Montant à payer", "Bedrag betaalbaar"),
    "amount_paid": ("Amount paid", "Bezahlter Betrag", "Montant payé", "Bedrag betaal"),
    "amount": ("Amount", "Betrag", "Montant", "Bedrag"),
    "download": ("Download PDF", "PDF herunterladen", "Télécharger le PDF", "Laai PDF af"),
    "pay_online": ("Pay online", "Online bezahlen", "Payer en ligne", "Betaal aanlyn"),
    "pay_by_transfer": ("Pay by bank transfer", "Per Überweisung zahlen", "Payer par virement", "Betaal per EFT"),
    "use_reference": (
        "Please state the reference, so that your payment is matched to this invoice.",
        "Bitte geben Sie den Verwendungszweck an, damit Ihre Zahlung dieser Rechnung zugeordnet wird.",
        "Merci d’indiquer la référence, afin que votre paiement soit rattaché à cette facture.",
        "Gee asseblief die verwysing, sodat u betaling by hierdie faktuur uitkom.",
    ),
    "credit_notes": ("Credit notes", "Rechnungskorrekturen", "Factures d’avoir", "Kredietnotas"),
    "details": ("Details", "Einzelheiten", "Détails", "Besonderhede"),
    "keep_private": (
        "Whoever has the address of this page can see it: pass it on with care.",
        "Wer die Adresse dieser Seite hat, kann sie sehen: Geben Sie sie nur mit Bedacht weiter.",
        "Quiconque a l’adresse de cette page peut la voir : ne la transmettez qu’avec précaution.",
        "Wie hierdie bladsy se adres het, kan dit sien: gee dit versigtig aan.",
    ),
    # In place of the page
    "no_page": (
        "There is no such page",
        "Diese Seite gibt es nicht",
        "Cette page n’existe pas",
        "Daar is nie so ’n bladsy nie",
    ),
    "no_page_hint": (
        "The link is incomplete, or it was withdrawn. Ask whoever sent it to you for a new one.",
        "Der Link ist unvollständig oder wurde zurückgezogen. Bitten Sie den Absender um einen neuen.",
        "Le lien est incomplet ou a été retiré. Demandez-en un nouveau à la personne qui vous l’a envoyé.",
        "Die skakel is onvolledig, of dit is teruggetrek. Vra die sender vir ’n nuwe een.",
    ),
    "too_often": (
        "Too many requests",
        "Zu viele Anfragen",
        "Trop de requêtes",
        "Te veel versoeke",
    ),
    "too_often_hint": (
        "Please wait a minute, then open the page again.",
        "Bitte warten Sie eine Minute und öffnen Sie die Seite dann erneut.",
        "Veuillez patienter une minute, puis rouvrir la page.",
        "Wag asseblief ’n minuut en maak die bladsy dan weer oop.",
    ),
}

WORDS: dict[str, dict[str, str]] = {
    language: {**words_of(language), **{name: words[position] for name, words in _TABLE.items()}}
    for position, language in enumerate(LANGUAGES)
}
"""The words of documents, and these."""


def page_words(language: str) -> Mapping[str, str]:
    """The words of a language by their names; English for one that is not known."""
    return WORDS.get(language, WORDS["en"])
