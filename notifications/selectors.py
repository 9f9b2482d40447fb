"""The messages that exist for a user, and the reminders that a day brings."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, QuerySet

from core.scope import CompanyMember, visible_to
from invoices.models import IS_OPEN, OPEN_STATUSES, Invoice
from notifications.kinds import Kind
from notifications.models import MailSettings, MailTemplate, Message, Preference
from notifications.reminders import due_stage


def messages_of(user: CompanyMember) -> QuerySet[Message]:
    """The messages of the user's companies, newest first."""
    return visible_to(user, Message.objects.select_related("invoice", "company"))


def settings_of(user: CompanyMember) -> QuerySet[MailSettings]:
    """The mail settings of the user's companies."""
    return visible_to(user, MailSettings.objects.select_related("company"))


def templates_of(user: CompanyMember) -> QuerySet[MailTemplate]:
    """The templates of the user's companies."""
    return visible_to(user, MailTemplate.objects.select_related("company"))


def preferences_about(invoice: Invoice) -> list[Preference]:
    """What was agreed about the invoice and about its customer."""
    return list(Preference.objects.filter(Q(invoice=invoice) | Q(customer=invoice.customer_id)))


def settings_of_company(company_id: int) -> MailSettings:
    """What the company sends by itself; nothing, where it never said."""
    return MailSettings.objects.filter(company=company_id).first() or MailSettings(company_id=company_id)


def language_of(invoice: Invoice, settings: MailSettings) -> str:
    """The language in which its customer is written to."""
    agreed = getattr(invoice.customer, "preference", None)
    return (agreed.language if agreed else "") or settings.language


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
