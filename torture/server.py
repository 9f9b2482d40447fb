"""FinTrack as an installation runs it: gunicorn and the worker with production settings, killed and started again."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from torture.cluster import free_port
from torture.postbox import Moment, Postbox

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
END_SECONDS = 90
WORKERS, THREADS = 2, 4
TOKEN_MINUTES = 2
MAIL_PATIENCE_SECONDS = 5


class Victim(Protocol):
    """A process group of the installation that chaos may kill."""

    name: str

    def kill_worker(self, index: int) -> bool:
        """``kill -9`` of one of its workers (by a number that wraps around); whether there was one."""

    def kill_all(self) -> None:
        """``kill -9`` of the master and all its workers at once, as when the machine or container goes."""

    def start(self) -> None:
        """Start, and return once it does its work."""

    def stop(self) -> None:
        """End it for good."""


def environment(database_url: str) -> dict[str, str]:
    """Production settings for the database. Tokens are short-lived, so that a long run signs in again and again."""
    return os.environ | {
        "DEBUG": "off",
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "JWT_ACCESS_MINUTES": str(TOKEN_MINUTES),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "off",
        "LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": str(PROJECT),
    }


def manage(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What one management command said, and its exit status."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=settings, capture_output=True, text=True, check=False)


class Program:
    """A process group that runs a command with the installation's settings. Alone, it is its own worker."""

    def __init__(self, name: str, command: Sequence[str], settings: dict[str, str], log: Path) -> None:
        self.name, self.command, self.settings, self.log = name, command, settings, log
        self.master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once it does its work. Raises RuntimeError with the log's end where it does not."""
        with self.log.open("ab") as log:
            self.master = subprocess.Popen(
                self.command, cwd=PROJECT, env=self.settings, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > until or self.master.poll() is not None:
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether it does its work."""
        return self.master is not None and self.master.poll() is None

    def kill_worker(self, index: int) -> bool:
        """``kill -9`` of the one worker that it is, and start another, as whoever watches over processes does."""
        self.kill_all()
        self.start()
        return True

    def kill_all(self) -> None:
        """``kill -9`` of all its processes at once."""
        if self.master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.master.pid, signal.SIGKILL)
            self.master.wait()
            self.master = None

    def stop(self) -> None:
        """End it for good."""
        self.kill_all()


class WebServer(Program):
    """gunicorn, serving `application` (the program's own, or one that a control has sabotaged) on one port."""

    def __init__(self, settings: dict[str, str], log: Path, application: str = "fintrack.wsgi") -> None:
        self.port = free_port()
        workers = [f"--workers={WORKERS}", f"--threads={THREADS}", "--worker-class=gthread", "--preload"]
        bind = [f"--bind=127.0.0.1:{self.port}", "--log-level=error", "--worker-tmp-dir=/dev/shm"]
        super().__init__("web", [sys.executable, "-m", "gunicorn", application, *workers, *bind], settings, log)

    def kill_worker(self, index: int) -> bool:
        """``kill -9`` of one worker; the master starts another."""
        workers = self.workers()
        if workers:
            try:
                os.kill(workers[index % len(workers)], signal.SIGKILL)
            except ProcessLookupError:
                return False
        return bool(workers)

    def workers(self) -> list[int]:
        """The ids of the workers' processes."""
        if self.master is None:
            return []
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
        return [int(pid) for pid in children.read_text(encoding="ascii").split()]

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return bool(self.workers())
        except OSError:
            return False


class MailWorker(Program):
    """``manage.py db_worker``, which sends mail; killed while a mail is on its way, wherever there is one.

    Every other time the mail server has kept the mail already.
    """

    def __init__(self, settings: dict[str, str], log: Path, postbox: Postbox, program: Sequence[str]) -> None:
        options = ["db_worker", "--no-startup-delay", "--interval=0.2", "--verbosity=0"]
        super().__init__("worker", [sys.executable, *program, *options], settings, log)
        self.postbox, self.kills, self.falls = postbox, 0, 0

    def kill_all(self) -> None:
        """``kill -9``, and count it."""
        self.kills += self.master is not None
        super().kill_all()

    def kill_worker(self, index: int) -> bool:
        """``kill -9`` in the middle of a mail, and start another, as whoever watches over processes does."""
        self.postbox.wait_for(Moment(self.kills % len(Moment)), MAIL_PATIENCE_SECONDS)
        return super().kill_worker(index)

    def end(self) -> None:
        """Ask it to end once it has done what it is at, and wait for that; where it does not, it is killed."""
        if self.master is None:
            return
        self.master.terminate()
        try:
            self.master.wait(END_SECONDS)
            self.master = None
        except subprocess.TimeoutExpired:
            self.kill_all()

    def revive(self) -> None:
        """Start another where it ended by itself, as it may when the database is away just as it starts."""
        if self.master is not None and self.master.poll() is not None:
            self.falls += 1
            self.start()
