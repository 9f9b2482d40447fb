"""FinTrack as an installation runs it: gunicorn with production settings, killed and started again at will."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from torture.cluster import free_port

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
WORKERS, THREADS = 2, 4
TOKEN_MINUTES = 2


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


class WebServer:
    """gunicorn, serving `application` (the program's own, or one that a control has sabotaged) on one port."""

    name = "web"

    def __init__(self, settings: dict[str, str], log: Path, application: str = "fintrack.wsgi") -> None:
        self.settings, self.log, self.application = settings, log, application
        self.port = free_port()
        self.master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once it answers. Raises RuntimeError with the log's end where it does not."""
        workers = [f"--workers={WORKERS}", f"--threads={THREADS}", "--worker-class=gthread", "--preload"]
        bind = [f"--bind=127.0.0.1:{self.port}", "--log-level=error", "--worker-tmp-dir=/dev/shm"]
        command = [sys.executable, "-m", "gunicorn", self.application, *workers, *bind]
        with self.log.open("ab") as log:
            self.master = subprocess.Popen(
                command, cwd=PROJECT, env=self.settings, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > until or self.master.poll() is not None:
                raise RuntimeError(f"the server does not start:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)

    def kill_worker(self, index: int) -> bool:
        """``kill -9`` of one worker; the master starts another."""
        workers = self.workers()
        if workers:
            try:
                os.kill(workers[index % len(workers)], signal.SIGKILL)
            except ProcessLookupError:
                return False
        return bool(workers)

    def kill_all(self) -> None:
        """``kill -9`` of all its processes at once."""
        if self.master is not None:
            os.killpg(self.master.pid, signal.SIGKILL)
            self.master.wait()
            self.master = None

    def stop(self) -> None:
        """End it for good."""
        self.kill_all()

    def workers(self) -> list[int]:
        """The ids of the workers' processes."""
        if self.master is None:
            return []
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
        return [int(pid) for pid in children.read_text(encoding="ascii").split()]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return bool(self.workers())
        except OSError:
            return False
