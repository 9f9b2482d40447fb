"""One effect for a repeated request: the second gets the reply of the first.

Errors: KeyInvalid, KeyReused, KeyBusy.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import DomainError
from core.models import IdempotencyKey
from core.outages import Busy, outage_of
from core.running import StillRunning, running_alone

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
RETRY_AFTER_SECONDS = 5
KEY_LIMIT = 255


class KeyInvalid(DomainError):
    """The header is no key."""

    code = "idempotency_key_invalid"
    title = "Not a key"
    default_detail = f"An Idempotency-Key has 1 to {KEY_LIMIT} visible ASCII characters."


class KeyReused(DomainError):
    """The key came before, with another request."""

    status = 422
    code = "idempotency_key_reused"
    title = "Key used for another request"
    default_detail = "This Idempotency-Key came before with another body or address. Use a new key for a new request."


class KeyBusy(DomainError):
    """The first request with the key is still running."""

    status = 409
    code = "idempotency_key_busy"
    title = "Still running"
    default_detail = "A request with this Idempotency-Key is still running. Repeat it in a moment."
    wait = RETRY_AFTER_SECONDS


def once(request: Request, company_id: int, command: Callable[[], Response]) -> Response:
    """The reply of `command`, given once for the caller's key: a repeat waits for the first, and gets its reply.

    The claim lives in the command's transaction, so a command that is refused gives its key back. PostgreSQL lets a
    repeat wait for the claim itself; on SQLite it could not tell it from any other writer, so there the first marks its
    key as running. Without a key the command simply runs.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return command()
    if not 1 <= len(key) <= KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise KeyInvalid
    with _alone(request, company_id, key), transaction.atomic():
        if not _claim(request, company_id, key):
            return _replay(request, company_id, key)
        response = command()
        _rows(request, company_id, key).update(
            status=response.status_code,
            entity_tag=response.get("ETag", ""),
            location=response.get("Location", ""),
            body=response.data,
        )
    return response


def name_of(user_id: int, company_id: int, key: str) -> str:
    """The name under which a request with the caller's key runs."""
    return f"{user_id} {company_id} {key}"


@contextmanager
def _alone(request: Request, company_id: int, key: str) -> Iterator[None]:
    """Run the block while no other request with the key runs, as far as the database does not see to that."""
    if connection.vendor != "sqlite":
        yield
        return
    user_id: Any = request.user.pk
    database: Any = connection
    beside = None if database.is_in_memory_db() else str(database.settings_dict["NAME"])
    patience_seconds = database.settings_dict["OPTIONS"]["timeout"]
    try:
        with running_alone(name_of(user_id, company_id, key), beside=beside, patience_seconds=patience_seconds):
            yield
    except StillRunning as error:
        raise KeyBusy from error


def _rows(request: Request, company_id: int, key: str) -> QuerySet[IdempotencyKey]:
    user_id: Any = request.user.pk
    return IdempotencyKey.objects.filter(user_id=user_id, company_id=company_id, key=key)


def _claim(request: Request, company_id: int, key: str) -> bool:
    """Whether this request is the first with the key. Waits while another holds it, as long as for any lock."""
    columns = "user_id, company_id, key, fingerprint, entity_tag"
    values = [request.user.pk, company_id, key, _fingerprint(request), ""]
    try:
        with connection.cursor() as cursor:
            # The ORM can skip a row that exists, but does not say whether it did.
            cursor.execute(
                f"INSERT INTO {IdempotencyKey._meta.db_table} ({columns}) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                values,
            )
            return bool(cursor.rowcount)
    except OperationalError as error:
        if isinstance(outage_of(error), Busy):
            raise KeyBusy from error
        raise


def _replay(request: Request, company_id: int, key: str) -> Response:
    claim = _rows(request, company_id, key).get()
    if claim.fingerprint != _fingerprint(request):
        raise KeyReused
    kept = {"ETag": claim.entity_tag, "Location": claim.location}
    headers = {REPLAYED_HEADER: "true"} | {name: value for name, value in kept.items() if value}
    return Response(claim.body, status=claim.status, headers=headers)


def _fingerprint(request: Request) -> str:
    body: Any = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
