"""Serializers that speak camelCase outside and snake_case inside, and refuse fields nobody declared."""

from functools import cache
from typing import Any, ClassVar, Self

from rest_framework import serializers

from core.text import camel_case


class CamelCaseSerializer(serializers.Serializer[Any]):
    """A plain serializer whose fields are declared in snake_case and named in camelCase on the wire.

    Input that names an unknown field is refused: a typing error must not silently change an invoice.
    """

    may_be_absent: ClassVar[frozenset[str]] = frozenset()
    """The public names of the fields that a reply may leave out; all others are always there."""

    @classmethod
    def represent(cls, instance: Any) -> Any:
        """`instance` as a reply, by a serializer that is made once: its fields are costly to make and keep nothing."""
        return cls._maker().to_representation(instance)

    @classmethod
    @cache
    def _maker(cls) -> Self:
        return cls()

    def get_fields(self) -> dict[str, serializers.Field]:
        """The declared fields under their public names."""
        fields: dict[str, serializers.Field] = {}
        for name, field in super().get_fields().items():
            public_name = camel_case(name)
            if public_name != name and field.source is None:
                field.source = name
            fields[public_name] = field
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """The validated input, in snake_case."""
        if isinstance(data, dict):
            unknown = {
                name: [serializers.ErrorDetail("There is no such field to write here.", code="unknown_field")]
                for name in data
                if name not in self.fields or self.fields[name].read_only
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)
