"""What the benchmarks share: books of their own, servers with production settings, and what both cost.

Reads Linux's /proc: the CPU of a server is that of its processes, whatever its threads do.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from large_books import EMAIL, PASSWORD, make_database
from replay_receivables import PROJECT, free_port, manage, production_settings, wait_until_served

FOLDER = Path(__file__).resolve().parent
WORKERS, THREADS, CLIENTS = 2, 4, 8
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
FULL_STACK = "fintrack.wsgi"


@dataclass(frozen=True)
class Goal:
    """One line of the table of goals: what was to be reached, what was, in the same words and unit."""

    goal: str
    bound: str
    reached: str
    met: bool


def at_most(goal: str, bound: float, value: float, unit: str = "x") -> Goal:
    """A goal that is met where `value` is not above `bound`."""
    return Goal(goal, f"<= {bound:g}{unit}", f"{value:.2f}{unit}", value <= bound)


def at_least(goal: str, bound: float, value: float, unit: str = "x") -> Goal:
    """A goal that is met where `value` is not below `bound`."""
    return Goal(goal, f">= {bound:g}{unit}", f"{value:.2f}{unit}", value >= bound)


def print_goals(goals: Sequence[Goal]) -> None:
    """The table of goals."""
    print(f"\n{'goal':76} {'bound':>10} {'reached':>12}  met")
    for goal in goals:
        print(f"{goal.goal:76} {goal.bound:>10} {goal.reached:>12}  {'yes' if goal.met else 'NO'}")


def print_table(rows: Mapping[str, Mapping[str, float]]) -> None:
    """One line for each row: its name, and its figures under their names; "-" where it has none of that name."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    print(f"{'':34}" + "".join(f"{column:>20}" for column in columns))
    for name, row in rows.items():
        cells = (f"{row[column]:20.2f}" if column in row else f"{'-':>20}" for column in columns)
        print(f"{name:34}" + "".join(cells))


def as_json(figures: Mapping[str, Any], goals: Sequence[Goal]) -> str:
    """The result of a benchmark as JSON: its figures, and its part of the table of goals."""
    return json.dumps({"figures": figures, "goals": [asdict(goal) for goal in goals]}, indent=2)


def postgresql_server() -> str:
    """The server of DATABASE_URL, without the name of a database. Ends the program where it names none."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        sys.exit("Set DATABASE_URL to a PostgreSQL server, for example to postgres://postgres@127.0.0.1:5432/postgres")
    return url.rsplit("/", 1)[0]


@contextmanager
def own_books(invoices: int) -> Iterator[dict[str, str]]:
    """The environment of a new database with as many invoices; it is dropped in the end."""
    server, name = postgresql_server(), f"fintrack_bench_{secrets.token_hex(4)}"
    environment = served_environment(f"{server}/{name}")
    command = [sys.executable, str(FOLDER / "large_books.py"), "--invoices", str(invoices)]
    try:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        yield environment
    finally:
        drop_database(server, name)


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """The environment of a new database, migrated: on the server of DATABASE_URL, or SQLite's. It goes in the end."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        with tempfile.TemporaryDirectory() as folder:
            environment = served_environment(f"sqlite:///{folder}/bench.sqlite3")
            manage(environment, "migrate", "--verbosity", "0")
            yield environment
        return
    server, name = postgresql_server(), f"fintrack_bench_{secrets.token_hex(4)}"
    environment = served_environment(f"{server}/{name}")
    make_database(environment["DATABASE_URL"])
    try:
        manage(environment, "migrate", "--verbosity", "0")
        yield environment
    finally:
        drop_database(server, name)


def served_environment(database_url: str) -> dict[str, str]:
    """Production settings for that database; tokens outlast the benchmark."""
    return production_settings() | {"DATABASE_URL": database_url, "JWT_ACCESS_MINUTES": "1440"}


def drop_database(server: str, name: str) -> None:
    """Drop a database that this program made."""
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def set_up_django(environment: Mapping[str, str]) -> None:
    """Make this process one of the program, with that environment."""
    os.environ.update(environment)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
    import django

    django.setup()


