"""The OpenAPI document: every operation declares its errors as one Problem schema."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from core.api.problems import CONTENT_TYPE, ProblemSerializer
from core.api.viewsets import ScopedViewSet
from core.permissions import PUBLIC

PROBLEMS = {
    "400": "The request is malformed or breaks a rule.",
    "401": "Not signed in, or the token has expired.",
    "403": "Your role does not allow this.",
    "404": "There is nothing here that you can see.",
    "409": "The document was changed meanwhile.",
}


class ProblemAutoSchema(AutoSchema):
    """Adds the problem replies that an operation can give."""

    def get_operation(self, *arguments: Any, **options: Any) -> Any:
        """The operation with its error replies."""
        operation = super().get_operation(*arguments, **options)
        if operation is None:
            return None
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        for status in self._problem_statuses():
            operation["responses"].setdefault(
                status, {"description": PROBLEMS[status], "content": {CONTENT_TYPE: {"schema": problem}}}
            )
        operation["responses"] = dict(sorted(operation["responses"].items()))
        self._add_command_parameters(operation)
        return operation

    def _add_command_parameters(self, operation: dict[str, Any]) -> None:
        """Every command in a company takes a dry run; those by POST take an Idempotency-Key too."""
        if self.method == "GET" or not isinstance(self.view, ScopedViewSet):
            return
        parameters = operation.setdefault("parameters", [])
        parameters.append(
            {
                "name": "dryRun",
                "in": "query",
                "schema": {"type": "boolean", "default": False},
                "description": "The reply of the command, without its effect.",
            }
        )
        if self.method == "POST":
            parameters.append(
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "schema": {"type": "string", "maxLength": 255},
                    "description": "A repeat with the same key gets the first reply and has no second effect.",
                }
            )

    def _problem_statuses(self) -> list[str]:
        action = getattr(self.view, "action", None)
        statuses = ["400"]
        if getattr(self.view, "required_permissions", {}).get(action) != PUBLIC:
            statuses += ["401", "403"]
        if "{" in self.path:
            statuses.append("404")
            if self.method != "GET":
                statuses.append("409")
        return statuses
