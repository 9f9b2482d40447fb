"""A whole installation on this machine: its database, its first company and users, its processes."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torture.cluster import Cluster
from torture.postbox import Postbox, running_postbox
from torture.sabotage import MODE_VARIABLE, NONE, Sabotage
from torture.server import MailWorker, Victim, WebServer, environment, manage

ADMIN, FINANCE = "admin@torture.example", "finance@torture.example"
PASSWORD = "correct-horse-battery"  # noqa: S105  of a database that nobody else reaches
CUSTOMER = "books@torture.example"
BASE = "fintrack_base"
LOCK_TIMEOUT_SECONDS = 5


@dataclass
class Installation:
    """A cluster, one database of it, and the processes before it. `customer` is whom the clients bill."""

    cluster: Cluster
    url: str
    web: WebServer
    worker: MailWorker
    postbox: Postbox
    customer: int
    sabotage: Sabotage
    lock_timeout_seconds: int

    @property
    def victims(self) -> list[Victim]:
        """The process groups that chaos may kill, the web server twice as often as the worker."""
        return [self.worker] if self.sabotage.is_of_mail else [self.web, self.web, self.worker]

    def verify_books(self) -> tuple[int, str]:
        """The exit status of ``manage.py verify_books``, and what it said."""
        done = manage(self.web.settings, "verify_books")
        return done.returncode, done.stdout + done.stderr


def make_base(cluster: Cluster) -> None:
    """The database that installations are copied from: migrated, with a company and its Admin."""
    settings = environment(cluster.create_database(BASE))
    _require(settings, "migrate", "--verbosity", "0")
    company = ("--company", "Torture", "--currency", "ZAR", "--admin", ADMIN)
    _require(settings | {"FINTRACK_ADMIN_PASSWORD": PASSWORD}, "setup", *company)


@contextmanager
def installed(
    cluster: Cluster, name: str, sabotage: Sabotage = NONE, lock_timeout_seconds: int = LOCK_TIMEOUT_SECONDS
) -> Iterator[Installation]:
    """A new installation in a copy of the base, at work as long as the block lasts; with a Finance user and a customer.

    Its commands wait `lock_timeout_seconds` for a lock, unless the sabotage lets them wait for ever.
    """
    url = cluster.create_database(name, template=BASE)
    if sabotage.commits_early:
        cluster.acknowledge_early(name)
    patience = 0 if sabotage.waits_for_ever else lock_timeout_seconds
    settings = environment(url) | {MODE_VARIABLE: sabotage.name, "DATABASE_LOCK_TIMEOUT_SECONDS": str(patience)}
    with running_postbox(cluster.folder / f"{name}-mails.txt") as postbox:
        settings["EMAIL_URL"] = f"smtp://127.0.0.1:{postbox.port}"
        web = WebServer(settings, cluster.folder / f"{name}.log", sabotage.application)
        worker = MailWorker(settings, cluster.folder / f"{name}-worker.log", postbox, sabotage.manage)
        try:
            web.start()
            worker.start()
            customer = _first_customer(web.port)
            yield Installation(cluster, url, web, worker, postbox, customer, sabotage, lock_timeout_seconds)
        finally:
            worker.stop()
            web.stop()


def _first_customer(port: int) -> int:
    """The id of a new customer, whom a Finance user bills."""
    admin = str(_post(port, "/api/auth/login", {"email": ADMIN, "password": PASSWORD}, "")["access"])
    _post(port, "/api/auth/register", {"email": FINANCE, "password": PASSWORD, "role": "Finance"}, admin)
    return int(_post(port, "/api/customers", {"name": "Torture", "email": CUSTOMER}, admin)["id"])


def log_folder(cluster: Cluster, name: str) -> Path:
    """The folder of the clients' logs of an installation."""
    folder = cluster.folder / f"{name}-answers"
    folder.mkdir()
    return folder


def _require(settings: dict[str, str], *arguments: str) -> None:
    done = manage(settings, *arguments)
    if done.returncode:
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")


def _post(port: int, path: str, body: dict[str, str], token: str) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    reply: dict = json.loads(response.read())
    connection.close()
    if response.status >= 300:
        raise RuntimeError(f"POST {path}: {response.status} {reply}")
    return reply
