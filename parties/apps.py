"""The parties room: who bills and who is billed."""

from django.apps import AppConfig


class PartiesConfig(AppConfig):
    """Companies and customers."""

    name = "parties"
    verbose_name = "Companies and customers"
