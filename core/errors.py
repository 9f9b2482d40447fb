"""Errors of the domain: small named classes, each with a stable code and the HTTP status it maps to.

Services raise them, the API renders them as problem+json (``core/api/problems.py``) and the admin shows their
detail in the form. The code is part of the public contract; the detail is for people.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import BaseConstraint, Model, UniqueConstraint


class DomainError(Exception):
    """A broken rule: nothing was changed, and `detail` says what to do."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "rule_violated"
    title: ClassVar[str] = "A rule was broken"
    default_detail: ClassVar[str] = "The request breaks a rule."

    def __init__(self, detail: str | None = None, *, field: str | None = None) -> None:
        self.detail = detail or self.default_detail
        self.field = field
        super().__init__(self.detail)

    def extra(self) -> Mapping[str, Any]:
        """Further members of the problem document, JSON serializable."""
        return {}


class NotFound(DomainError):
    """What was asked for does not exist for this caller."""

    status = 404
    code = "not_found"
    title = "Not found"
    default_detail = "There is nothing here that you can see."


class PermissionDenied(DomainError):
    """The caller can see the object but their role does not allow the command."""

    status = 403
    code = "permission_denied"
    title = "Not allowed"
    default_detail = "Your role does not allow this."


class StaleVersion(DomainError):
    """Somebody changed the document after the caller read it; nothing was written.

    `changes` maps the API's field names to ``[yours, current]``.
    """

    status = 409
    code = "stale_version"
    title = "The document has changed"

    def __init__(
        self,
        *,
        current_version: int,
        changed_by: str,
        changed_at: str,
        changes: Mapping[str, tuple[Any, Any]],
    ) -> None:
        self.current_version = current_version
        self.changed_by = changed_by
        self.changed_at = changed_at
        self.changes = changes
        super().__init__(f"{changed_by} changed it meanwhile (version {current_version}). Read it again, then repeat.")

    def extra(self) -> Mapping[str, Any]:
        """What the caller needs to decide: the current version, who made it and what differs."""
        return {
            "currentVersion": self.current_version,
            "changedBy": self.changed_by,
            "changedAt": self.changed_at,
            "changes": {field: list(pair) for field, pair in self.changes.items()},
        }


class ConstraintBroken(DomainError):
    """A database constraint refused the write; `code` is the constraint's own."""

    def __init__(self, code: str, detail: str) -> None:
        self.constraint_code = code
        super().__init__(detail)


def from_integrity_error(error: IntegrityError) -> ConstraintBroken | None:
    """The domain error that a named constraint stands for, or None where the error names none of ours.

    PostgreSQL names the constraint; SQLite names it for a CHECK and lists the columns for a UNIQUE. The code and the
    sentence are the constraint's ``violation_error_code`` and ``violation_error_message``.
    """
    constraint = _broken_constraint(error)
    if constraint is None or not constraint.violation_error_code:
        return None
    return _refusal_of(constraint)


def constraint_broken(model: type[Model], name: str) -> ConstraintBroken:
    """What the database would answer: for a command that sees beforehand that the constraint will refuse it."""
    return _refusal_of(next(constraint for constraint in model._meta.constraints if constraint.name == name))


def _refusal_of(constraint: BaseConstraint) -> ConstraintBroken:
    return ConstraintBroken(str(constraint.violation_error_code), str(constraint.violation_error_message))


def _broken_constraint(error: IntegrityError) -> BaseConstraint | None:
    diagnostics = getattr(error.__cause__, "diag", None)
    name = getattr(diagnostics, "constraint_name", None)
    message = str(error)
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if name == constraint.name or message == f"CHECK constraint failed: {constraint.name}":
                return constraint
            if isinstance(constraint, UniqueConstraint) and message == _sqlite_unique_message(model, constraint):
                return constraint
    return None


def _sqlite_unique_message(model: Any, constraint: UniqueConstraint) -> str:
    if constraint.expressions:
        return f"UNIQUE constraint failed: index '{constraint.name}'"
    table = model._meta.db_table
    columns = (model._meta.get_field(field).column for field in constraint.fields)
    return "UNIQUE constraint failed: " + ", ".join(f"{table}.{column}" for column in columns)


def messages_of(error: DomainError | ValidationError) -> list[str]:
    """The sentences of an error, for a form that shows them to people."""
    return [error.detail] if isinstance(error, DomainError) else list(error.messages)
