"""The core room: what every other room needs and that knows none of them."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Money, errors, text, and the plumbing of the REST API."""

    name = "core"
