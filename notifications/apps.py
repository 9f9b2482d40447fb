"""The notifications room: what leaves the house by e-mail, and the background work behind it."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Messages, their templates and settings, and reminders."""

    name = "notifications"
    verbose_name = "E-mail"

    def ready(self) -> None:
        """Let an issued invoice be sent in the command that issues it."""
        from invoices.services import on_issue
        from notifications.services import send_when_issued

        on_issue(send_when_issued)
