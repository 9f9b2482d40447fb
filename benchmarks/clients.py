"""Clients that cost little: one thread, a persistent connection each, the requests written before the clock starts.

Started by the benchmarks: reads a plan as JSON from its input, and writes what came back. Ends with the reply where
one has another status than the plan expects.
"""

import json
import re
import selectors
import socket
import statistics
import sys
import time
from collections import deque
from typing import Any

LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
ID = re.compile(rb'"id": ?([0-9]+)')
CLOSES = re.compile(rb"connection: *close", re.IGNORECASE)
READ_BYTES = 1 << 18
MOST_CLOSED = 3


def written(call: dict[str, Any], headers: dict[str, str]) -> bytes:
    """The request, as it goes over the wire."""
    body = b"" if call["body"] is None else json.dumps(call["body"]).encode()
    lines = [f"{call['method']} {call['path']} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append("Content-Type: application/json")
    if call["key"]:
        lines.append(f"Idempotency-Key: {call['key']}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One client: it sends the next request when the reply to the last one is complete."""

    def __init__(self, port: int, expected: int, waiting: deque[bytes], selector: selectors.BaseSelector) -> None:
        self.port = port
        self.status = f"HTTP/1.1 {expected} ".encode()
        self.waiting = waiting
        self.selector = selector
        self.received = self.request = b""
        self.started = 0.0
        self.closed_by_server = 0
        self.connect()

    def connect(self) -> None:
        """Open the connection, and be told when something comes."""
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.socket, selectors.EVENT_READ, self)

    def send_next(self) -> bool:
        """Send the next request; whether there was one."""
        if not self.waiting:
            return False
        self.request = self.waiting.popleft()
        self.started = time.perf_counter()
        if self.socket.fileno() < 0:
            self.connect()
        self.socket.sendall(self.request)
        return True

    def send_again(self) -> None:
        """Repeat what met a connection that the server was just closing, idle as it was: each command has a key."""
        self.closed_by_server += 1
        self.selector.unregister(self.socket)
        self.socket.close()
        self.connect()
        self.socket.sendall(self.request)

    def receive(self) -> bytes | None:
        """The body of the reply, once it is complete. A server that keeps no connection closes this one."""
        data = self.socket.recv(READ_BYTES)
        if not data and not self.received and self.closed_by_server < MOST_CLOSED:
            self.send_again()
            return None
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not data or (separator and not (length and head.startswith(self.status))):
            sys.exit(f"not the reply that was expected: {self.received[:2000]!r}")
        if not separator or not length or len(body) < int(length[1]):
            return None
        self.received = b""
        if CLOSES.search(head):
            self.selector.unregister(self.socket)
            self.socket.close()
        return body


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Send all requests; the rate, the times of the replies, and the first id in each reply."""
    requests = [written(call, plan["headers"]) for call in plan["calls"]]
    clients = plan["clients"]
    shared = deque(requests)
    lanes = [deque(requests[lane::clients]) if plan["in_lanes"] else shared for lane in range(clients)]
    selector = selectors.DefaultSelector()
    connections = [Connection(plan["port"], plan["expected"], lane, selector) for lane in lanes]
    times: list[float] = []
    bodies: list[bytes] = []
    started = time.perf_counter()
    busy = sum(connection.send_next() for connection in connections)
    while busy:
        for event, _ in selector.select():
            connection = event.data
            body = connection.receive()
            if body is None:
                continue
            times.append((time.perf_counter() - connection.started) * 1000)
            bodies.append(body)
            busy -= not connection.send_next()
    seconds = time.perf_counter() - started
    found = [ID.search(body) for body in bodies]
    return {
        "per_second": len(times) / seconds,
        "median_ms": statistics.median(times),
        "slow_ms": statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0],
        "ids": [int(match[1]) for match in found if match],
    }


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
