"""The reminders that a day brings."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from invoices.models import IS_OPEN, OPEN_STATUSES, Invoice
from notifications.kinds import Kind
from notifications.models import MailSettings, Message, Preference
from notifications.reminders.stages import due_stage


@dataclass(frozen=True)
class Reminder:
    """A reminder that is due: of which invoice, in which stage (days after its due date), and any obstacle."""

    invoice: Invoice
    stage: int
    obstacle: str = ""


def reminders_due(settings: MailSettings, day: date) -> list[Reminder]:
    """The reminders that the company's stages bring on `day`, the longest due first.

    None for what is paid, cancelled, promised, or not to be reminded of. Where several stages were reached, the latest.
    """
    stages = settings.stages
    late_enough = day - timedelta(days=min(stages))
    invoices = (
        Invoice.objects.filter(IS_OPEN, company=settings.company_id, due_date__lte=late_enough)
        .select_related("company", "customer", "customer__preference", "preference")
        .order_by("due_date", "id")
    )
    done = _stages_done(settings.company_id)
    found = []
    for invoice in invoices:
        stage = due_stage(invoice.due_date, day, stages, done[invoice.pk])
        if stage is not None and not _is_silenced(invoice, day):
            found.append(
                Reminder(invoice, stage, "" if invoice.customer.email else "The customer has no e-mail address.")
            )
    return found


def _stages_done(company_id: int) -> dict[int, set[int]]:
    """Invoice -> the stages of which there is a message, whatever became of it."""
    done: dict[int, set[int]] = defaultdict(set)
    messages = Message.objects.filter(
        company=company_id, kind=Kind.REMINDER, invoice__status__in=OPEN_STATUSES
    ).order_by()
    for invoice_id, key in messages.values_list("invoice_id", "key"):
        done[invoice_id].add(int(key))
    return done


def _is_silenced(invoice: Invoice, day: date) -> bool:
    agreed: Iterable[Preference | None] = (
        getattr(invoice, "preference", None),
        getattr(invoice.customer, "preference", None),
    )
    return any(row is not None and row.silences(day) for row in agreed)
