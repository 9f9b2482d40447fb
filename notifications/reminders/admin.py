"""The reminders of the next run, to look at."""

from datetime import date, timedelta

from django.http import HttpResponse
from django.template.response import TemplateResponse

from audit.admin import CommandPage
from core.admin import (
    require_page,
)
from notifications.kinds import Kind
from notifications.models import DailyRun
from notifications.reminders.selectors import reminders_due

SHOWN_AT_MOST = 500


class PreviewPage(CommandPage):
    """The reminders of the next run, to look at."""

    name = "preview"
    button = "Next reminders"
    permission = "notifications.view_mailsettings"
    template = "notifications/admin/preview.html"

    @property
    def title(self) -> str:
        """Which run it is."""
        return f"Reminders of {self.obj.company} on {self.day}"

    @property
    def day(self) -> date:
        """The day of the next run."""
        today = self.obj.company.today()
        is_done = DailyRun.objects.filter(company=self.obj.company_id, kind=Kind.REMINDER, day=today).exists()
        return today + timedelta(days=1) if is_done else today

    def respond(self) -> HttpResponse:
        """The list."""
        require_page(self.is_allowed())
        due = reminders_due(self.obj, self.day)
        context = self.model_admin.page_context(
            self.request,
            title=self.title,
            object=self.obj,
            page=self,
            subject=self.obj,
            reminders=due[:SHOWN_AT_MOST],
            more=max(len(due) - SHOWN_AT_MOST, 0),
        )
        return TemplateResponse(self.request, self.template, context)
