"""Replies kept so that a repeated request has one effect."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from core.database import DatabaseNow


class IdempotencyKey(models.Model):
    """A key that a caller gave to a command in a company, and the reply of the command that committed with it.

    The row is claimed and filled in the command's own transaction: it is there exactly if the effect is. It names user
    and company by plain ids, because this room knows neither.
    """

    user_id = models.BigIntegerField()
    company_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    entity_tag = models.CharField(max_length=20, blank=True)
    location = models.CharField(max_length=200, blank=True, db_default="")
    body = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(db_default=DatabaseNow(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user_id", "company_id", "key"), name="idempotency_key_unique")]

    def __str__(self) -> str:
        return self.key
