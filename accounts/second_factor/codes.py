"""One-time codes of authenticator apps (RFC 6238), recovery codes, and how their secrets are kept. No ORM."""

import base64
import hashlib
import secrets
from urllib.parse import quote, urlencode

import qrcode
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from django_otp.oath import hotp
from qrcode.image.svg import SvgPathImage

ISSUER = "FinTrack"
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How far the clock of a telephone may be off, either way."""
CODE_DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
"""80 bits, sixteen characters: more than anybody can try, so that a plain digest is enough."""

MISREAD = str.maketrans("018", "OIB")
"""Digits that base 32 does not have, and the letters they are taken for."""


def new_secret() -> str:
    """A secret for an app, in base 32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_of(secret: str, code: str, *, now: float, after: int = 0) -> int | None:
    """The time step whose code this is, of those around `now` (seconds since 1970) and later than the step `after`."""
    typed = _without_blanks(code)
    if len(typed) != CODE_DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    key = base64.b32decode(secret)
    current = int(now) // STEP_SECONDS
    steps = range(max(current - DRIFT_STEPS, after + 1), current + DRIFT_STEPS + 1)
    matching = [step for step in steps if constant_time_compare(code_at(key, step), typed)]
    return matching[0] if matching else None


def code_at(key: bytes, step: int) -> str:
    """The code of one time step."""
    return f"{hotp(key, step, digits=CODE_DIGITS):0{CODE_DIGITS}}"


def app_address(secret: str, email: str) -> str:
    """The otpauth address that an app reads out of a QR code."""
    return f"otpauth://totp/{quote(f'{ISSUER}:{email}')}?{urlencode({'secret': secret, 'issuer': ISSUER})}"


def qr_code(text: str) -> str:
    """`text` as an SVG image, to stand in a page."""
    return str(qrcode.make(text, image_factory=SvgPathImage, border=2).to_string(encoding="unicode"))


def new_recovery_codes() -> list[str]:
    """Codes such as ABCD-EFGH-2345-6789."""
    texts = [base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[start : start + 4] for start in range(0, len(text), 4)) for text in texts]


def recovery_digest(code: str) -> str:
    """What is kept of a recovery code, in whatever way it is typed."""
    typed = _without_blanks(code).replace("-", "").upper().translate(MISREAD)
    return hashlib.sha256(typed.encode()).hexdigest()


def encrypted(secret: str) -> str:
    """`secret` as it is stored."""
    return _cipher().encrypt(secret.encode()).decode()


def decrypted(stored: str) -> str | None:
    """The secret; None where it was encrypted with a SECRET_KEY that is not known any more."""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken:
        return None


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    digest = salted_hmac("accounts.second_factor", "secret", secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest)


def _without_blanks(text: str) -> str:
    return "".join(text.split())
