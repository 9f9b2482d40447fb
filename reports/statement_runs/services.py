"""Runs of statements: a message with the month's statement for each customer, once for each customer and month.

Only rows are made here; a worker prints each statement when it sends it.
Errors: NotFound, MonthNotOver, NobodyChosen.
"""

import logging
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from functools import cache

from django.db import transaction

from audit.actors import Actor, SystemActor
from audit.services import recording
from core.errors import DomainError, NotFound
from notifications.kinds import Kind
from notifications.letters import filled_in, texts_of
from notifications.models import DailyRun, MailSettings, Message, StatementRun
from notifications.selectors import language_of_customer, settings_of_company
from notifications.services import envelope, wake_worker, write_messages
from parties.models import Company, Customer
from reports.statement_runs.accounts import Account, accounts, key_of, month_of
from reports.statement_runs.letters import values_of

logger = logging.getLogger(__name__)

STATING = SystemActor("system:statements")
LARGEST_ID = 2**63 - 1


class NobodyChosen(DomainError):
    """A run is for somebody."""

    code = "nobody_chosen"
    title = "Nobody chosen"
    default_detail = "Choose at least one customer."


class MonthNotOver(DomainError):
    """A statement of a month is made when the month is over."""

    code = "month_not_over"
    title = "The month is not over"
    default_detail = "Statements are sent of months that are over where the company is."


def run_statements(
    *, actor: Actor, company: Company, month: date, customer_ids: Collection[int] | None = None
) -> StatementRun:
    """The run that asks for the statements of a month: those of `customer_ids`, or of all who owe or had movements.

    Whoever has a statement of that month already gets no second one; who has no address gets one that has failed, to
    be sent once there is one. However many runs there are at once, the key of a message (customer and month) makes a
    second one impossible. Raises MonthNotOver, NobodyChosen, NotFound for a customer that the company does not have.
    """
    days = month_of(company, month)
    if days.last >= company.today():
        raise MonthNotOver(field="month")
    with transaction.atomic():
        _require_customers(company, customer_ids)
        with recording(actor=actor, action="statement_run.requested", company_id=company.pk, reason=key_of(days)):
            run = StatementRun.objects.create(
                company=company, month=days.first, requested_by_id=actor.actor_id, requested_by=actor.actor_name
            )
            found = accounts(company, days, customer_ids=customer_ids)
            write_messages(_messages(actor, run, (account for account in found if not account.is_made)))
            wake_worker()
    return run


def prepare_due_statements(now: datetime) -> int:
    """Make the run of last month for each company whose day and time have come, once a month; how many runs.

    A day that was past when the settings were saved is not made up for: nobody expects mail to leave at once.
    """
    runs = 0
    for settings in MailSettings.objects.filter(statement_day__isnull=False).select_related("company", "change"):
        today = now.astimezone(settings.company.zone).date()
        day = today.replace(day=settings.statement_day or 1)
        due = datetime.combine(day, settings.remind_at, tzinfo=settings.company.zone)
        if settings.change.at < due <= now:
            runs += _prepared(settings.company, today)
    return runs


def _prepared(company: Company, today: date) -> int:
    """Whether the run was made, as a number; a company whose run fails stops no other."""
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    mark = {"company": company, "kind": Kind.STATEMENT, "day": month}
    if DailyRun.objects.filter(**mark).exists():
        return 0
    try:
        with transaction.atomic():
            done, is_first = DailyRun.objects.get_or_create(**mark, defaults={"messages": 0})
            if not is_first:
                return 0
            run = run_statements(actor=STATING, company=company, month=month)
            DailyRun.objects.filter(pk=done.pk).update(messages=run.messages.count())
    except Exception:
        logger.exception("The statements of company %s could not be made.", company.pk)
        return 0
    return 1


def _require_customers(company: Company, customer_ids: Collection[int] | None) -> None:
    if customer_ids is None:
        return
    if not customer_ids:
        raise NobodyChosen(field="customer_ids")
    possible = [pk for pk in customer_ids if 0 < pk <= LARGEST_ID]
    known = Customer.objects.filter(company=company, pk__in=possible).count()
    if known != len(set(customer_ids)):
        raise NotFound("One of the customers does not exist.", field="customer_ids")


def _messages(actor: Actor, run: StatementRun, chosen: Iterator[Account]) -> Iterator[Message]:
    settings = settings_of_company(run.company_id)
    texts = cache(lambda language: texts_of(run.company, Kind.STATEMENT, language))
    days = month_of(run.company, run.month)
    for account in chosen:
        in_words = texts(language_of_customer(account.customer, settings))
        subject, body = filled_in(in_words, values_of(account, days, in_words.language))
        yield Message(
            company_id=run.company_id,
            kind=Kind.STATEMENT,
            customer=account.customer,
            run=run,
            key=key_of(days),
            subject=subject,
            body=body,
            **envelope(actor, account.customer.email),
        )
