"""What lists, the audit feed and reports cost on small and on large books that `large_books.py` made.

Both books are measured in one run, in turns, each in a process of its own, beside a bare DRF view, a view that asks the
database for SELECT 1 as a signed-in user, and one invoice by its id. Times are the least of several, through the whole
stack in process, in milliseconds; ratios are compared with the goals. Ends with status 1 where one is missed.

    python benchmarks/lists.py --small postgres://…/small_books --large postgres://…/large_books [--json]

`--plans` prints nothing if PostgreSQL finds every page and report on the large books by the nodes and indexes that
plans.txt holds, and else the differences, with status 1; `--plans --refresh` writes that file, to be reviewed.
"""

import argparse
import difflib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from large_books import EMAIL

PLANS = HERE / "plans.txt"
PLANNED_TABLES = ("invoices_invoice", "payments_payment", "reports_")
ORDERINGS = ("createdAt", "issueDate", "dueDate", "total", "outstanding", "number", "customerName")
INVOICES = {
    "first page": "",
    "a page deep inside": "deep",
    **{f"by {sign}{name}": f"ordering={sign}{name}" for name in ORDERINGS for sign in ("-", "")},
    "deep by total": "deep&ordering=total",
    "deep by customer": "deep&ordering=customerName",
    "deep among equal values": "deep&ordering=outstanding",
    "drafts": "status=Draft",
    "issued": "status=Issued",
    "paid": "status=Paid",
    "of a customer with many": "customerId=1",
    "of a customer with few": "customerId=77&pageSize=10",
    "in a currency": "currency=ZAR",
    "in a currency of none": "currency=EUR",
    "of an external id": "externalId=none",
    "overdue": "overdue=true",
    "not overdue": "overdue=false",
    "issued in a month": "issueDateFrom=2023-03-01&issueDateTo=2023-03-31",
    "due in a month": "dueDateFrom=2023-03-01&dueDateTo=2023-03-31",
    "issued since": "issueDateFrom=2025-06-01",
    "of an amount": "totalMin=1000&totalMax=1001",
}
SEARCHES = {
    "search a number": "search=INV-2023-000777",
    "search a part of a number": "search=000777",
    "search a customer": "search=customer%209e37",
    "search a reference": "search=pay-777777",
    "search what most have": "search=customer",
    "search for nothing": "search=zzzzzz",
}
FEED = {
    "feed": "",
    "feed of invoices": "entityType=Invoice",
    "feed of customers": "entityType=Customer",
    "feed of one invoice": "entityType=Invoice&entityId=777",
    "feed of an id": "entityId=777",
    "feed of a person": f"performedBy={EMAIL}",
    "feed of nobody": "performedBy=nobody@example.test",
    "feed of creations": "action=Created",
    "feed of deletions": "action=Deleted",
    "feed of events": "action=Event",
    "feed of a command": "command=invoice.cancelled",
    "feed of a rare command": "command=company.created",
    "feed of no command": "command=nonsense",
    "feed of a command that never changes the kind": "command=invoice.issued&entityType=Payment",
    "feed of a request": "requestId=none",
    "feed of a month": "from=2023-03-01&to=2023-03-31",
    "feed of no days": "from=2010-01-01&to=2010-02-01",
    "feed of a company": "companyId=1",
}
REPORTS = {
    "dashboard": "dashboard",
    "outstanding": "outstanding",
    "outstanding, a month before the last day": "outstanding?asOf=2025-12-01",
    "outstanding, a year before": "outstanding?asOf=2024-12-31",
    "aging": "aging",
    "aging, a month before the last day": "aging?asOf=2025-12-01",
    "revenue of a month": "revenue?from=2024-03-01&to=2024-03-31",
    "revenue of a year": "revenue?from=2024-01-01&to=2024-12-31",
    "revenue of all years": "revenue?from=2000-01-01&to=2030-01-01",
    "vat of a month": "vat?from=2024-03-01&to=2024-03-31",
    "vat of a year": "vat?from=2024-01-01&to=2024-12-31",
    "vat of all years": "vat?from=2000-01-01&to=2030-01-01",
}
KINDS = {"invoices": INVOICES, "searches": SEARCHES, "feed": FEED, "reports": REPORTS}
REFERENCES = {
    "bare DRF view": "/bare",
    "SELECT 1, signed in": "/select-1",
    "one invoice by its id": "/api/invoices/777",
}
MOST_CPU_OF_BARE, MOST_GROWTH, MOST_GROWTH_OF_FEED, MOST_OF_ONE_INVOICE, MOST_OF_SELECT_1 = 6, 1.3, 1.5, 2, 50
MOST_OF_SELECT_1_BY_DASHBOARD, MOST_GROWTH_OF_DASHBOARD = 20, 1.5
PAGES_TO_THE_DEEP = 50
TURNS = 3


