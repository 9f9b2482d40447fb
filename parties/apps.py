"""The parties room: who bills and who is billed."""

from django.apps import AppConfig


class PartiesConfig(AppConfig):
    """Companies and customers."""

    name = "parties"
    verbose_name = "Companies and customers"

    def ready(self) -> None:
        """Let verify_books prove the logos."""
        from parties.books import register_checks

        register_checks()
