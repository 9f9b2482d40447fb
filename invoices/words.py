"""The words of documents, in each language that they can be written in. `{}` is where a value goes.

The words for why no VAT is charged are those of Directive 2006/112/EC, article 226(11) and (11a), in each language.
"""

# ruff: noqa: RUF001  # typographic apostrophes, as French and Afrikaans are printed

from collections.abc import Mapping

LANGUAGES = ("en", "de", "fr", "af")

_TABLE: dict[str, tuple[str, str, str, str]] = {
    # What a document is
    "tax_invoice": ("Tax invoice", "Rechnung", "Facture", "Belastingfaktuur"),
    "invoice": ("Invoice", "Rechnung", "Facture", "Faktuur"),
    "tax_credit_note": ("Tax credit note", "Rechnungskorrektur", "Facture d’avoir", "Belastingkredietnota"),
    "credit_note": ("Credit note", "Rechnungskorrektur", "Facture d’avoir", "Kredietnota"),
    "receipt": ("Receipt", "Zahlungsbestätigung", "Reçu", "Kwitansie"),
    "refund_note": ("Refund note", "Rückzahlungsbeleg", "Avis de remboursement", "Terugbetalingsnota"),
    "reversal_note": ("Reversal note", "Rückbuchungsbeleg", "Avis de contre-passation", "Omkeringsnota"),
    "statement": ("Statement", "Kontoauszug", "Relevé de compte", "Staat"),
    "draft": ("Draft", "Entwurf", "Brouillon", "Konsep"),
    "stamp_draft": ("DRAFT", "ENTWURF", "BROUILLON", "KONSEP"),
    "stamp_cancelled": ("CANCELLED", "STORNIERT", "ANNULÉE", "GEKANSELLEER"),
    "copy": (
        "Copy with payments, {}",
        "Kopie mit Zahlungen, {}",
        "Copie avec paiements, {}",
        "Afskrif met betalings, {}",
    ),
    # Parties
    "bill_to": ("Bill to", "Rechnung an", "Facturé à", "Faktuur aan"),
    "customer": ("Customer", "Kunde", "Client", "Kliënt"),
    "vat_number": ("VAT number", "USt-IdNr.", "N° de TVA", "BTW-nommer"),
    "registration": ("Registration", "Registernummer", "Immatriculation", "Registrasie"),
    # Facts
    "credit_note_number": ("Credit note number", "Korrekturnummer", "Avoir n°", "Kredietnotanommer"),
    "credit_note_date": ("Date", "Datum", "Date", "Datum"),
    "corrects": ("For invoice", "Zur Rechnung", "Pour la facture", "Vir faktuur"),
    "reason": ("Reason", "Grund", "Motif", "Rede"),
    "invoice_number": ("Invoice number", "Rechnungsnummer", "Facture n°", "Faktuurnommer"),
    "issue_date": ("Issue date", "Rechnungsdatum", "Date d’émission", "Uitreikingsdatum"),
    "due_date": ("Due date", "Fällig am", "Échéance", "Betaalbaar teen"),
    "currency": ("Currency", "Währung", "Devise", "Geldeenheid"),
    "cancelled_on": ("Cancelled", "Storniert am", "Annulée le", "Gekanselleer op"),
    "number": ("Number", "Nummer", "Numéro", "Nommer"),
    "date": ("Date", "Datum", "Date", "Datum"),
    "from": ("From", "Von", "Du", "Van"),
    "to": ("To", "Bis", "Au", "Tot"),
    "method": ("Method", "Zahlungsart", "Moyen", "Metode"),
    "reference": ("Reference", "Verwendungszweck", "Référence", "Verwysing"),
    # Lines
    "description": ("Description", "Beschreibung", "Désignation", "Beskrywing"),
    "quantity": ("Quantity", "Menge", "Quantité", "Hoeveelheid"),
    "unit_price": ("Unit price", "Einzelpreis", "Prix unitaire", "Eenheidsprys"),
    "discount": ("Discount", "Rabatt", "Remise", "Afslag"),
    "vat": ("VAT", "USt.", "TVA", "BTW"),
    "amount": ("Amount", "Betrag", "Montant", "Bedrag"),
    "net": ("Net", "Netto", "HT", "Netto"),
    "gross": ("Gross", "Brutto", "TTC", "Bruto"),
    "no_lines": ("No lines yet.", "Noch keine Positionen.", "Aucune ligne.", "Nog geen reëls nie."),
    # Sums
    "taxable_amount": ("Taxable amount", "Steuerbasis", "Base imposable", "Belasbare bedrag"),
    "vat_amount": ("VAT amount", "Steuerbetrag", "Montant TVA", "BTW-bedrag"),
    "lines": ("Lines", "Positionen", "Lignes", "Reëls"),
    "credited_total": ("Credited {}", "Gutgeschrieben {}", "Crédité {}", "Gekrediteer {}"),
    "applied_to_invoice": (
        "Taken off the invoice",
        "Mit der Rechnung verrechnet",
        "Déduit de la facture",
        "Van die faktuur afgetrek",
    ),
    "left_as_credit": ("Left as your credit", "Ihr Guthaben", "À votre crédit", "Tot u krediet"),
    "subtotal": ("Subtotal", "Zwischensumme", "Sous-total", "Subtotaal"),
    "total": ("Total {}", "Gesamt {}", "Total {}", "Totaal {}"),
    "paid": ("Paid", "Bezahlt", "Payé", "Betaal"),
    "credited": ("Credited", "Gutgeschrieben", "Crédité", "Gekrediteer"),
    "vat_in": ("VAT in {}", "USt. in {}", "TVA en {}", "BTW in {}"),
    "outstanding": ("Outstanding", "Offen", "Reste à payer", "Uitstaande"),
    "outstanding_before": ("Outstanding before", "Vorher offen", "Dû avant", "Vooraf uitstaande"),
    "outstanding_after": ("Outstanding after", "Danach offen", "Dû après", "Daarna uitstaande"),
    "received": ("Received {}", "Erhalten {}", "Reçu {}", "Ontvang {}"),
    "given_back": ("Refunded {}", "Zurückgezahlt {}", "Remboursé {}", "Terugbetaal {}"),
    "reversed": ("Reversed {}", "Rückgebucht {}", "Contre-passé {}", "Omgekeer {}"),
    # Why there is no VAT
    "category_E": ("Exempt from VAT", "Umsatzsteuerbefreit", "Exonération de TVA", "Vrygestel van BTW"),
    "category_AE": (
        "Reverse charge",
        "Steuerschuldnerschaft des Leistungsempfängers",
        "Autoliquidation",
        "Omgekeerde heffing",
    ),
    "category_K": (
        "Intra-Community supply",
        "Innergemeinschaftliche Lieferung",
        "Livraison intracommunautaire",
        "Intra-Gemeenskapslewering",
    ),
    "category_G": ("Export", "Ausfuhrlieferung", "Exportation", "Uitvoer"),
    "category_O": ("Not subject to VAT", "Nicht steuerbar", "Hors champ de la TVA", "Nie aan BTW onderhewig nie"),
    # How to pay
    "pay_to": ("How to pay", "Zahlung", "Règlement", "Hoe om te betaal"),
    "account_holder": ("Account holder", "Kontoinhaber", "Titulaire", "Rekeninghouer"),
    "bank": ("Bank", "Bank", "Banque", "Bank"),
    "account_number": ("Account number", "Kontonummer", "N° de compte", "Rekeningnommer"),
    "branch_code": ("Branch code", "Bankleitzahl", "Code guichet", "Takkode"),
    "payments": ("Payments", "Zahlungen", "Paiements", "Betalings"),
    # Movements
    "payment": ("Payment", "Zahlung", "Paiement", "Betaling"),
    "refund": ("Refund", "Rückzahlung", "Remboursement", "Terugbetaling"),
    "reversal": ("Reversal", "Rückbuchung", "Contre-passation", "Omkering"),
    "overpayment": ("Overpayment", "Überzahlung", "Trop-perçu", "Oorbetaling"),
    "creditrefund": (
        "Refund of credit",
        "Auszahlung von Guthaben",
        "Remboursement de crédit",
        "Terugbetaling van krediet",
    ),
    "allocation": ("Paid from credit", "Aus Guthaben bezahlt", "Payé par crédit", "Uit krediet betaal"),
    "deallocation": (
        "Returned to credit",
        "Zurück ins Guthaben",
        "Remis au crédit",
        "Terug na krediet",
    ),
    "writeoff": ("Write-off", "Ausbuchung", "Abandon de créance", "Afskrywing"),
    "reinstatement": ("Write-off undone", "Ausbuchung aufgehoben", "Abandon annulé", "Afskrywing herroep"),
    "cancellation": ("Cancellation", "Stornierung", "Annulation", "Kansellasie"),
    "creditnote": ("Credit note", "Rechnungskorrektur", "Avoir", "Kredietnota"),
    "charge": ("Charge", "Soll", "Débit", "Debiet"),
    "credit": ("Credit", "Haben", "Crédit", "Krediet"),
    "balance": ("Balance", "Saldo", "Solde", "Saldo"),
    "opening_balance": ("Opening balance", "Anfangssaldo", "Solde initial", "Beginsaldo"),
    "closing_balance": ("Closing balance {}", "Endsaldo {}", "Solde final {}", "Eindsaldo {}"),
    "no_movements": (
        "Nothing happened in these days.",
        "Keine Bewegungen in diesem Zeitraum.",
        "Aucun mouvement sur la période.",
        "Geen beweging in hierdie tydperk nie.",
    ),
    "method_EFT": ("Bank transfer", "Überweisung", "Virement", "EFT"),
    "method_Card": ("Card", "Karte", "Carte", "Kaart"),
    "method_Cash": ("Cash", "Bar", "Espèces", "Kontant"),
    "method_Cheque": ("Cheque", "Scheck", "Chèque", "Tjek"),
    "method_Other": ("Other", "Sonstige", "Autre", "Ander"),
    # Sentences
    "note_prices_include_vat": (
        "Prices include VAT: unit prices and discounts of lines are gross, the subtotal is net.",
        "Die Preise enthalten die Umsatzsteuer: Einzelpreise und Rabatte sind brutto, die Zwischensumme ist netto.",
        "Les prix s’entendent TVA comprise : prix unitaires et remises sont TTC, le sous-total est HT.",
        "Pryse sluit BTW in: eenheidspryse en afslag van reëls is bruto, die subtotaal is netto.",
    ),
    "note_exchange_rate": (
        "VAT in the company’s currency at the exchange rate of {}: 1 {} = {} {}.",
        "USt. in der Währung des Unternehmens zum Wechselkurs vom {}: 1 {} = {} {}.",
        "TVA dans la devise de l’entreprise au taux de change du {} : 1 {} = {} {}.",
        "BTW in die maatskappy se geldeenheid teen die wisselkoers van {}: 1 {} = {} {}.",
    ),
    "note_draft": (
        "This is a draft, not an invoice: it has no number yet, and all of it may change.",
        "Dies ist ein Entwurf und keine Rechnung: er hat noch keine Nummer, und alles kann sich ändern.",
        "Ceci est un brouillon et non une facture : il n’a pas de numéro et tout peut encore changer.",
        "Hierdie is ’n konsep en nie ’n faktuur nie: dit het nog geen nommer nie, en alles kan verander.",
    ),
    "note_cancelled": (
        "This document was cancelled: nothing is to be paid.",
        "Dieses Dokument wurde storniert: es ist nichts zu zahlen.",
        "Ce document a été annulé : rien n’est à payer.",
        "Hierdie dokument is gekanselleer: niks is betaalbaar nie.",
    ),
    "note_missing": (
        "Before it is issued, the law also wants: {}.",
        "Vor der Ausstellung verlangt das Gesetz noch: {}.",
        "Avant l’émission, la loi exige encore : {}.",
        "Voor uitreiking vereis die wet ook: {}.",
    ),
    "note_other_currencies": (
        "Accounts in other currencies are not part of this statement: {}.",
        "Konten in anderen Währungen sind nicht Teil dieses Auszugs: {}.",
        "Les comptes en d’autres devises ne figurent pas sur ce relevé : {}.",
        "Rekeninge in ander geldeenhede is nie deel van hierdie staat nie: {}.",
    ),
    "seller_address": ("your address", "Ihre Anschrift", "votre adresse", "u adres"),
    "buyer_address": (
        "the customer’s address",
        "die Anschrift des Kunden",
        "l’adresse du client",
        "die kliënt se adres",
    ),
    "buyer_vat_number": (
        "the customer’s VAT number",
        "die USt-IdNr. des Kunden",
        "le n° de TVA du client",
        "die kliënt se BTW-nommer",
    ),
    "cancellation_of": ("Cancellation of {}", "Stornierung von {}", "Annulation de {}", "Kansellasie van {}"),
    "page": ("Page", "Seite", "Page", "Bladsy"),
    "page_of": ("of", "von", "sur", "van"),
}

WORDS: dict[str, dict[str, str]] = {
    language: {name: words[position] for name, words in _TABLE.items()} for position, language in enumerate(LANGUAGES)
}


def words_of(language: str) -> Mapping[str, str]:
    """The words of a language by their names; English for one that is not known."""
    return WORDS.get(language, WORDS["en"])
