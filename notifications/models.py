"""What a company wants to send, the messages themselves, and the record of those that were sent."""

from datetime import date, time
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import User
from audit.guards import AppendOnly, Guard
from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from invoices.models import Invoice
from notifications.kinds import TO_CUSTOMERS, Kind, State
from notifications.templating import DEFAULT_LANGUAGE
from parties.models import Company, Customer

LANGUAGE_LENGTH = 2
SUBJECT_LENGTH = 200
BODY_LENGTH = 10_000
FIRST_THING = time(8, 0)
LAST_STATEMENT_DAY = 28
"""Every month has it."""


def default_stages() -> list[int]:
    """Three days before an invoice is due, on the day, and one and two weeks after it."""
    return [-3, 0, 7, 14]


class MailSettings(Recorded):
    """What a company sends by itself. A company without a row sends nothing by itself."""

    company = models.OneToOneField(Company, on_delete=models.PROTECT, related_name="+")
    send_on_issue = models.BooleanField(default=False, help_text="Mail each invoice to its customer when it is issued.")
    remind = models.BooleanField("send reminders", default=False)
    stages = models.JSONField(
        "stages of reminders", default=default_stages, help_text="Days after the due date, for example [-3, 0, 7, 14]."
    )
    remind_at = models.TimeField(
        "time of day", default=FIRST_THING, help_text="When reminders and statements go out, by the company's clock."
    )
    statement_day = models.PositiveSmallIntegerField(
        "statements on day",
        null=True,
        blank=True,
        help_text=f"Of each month, 1 to {LAST_STATEMENT_DAY}: statements of the month before are sent. Empty: never.",
    )
    language = models.CharField(max_length=LANGUAGE_LENGTH, default=DEFAULT_LANGUAGE, help_text="ISO 639-1: en, de…")

    history = RecordedHistory()

    class Meta:
        verbose_name = verbose_name_plural = "mail settings"

    def __str__(self) -> str:
        return f"Mail settings of {self.company}"


class MailTemplate(Recorded):
    """Subject and body that a company wrote for a kind of message in a language."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.label) for kind in TO_CUSTOMERS])
    language = models.CharField(max_length=LANGUAGE_LENGTH, default=DEFAULT_LANGUAGE, help_text="ISO 639-1: en, de…")
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    body = models.TextField(max_length=BODY_LENGTH)

    history = RecordedHistory()

    class Meta:
        ordering = ("company_id", "kind", "language")
        constraints = [
            models.UniqueConstraint(
                fields=("company", "kind", "language"),
                name="mail_template_unique",
                violation_error_code="template_exists",
                violation_error_message="There is a template of this kind in this language already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.language})"


class Preference(Recorded):
    """What was agreed about one customer, or about one invoice: language, no reminders, or a day of payment.

    A row of its own, since an issued invoice is frozen.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    customer = models.OneToOneField(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="preference"
    )
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="preference")
    do_not_remind = models.BooleanField(default=False)
    promised_on = models.DateField(
        "promised for", null=True, blank=True, help_text="No reminder up to this day, on which payment is promised."
    )
    language = models.CharField(max_length=LANGUAGE_LENGTH, blank=True, help_text="Empty: the company's.")

    history = RecordedHistory()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(customer__isnull=False, invoice__isnull=True)
                | Q(customer__isnull=True, invoice__isnull=False),
                name="preference_of_one_thing",
                violation_error_code="preference_invalid",
                violation_error_message="A preference is that of one customer or of one invoice.",
            )
        ]

    def __str__(self) -> str:
        return f"What was agreed about {self.invoice or self.customer}"

    def silences(self, day: date) -> bool:
        """Whether it forbids reminders on that day."""
        return self.do_not_remind or (self.promised_on is not None and day <= self.promised_on)


