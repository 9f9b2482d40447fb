"""A mail server of our own, which takes every mail, keeps its Message-ID, and holds each long enough to be killed at.

A mail passes two moments: it is being taken, and the server does not have it yet; it is kept, and the sender does not
know it yet. Whoever dies at the first has sent nothing; whoever dies at the second has sent it without knowing.
"""

import asyncio
import email
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.policy import default
from enum import IntEnum
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

FORK = multiprocessing.get_context("fork")
HOLD_SECONDS = 0.05


class Moment(IntEnum):
    """Where a mail stands between two processes."""

    TAKING = 0
    KEPT = 1


class Postbox:
    """The mail server, in a process of its own; what arrived is a line each in `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.log.touch()
        self.moments = [FORK.Event() for _ in Moment]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])

    def arrived(self) -> list[str]:
        """The Message-ID of every mail that was kept, in their order."""
        return self.log.read_text(encoding="utf-8").splitlines()

    def wait_for(self, moment: Moment, seconds: float) -> bool:
        """Return when some mail is at that moment; False where none is for so long."""
        return self.moments[moment].wait(seconds)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take a mail, slowly."""
        await self._hold(Moment.TAKING)
        mail = email.message_from_bytes(bytes(envelope.content or b""), policy=default)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{mail['Message-ID']}\n")
        await self._hold(Moment.KEPT)
        return "250 kept"

    async def _hold(self, moment: Moment) -> None:
        self.moments[moment].set()
        try:
            await asyncio.sleep(HOLD_SECONDS)
        finally:
            self.moments[moment].clear()

    def serve(self) -> None:
        """Serve for ever."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server: Any = await loop.create_server(lambda: SMTP(self, loop=loop, hostname="localhost"), sock=self.listener)
        await server.serve_forever()


@contextmanager
def running_postbox(log: Path) -> Iterator[Postbox]:
    """A postbox that serves as long as the block lasts."""
    postbox = Postbox(log)
    process = FORK.Process(target=postbox.serve, daemon=True)
    process.start()
    postbox.listener.close()
    try:
        yield postbox
    finally:
        process.terminate()
        process.join()
