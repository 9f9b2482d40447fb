"""The OpenAPI document: every operation declares its errors as one Problem schema."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from core.api.problems import CONTENT_TYPE, ProblemSerializer
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
        return operation

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