def start() -> Any:
    """A client of the books' Admin, with two views of no business beside the program's own."""
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
    settings.ROOT_URLCONF = "urls_of_the_benchmark"
    sys.modules[settings.ROOT_URLCONF] = urls()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(User.objects.get(email=EMAIL))}")
    return client


def urls() -> ModuleType:
    """The program's URLs, and those of the two views."""
    from django.db import connection
    from django.urls import path
    from rest_framework.permissions import AllowAny, IsAuthenticated
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from fintrack.urls import urlpatterns

    class Bare(APIView):
        """No sign-in, no database."""

        authentication_classes: tuple[Any, ...] = ()
        permission_classes = (AllowAny,)

        def get(self, request: Request) -> Response:
            return Response({"results": []})

    class SelectOne(APIView):
        """The sign-in, and the least statement."""

        permission_classes = (IsAuthenticated,)

        def get(self, request: Request) -> Response:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return Response({"results": cursor.fetchall()})

    module = ModuleType("urls_of_the_benchmark")
    vars(module)["urlpatterns"] = [
        path("bare", Bare.as_view()),
        path("select-1", SelectOne.as_view()),
        *urlpatterns,
    ]
    return module


def paths(client: Any) -> Iterator[tuple[str, str]]:
    """Every question by its name."""
    yield from REFERENCES.items()
    for name, query in (INVOICES | SEARCHES).items():
        yield name, path_of(client, query)
    for name, query in FEED.items():
        yield name, f"/api/audit?{query}"
    for name, query in REPORTS.items():
        yield name, f"/api/reports/{query}"


def path_of(client: Any, query: str) -> str:
    """The address of the page; a deep one is many pages on, and its cost should not show that."""
    if "deep" not in query:
        return f"/api/invoices?{query}"
    path = "/api/invoices?pageSize=200&" + query.partition("&")[2]
    for _ in range(PAGES_TO_THE_DEEP):
        path = client.get(path).json()["next"] or path
    return path.replace("pageSize=200", "pageSize=50")


def measured(client: Any, path: str, rounds: int) -> dict[str, float]:
    """The least milliseconds of a request, and of the program's CPU in it, and the rows of the reply."""
    client.get(path)
    times, processor = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        reply = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        processor.append((time.process_time() - used) * 1000)
        assert reply.status_code == 200, reply.content
    rows = len(reply.json().get("results", ()))
    return {"milliseconds": round(min(times), 2), "cpu": round(min(processor), 2), "rows": rows}


