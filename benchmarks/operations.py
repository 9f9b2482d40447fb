"""What single operations cost: create, issue, pay, read one, read fifty; in process, and over HTTP from eight clients.

Both sides of every ratio are measured in the same run, in turn, round after round: beside the program a view of Django
REST framework that does nothing, `SELECT 1` through the program's whole stack, and the same payment in two statements
sent by pgbench. CPU is that of the program's processes; throughput is with clients, server and database on one machine.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/operations.py
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/operations.py --only http --json
"""

import argparse
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from large_books import EMAIL
from stage import (
    CLIENTS,
    FOLDER,
    Call,
    Goal,
    Server,
    as_json,
    at_least,
    at_most,
    bare_served,
    bearer,
    fintrack_served,
    load,
    own_books,
    print_goals,
    print_table,
    set_up_django,
)

Row = dict[str, float]
LINES = [{"description": f"Line {number}", "qty": "2", "unitPrice": "19.99"} for number in range(5)]
ELSEWHERE = {
    "Silver, measured elsewhere": {"elapsed ms": 18.0, "SQL": 45.0},
    "Tryton, measured elsewhere": {"elapsed ms": 1775.0, "SQL": 1132.0},
}
"""Create, issue and pay with five lines, on another busy machine of two cores: neither is installed here."""
TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
STEPS = ("create 5 lines", "issue", "pay")
PGBENCH_SECONDS, SHORT_ROUNDS = 4, 5


def commands(count: int) -> dict[str, Callable[[int], None]]:
    """In process: the verbs, each claiming a key and keeping its reply, for the invoice with that place in the run."""
    from rest_framework.response import Response

    from accounts.models import User
    from core.api.idempotency import once
    from invoices.services import Item, create_draft, issue_invoice
    from parties.models import Company
    from payments.services import apply_payment

    user, company = User.objects.get(email=EMAIL), Company.objects.get()
    items = [Item(line["description"], Decimal(line["qty"]), Decimal(line["unitPrice"])) for line in LINES]
    made = [0] * count

    def command(verb: Callable[..., Any], **values: Any) -> int:
        request: Any = SimpleNamespace(user=user, method="POST", path="/", data={})
        request.headers = {"Idempotency-Key": secrets.token_hex(16)}
        reply = once(request, company.pk, lambda: Response({"id": verb(actor=user, **values).pk}, status=201))
        return int(reply.data["id"])

    def create(place: int) -> None:
        made[place] = command(create_draft, company=company, customer_id=2, items=items)

    def issue(place: int) -> None:
        command(issue_invoice, invoice_id=made[place])

    def pay(place: int) -> None:
        command(apply_payment, invoice_id=made[place], amount=Decimal("10"), reference=secrets.token_hex(8))

    return dict(zip(STEPS, (create, issue, pay), strict=True))


def reads(ids: Sequence[int], headers: Mapping[str, str]) -> dict[str, Callable[[int], None]]:
    """In process: requests through the whole stack, without a server."""
    from django.test import Client

    client = Client(headers=dict(headers), SERVER_NAME="127.0.0.1")

    def get(path: str) -> None:
        reply = client.get(path)
        assert reply.status_code == 200, reply.content

    return {
        "read one invoice (whole stack)": lambda place: get(f"/api/invoices/{ids[place % len(ids)]}"),
        "page of 50 (whole stack)": lambda place: get("/api/invoices?pageSize=50"),
    }


def in_process(headers: Mapping[str, str], rounds: int, count: int) -> dict[str, Row]:
    """CPU, elapsed time and statements of each operation, in rounds after one that warms up.

    The lower quartile of the rounds counts: whatever else runs on the machine only ever makes an operation slower.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    operations = {**commands(count), **reads(range(1, 500, 2), headers)}
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in operations}
    for number in range(rounds + 1):
        for name, operation in operations.items():
            cpu, elapsed = time.process_time(), time.perf_counter()
            for place in range(count):
                operation(place)
            cost = (time.process_time() - cpu) * 1000 / count, (time.perf_counter() - elapsed) * 1000 / count
            if number:
                costs[name].append(cost)
    rows: dict[str, Row] = {}
    for name, operation in operations.items():
        with CaptureQueriesContext(connection) as statements:
            operation(0)
        rows[name] = {
            "CPU ms": statistics.quantiles((cpu for cpu, _ in costs[name]), n=4)[0],
            "elapsed ms": statistics.quantiles((elapsed for _, elapsed in costs[name]), n=4)[0],
            "SQL": sum(not one["sql"].startswith(TRANSACTION_CONTROL) for one in statements),
        }
    rows["the three commands"] = {
        column: sum(rows[step][column] for step in STEPS) for column in ("CPU ms", "elapsed ms", "SQL")
    }
    return {**rows, **ELSEWHERE}


def over_http(program: Server, bare: Server, count: int) -> dict[str, Row]:
    """One round: every operation `count` times from eight clients; the yardsticks, which are cheap, more often."""
    rows: dict[str, Row] = {}

    def measure(name: str, server: Server, calls: Sequence[Call], expected: int = 200) -> list[int]:
        result = load(server, calls, expected=expected)
        ids: list[int] = result.pop("ids")
        rows[name] = result
        return ids

    def post(path: str, body: Any) -> Call:
        return Call("POST", path, body, key=secrets.token_hex(16))

    measure("bare DRF view (no sign-in)", bare, [Call("GET", "/drf")] * (4 * count))
    measure("SELECT 1, whole stack", program, [Call("GET", "/select-1")] * (2 * count))
    draft = {"customerId": 2, "items": LINES}
    ids = measure("create 5 lines", program, [post("/api/invoices", draft) for _ in range(count)], 201)
    measure("issue", program, [post(f"/api/invoices/{made}/issue", {}) for made in ids])
    payments = [post(f"/api/invoices/{made}/payments", {"amount": "10.00", "reference": f"EFT {made}"}) for made in ids]
    measure("pay", program, payments, 201)
    measure("read one invoice", program, [Call("GET", f"/api/invoices/{made}") for made in ids])
    measure("page of 50", program, [Call("GET", "/api/invoices?pageSize=50")] * (count // 2))
    measure("page of 50 of the audit feed", program, [Call("GET", "/api/audit?pageSize=50")] * (count // 2))
    return rows


def one_statement(database_url: str, invoices: int, seconds: int) -> Row:
    """The rate of the same payment as one prepared statement: pgbench's, with as many clients."""
    import psycopg

    with psycopg.connect(database_url) as connection:
        [user_id] = connection.execute("SELECT id FROM accounts_user WHERE email = %s", [EMAIL]).fetchone() or [0]
        [company] = connection.execute("SELECT id FROM parties_company").fetchone() or [0]
        before = payments_in(connection)
    values = {"last": invoices, "user_id": user_id, "company": company, "run": secrets.randbelow(10**9)}
    command = [pgbench(), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=1"]
    command += [f"--time={seconds}", f"--file={FOLDER / 'one_statement.sql'}"]
    command += [f"--define={name}={value}" for name, value in values.items()]
    done = subprocess.run([*command, database_url], capture_output=True, text=True, check=False)
    rate, sent = (re.search(pattern, done.stdout) for pattern in (r"tps = ([0-9.]+)", r"processed: ([0-9]+)"))
    if done.returncode or not (rate and sent):
        sys.exit(done.stdout + done.stderr)
    with psycopg.connect(database_url) as connection:
        booked = payments_in(connection) - before
    assert booked > 0.95 * int(sent[1]), f"{sent[1]} statements sent, but {booked} payments booked"
    return {"per_second": float(rate[1])}


def pgbench() -> str:
    """Where pgbench is: in the path, or where Debian puts it. Ends the program where it is in neither."""
    found = shutil.which("pgbench") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), None)
    return found or sys.exit("pgbench, which comes with PostgreSQL's server, is not installed here.")


