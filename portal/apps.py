"""The portal room: the page of an invoice that its customer sees by a private link, without signing in."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Links to customers' pages, the pages, and how often they were seen."""

    name = "portal"
    verbose_name = "Customers' pages"
