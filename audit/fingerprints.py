"""Fingerprints: one digest over all seals up to a journal entry, for keeping outside of the database.

Who owns the database can take its triggers away, change a row and seal it anew; the fingerprint that an auditor wrote
down before is then another one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.db import connection
from django.db.models import Max

from audit.books import Fault
from audit.models import Change, history_model, recorded_models
from core.errors import DomainError

ROWS_AT_A_TIME = 2_000
WRITTEN_FORM = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")

OLDEST_TRANSACTION = "SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database()"


class FingerprintInvalid(DomainError):
    """What was given is no fingerprint."""

    code = "fingerprint_invalid"
    default_detail = "A fingerprint is the number of a journal entry, a colon, and 64 hexadecimal digits."


@dataclass(frozen=True)
class Fingerprint:
    """The digest (64 hexadecimal digits) of all that the journal entries up to `entry_id` wrote."""

    entry_id: int
    digest: str

    def __str__(self) -> str:
        return f"{self.entry_id}:{self.digest}"


def parse_fingerprint(text: str) -> Fingerprint:
    """The fingerprint that ``str`` writes. Raises FingerprintInvalid."""
    match = WRITTEN_FORM.fullmatch(text.strip().lower())
    if match is None:
        raise FingerprintInvalid
    return Fingerprint(int(match[1]), match[2])


def last_settled_entry() -> int:
    """The newest entry (0: none) before which none can come any more; ask before reading the books.

    PostgreSQL gives ids out before it commits, so a command that is still running may have a lower one: only entries
    older than every running transaction count there. SQLite has one writer at a time.
    """
    entries = Change.objects.all()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(OLDEST_TRANSACTION)
            entries = entries.filter(at__lt=cursor.fetchone()[0])
    return entries.aggregate(newest=Max("id"))["newest"] or 0


def fingerprint_at(entry_id: int) -> Fingerprint:
    """The fingerprint of the books up to the entry, as they are now."""
    digest = sha256()
    for line in _sealed_lines(entry_id):
        digest.update(line.encode())
    return Fingerprint(entry_id, digest.hexdigest())


def fingerprint_faults(expected: Fingerprint) -> Iterator[Fault]:
    """A fault where the books up to the entry are not those that the fingerprint was taken of."""
    if fingerprint_at(expected.entry_id) != expected:
        yield Fault("Fingerprint", expected.entry_id, "", "the books up to this entry are not those it was taken of")


def _sealed_lines(entry_id: int) -> Iterator[str]:
    """What each entry and each version is known by, in an order that later writes do not disturb."""
    entries = Change.objects.filter(id__lte=entry_id).order_by("id").values_list("id", "seal")
    yield from (f"{entry} {seal}\n" for entry, seal in entries.iterator(chunk_size=ROWS_AT_A_TIME))
    for model in sorted(recorded_models(), key=lambda model: model._meta.label):
        versions = history_model(model).objects.filter(change_id__lte=entry_id).order_by("change_id", "id")
        sealed = versions.values_list("change_id", "id", "seal").iterator(chunk_size=ROWS_AT_A_TIME)
        yield from (f"{model._meta.label} {entry} {object_id} {seal}\n" for entry, object_id, seal in sealed)
