"""A PostgreSQL server of our own: made in a temporary folder, on a free port, and thrown away afterwards.

Nobody else's server is touched, so that this one may be stopped as rudely as we like.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

ACCOUNT = "postgres"
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Processes are killed here, not machines: what PostgreSQL has given to the operating system stays.
    "fsync": "off",
    "synchronous_commit": "on",
    # What a commit does not write down itself stays unwritten for long: whoever acknowledges too early is found out.
    "wal_writer_delay": "10s",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
}


class NoPostgres(Exception):
    """This machine has no PostgreSQL server to start, or it does not start."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs. Raises NoPostgres."""
    beside = Path(os.path.realpath(found)).parent / name if (found := shutil.which("pg_ctl")) else None
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name.zfill(4))
    for candidate in (beside, *(folder / name for folder in reversed(folders))):
        if candidate is not None and candidate.exists():
            return str(candidate)
    raise NoPostgres(
        f"PostgreSQL's {name} is neither on the PATH nor in /usr/lib/postgresql/*/bin. "
        "Install a server (Debian and Ubuntu: apt install postgresql); it need not run."
    )


class Cluster:
    """A server in `folder`, and its databases. It trusts whoever reaches it: it listens on this machine only."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._run("initdb", "--auth=trust", f"--username={ACCOUNT}", "--encoding=UTF8", "--locale=C", "--no-sync")
        settings = {**SETTINGS, "unix_socket_directories": str(folder)}
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def url(self, database: str) -> str:
        """Where the database is, as DATABASE_URL says it."""
        return f"postgres://{ACCOUNT}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return once it answers. Raises NoPostgres."""
        self._control("start")

    def restart_at_once(self) -> None:
        """Stop without any farewell, as a crash would (``-m immediate``), recover, and answer again."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """Stop for good."""
        self._control("stop", "-m", "immediate")

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """A new database, a copy of `template`; its URL."""
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def acknowledge_early(self, database: str) -> None:
        """Let the database answer a commit before it is written down."""
        self._execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(database)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _control(self, *arguments: str) -> None:
        log, wait = f"--log={self.folder / 'server.log'}", f"--timeout={START_SECONDS}"
        self._run("pg_ctl", *arguments, "-w", wait, log, "-o", f"-p {self.port}")

    def _run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the data folder; as root, under the account that it asks for."""
        command = [program(name), f"--pgdata={self.folder / 'data'}", *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", ACCOUNT, "--", *command]
        with (self.folder / "control.log").open("ab") as log:  # a pipe would stay open as long as the server runs
            done = subprocess.run(command, stdout=log, stderr=log, cwd=self.folder, check=False)
        if done.returncode:
            said = (self.folder / "control.log").read_text(encoding="utf-8", errors="replace")
            raise NoPostgres(f"{name} failed:\n{said[-2000:]}")


@contextmanager
def temporary_cluster() -> Iterator[Cluster]:
    """A running cluster, which ends and leaves nothing behind with the block."""
    program("pg_ctl")
    with TemporaryDirectory(prefix="fintrack-torture-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            shutil.chown(name, ACCOUNT)
        cluster = Cluster(Path(name))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
