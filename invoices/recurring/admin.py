"""Recurring invoices in the admin: what comes next, what went wrong, and buttons to pause, resume, run and end."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from audit.admin import CommandPage, RecordedAdmin
from audit.groups import NOTHING
from audit.selectors import History
from core.admin import CommandForm, ExactField, ScopedFilter, require_permission
from core.exports import Columns
from core.money import currency_codes, grouped_money
from invoices.admin_forms import (
    LineForm,
    LineInline,
    draft_values,
    leave_zero_discounts_empty,
    lines_of,
)
from invoices.recurring.models import STATUS_CONDITIONS, RecurringInvoice, RecurringInvoiceLine, RecurringStatus
from invoices.recurring.run import run_recurring
from invoices.recurring.selectors import next_dates, next_total, recurring_histories, recurring_of
from invoices.recurring.services import (
    create_recurring,
    delete_recurring,
    end_recurring,
    pause_recurring,
    require_not_ended,
    require_pausable,
    require_paused,
    resume_recurring,
    update_recurring,
)
from invoices.recurring.texts import PLACEHOLDERS_TEXT

CHANGE = "invoices.change_recurringinvoice"


class RecurringForm(CommandForm):
    """What is typed about a recurring invoice. What is left empty on a new one takes the company's default."""

    currency = forms.ChoiceField(
        required=False, choices=[("", "The company's own"), *((code, code) for code in currency_codes())]
    )
    discount_percent = ExactField(decimals=4, required=False, label="Discount, %", help_text="10 is 10 %.")
    discount_amount = ExactField(decimals=4, required=False, label="Discount, amount")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        leave_zero_discounts_empty(self)
        if self.instance.pk is None:
            self.fields["start_date"].required = False
        else:
            self.fields["currency"].choices = self.fields["currency"].choices[1:]
            self.fields["currency"].required = True


class RecurringLineForm(LineForm):
    """What is typed about one line. VAT that is left open stays open."""

    class Meta(LineForm.Meta):
        model = RecurringInvoiceLine

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["description"].help_text = f"May hold {PLACEHOLDERS_TEXT}."

    def leave_usual_category_empty(self) -> None:
        """Nothing: a category that stands there was chosen."""


class RecurringLineInline(LineInline):
    """The lines of a recurring invoice."""

    model = RecurringInvoiceLine
    form = RecurringLineForm