def payments_in(connection: Any) -> int:
    """How many entries the ledger has."""
    return int(connection.execute("SELECT count(*) FROM payments_payment").fetchone()[0])


def rounds_over_http(environment: Mapping[str, str], invoices: int, rounds: int, count: int) -> list[dict[str, Row]]:
    """As many rounds, after a short one that warms both servers up."""
    results = []
    with fintrack_served(environment) as program, bare_served() as bare:
        over_http(program, bare, max(count // 5, CLIENTS))
        for _ in range(rounds):
            rows = over_http(program, bare, count)
            rows["pay, one statement (pgbench)"] = one_statement(environment["DATABASE_URL"], invoices, PGBENCH_SECONDS)
            results.append(rows)
    return results


def medians(results: Sequence[Mapping[str, Row]]) -> dict[str, Row]:
    """The medians over the rounds, and of the ratios to the bare view in the same round."""
    rows: dict[str, Row] = {}
    for name, first in results[0].items():
        rows[name] = {column: statistics.median(result[name][column] for result in results) for column in first}
        if "cpu_ms" in first:
            rows[name]["CPU ratio"] = cpu_ratio(results, name)
    return rows


def cpu_ratio(results: Sequence[Mapping[str, Row]], name: str, other: str = "bare DRF view (no sign-in)") -> float:
    """The median over the rounds of the ratio of two CPUs."""
    return statistics.median(result[name]["cpu_ms"] / result[other]["cpu_ms"] for result in results)


def goals_in_process(rows: Mapping[str, Row]) -> list[Goal]:
    """Against figures of others, which were measured elsewhere."""
    elapsed = rows["the three commands"]["elapsed ms"]
    silver, tryton = (row["elapsed ms"] for row in ELSEWHERE.values())
    return [
        at_most("create, issue, pay in process: not slower than Silver (elsewhere)", silver, elapsed, " ms"),
        at_least("create, issue, pay in process: times as fast as Tryton (elsewhere)", 100, tryton / elapsed),
    ]


def goals_over_http(results: Sequence[Mapping[str, Row]]) -> list[Goal]:
    """Against the bare view and pgbench in the same rounds."""
    limit = statistics.median(
        100 * result["pay"]["per_second"] / result["pay, one statement (pgbench)"]["per_second"] for result in results
    )
    return [
        at_most("payment over HTTP: CPU of bare DRF views", 7, cpu_ratio(results, "pay")),
        at_least("payment over HTTP: throughput of pgbench's one statement", 12, limit, " %"),
        at_most("read one invoice: CPU of bare DRF views", 4, cpu_ratio(results, "read one invoice")),
        at_most("page of 50: CPU of bare DRF views", 6, cpu_ratio(results, "page of 50")),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=800, help="requests of a kind in a round")
    parser.add_argument("--invoices", type=int, default=20_000, help="in the books beforehand")
    parser.add_argument("--only", choices=["process", "http"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    goals: list[Goal] = []
    with own_books(options.invoices) as environment:
        if options.only != "http":
            set_up_django(environment)
            with fintrack_served(environment) as server:
                headers = bearer(server.port)
            figures["in process"] = in_process(headers, SHORT_ROUNDS * options.rounds, options.count // 20)
            goals += goals_in_process(figures["in process"])
        if options.only != "process":
            results = rounds_over_http(environment, options.invoices, options.rounds, options.count)
            figures["over HTTP"] = medians(results)
            goals += goals_over_http(results)
    if options.json:
        print(as_json(figures, goals))
        return
    for title, rows in figures.items():
        print(f"\n{title}")
        print_table(rows)
    print_goals(goals)


if __name__ == "__main__":
    main()
