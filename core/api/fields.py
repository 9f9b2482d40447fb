"""Fields of the API: exact amounts and clean text. Both refuse what they would otherwise have to guess."""

import base64
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.errors import DomainError
from core.money import exact, money_text, plain_text
from core.text import clean_text

YEARS_OF_MOMENTS = range(2, 9999)
"""In these, neither the next day nor another time zone leads out of the calendar."""
NUMBER_SCHEMA = {"oneOf": [{"type": "string"}, {"type": "number"}], "example": "2500.00"}


class ExactDecimalField(serializers.Field):
    """A decimal that arrives as a string or a JSON number and keeps its exact value; leaves as a string."""

    def __init__(self, *, decimals: int, minimum: Decimal | None = None, **options: Any) -> None:
        self.decimals = decimals
        self.minimum = minimum
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Decimal:
        """The exact value of `data`."""
        try:
            value = exact(data, decimals=self.decimals)
        except DomainError as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error
        if self.minimum is not None and value < self.minimum:
            raise serializers.ValidationError(f"This is at least {self.minimum}.", code="min_value")
        return value

    def to_representation(self, value: Decimal) -> str:
        """The value without trailing zeros."""
        return plain_text(value)


@extend_schema_field({"type": "string", "example": "2500.00"})
class MoneyField(serializers.Field):
    """An amount for reading: a string with the decimals of the object's own `currency`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        """The amount together with the currency it is in."""
        return super().get_attribute(instance), instance.currency

    def to_representation(self, value: tuple[Decimal | None, str]) -> str | None:
        """The amount as text; None stays None."""
        amount, currency = value
        return None if amount is None else money_text(amount, currency)


class TextField(serializers.CharField):
    """Text, trimmed; control characters other than line break and tab are refused."""

    def __init__(self, *, max_length: int, **options: Any) -> None:
        self.text_length = max_length
        super().__init__(max_length=max_length, **options)

    def to_internal_value(self, data: Any) -> str:
        """The clean text."""
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return clean_text(data, max_length=self.text_length)
        except DomainError as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error


@extend_schema_field({"type": "string", "format": "byte"})
class Base64Field(serializers.Field):
    """A file as base64 text (RFC 4648), read only from requests."""

    default_error_messages = {"invalid_base64": "Give the file as base64 text."}

    def to_internal_value(self, data: Any) -> bytes:
        """The bytes."""
        if not isinstance(data, str):
            self.fail("invalid_base64")
        try:
            return base64.b64decode(data, validate=True)
        except ValueError:
            self.fail("invalid_base64")

    def to_representation(self, value: Any) -> Any:
        """Not used for reading."""
        return value


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 50})
class MetadataField(serializers.DictField):
    """Pairs of strings that are the caller's own; the services check and clean them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"help_text": "Up to 50 pairs of strings."} | options)


@extend_schema_field({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]})
class MomentField(serializers.Field):
    """A timestamp with its offset, or a date: which moment of that day is meant is the field's to say."""

    default_error_messages = {
        "out_of_range": f"Give a moment from the year {YEARS_OF_MOMENTS[0]} to the year {YEARS_OF_MOMENTS[-1]}."
    }

    def to_internal_value(self, data: Any) -> datetime | date:
        """The moment or the date."""
        is_date = isinstance(data, str) and len(data) == len("2026-01-31")
        field = serializers.DateField() if is_date else serializers.DateTimeField()
        moment: datetime | date = field.run_validation(data)
        if moment.year not in YEARS_OF_MOMENTS:
            self.fail("out_of_range")
        return moment

    def to_representation(self, value: Any) -> Any:
        """Not used for reading."""
        return value
