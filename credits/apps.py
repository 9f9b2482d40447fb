"""The credits room: credit notes, which correct an issued invoice without changing it."""

from django.apps import AppConfig


class CreditsConfig(AppConfig):
    """Credit notes of invoices."""

    name = "credits"

    def ready(self) -> None:
        """Let verify_books prove the credit notes, and invoices offer them."""
        from credits.books import register_checks
        from credits.selectors import (
            IS_WHOLLY_CREDITED,
            credit_note_histories,
            numbered_notes,
            obstacle_to_crediting,
            registered_notes,
        )
        from invoices.models import SeriesKind
        from invoices.numbers import Numbered, register_numbers
        from invoices.selectors import offer_action, tell_histories

        register_checks()
        register_numbers(SeriesKind.CREDIT_NOTE, Numbered(numbered_notes, registered_notes))
        tell_histories(lambda invoice: credit_note_histories(invoice=invoice.pk)[:2])
        offer_action("creditNote", obstacle_to_crediting, is_wholly_credited=IS_WHOLLY_CREDITED)
