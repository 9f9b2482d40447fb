"""The payments room: money received, as ledger entries that are never changed."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The ledger of each invoice."""

    name = "payments"
