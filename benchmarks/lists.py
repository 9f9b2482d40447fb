"""What a page of a list costs, for each filter and each order, on the books that `large_books.py` made.

Prints for each query the time of the request in process (the median of several, milliseconds), the CPU of the program,
and the statement's time in PostgreSQL; `--plans` prints PostgreSQL's plans instead, which are kept in list_plans.txt.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/books python benchmarks/lists.py
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from large_books import EMAIL

ORDERINGS = ("createdAt", "issueDate", "dueDate", "total", "outstanding", "number", "customerName")
QUERIES = {
    "first page": "",
    "a page deep inside": "deep",
    **{f"by {sign}{name}": f"ordering={sign}{name}" for name in ORDERINGS for sign in ("-", "")},
    "deep by total": "deep&ordering=total",
    "drafts": "status=Draft",
    "issued": "status=Issued",
    "paid": "status=Paid",
    "of a customer with many": "customerId=1",
    "of a customer with few": "customerId=77",
    "in a currency": "currency=ZAR",
    "in a currency of none": "currency=EUR",
    "overdue": "overdue=true",
    "not overdue": "overdue=false",
    "issued in a month": "issueDateFrom=2023-03-01&issueDateTo=2023-03-31",
    "due in a month": "dueDateFrom=2023-03-01&dueDateTo=2023-03-31",
    "of an amount": "totalMin=1000&totalMax=1001",
    "search a number": "search=INV-2023-000777",
    "search a part of a number": "search=000777",
    "search a customer": "search=customer%209e37",
    "search a reference": "search=pay-777777",
    "search for nothing": "search=zzzzzz",
}


def measured(client: Any, path: str, rounds: int) -> dict[str, float]:
    """Milliseconds of a request: its own, the program's CPU, and PostgreSQL's."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)
    times, processor = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        reply = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        processor.append((time.process_time() - used) * 1000)
        assert reply.status_code == 200, reply.content
    with CaptureQueriesContext(connection) as statements:
        client.get(path)
    in_database = sum(float(statement["time"]) for statement in statements) * 1000
    return {
        "milliseconds": round(statistics.median(times), 1),
        "cpu": round(statistics.median(processor), 1),
        "database": round(in_database, 1),
    }


def path_of(client: Any, query: str) -> str:
    """The address of the page; a deep one is a hundred pages on, and its cost should not show that."""
    if "deep" not in query:
        return f"/api/invoices?{query}"
    path = "/api/invoices?pageSize=200&" + query.partition("&")[2]
    for _ in range(100):
        path = client.get(path).json()["next"] or path
    return path.replace("pageSize=200", "pageSize=50")


def plan(client: Any, path: str) -> list[str]:
    """How PostgreSQL finds the rows of the page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as statements:
        client.get(path)
    [statement] = [one["sql"] for one in statements if 'FROM "invoices_invoice"' in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) {statement}")
        return [row[0] for row in cursor.fetchall()]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
    os.environ.setdefault("DEBUG", "on")
    os.environ.setdefault("ALLOWED_HOSTS", "testserver")
    import django

    django.setup()
    from django.conf import settings
    from rest_framework.test import APIClient
    from rest_framework_simplejwt.tokens import AccessToken

    from accounts.models import User

    settings.DEBUG = False
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(User.objects.get(email=EMAIL))}")
    for name, query in QUERIES.items():
        path = path_of(client, query)
        if options.plans:
            print("\n".join([f"## {name}", *plan(client, path), ""]))
            continue
        result = measured(client, path, options.rounds)
        figures = "".join(f"{value:>12} {unit}" for unit, value in result.items())
        print(json.dumps({"query": name, **result}) if options.json else f"{name:26}{figures}", flush=True)


if __name__ == "__main__":
    main()
