"""The invoices room: documents, their totals, numbers and life."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Invoices and their lines."""

    name = "invoices"

    def ready(self) -> None:
        """Let verify_books prove the invoices."""
        from invoices.books import register_checks

        register_checks()
