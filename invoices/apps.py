"""The invoices room: documents, their totals, numbers and life."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Invoices and their lines."""

    name = "invoices"
