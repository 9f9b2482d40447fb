"""Replay real receivables through the REST API as a Finance user, then prove the books.

The rows are those of IBM's accounts receivable set (1,216 invoices of 47 customers, 2012 to 2013): each becomes a
draft, is issued on its invoice date and paid on its settled date. Without --url the script makes a database of its
own (SQLite in a temporary folder, or a new one on the server that DATABASE_URL names), serves the program with
gunicorn, replays, and runs verify_books.

    python benchmarks/replay_receivables.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/replay python benchmarks/replay_receivables.py
    python benchmarks/replay_receivables.py --url http://127.0.0.1:8000 --email finance@demo.fintrack.test
"""

import argparse
import csv
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
SAMPLES = Path(os.environ.get("FINTRACK_SAMPLES", PROJECT.parent / "shared" / "data"))
ROWS_FILE = SAMPLES / "transactions" / "ibm_accounts_receivable.csv"
ADMIN, FINANCE = "admin@replay.example", "finance@replay.example"
PROGRESS_EVERY_SECONDS = 2


class Client:
    """A REST client over one persistent connection."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = {"Content-Type": "application/json"}
        self.requests = 0

    def sign_in(self, email: str, password: str) -> None:
        """Sign in; a long replay signs in again when its token has run out."""
        self.credentials = {"email": email, "password": password}
        self.headers.pop("Authorization", None)
        reply = self.post("/api/auth/login", self.credentials)
        self.headers["Authorization"] = f"Bearer {reply['access']}"
        self.expires_at = time.monotonic() + reply["expiresIn"] - 60

    def post(self, path: str, body: object) -> dict:
        """The reply to a POST. Ends the replay with the problem where it is refused."""
        if "Authorization" in self.headers and time.monotonic() > self.expires_at:
            self.sign_in(**self.credentials)
        self.connection.request("POST", path, json.dumps(body), self.headers)
        response = self.connection.getresponse()
        reply = json.loads(response.read() or b"{}")
        self.requests += 1
        if response.status >= 300:
            sys.exit(f"POST {path} {body}: {response.status} {reply}")
        return reply


def american_date(text: str) -> date:
    """The date that 1/6/2012 (the sixth of January) means."""
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007  # a calendar date, not a moment


def read_rows(limit: int | None) -> list[dict[str, str]]:
    """The invoices, oldest first."""
    if not ROWS_FILE.exists():
        sys.exit(f"{ROWS_FILE.name} is not there: set FINTRACK_SAMPLES to the folder that has transactions/")
    with ROWS_FILE.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: american_date(row["InvoiceDate"]))
    return rows[:limit]


def replay(client: Client, rows: list[dict[str, str]]) -> Decimal:
    """Create, issue and pay every row; what was paid in all. Shows progress and rate."""
    started = shown = time.monotonic()
    customers: dict[str, int] = {}
    paid = Decimal(0)
    for count, row in enumerate(rows, start=1):
        name = row["customerID"]
        if name not in customers:
            customers[name] = client.post("/api/customers", {"name": name})["id"]
        paid += replay_invoice(client, row, customers[name])
        now = time.monotonic()
        if now - shown > PROGRESS_EVERY_SECONDS or count == len(rows):
            shown = now
            rate = client.requests / (now - started)
            print(f"{count:5} of {len(rows)} invoices, {rate:6.0f} requests/s", flush=True)
    return paid


def replay_invoice(client: Client, row: dict[str, str], customer_id: int) -> Decimal:
    """One invoice, from draft to paid; its total. Ends the replay where it does not end up paid to the cent."""
    draft = client.post(
        "/api/invoices",
        {
            "customerId": customer_id,
            "issueDate": american_date(row["InvoiceDate"]).isoformat(),
            "dueDate": american_date(row["DueDate"]).isoformat(),
            "items": [
                {"description": row["invoiceNumber"], "qty": 1, "unitPrice": row["InvoiceAmount"], "vatRate": "0"}
            ],
        },
    )
    issued = client.post(f"/api/invoices/{draft['id']}/issue", {"version": draft["version"]})
    settled = client.post(
        f"/api/invoices/{draft['id']}/payments",
        {
            "amount": row["InvoiceAmount"],
            "reference": row["invoiceNumber"],
            "paidAt": american_date(row["SettledDate"]).isoformat(),
            "version": issued["version"],
        },
    )
    total = Decimal(settled["total"])
    if (settled["status"], settled["outstanding"], total) != ("Paid", "0.00", Decimal(row["InvoiceAmount"])):
        sys.exit(f"{row['invoiceNumber']} is not paid to the cent: {settled}")
    return total


@contextmanager
def own_installation() -> Iterator[tuple[str, dict[str, str], str]]:
    """A new database, served on a free port: yields its address, its environment and the users' password."""
    with tempfile.TemporaryDirectory() as folder:
        environment, password = new_environment(folder), secrets.token_urlsafe(24)
        manage(environment, "migrate", "--verbosity", "0")
        manage(
            environment | {"FINTRACK_ADMIN_PASSWORD": password},
            *("setup", "--company", "Replay", "--currency", "USD", "--admin", ADMIN),
        )
        port = free_port()
        bind = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "2", "--log-level", "warning"]
        command = [sys.executable, "-m", "gunicorn", "fintrack.wsgi", *bind]
        server = subprocess.Popen(command, cwd=PROJECT, env=environment)
        try:
            wait_until_served(port)
            yield f"http://127.0.0.1:{port}", environment, password
        finally:
            server.terminate()
            server.wait()


