"""The reports room: what the books add up to. It reads only, and owns no tables."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Revenue, outstanding amounts, VAT and aged receivables."""

    name = "reports"
