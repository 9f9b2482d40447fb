"""The invoices room: documents, their totals, numbers and life."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Invoices and their lines."""

    name = "invoices"

    def ready(self) -> None:
        """Let verify_books prove the invoices, and drafts follow the names of their customers."""
        from invoices.books import register_checks
        from invoices.services import show_new_name
        from parties.services import on_new_name

        register_checks()
        on_new_name(show_new_name)
