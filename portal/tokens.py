"""The part of a link's address that nobody can guess: the link's id, and a signature over id and nonce. No ORM.

It is not stored: whoever may see the link is shown it anew, and without SECRET_KEY nobody can make one. Signatures by
SECRET_KEY_FALLBACKS are still accepted.
"""

import base64
import re

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from core.database import KEYS

SALT = "portal.link"
TOKEN = re.compile(r"([1-9][0-9]{0,18})\.([A-Za-z0-9_-]{43})")
"""Base64url of the 32 bytes of an HMAC-SHA-256, without its filling."""


def token_of(link_id: int, nonce: str) -> str:
    """The token of a link, as it is signed now."""
    return f"{link_id}.{_signature(link_id, nonce, settings.SECRET_KEY)}"


def read_token(token: str) -> tuple[int, str] | None:
    """The id and the signature in a token; None for what cannot be one."""
    match = TOKEN.fullmatch(token)
    if match is None or int(match[1]) not in KEYS:
        return None
    return int(match[1]), match[2]


def is_signed(link_id: int, nonce: str, signature: str) -> bool:
    """Whether we signed this link with this nonce. It takes the same time whatever the signature."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    matches = [constant_time_compare(_signature(link_id, nonce, key), signature) for key in keys]
    return any(matches)


def _signature(link_id: int, nonce: str, key: str) -> str:
    digest = salted_hmac(SALT, f"{link_id}.{nonce}", secret=key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
