"""The project as an application: its pages, commands and templates."""

from django.apps import AppConfig


class FintrackConfig(AppConfig):
    """Settings, the URL map, the entry points. No business."""

    name = "fintrack"
