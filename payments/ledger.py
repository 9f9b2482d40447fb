"""The words of the ledger. No ORM."""

from django.db.models import TextChoices


class Kind(TextChoices):
    """What an entry is. Payments are positive; refunds and reversals are negative."""

    PAYMENT = "Payment", "Payment"
    REFUND = "Refund", "Refund"
    REVERSAL = "Reversal", "Reversal"


class Method(TextChoices):
    """How the money moved."""

    EFT = "EFT", "EFT"
    CARD = "Card", "Card"
    CASH = "Cash", "Cash"
    CHEQUE = "Cheque", "Cheque"
    OTHER = "Other", "Other"