class Books:
    """A process that answers for the figures of one database."""

    def __init__(self, url: str, rounds: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--rounds", str(rounds), "--one"],
            env=os.environ | {"DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def figures(self, name: str) -> dict[str, float]:
        """The figures of a question, measured now."""
        assert self.process.stdin
        assert self.process.stdout
        print(name, file=self.process.stdin, flush=True)
        figures: dict[str, float] = json.loads(self.process.stdout.readline())
        return figures

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def answer_questions(rounds: int) -> None:
    """Measure each question whose name comes in a line, and write its figures in one."""
    client = start()
    known = dict(paths(client))
    for line in sys.stdin:
        print(json.dumps(measured(client, known[line.strip()], rounds)), flush=True)


def measured_in_turns(
    small_url: str, large_url: str, rounds: int, kinds: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The least figures of each question on both books, which take turns: what disturbs one disturbs the other."""
    books = [Books(url, rounds) for url in (small_url, large_url)]
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name in (*REFERENCES, *chain.from_iterable(KINDS[kind] for kind in kinds)):
        for one, figures in [*zip(books, found, strict=True)] * TURNS:
            now = one.figures(name)
            figures[name] = {unit: min(value, figures.get(name, now)[unit]) for unit, value in now.items()}
    for one in books:
        one.close()
    return found


def compared(small: dict[str, Any], large: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each question with the figures of both books, its ratios, and those of them that miss their goals.

    Growth is only told of pages that have as many rows in both books.
    """
    bare, select_one, one_invoice = (large[name] for name in REFERENCES)
    for name, figures in large.items():
        growth = figures["milliseconds"] / small[name]["milliseconds"]
        of_select_one = figures["milliseconds"] / select_one["milliseconds"]
        ratios: dict[str, tuple[float, float]] = {}
        if name in INVOICES | SEARCHES:
            ratios["cpu of a bare view"] = (figures["cpu"] / bare["cpu"], MOST_CPU_OF_BARE)
            ratios["growth"] = (growth, MOST_GROWTH)
        if name in SEARCHES:
            ratios["of one invoice"] = (figures["milliseconds"] / one_invoice["milliseconds"], MOST_OF_ONE_INVOICE)
        if name in FEED:
            ratios["growth"] = (growth, MOST_GROWTH_OF_FEED)
        if name == "dashboard":
            ratios["dashboard of SELECT 1"] = (of_select_one, MOST_OF_SELECT_1_BY_DASHBOARD)
            ratios["growth of dashboard"] = (growth, MOST_GROWTH_OF_DASHBOARD)
        elif name in REPORTS:
            ratios["of SELECT 1"] = (of_select_one, MOST_OF_SELECT_1)
        if figures["rows"] != small[name]["rows"]:
            ratios.pop("growth", None)
        yield {
            "question": name,
            "small": small[name],
            "large": figures,
            "ratios": {ratio: round(value, 2) for ratio, (value, _) in ratios.items()},
            "missed": [ratio for ratio, (value, goal) in ratios.items() if value > goal],
        }


def plans(client: Any) -> str:
    """How PostgreSQL finds each page and each report: the nodes of its plans and their indexes, without figures."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    pages = {name: path_of(client, query) for name, query in (INVOICES | SEARCHES).items()}
    lines = []
    for name, path in (pages | {name: f"/api/reports/{query}" for name, query in REPORTS.items()}).items():
        with CaptureQueriesContext(connection) as statements:
            client.get(path)
        lines.append(f"## {name}")
        for statement in (one["sql"] for one in statements if any(table in one["sql"] for table in PLANNED_TABLES)):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (COSTS OFF, FORMAT JSON) {statement}")
                [(explained,)] = cursor.fetchall()
            lines += [*nodes(explained[0]["Plan"]), ""]
    return "\n".join(lines)


def nodes(plan: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """The nodes of a plan, the inner ones indented."""
    what = (plan["Node Type"], plan.get("Index Name"), plan.get("Relation Name"))
    yield "  " * depth + " ".join(filter(None, what))
    for inner in plan.get("Plans", []):
        yield from nodes(inner, depth + 1)


def check_plans(found: str, *, refresh: bool) -> int:
    """0 if the plans are those of the file (or became them), else 1 after printing what differs."""
    if refresh:
        PLANS.write_text(found)
        return 0
    differences = list(difflib.unified_diff(PLANS.read_text().splitlines(), found.splitlines(), "reviewed", "now"))
    print("\n".join(differences), end="\n" if differences else "")
    return int(bool(differences))


def line_of(row: dict[str, Any]) -> str:
    """A row for people."""
    figures = [row["small"]["milliseconds"], row["large"]["milliseconds"], row["large"]["cpu"]]
    ratios = "  ".join(f"{name} {value}{' MISSED' * (name in row['missed'])}" for name, value in row["ratios"].items())
    return f"{row['question']:42}" + "".join(f"{figure:10}" for figure in figures) + f"  {ratios}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", help="URL of books of 10,000 invoices")
    parser.add_argument("--large", help="URL of books of 1,000,000 invoices")
    parser.add_argument("--rounds", type=int, default=5, help="requests in each turn")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="the kinds of questions")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--plans", action="store_true", help="compare the plans on the large books with plans.txt")
    parser.add_argument("--refresh", action="store_true", help="write plans.txt")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        answer_questions(options.rounds)
        return 0
    if options.plans:
        os.environ["DATABASE_URL"] = options.large
        return check_plans(plans(start()), refresh=options.refresh)
    rows = list(compared(*measured_in_turns(options.small, options.large, options.rounds, options.only)))
    if not options.json:
        print(f"{'milliseconds':42}{'small':>10}{'large':>10}{'its CPU':>10}")
    for row in rows:
        print(json.dumps(row) if options.json else line_of(row))
    return int(any(row["missed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
