"""The journal (`Change`), and the base of every table whose changes are recorded (`Recorded`)."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, ClassVar

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Upper
from simple_history.manager import HistoricalQuerySet
from simple_history.models import HistoricalRecords

from audit.guards import Guard
from core.database import DatabaseNow

SEAL_LENGTH = 64


class Change(models.Model):
    """One journal entry: one command, by whom, when (the database's clock, UTC), in which request, and why.

    It refers upward by plain ids only, so that the audit room knows no room above it, and a deleted user stays named.
    """

    company_id = models.BigIntegerField(null=True)
    action = models.CharField("command", max_length=60)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField("performed by", max_length=254)
    at = models.DateTimeField("performed at", db_default=DatabaseNow())
    request_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    seal = models.CharField(max_length=SEAL_LENGTH, db_default="", editable=False)

    class Meta:
        verbose_name = "journal entry"
        verbose_name_plural = "journal"
        ordering = ("-id",)
        # What the feed is asked for, each from the newest entry on.
        indexes = [
            models.Index(fields=("company_id", "id"), name="change_company"),
            # With what decides who may see an entry: a command is looked for without a look at the entries.
            models.Index(fields=("action", "id"), include=("company_id",), name="change_command"),
            models.Index(Upper("actor"), "id", name="change_actor"),
            models.Index(fields=("request_id", "id"), condition=~models.Q(request_id=""), name="change_request"),
            models.Index(fields=("-at", "-id"), name="change_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(actor="") & ~models.Q(action=""),
                name="change_has_actor_and_action",
                violation_error_code="unnamed_change",
                violation_error_message="A journal entry names who did what.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class UnsequencedEntry(models.Model):
    """An entry of a company that has no place in its events yet. A trigger of the journal writes it, unasked."""

    change = models.OneToOneField(
        Change, on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    company_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=("company_id", "change"), name="unsequenced_company")]

    def __str__(self) -> str:
        return f"Entry {self.pk}, not sequenced"


class SequencedEntry(models.Model):
    """The place of an entry among the events of its company: 1, 2, 3… without a gap, given once and for ever."""

    company_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    change = models.OneToOneField(Change, on_delete=models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        verbose_name = "event"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=("company_id", "sequence"), name="event_sequence")]

    def __str__(self) -> str:
        return f"Event {self.sequence} of company {self.company_id}"


class VersionQuerySet(HistoricalQuerySet):
    """History rows, where "latest" means the highest version: times can be equal, versions cannot."""

    def latest_of_each(self) -> "VersionQuerySet":
        """The newest row of each object among these rows, deletions included."""
        newer = self.filter(id=OuterRef("id"), version__gt=OuterRef("version"))
        latest: VersionQuerySet = self.filter(~Exists(newer))
        return latest


class RecordedHistory(HistoricalRecords):
    """Defines the history table of a recorded model; the database's triggers fill it.

    Of simple-history's own columns only the id, the date (a copy of the entry's time) and the type remain: who and why
    are read from the journal entry. Columns are indexed where a timeline needs it (`indexed_fields`) and nowhere else.
    Indexes are named after the model, or after `short_name`: a name of theirs has at most 30 characters.
    """

    def __init__(
        self,
        *,
        indexed_fields: Iterable[str] = (),
        excluded_fields: Iterable[str] = (),
        short_name: str | None = None,
    ) -> None:
        self.indexed_fields = frozenset(indexed_fields)
        self.short_name = short_name
        super().__init__(
            excluded_fields=list(excluded_fields),
            history_id_field=models.BigAutoField(),
            historical_queryset=VersionQuerySet,
        )

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        """The model's columns, without the indexes and choices of uniqueness that only live rows need."""
        fields: dict[str, Any] = super().copy_fields(model)
        for name, field in fields.items():
            field.db_index = name in self.indexed_fields
        return fields

    def get_extra_fields(self, model: type[models.Model], fields: dict[str, Any]) -> dict[str, Any]:
        """simple-history's fields and the seal; who and why are taken from the journal entry."""
        extra: dict[str, Any] = super().get_extra_fields(model, fields)
        extra["seal"] = models.CharField(max_length=SEAL_LENGTH, db_default="", editable=False)
        extra["history_user"] = property(lambda row: row.change.actor)
        extra["history_change_reason"] = property(lambda row: row.change.reason)
        extra["__str__"] = lambda row: f"{model._meta.verbose_name} {row.id}, version {row.version}"
        return extra

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """One row a version, and one row an entry, of each object."""
        name = self.short_name or model._meta.model_name
        return {
            **super().get_meta_options(model),
            "ordering": ("-history_id",),
            "default_permissions": ("view",),
            "constraints": [
                models.UniqueConstraint(fields=("id", "version"), name=f"{name}_history_version"),
                models.UniqueConstraint(fields=("change", "id"), name=f"{name}_history_change"),
            ],
            # Changes and deletions, which some tables hardly have, for the feed.
            "indexes": [
                models.Index(
                    fields=("history_type", "change", "id"),
                    condition=~models.Q(history_type="+"),
                    name=f"{name}_history_changed",
                )
            ],
        }


class Recorded(models.Model):
    """A row whose every change is a version with its journal entry.

    The triggers refuse an INSERT whose version is not 1, an UPDATE that does not raise it by one, and every write
    whose `change` is not the open entry. A model adds ``history = RecordedHistory()``.
    """

    guards: ClassVar[tuple[Guard, ...]] = ()
    api_names: ClassVar[dict[str, str]] = {}
    amount_currencies: ClassVar[dict[str, str]] = {}
    """Amount -> the field that names its currency, where that is not `currency`."""
    internal_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that are recorded, so that auditors see them, and are no part of what the API shows of a row."""

    version = models.PositiveIntegerField(default=1, editable=False)
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False)

    class Meta:
        abstract = True

    @classmethod
    def audit_scope(cls, company_ids: Sequence[int]) -> models.Q:
        """The history rows that auditors of the companies see: those that a command in one of them made."""
        return models.Q(change__company_id__in=company_ids)


def recorded_models() -> list[type[Recorded]]:
    """All recorded models, in the order of their rooms."""
    return [model for model in apps.get_models() if issubclass(model, Recorded) and not model._meta.proxy]


@cache
def history_model(model: type[Recorded]) -> Any:
    """The model of the history table of `model`, which simple-history works out anew at each look."""
    return model.history.model  # type: ignore[attr-defined]  # each recorded model has one
