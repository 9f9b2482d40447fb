"""The imports room: moving in, and taking in what other programs keep."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Files that somebody brought, and what became of their rows."""

    name = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        """Let verify_books look at the files."""
        from imports.books import prove_imports

        prove_imports()
