"""The payments room: money received, as ledger entries that are never changed."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The ledger of each invoice."""

    name = "payments"

    def ready(self) -> None:
        """Let verify_books prove the ledger."""
        from payments.books import register_checks

        register_checks()
