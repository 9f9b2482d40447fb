"""Handing a mail to the mail server, and what came of it.

A mail server answers every step. An answer says for sure whether a mail was taken; no answer after the text of the mail
was begun says nothing, and then the mail may be on its way.
"""

import smtplib
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

ERROR_LENGTH = 1000


class Result(Enum):
    """What became of a mail that was handed over."""

    SENT = "sent"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Outcome:
    """What became of a mail, and why, in a sentence for people."""

    result: Result
    error: str = ""


class _Watched:
    """A conversation with a mail server that remembers whether the text of a mail was begun."""

    has_begun_text = False

    def data(self, msg: Any) -> Any:
        """Send the text, as smtplib does."""
        self.has_begun_text = True
        return super().data(msg)  # type: ignore[misc]  # the other base is smtplib's


class WatchedSMTP(_Watched, smtplib.SMTP):
    """A conversation in the clear, or with STARTTLS."""


class WatchedSMTPOverTLS(_Watched, smtplib.SMTP_SSL):
    """A conversation over TLS from the beginning."""


class WatchedBackend(EmailBackend):
    """Django's own backend, whose conversations are watched."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """The class of the conversation."""
        return WatchedSMTPOverTLS if self.use_ssl else WatchedSMTP


def hand_over(mail: EmailMessage) -> Outcome:
    """Give `mail`, which has one recipient, to the mail server of the settings, and say what became of it.

    Answers of 5xx are final, all others may change. Where no connection comes about, or it breaks before the text of
    the mail, nothing was sent; where it breaks later, nobody knows.
    """
    backend = get_connection()
    try:
        backend.open()
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(Result.TEMPORARY, _cut(f"No connection with the mail server: {_said(error)}"))
    try:
        backend.send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return _refused(code, text)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        return Outcome(Result.PERMANENT, _cut(f"The mail server cannot take this address: {_said(error)}"))
    except (OSError, smtplib.SMTPException) as error:
        return _broken_off(backend, error)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            backend.close()
    return Outcome(Result.SENT)


def _refused(code: int, text: bytes | str) -> Outcome:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    result = Result.PERMANENT if 500 <= code < 600 else Result.TEMPORARY
    return Outcome(result, _cut(f"The mail server refused it: {code} {said}"))


def _broken_off(backend: Any, error: Exception) -> Outcome:
    """A conversation without an end. A backend that is not watched cannot tell how far it came."""
    conversation = getattr(backend, "connection", None)
    if getattr(conversation, "has_begun_text", True):
        return Outcome(Result.UNCERTAIN, _cut(f"No answer came after the mail: {_said(error)}. It may have been sent."))
    return Outcome(Result.TEMPORARY, _cut(f"The mail server broke off: {_said(error)}"))


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _cut(sentence: str) -> str:
    return " ".join(sentence.split())[:ERROR_LENGTH]
