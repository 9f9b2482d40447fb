"""What the pages of the desk cost in small and in large books: every list, searches, documents, reports, the home page.

Both books are served as in the image (gunicorn, production settings), each by a server of its own, to one browser's
session that signed in by the form. A page of either book and `SELECT 1` behind the same middleware and sign-in are
asked for in turns; the least and the median of the times to the whole reply count: what disturbs one disturbs all.

    python benchmarks/admin_pages.py --small postgres://…/small_books --large postgres://…/large_books [--json]

Ends with status 1 where a page of the large books takes more than 20 times `SELECT 1`, or half as long again as the
same page of the small ones.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from large_books import EMAIL, PASSWORD
from replay_receivables import manage
from stage import Goal, as_json, at_most, fintrack_served, print_goals, served_environment, set_up_django

MOST_OF_SELECT_1, MOST_GROWTH = 20, 1.5
SELECT_1 = "SELECT 1"
CHANGES = "/admin/audit/change/changes/"
PAGES = {
    SELECT_1: "/admin/select-1",
    "home": "/admin/",
    "invoice": "/admin/invoices/invoice/777/change/",
    "invoice, its history": "/admin/invoices/invoice/777/history/",
    "invoice, paying it": "/admin/invoices/invoice/782/pay/",
    "invoices, a number": "/admin/invoices/invoice/?q=INV-2021-000777",
    "invoices, a part of a number": "/admin/invoices/invoice/?q=000777",
    "invoices, a reference": "/admin/invoices/invoice/?q={reference}",
    "invoices, for nothing": "/admin/invoices/invoice/?q=zzzzzz",
    "payments, a reference": "/admin/payments/payment/?q={reference}",
    "customer with a tenth of all": "/admin/parties/customer/1/change/",
    "customer, searched": "/admin/parties/customer/?q=9e37",
    "changes": CHANGES,
    "changes of a command": f"{CHANGES}?command=invoice.cancelled",
    "changes of a kind": f"{CHANGES}?entity_type=Customer",
    "changes, a command and another kind": f"{CHANGES}?command=invoice.cancelled&entity_type=Customer",
    "changes, a rare command": f"{CHANGES}?command=company.created&entity_type=Invoice",
    "journal of a command": "/admin/audit/change/?action=invoice.cancelled",
    "report: outstanding": "/admin/reports/outstanding/",
    "report: ageing": "/admin/reports/aging/",
    "report: revenue": "/admin/reports/revenue/",
    "report: VAT": "/admin/reports/vat/",
}


def last_reference(url: str) -> str:
    """The reference of the newest payment in the books: one that is the beginning of no other."""
    with psycopg.connect(url) as connection:
        [[reference]] = connection.execute("SELECT reference FROM payments_payment ORDER BY id DESC LIMIT 1").fetchall()
    return str(reference)


def list_pages() -> dict[str, str]:
    """Every list of the admin that the Admin of the books may open."""
    from django.contrib import admin
    from django.urls import reverse

    from accounts.models import User

    class Request:
        user = User.objects.get(email=EMAIL)

    return {
        f"list: {model._meta.verbose_name_plural}": reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        )
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_view_permission(Request())
    }


class Browser:
    """A connection to one server, the cookies that it gave, and a reference in its books."""

    def __init__(self, port: int, reference: str) -> None:
        self.reference = reference
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, values: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """The status and the body of the reply."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if values is not None:
            body, headers["Content-Type"] = urlencode(values), "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        content = reply.read()
        for line in reply.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return reply.status, content

    def sign_in(self) -> None:
        """By the form, as people do. Ends the program where that fails."""
        self.ask("GET", "/admin/login/")
        form = {"username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        status, content = self.ask("POST", "/admin/login/?next=/admin/", form)
        if status != http.client.FOUND:
            sys.exit(f"the sign-in answered {status}: {content[:2000]!r}")

    def milliseconds(self, path: str) -> float:
        """The time to the whole page, by a connection that stands. Ends the program where it is none."""
        self.connection.close()  # the server closes one that was idle for two seconds
        self.connection.connect()
        started = time.perf_counter()
        status, content = self.ask("GET", path)
        elapsed = (time.perf_counter() - started) * 1000
        if status != http.client.OK:
            sys.exit(f"{path} answered {status}: {content[:2000]!r}")
        return elapsed


def measured(browsers: Sequence[Browser], pages: Mapping[str, str], rounds: int) -> Iterator[dict[str, list[float]]]:
    """For each browser the times of each page, the browsers taking turns, after two rounds that warm up."""
    times: list[dict[str, list[float]]] = [{name: [] for name in pages} for _ in browsers]
    for number in range(rounds + 2):
        for name, path in pages.items():
            for browser, of_pages in zip(browsers, times, strict=True):
                elapsed = browser.milliseconds(path.format(reference=browser.reference))
                if number > 1:
                    of_pages[name].append(elapsed)
    yield from times


def compared(small: Mapping[str, list[float]], large: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """Each page with its times in both books and its ratios, of the least times."""
    select_1 = min(large[SELECT_1])
    return {
        name: {
            "small, least ms": min(small[name]),
            "large, least ms": min(times),
            "large, median ms": statistics.median(times),
            "of SELECT 1": min(times) / select_1,
            "growth": min(times) / min(small[name]),
        }
        for name, times in large.items()
    }


def goals(rows: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    """The worst page of each kind."""
    pages = {name: row for name, row in rows.items() if name != SELECT_1}
    slowest, grown = (max(pages, key=lambda name: pages[name][ratio]) for ratio in ("of SELECT 1", "growth"))
    return [
        at_most(
            f"page of the desk: times of SELECT 1 (worst: {slowest})", MOST_OF_SELECT_1, rows[slowest]["of SELECT 1"]
        ),
        at_most(f"page of the desk: growth (worst: {grown})", MOST_GROWTH, rows[grown]["growth"]),
    ]


def print_rows(rows: Mapping[str, Mapping[str, float]]) -> None:
    """The table."""
    columns = list(rows[SELECT_1])
    print(f"{'':40}" + "".join(f"{column:>18}" for column in columns))
    for name, row in rows.items():
        missed = row["of SELECT 1"] > MOST_OF_SELECT_1 or row["growth"] > MOST_GROWTH
        print(f"{name:40}" + "".join(f"{row[column]:18.2f}" for column in columns) + "  MISSED" * missed)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", required=True, help="URL of books of 10,000 invoices")
    parser.add_argument("--large", required=True, help="URL of books of 1,000,000 invoices")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        environments = [
            {**served_environment(url), "PROBE_STATIC_ROOT": folder} for url in (options.small, options.large)
        ]
        manage(
            {**environments[0], "DJANGO_SETTINGS_MODULE": "probe", "PYTHONPATH": str(Path(__file__).parent)},
            "collectstatic",
            "--no-input",
            "--verbosity",
            "0",
        )
        browsers = []
        for environment in environments:
            server = stack.enter_context(fintrack_served(environment))
            browsers.append(Browser(server.port, last_reference(environment["DATABASE_URL"])))
            browsers[-1].sign_in()
        set_up_django(environments[0])
        pages = {**PAGES, **list_pages()}
        pages = {name: path for name, path in pages.items() if options.only in name or name == SELECT_1}
        rows = compared(*measured(browsers, pages, options.rounds))
    table = goals(rows)
    if options.json:
        print(as_json(rows, table))
    else:
        print_rows(rows)
        print_goals(table)
    return int(not all(goal.met for goal in table))


if __name__ == "__main__":
    sys.exit(main())
