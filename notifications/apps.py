"""The notifications room: what leaves the house by e-mail, and the background work behind it."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Messages, their templates and settings, and reminders."""

    name = "notifications"
    verbose_name = "E-mail"

    def ready(self) -> None:
        """Let an issued invoice be sent in the command that issues it, and workers do what is due."""
        from audit.events import sequence_all
        from credits.services import follow_credit_notes
        from imports.services import resume_abandoned
        from invoices.recurring.run import run_all_due
        from invoices.selectors import offer_action
        from invoices.services import on_issue
        from notifications.bounces.services import release_held
        from notifications.credit_notes import files_of, send_when_credited
        from notifications.digests.services import prepare_due_digests
        from notifications.kinds import Kind
        from notifications.letters import attach_to
        from notifications.reminders.services import prepare_due_reminders
        from notifications.schedule import on_beat
        from notifications.services import IS_MAIL_UNDER_WAY, obstacle_to_sending, send_when_issued

        on_issue(send_when_issued)
        follow_credit_notes(send_when_credited)
        attach_to(Kind.CREDIT_NOTE, files_of)
        offer_action("send", obstacle_to_sending, is_mail_under_way=IS_MAIL_UNDER_WAY)
        on_beat(release_held)
        on_beat(prepare_due_reminders)
        on_beat(prepare_due_digests)
        on_beat(lambda now: run_all_due(now=now))
        on_beat(lambda now: resume_abandoned(now=now))
        on_beat(lambda now: sequence_all())
