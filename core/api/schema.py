"""The OpenAPI document: what every operation shares - its errors as one Problem schema, headers, required fields.

What an operation does is its view's docstring; the tags, examples and codes of refusals are the project's
(``fintrack/api_document.py``).
"""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from core.api.fields import NUMBER_SCHEMA
from core.api.problems import CONTENT_TYPE, ProblemSerializer
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.permissions import PUBLIC
from core.text import camel_case

PROBLEMS = {
    "400": ("Invalid", "The request is malformed or breaks a rule: `code` says which, `errors` names the fields."),
    "401": ("NotSignedIn", "Not signed in, or the token has expired or is not good."),
    "403": ("NotAllowed", "Your role does not allow this."),
    "404": ("NotFound", "There is nothing here that you can see."),
    "409": ("Conflict", "The document was changed meanwhile (`stale_version`), or the first request still runs."),
    "412": ("PreconditionFailed", "The document was changed meanwhile: If-Match names another version."),
    "413": ("BodyTooLarge", "The body is larger than any honest request."),
    "415": ("NotJson", "The body is not application/json."),
    "422": ("KeyReused", "The Idempotency-Key came before, with another request."),
    "428": ("VersionRequired", "An edit says which version was read: in the body, as ?version= or as If-Match."),
    "429": ("TooManyAttempts", "Too many failed sign-ins."),
    "500": ("Defect", "Something is wrong in the program. Report the requestId."),
    "503": ("Busy", "Somebody holds what the command needs; nothing was changed."),
}
"""Status -> the name of the shared reply, and when it comes."""

WAITS = frozenset({"409", "429", "503"})
"""The statuses that say in Retry-After when to come back."""

HEADERS = {
    "ETag": ('The version of the document, for If-Match: "3".', {"type": "string", "example": '"3"'}),
    "Location": ("Where the new document is.", {"type": "string"}),
    "RequestId": ("The id under which the log and the journal know the request.", {"type": "string"}),
    "Replayed": (
        "true, where an Idempotency-Key came again: this is the first reply.",
        {"type": "string", "enum": ["true"]},
    ),
    "RetryAfter": ("Seconds to wait.", {"type": "integer"}),
}
HEADER_NAMES = {
    "ETag": "ETag",
    "Location": "Location",
    "X-Request-ID": "RequestId",
    "Idempotent-Replayed": "Replayed",
    "Retry-After": "RetryAfter",
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A repeat with the same key gets the first reply and has no second effect.",
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "example": '"3"'},
    "description": "The ETag that you read; a stale one is a 412.",
}
DRY_RUN = {
    "name": "dryRun",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "The reply of the command, without its effect.",
}


class ExactDecimalSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # it has no types
    """A decimal may come as text or as a number, and always leaves as text."""

    target_class = "core.api.fields.ExactDecimalField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """The schema of the field in a request or a reply."""
        return dict(NUMBER_SCHEMA) if direction == "request" else {"type": "string", "example": "2.5"}


class ProblemAutoSchema(AutoSchema):
    """Adds to an operation the problems it can answer with, and the headers and parameters of its kind."""

    def get_operation(self, *arguments: Any, **options: Any) -> Any:
        """The operation, complete."""
        operation = super().get_operation(*arguments, **options)
        if operation is None:
            return None
        self.resolve_serializer(ProblemSerializer, "response")
        self._add_parameters(operation)
        body = operation.get("requestBody", {})
        if "oneOf" in self._component(body):
            body["required"] = True
        replies = {status: self._reply(status, reply) for status, reply in operation["responses"].items()}
        problems = {status: _problem_reference(status) for status in self._problem_statuses(operation)}
        operation["responses"] = dict(sorted((replies | problems).items()))
        return operation

    def get_summary(self) -> str:
        """The name of the operation in words: issueInvoice is "Issue invoice"."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.get_operation_id())
        return words.capitalize()

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        """The schema: in a reply every field is there, but for those that may be absent; a request has no others."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]  # nor has this
        if not isinstance(serializer, CamelCaseSerializer):
            return schema
        if direction == "response":
            schema["required"] = sorted(set(schema["properties"]) - serializer.may_be_absent)
        else:
            schema["additionalProperties"] = False
        return schema

    def _add_parameters(self, operation: dict[str, Any]) -> None:
        """Every command in a company takes a dry run; one by POST a key, one on a document the ETag."""
        if not self._is_command:
            return
        parameters = operation.setdefault("parameters", [])
        parameters.append(DRY_RUN)
        if self.method == "POST":
            parameters.append(KEY)
        if "{" in self.path:
            parameters.append(IF_MATCH)

    def _reply(self, status: str, reply: dict[str, Any]) -> dict[str, Any]:
        """A reply with what it means and its headers."""
        if status >= "400":
            return _problem_reference(status)
        names = ["X-Request-ID"]
        if self._is_about_a_document(reply):
            names.append("ETag")
        if status == "201":
            names.append("Location")
        if self._is_command and self.method == "POST":
            names.append("Idempotent-Replayed")
        phrase = HTTPStatus(int(status)).phrase
        return {**reply, "description": reply.get("description") or phrase, "headers": _header_references(names)}

    def _is_about_a_document(self, reply: dict[str, Any]) -> bool:
        return isinstance(self.view, ScopedViewSet) and "version" in self._component(reply).get("properties", {})

    def _component(self, message: dict[str, Any]) -> dict[str, Any]:
        """The named schema of a request body or a reply; an empty one where it has none."""
        for content in message.get("content", {}).values():
            name = _name(content["schema"])
            if name:
                return dict(self.registry[(name, ResolvedComponent.SCHEMA)].schema)
        return {}

    @property
    def _is_command(self) -> bool:
        return self.method != "GET" and isinstance(self.view, ScopedViewSet)

    def _problem_statuses(self, operation: dict[str, Any]) -> list[str]:
        statuses = ["400", "500"]
        if getattr(self.view, "required_permissions", {}).get(getattr(self.view, "action", None)) != PUBLIC:
            statuses += ["401", "403"]
        if "{" in self.path or self._names_a_company(operation):
            statuses.append("404")
        if "requestBody" in operation:
            statuses += ["413", "415"]
        if self.method != "GET":
            statuses.append("503")
        return statuses + (self._command_statuses() if self._is_command else [])

    def _names_a_company(self, operation: dict[str, Any]) -> bool:
        """Whether the body may name a company, or the query of what is no list (a list is then merely empty)."""
        body = self._component(operation.get("requestBody", {}))
        shapes = [self.registry[(_name(shape), ResolvedComponent.SCHEMA)].schema for shape in body.get("oneOf", [])]
        if any({"companyId", "companyIds"} & set(shape.get("properties", {})) for shape in [body, *shapes]):
            return True
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        return "companyId" in names and "ordering" not in names

    def _command_statuses(self) -> list[str]:
        statuses = ["409"]
        if self.method == "POST":
            statuses.append("422")
        if self.method == "PATCH":
            statuses.append("428")
        if "{" in self.path:
            statuses.append("412")
        return statuses


def add_shared_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The document with the replies and headers that its operations share (a hook of drf-spectacular)."""
    problem = {"$ref": "#/components/schemas/Problem"}
    result["components"]["headers"] = {
        name: {"description": description, "schema": schema} for name, (description, schema) in HEADERS.items()
    }
    result["components"]["responses"] = {
        name: {
            "description": description,
            "headers": _header_references(["X-Request-ID", "Retry-After"] if status in WAITS else ["X-Request-ID"]),
            "content": {CONTENT_TYPE: {"schema": problem}},
        }
        for status, (name, description) in PROBLEMS.items()
    }
    return result


def name_parameters(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The document with its parameters in camelCase, and their enumerations named as in bodies (a hook, too)."""
    schemas = result["components"]["schemas"]
    named = {tuple(schema["enum"]): name for name, schema in schemas.items() if "enum" in schema}
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["name"] = camel_case(parameter["name"])
                name = named.get(tuple(parameter["schema"].get("enum", ())))
                if name:
                    parameter["schema"] = {"$ref": f"#/components/schemas/{name}"}
    result["paths"] = {camel_case(path): operations for path, operations in result["paths"].items()}
    return result


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _problem_reference(status: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"}


def _header_references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{HEADER_NAMES[name]}"} for name in names}