@dataclass(frozen=True)
class Server:
    """A server with its workers, and the header that signs its clients in (none for a bare one)."""

    port: int
    pid: int
    headers: Mapping[str, str]

    def cpu_seconds(self) -> float:
        """What its processes have used so far."""
        return sum(cpu_seconds(pid) for pid in family(self.pid))

    def memory_mb(self) -> float:
        """What its processes hold, pages that they share counted in part."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in family(self.pid)]
        return sum(int(line.split()[1]) for lines in rollups for line in lines if line.startswith("Pss:")) / 1024


def family(pid: int) -> list[int]:
    """The process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    """The CPU that a process has used, its own and the system's for it."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_A_SECOND


def gunicorn(application: str, port: int, worker_class: str = "gthread") -> list[str]:
    """The command that serves as the image does, on a free port."""
    options = [f"--bind=127.0.0.1:{port}", f"--workers={WORKERS}", f"--worker-class={worker_class}"]
    if worker_class == "gthread":
        options.append(f"--threads={THREADS}")
    options += ["--worker-tmp-dir=/dev/shm", "--access-logfile=-", "--log-level=warning"]
    return [sys.executable, "-m", "gunicorn", application, *options]


@contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str], *, signed_in: bool) -> Iterator[Server]:
    """The server that the command starts, with its access log thrown away."""
    paths = os.pathsep.join(filter(None, [str(FOLDER), str(PROJECT), environment.get("PYTHONPATH", "")]))
    quiet = {"PYTHONWARNINGS": "ignore:No directory at:UserWarning"}  # nobody has collected the static files here
    process = subprocess.Popen(
        command, cwd=PROJECT, env={**environment, **quiet, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_served(port)
        yield Server(port, process.pid, bearer(port) if signed_in else {})
    finally:
        process.terminate()
        process.wait()


@contextmanager
def fintrack_served(environment: Mapping[str, str]) -> Iterator[Server]:
    """The program, served as in the image, with the route /select-1 added."""
    port = free_port()
    probed = {**environment, "DJANGO_SETTINGS_MODULE": "probe"}
    with served(gunicorn(FULL_STACK, port), port, probed, signed_in=True) as server:
        yield server


@contextmanager
def bare_served(layer: str = "drf") -> Iterator[Server]:
    """One layer of bare.py, served in the same way."""
    port = free_port()
    with served(gunicorn(f"bare:{layer}", port), port, dict(os.environ), signed_in=False) as server:
        yield server


def bearer(port: int) -> dict[str, str]:
    """The header of a user who has signed in."""
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    request = Request(f"http://127.0.0.1:{port}/api/auth/login", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as reply:  # noqa: S310  # our own server
        return {"Authorization": f"Bearer {json.load(reply)['access']}"}


@dataclass(frozen=True)
class Call:
    """One request of a client."""

    method: str
    path: str
    body: Any = None
    key: str = ""


def load(
    server: Server, calls: Sequence[Call], *, expected: int = 200, clients: int = CLIENTS, in_lanes: bool = False
) -> dict[str, Any]:
    """What `calls` cost, sent by as many clients with a connection each, from a process of their own.

    Whoever is free takes the next call; in lanes each client has its own: of eight the first has every eighth. Requests
    in a second, the server's CPU in milliseconds for one, the median and the 95th percentile of the time of a reply in
    milliseconds, and the ids in the replies.
    """
    plan = {
        "port": server.port,
        "clients": clients,
        "in_lanes": in_lanes,
        "expected": expected,
        "headers": dict(server.headers),
        "calls": [asdict(call) for call in calls],
    }
    before = server.cpu_seconds()
    done = subprocess.run(
        [sys.executable, str(FOLDER / "clients.py")],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    result = json.loads(done.stdout)
    return {**result, "cpu_ms": (server.cpu_seconds() - before) * 1000 / len(calls)}
