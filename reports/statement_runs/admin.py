"""Runs of statements in the admin: a preview with a button on the company's page, and what became of each run."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from audit.admin import CommandPage
from audit.list_exports import ExportedList
from core.admin import VerbForm
from core.exports import Columns
from invoices.admin import NumberingCompanyAdmin
from notifications.kinds import State
from notifications.models import StatementRun
from parties.models import Company
from reports.statement_runs.accounts import accounts, month_of
from reports.statement_runs.services import run_statements

SHOWN_AT_MOST = 500
"""A page lists so many customers, to choose from; the run of a company with more is for all of them."""


class StatementsForm(VerbForm):
    """Which month it is. The customers are ticked in the list."""

    month = forms.DateField(widget=forms.HiddenInput)


class StatementsPage(CommandPage):
    """The statements that a run would send, to choose from, and the button that sends them."""

    name = "statements"
    button = "Send statements"
    permission = "notifications.send_message"
    form_class = StatementsForm
    template = "reports/admin/statements.html"
    run: StatementRun | None = None

    @property
    def title(self) -> str:
        """Whose statements of which month."""
        return f"Statements of {self.obj} for {self.month:%B %Y}"

    @property
    def month(self) -> date:
        """The first day of the month that is shown: last month, or what the address asks for."""
        asked = self.request.POST.get("month") or self.request.GET.get("month") or ""
        latest = _month_before(self.obj.today())
        try:
            return min(date.fromisoformat(asked).replace(day=1), latest)
        except ValueError:
            return latest

    def initial(self) -> dict[str, Any]:
        """The month that is shown."""
        return {"month": self.month}

    def context(self) -> dict[str, Any]:
        """The customers with their balances, those left out and why, and the months beside this one."""
        found = list(islice(accounts(self.obj, month_of(self.obj, self.month)), SHOWN_AT_MOST + 1))
        after = (self.month + timedelta(days=31)).replace(day=1)
        ticked = self.request.POST.getlist("customer")
        return {
            "accounts": found[:SHOWN_AT_MOST],
            "is_cut": len(found) > SHOWN_AT_MOST,
            "ticked": [int(pk) for pk in ticked if pk.isdigit()] if self.request.method == "POST" else None,
            "month_before": _month_before(self.month),
            "month_after": after if after < self.obj.today().replace(day=1) else None,
        }

    def give(self, values: dict[str, Any]) -> str:
        """Make the run."""
        chosen = None
        if "everybody" not in self.request.POST:
            chosen = [int(pk) for pk in self.request.POST.getlist("customer") if pk.isdigit()]
        self.run = run_statements(actor=self.request.user, company=self.obj, month=values["month"], customer_ids=chosen)
        count = self.run.messages.exclude(state=State.FAILED).count()
        return "1 statement is on its way." if count == 1 else f"{count} statements are on their way."

    @property
    def back_address(self) -> str:
        """What became of the run, once there is one."""
        if self.run is None:
            return super().back_address
        return reverse("admin:notifications_statementrun_change", args=[self.run.pk])


class StatingCompanyAdmin(NumberingCompanyAdmin):
    """Companies whose customers get statements."""

    command_pages = (*NumberingCompanyAdmin.command_pages, StatementsPage)


admin.site.unregister(Company)
admin.site.register(Company, StatingCompanyAdmin)


@admin.register(StatementRun)
class StatementRunAdmin(ExportedList):
    """The runs, and how many of the messages of each were sent, wait, or failed; the messages have their own list."""

    list_display: ClassVar[Sequence[str]] = ("month_name", "company", "requested_by", "created", "sent", "not_sent")
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("month", "month"),
        ("asked_for_by", "requested_by"),
        ("asked_for_at", "created_at"),
        ("sent", "sent_count"),
        ("not_sent", lambda run: run.message_count - run.sent_count),
    )
    change_form_template = "notifications/admin/read_only.html"
    list_select_related = ("company",)
    document_fields = ("company", "month_name", "requested_by", "created", "results")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementRun]:
        """The runs of the reader's companies, with the numbers of their messages."""
        sent = Count("messages", filter=Q(messages__state=State.SENT))
        return super().get_queryset(request).annotate(message_count=Count("messages"), sent_count=sent)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All that there is to read of a run."""
        return self.document_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A run is only read."""
        return self.document_fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For those who see messages."""
        return request.user.has_perm("notifications.view_message", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For those who see messages."""
        return request.user.has_perm("notifications.view_message")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: runs are asked for on the page of the company."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what was asked for was asked for."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what was asked for was asked for."""
        return False

    @admin.display(description="month", ordering="month")
    def month_name(self, run: StatementRun) -> str:
        """The month that the statements are of."""
        return f"{run.month:%B %Y}"

    @admin.display(description="asked for (UTC)", ordering="id")
    def created(self, run: StatementRun) -> str:
        """When it was asked for."""
        return f"{run.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="sent")
    def sent(self, run: StatementRun) -> int:
        """How many statements were sent."""
        return run.sent_count

    @admin.display(description="not sent")
    def not_sent(self, run: StatementRun) -> int:
        """How many wait or did not arrive."""
        return run.message_count - run.sent_count

    @admin.display(description="results")
    def results(self, run: StatementRun) -> str:
        """How many messages stand how, each with a link to them."""
        counts = run.messages.order_by().values_list("state").annotate(Count("pk")).order_by("state")
        address = reverse("admin:notifications_message_changelist")
        rows = [(address, run.pk, state, count, State(state).label.lower()) for state, count in counts]
        if not rows:
            return "No statement was due: each of these customers has one, or there was nothing to tell."
        return format_html_join(", ", '<a href="{}?run__id__exact={}&state__exact={}">{} {}</a>', rows)


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)
