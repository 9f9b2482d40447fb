"""A real mail server, in the process of the test."""

import asyncio
import email
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller


@dataclass
class Postbox:
    """What the mail server was given, and how it answers."""

    mails: list[EmailMessage] = field(default_factory=list)
    tried: int = 0
    recipient_answer: str = "250 OK"
    text_answer: str = "250 Message accepted for delivery"
    cuts_off: str = ""
    holds_answer: bool = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.tried += 1
        if self.cuts_off == "RCPT":
            server.transport.abort()
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.cuts_off == "DATA":
            server.transport.abort()
        if self.text_answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        while self.holds_answer:
            await asyncio.sleep(0.05)
        return self.text_answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "notifications.smtp.WatchedBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    settings.EMAIL_TIMEOUT = 5
    settings.DEFAULT_FROM_EMAIL = "FinTrack <books@fintrack.test>"
    yield box
    controller.stop()
