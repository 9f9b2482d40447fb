"""Reading JSON strictly: exact numbers, no duplicate keys, no NaN, bounded size and depth."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

BODY_LIMIT_BYTES = 5 * 1024 * 1024
SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class BodyTooLarge(APIException):
    """The body is larger than any honest request."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"A request body has at most {BODY_LIMIT_BYTES} bytes."


class StrictJSONParser(BaseParser):
    """JSON whose numbers arrive as Decimal, so that 0.1 is 0.1; what is ambiguous is refused."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value in `stream`. Raises ParseError, BodyTooLarge, or UnsupportedMediaType for a compressed body."""
        request = (parser_context or {}).get("request")
        encoding = request.headers.get("Content-Encoding", "identity") if request else "identity"
        if encoding.lower() != "identity":
            raise UnsupportedMediaType(encoding, detail="Send the body as it is: compressed bodies are not unpacked.")
        body = stream.read(BODY_LIMIT_BYTES + 1)
        if len(body) > BODY_LIMIT_BYTES:
            raise BodyTooLarge
        return _loaded(body)


def _loaded(body: bytes) -> Any:
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_object,
        )
        if SURROGATE_ESCAPE.search(body):
            json.dumps(value, default=str, ensure_ascii=False).encode()
    except RecursionError:
        raise ParseError("The JSON is nested too deeply.") from None
    except UnicodeEncodeError:
        raise ParseError("The body holds half of a surrogate pair, which is no character.") from None
    except (ValueError, ArithmeticError) as error:
        raise ParseError(f"The body is not valid JSON: {str(error)[:200]}") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names the same key twice")
    return result