def new_environment(folder: str) -> dict[str, str]:
    """Production settings for a database that is new: a file in `folder`, or one made on DATABASE_URL's server."""
    environment = production_settings()
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("postgres"):
        import psycopg

        server, name = url.rsplit("/", 1)[0], f"fintrack_replay_{secrets.token_hex(4)}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        print(f"Database {name} (it stays, for you to look at)")
        return environment | {"DATABASE_URL": f"{server}/{name}"}
    return environment | {"DATABASE_URL": f"sqlite:///{folder}/replay.sqlite3"}


def production_settings() -> dict[str, str]:
    """This process's environment with production settings: DEBUG off, secrets of its own, plain HTTP."""
    return os.environ | {
        "DEBUG": "off",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "off",
        "LOG_LEVEL": "WARNING",
    }


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run one management command; end the replay where it fails."""
    command = [sys.executable, "manage.py", *arguments]
    if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode:
        sys.exit(f"manage.py {arguments[0]} failed")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(port: int) -> None:
    """Return once the server answers; end the replay after 30 seconds."""
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("the server does not start")


def report(client: Client, rows: list[dict[str, str]]) -> None:
    """Replay and compare the sum with that of the file."""
    expected = sum((Decimal(row["InvoiceAmount"]) for row in rows), Decimal(0))
    started = time.monotonic()
    paid = replay(client, rows)
    seconds = time.monotonic() - started
    if paid != expected:
        sys.exit(f"paid {paid}, expected {expected}")
    print(f"{len(rows)} invoices issued and paid, {paid} in all as in the file; {len(rows) / seconds:.1f} invoices/s")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running FinTrack; otherwise the script makes one of its own")
    parser.add_argument("--email", default=FINANCE)
    parser.add_argument("--password", default="fintrack-demo")
    parser.add_argument("--limit", type=int, help="replay only the first so many invoices")
    options = parser.parse_args()
    rows = read_rows(options.limit)
    if options.url:
        client = Client(options.url)
        client.sign_in(options.email, options.password)
        report(client, rows)
        return
    with own_installation() as (url, environment, password):
        admin, client = Client(url), Client(url)
        admin.sign_in(ADMIN, password)
        admin.post("/api/auth/register", {"email": FINANCE, "password": password, "role": "Finance"})
        client.sign_in(FINANCE, password)
        report(client, rows)
        manage(environment, "verify_books")


if __name__ == "__main__":
    main()
