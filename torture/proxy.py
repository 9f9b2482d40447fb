"""A TCP proxy that loses answers: the request reaches the server, and the client never hears what came of it."""

import asyncio
import random
import socket
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized

BUFFER_BYTES = 65_536
NETWORK_ERRORS = (OSError, EOFError)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes, until it ends."""
    with suppress(*NETWORK_ERRORS):
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


class Proxy:
    """Stands before the server on `port`, and loses the share `loss` of all answers, half of them half way through."""

    def __init__(self, port: int, loss: float, seed: int, lost: "Synchronized[int]") -> None:
        self.port, self.loss, self.lost = port, loss, lost
        self.chance = random.Random(seed)  # noqa: S311  not a secret

    def serve(self, listener: socket.socket) -> None:
        """Serve connections that come to `listener`, for ever."""
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._handle, sock=listener)
        await server.serve_forever()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        asking = asyncio.create_task(_forward(reader, server_writer))
        await self._answer(server_reader, writer)
        for end in (writer, server_writer):
            end.close()
        await asking

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on answers until one is lost, or the server ends."""
        with suppress(*NETWORK_ERRORS):
            while data := await reader.read(BUFFER_BYTES):
                if self.chance.random() < self.loss:
                    self.lost.value += 1
                    writer.write(data[: self.chance.choice([0, len(data) // 2])])
                    return
                writer.write(data)
                await writer.drain()
