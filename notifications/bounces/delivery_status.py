"""Reading what mail servers send back (delivery status notifications, RFC 3464). No ORM."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_binary_file, policy
from email.message import EmailMessage, Message
from typing import BinaryIO, cast

MESSAGE_ID = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True)
class Returned:
    """A notification that a mail could not be delivered: the Message-IDs that it may be about, and why."""

    mail_ids: tuple[str, ...]
    reason: str


def returned_in(file: BinaryIO) -> Returned | None:
    """What a notification says; None where the file is none, or the mail is only late, was delivered or passed on."""
    mail = message_from_binary_file(file, policy=policy.default)
    fields = [block for block in _status_blocks(mail) if str(block.get("Action", "")).strip().lower() == "failed"]
    if not fields:
        return None
    return Returned(tuple(_mail_ids(mail)), _reason(fields[0]))


def _status_blocks(mail: EmailMessage) -> Iterator[Message]:
    """The blocks of fields: one about the mail, then one for each recipient."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status" and part.is_multipart():
            yield from cast("list[Message]", part.get_payload())


def _mail_ids(mail: EmailMessage) -> Iterator[str]:
    """The ids in the returned mail or its headers, which come with the notification; else of what it answers."""
    for part in mail.walk():
        if part.get_content_type() == "text/rfc822-headers":
            yield from _ids_of_line(str(part.get_content()))
        elif part is not mail and part.get("Message-ID"):
            yield str(part["Message-ID"]).strip()
    for name in ("In-Reply-To", "References"):
        yield from MESSAGE_ID.findall(str(mail.get(name, "")))


def _ids_of_line(headers: str) -> Iterator[str]:
    for match in re.finditer(r"^message-id:\s*(<[^<>\s]+>)", headers, re.IGNORECASE | re.MULTILINE):
        yield match[1]


def _reason(block: Message) -> str:
    """The status and what the other mail server said: "5.1.1 550 No such user"."""
    diagnostic = str(block.get("Diagnostic-Code", "")).partition(";")[2] or "The address could not be reached."
    return " ".join(f"{block.get('Status', '')} {diagnostic}".split())
