"""The reports room: what the books add up to. Its tables hold sums of other rooms' rows; statements are messages."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Revenue, outstanding amounts, VAT and aged receivables."""

    name = "reports"

    def ready(self) -> None:
        """Let triggers feed the sums, workers add them up and make the statements, and verify_books prove them."""
        from audit.triggers import register
        from notifications.kinds import Kind
        from notifications.letters import attach_to
        from notifications.schedule import on_beat
        from reports.books import register_checks
        from reports.statement_runs.letters import files_of
        from reports.statement_runs.services import prepare_due_statements
        from reports.summaries import take_in
        from reports.triggers import summing_triggers

        register(summing_triggers())
        register_checks()
        attach_to(Kind.STATEMENT, files_of)
        on_beat(prepare_due_statements)
        on_beat(lambda now: take_in())
