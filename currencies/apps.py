"""The currencies room: what a currency was worth in another, day by day."""

from django.apps import AppConfig


class CurrenciesConfig(AppConfig):
    """Dated exchange rates of each company."""

    name = "currencies"

    def ready(self) -> None:
        """Let verify_books look at the rates."""
        from currencies.books import register_checks

        register_checks()
