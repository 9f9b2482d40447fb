"""PostgreSQL's disk is full: a clear 503, nothing half done, and everything goes on once there is room."""

import http.client
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from torture.cluster import ACCOUNT, Cluster, NoPostgres, program, temporary_cluster
from torture.installation import FINANCE, PASSWORD, Installation, installed, make_base
from torture.sabotage import NONE, Sabotage

SIZE_MEGABYTES = 48
MARGIN_BYTES = 500_000

pytestmark = pytest.mark.postgresql


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster that we may put on a small disk; root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    try:
        program("pg_ctl")
    except NoPostgres as error:
        pytest.skip(str(error))
    with temporary_cluster() as cluster:
        yield cluster


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a few megabytes, in memory. The test is skipped where none can be mounted."""
    folder.mkdir()
    options = f"size={SIZE_MEGABYTES}m,uid={ACCOUNT},mode=700"
    if subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that leaves next to no room."""
    left = os.statvfs(disk)
    junk = disk / "junk"
    junk.write_bytes(b"\0" * max(0, left.f_bavail * left.f_frsize - MARGIN_BYTES))
    return junk


class Caller:
    """Somebody who asks one question after the other."""

    def __init__(self, installation: Installation) -> None:
        self.port, self.headers = installation.web.port, {"Content-Type": "application/json"}
        token = self.post("/api/auth/login", {"email": FINANCE, "password": PASSWORD})[1]["access"]
        self.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        reply = json.loads(response.read())
        connection.close()
        return response.status, reply


def move(installation: Installation, disk: Path) -> None:
    """Put the tables of the installation on the disk."""
    name = installation.url.rsplit("/", 1)[1]
    with psycopg.connect(installation.cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
        connection.execute(f"ALTER DATABASE {name} SET TABLESPACE small")


def counts(installation: Installation) -> tuple[int, int]:
    """How many payments and how many claimed keys there are."""
    with psycopg.connect(installation.url) as connection:
        tables = ("payments_payment", "core_idempotencykey")
        payments, keys = (connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    return payments, keys


def test_a_full_disk_is_a_503_that_leaves_no_half_state_and_goes_away_with_it(cluster: Cluster) -> None:
    with on_a_small_disk(cluster) as (installation, disk):
        # given: an issued invoice, and a disk that is nearly full
        pay = payer(installation)
        junk = fill(disk)
        # when: it is paid until there is no room
        booked, answer = paid_until_refused(pay)
        # then: the payment that had no room has left nothing
        assert (answer[0], answer[1]["code"]) == (503, "storage_full")
        assert counts(installation) == (booked, booked) > (0, 0)
        assert installation.verify_books()[0] == 0
        # and once there is room, it is booked
        junk.unlink()
        assert pay(booked)[0] == 201
        assert counts(installation) == (booked + 1, booked + 1)
        assert installation.verify_books()[0] == 0


def test_control_unless_the_word_of_the_database_is_known_a_full_disk_is_not_told_as_such(cluster: Cluster) -> None:
    with on_a_small_disk(cluster, Sabotage("storage-unnamed", in_program=True)) as (installation, disk):
        pay = payer(installation)
        fill(disk)
        _, answer = paid_until_refused(pay)
        assert (answer[0], answer[1]["code"]) == (503, "database_unavailable")


@contextmanager
def on_a_small_disk(cluster: Cluster, sabotage: Sabotage = NONE) -> Iterator[tuple[Installation, Path]]:
    """An installation whose tables are on a small disk, and that disk. Its worker rests."""
    make_base(cluster)
    with installed(cluster, "small_books", sabotage) as installation, small_disk(cluster.folder / "disk") as disk:
        installation.worker.stop()
        move(installation, disk)
        yield installation, disk


def payer(installation: Installation) -> Callable[[int], tuple[int, dict[str, Any]]]:
    """Gives the payment of a number on an issued invoice."""
    caller = Caller(installation)
    draft = {"customerId": installation.customer, "items": [{"description": "x", "qty": 1, "unitPrice": 999}]}
    invoice = caller.post("/api/invoices", draft)[1]["id"]
    assert caller.post(f"/api/invoices/{invoice}/issue", {})[0] == 200

    def pay(number: int) -> tuple[int, dict[str, Any]]:
        body = {"amount": "0.01", "reference": f"{number} ".ljust(190, "x")}
        return caller.post(f"/api/invoices/{invoice}/payments", body, key=f"key-{number}")

    return pay


def paid_until_refused(pay: Callable[[int], tuple[int, dict[str, Any]]]) -> tuple[int, tuple[int, dict[str, Any]]]:
    """How many payments were booked, and the answer to the one that was not."""
    booked = 0
    while (answer := pay(booked))[0] == 201:
        booked += 1
    return booked, answer