class StatusFilter(admin.SimpleListFilter):
    """How they stand."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The statuses."""
        return list(RecurringStatus.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that stand so."""
        return queryset.filter(STATUS_CONDITIONS[RecurringStatus(self.value())]) if self.value() else queryset


class PausePage(CommandPage):
    """The confirmation of a pause."""

    name = "pause"
    button = "Pause"
    consequence = "Nothing is made of it until it is resumed."
    permission = CHANGE

    def require_possible(self) -> None:
        """Raise WrongStatus where it is paused or has ended."""
        require_pausable(self.obj)

    def give(self, values: dict[str, Any]) -> str:
        """Pause it."""
        pause_recurring(actor=self.request.user, recurring_id=self.obj.pk, **values)
        return "Paused: nothing is made of it until it is resumed."


class ResumePage(CommandPage):
    """The confirmation that it goes on."""

    name = "resume"
    button = "Resume"
    consequence = "It goes on from today: what fell due while it was paused is left out."
    permission = CHANGE
    is_primary = True

    def require_possible(self) -> None:
        """Raise WrongStatus unless it is paused."""
        require_paused(self.obj)

    def give(self, values: dict[str, Any]) -> str:
        """Let it go on."""
        resumed = resume_recurring(actor=self.request.user, recurring_id=self.obj.pk, **values)
        return f"It goes on. Next: {resumed.next_date or 'nothing, since it has ended'}."


class RunPage(CommandPage):
    """The confirmation of a run."""

    name = "run"
    button = "Run now"
    consequence = "What is due up to today is made at once, instead of when the worker comes to it."
    permission = CHANGE

    def require_possible(self) -> None:
        """Raise WrongStatus where it is paused or has ended."""
        require_pausable(self.obj)

    def give(self, values: dict[str, Any]) -> str:
        """Make what is due."""
        invoices = run_recurring(actor=self.request.user, recurring_id=self.obj.pk, **values)
        return f"Made: {', '.join(map(str, invoices))}." if invoices else "Nothing is due yet."


class EndPage(CommandPage):
    """The confirmation that it ends."""

    name = "end"
    button = "End"
    consequence = "Nothing is made of it any more, for good. The invoices that it made stay as they are."
    permission = CHANGE
    is_dangerous = True

    def require_possible(self) -> None:
        """Raise WrongStatus where it has ended."""
        require_not_ended(self.obj)

    def give(self, values: dict[str, Any]) -> str:
        """End it."""
        end_recurring(actor=self.request.user, recurring_id=self.obj.pk, **values)
        return "Ended: nothing is made of it any more."


@admin.register(RecurringInvoice)
class RecurringInvoiceAdmin(RecordedAdmin):
    """The recurring invoices of the reader's companies."""

    form = RecurringForm
    inlines = (RecurringLineInline,)
    command_pages = (RunPage, PausePage, ResumePage, EndPage)
    typed_fields = (
        ("name", "customer"),
        ("interval", "interval_count"),
        ("start_date", "end_date"),
        ("on_run", "payment_days"),
        ("currency", "prices_include_vat"),
        ("discount_percent", "discount_amount"),
    )
    shown_fields = ("status_badge", "problem", "dates_to_come", "amount_to_come", "invoices_made")
    autocomplete_fields = ("customer",)
    list_display = ("name", "customer", "rhythm", "next_on", "status_badge", "problem", "company")
    list_filter = (StatusFilter, ("company", ScopedFilter))
    list_select_related = ("customer", "company")
    search_fields = ("name", "customer__name")
    export_columns: Columns = (
        ("id", "pk"),
        ("company", "company.name"),
        ("name", "name"),
        ("customer", "customer.name"),
        ("every", "interval_count"),
        ("interval", "get_interval_display"),
        ("start_date", "start_date"),
        ("end_date", "end_date"),
        ("next_date", "next_date"),
        ("when_its_day_comes", "get_on_run_display"),
        ("currency", "currency"),
        ("status", "status.label"),
        ("problem", "problem"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecurringInvoice]:
        """The recurring invoices of the reader's companies."""
        return recurring_of(request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """What is typed, and of one that there is already how it stands."""
        return self.typed_fields if obj is None else (*self.shown_fields, *self.typed_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """How it stands is only read."""
        return () if obj is None else self.shown_fields

    @admin.display(description="every")
    def rhythm(self, recurring: RecurringInvoice) -> str:
        """How often."""
        count, unit = recurring.interval_count, recurring.get_interval_display()
        return unit if count == 1 else f"{count} {unit}s"

    @admin.display(description="next date", ordering="next_date")
    def next_on(self, recurring: RecurringInvoice) -> str:
        """The next date."""
        return recurring.next_date.isoformat() if recurring.next_date else NOTHING

    @admin.display(description="status")
    def status_badge(self, recurring: RecurringInvoice) -> str:
        """The status as a badge."""
        status = recurring.status
        return format_html('<span class="status status-{}">{}</span>', status.lower(), status.label)

    @admin.display(description="next dates")
    def dates_to_come(self, recurring: RecurringInvoice) -> str:
        """The dates that come next."""
        return ", ".join(day.isoformat() for day in next_dates(recurring)) or NOTHING

    @admin.display(description="next total")
    def amount_to_come(self, recurring: RecurringInvoice) -> str:
        """What the next invoice comes to."""
        total = next_total(recurring)
        return NOTHING if total is None else f"{recurring.currency} {grouped_money(total, recurring.currency)}"

    @admin.display(description="invoices")
    def invoices_made(self, recurring: RecurringInvoice) -> str:
        """Where those are that were made."""
        address = reverse("admin:invoices_invoice_changelist", query={"recurring_invoice__id__exact": recurring.pk})
        return format_html('<a href="{}">{} made</a>', address, recurring.invoices.count())

    def histories(self, obj: RecurringInvoice) -> list[History]:
        """Of it and of its lines."""
        return recurring_histories(obj)

    def create(self, request: HttpRequest, values: dict[str, Any], formsets: Sequence[Any]) -> Model:
        """A new one, of the company that the customer belongs to."""
        customer = values["customer"]
        require_permission(request.user, "invoices.add_recurringinvoice", customer, field="customer")
        given = {name: value for name, value in draft_values(values).items() if value not in (None, "")}
        return create_recurring(actor=request.user, company=customer.company, items=lines_of(formsets), **given)

    def update(
        self,
        request: HttpRequest,
        obj: RecurringInvoice,
        values: dict[str, Any],
        formsets: Sequence[Any],
        version: int,
    ) -> Model:
        """It as it was typed, its lines replaced."""
        return update_recurring(
            actor=request.user,
            recurring_id=obj.pk,
            version=version,
            items=lines_of(formsets),
            **draft_values(values),
        )

    def erase(self, request: HttpRequest, obj: RecurringInvoice, version: int | None) -> None:
        """Delete one that no invoice was made from."""
        delete_recurring(actor=request.user, recurring_id=obj.pk, version=version)
