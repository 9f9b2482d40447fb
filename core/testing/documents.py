"""The API's own document, for tests that take from it what there is to try."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings


@dataclass(frozen=True)
class Operation:
    """One operation of the document, its references resolved."""

    id: str
    method: str
    path: str
    raw: dict[str, Any]

    @property
    def label(self) -> str:
        """The operation in a line: "GET /api/invoices"."""
        return f"{self.method} {self.path}"

    @property
    def query_parameters(self) -> list[str]:
        """The names of the query parameters."""
        return [parameter["name"] for parameter in self.raw.get("parameters", []) if parameter["in"] == "query"]

    @property
    def body_fields(self) -> dict[str, dict[str, Any]]:
        """What the body may hold: dotted path ("items.0.qty") -> schema of the value."""
        content = self.raw.get("requestBody", {}).get("content", {}).get("application/json")
        return dict(_leaves(content["schema"])) if content else {}

    @property
    def reply_fields(self) -> set[str]:
        """The names in the replies that say it was done."""
        names: set[str] = set()
        for status, reply in self.raw["responses"].items():
            content = reply.get("content", {}).get("application/json")
            if status.startswith("2") and content:
                names |= {path.split(".")[0] for path, _ in _leaves(content["schema"])}
        return names


@cache
def document() -> dict[str, Any]:
    """The document as it is recorded."""
    loaded: dict[str, Any] = yaml.safe_load((Path(settings.BASE_DIR) / "docs" / "openapi.yaml").read_text())
    return loaded


@cache
def operations() -> dict[str, Operation]:
    """Every operation, by its id."""
    return {
        raw["operationId"]: Operation(raw["operationId"], method.upper(), path, raw)
        for path, methods in document()["paths"].items()
        for method, raw in methods.items()
    }


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _leaves(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    schema = _resolved(schema)
    for key in ("oneOf", "anyOf", "allOf"):
        if any("properties" in _resolved(part) for part in schema.get(key, [])):
            for part in schema[key]:
                yield from _leaves(part, path)
            return
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif schema.get("type") == "array" and "properties" in _resolved(schema["items"]):
        yield from _leaves(schema["items"], f"{path}.0")
    elif path:
        yield path, schema