class StatementRun(models.Model):
    """That the statements of a month were asked for, by a person or the schedule; its messages are its results.

    Not recorded, as they are not; the command is in the journal.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day.")
    requested_by_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("company", "-id"), name="statement_run_company")]

    def __str__(self) -> str:
        return f"Statements of {self.month:%Y-%m}"


class Message(models.Model):
    """A mail that is to go out, once: the row is there before anything is sent, and `key` makes it the only one.

    Not recorded: it is a queue, whose rows change several times for each mail. What was sent is (see `Delivery`).
    `sending` is written, and committed, before the mail server is spoken to. Whoever finds it there after its process
    died cannot know whether the mail left: it is `uncertain` then, and a person decides.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_index=False
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    reader = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    run = models.ForeignKey(
        StatementRun, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_index=False
    )
    key = models.CharField(
        max_length=40,
        help_text="Which sending of the invoice, stage of its reminders, credit note, month of statements, or day.",
    )
    is_automatic = models.BooleanField(
        db_default=True, default=True, help_text="Not asked for, for this one invoice, by a person."
    )
    recipient = models.CharField("to", max_length=254, blank=True)
    subject = models.CharField(max_length=1000)
    body = models.TextField()
    mail_id = models.CharField("Message-ID", max_length=200, unique=True)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField("came back at", null=True)
    error = models.CharField("what went wrong", max_length=1000, blank=True)
    requested_by_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        ordering = ("-id",)
        permissions = [("send_message", "Can send messages")]
        constraints = [
            models.UniqueConstraint(fields=("company", "kind", "invoice", "key"), name="message_unique"),
            models.UniqueConstraint(
                fields=("customer", "key"), condition=Q(kind=Kind.STATEMENT), name="message_statement_unique"
            ),
            models.UniqueConstraint(
                fields=("company", "reader", "key"), condition=Q(kind=Kind.DIGEST), name="message_digest_unique"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[Kind.INVOICE, Kind.REMINDER, Kind.CREDIT_NOTE],
                    invoice__isnull=False,
                    customer__isnull=False,
                )
                | Q(kind=Kind.STATEMENT, invoice__isnull=True, customer__isnull=False)
                | Q(kind=Kind.DIGEST, invoice__isnull=True, customer__isnull=True, reader__isnull=False),
                name="message_is_about",
            ),
            models.CheckConstraint(
                condition=Q(state=State.WAITING, next_attempt_at__isnull=False)
                | Q(state=State.SENDING, claimed_at__isnull=False)
                | Q(state=State.SENT, sent_at__isnull=False)
                | Q(state=State.BOUNCED, bounced_at__isnull=False)
                | Q(state__in=[State.FAILED, State.UNCERTAIN, State.NEEDLESS, State.HELD]),
                name="message_state_fits",
            ),
        ]
        indexes = [
            models.Index(fields=("invoice", "-id"), name="message_invoice"),
            models.Index(fields=("company", "-id"), name="message_company"),
            models.Index(fields=("next_attempt_at", "id"), condition=Q(state="waiting"), name="message_due"),
            models.Index(fields=("claimed_at",), condition=Q(state="sending"), name="message_claimed"),
            models.Index(fields=("customer", "id"), condition=Q(state="held"), name="message_held"),
            models.Index(fields=("run", "id"), condition=Q(run__isnull=False), name="message_run"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.recipient or 'nobody'}"

    @property
    def actor_id(self) -> int | None:
        """Who asked for it, as the journal keeps it."""
        return self.requested_by_id

    @property
    def actor_name(self) -> str:
        """Who asked for it, as the journal keeps it."""
        return self.requested_by


class Delivery(Recorded):
    """A mail that the mail server has accepted: to whom, about what, under which Message-ID."""

    guards: ClassVar[tuple[Guard, ...]] = (AppendOnly(),)

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="deliveries")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="deliveries")
    kind = models.CharField(max_length=10, choices=Kind)
    recipient = models.CharField("to", max_length=254)
    subject = models.CharField(max_length=1000)
    mail_id = models.CharField("Message-ID", max_length=200)

    history = RecordedHistory(indexed_fields=["invoice", "customer"])

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.recipient}"


class RefusedAddress(Recorded):
    """That mail to a customer's address came back. No automatic mail goes there until a person confirms the address.

    A changed address needs no confirmation: it is another one.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="refused_addresses")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+", db_index=False)
    address = models.EmailField()
    reason = models.CharField(max_length=1000)
    refused_at = models.DateTimeField()
    is_confirmed = models.BooleanField(default=False)

    history = RecordedHistory(indexed_fields=["invoice", "customer"])

    class Meta:
        verbose_name_plural = "refused addresses"

    def __str__(self) -> str:
        return f"{self.address}, refused on {self.refused_at:%Y-%m-%d}"


class DigestWish(Recorded):
    """That a user wants the daily digest of a company's journal. Whoever no longer wants it has none."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", db_index=False)
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    history = RecordedHistory()

    class Meta:
        verbose_name = "daily digest"
        constraints = [
            models.UniqueConstraint(
                fields=("company", "reader"),
                name="digest_wish_unique",
                violation_error_code="digest_wished",
                violation_error_message="You get the digest of this company already.",
            )
        ]

    def __str__(self) -> str:
        return f"Daily digest of {self.company} for {self.reader}"


class DailyRun(models.Model):
    """That a company's messages of a kind and a day (of statements: a month) were prepared.

    Not recorded: a mark, so that a day is done once.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.REMINDER, db_default=Kind.REMINDER)
    day = models.DateField()
    messages = models.PositiveIntegerField()
    done_at = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        constraints = [models.UniqueConstraint(fields=("company", "kind", "day"), name="daily_run_unique")]

    def __str__(self) -> str:
        return f"{self.company_id} on {self.day}"
