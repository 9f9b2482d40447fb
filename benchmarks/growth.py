"""Whether operations cost the same in large books as in small ones, and for a large customer as for a small one.

Both databases are such as large_books.py makes. The operations run in turn in both, in process, in transactions that
are rolled back, with the foreign keys checked before: the books stay as they are. Reads go through the whole stack. The
first rounds warm up. The lower quartile of all rounds counts: whatever else runs on the machine only ever makes
an operation slower.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python benchmarks/growth.py tenthousand million
"""

import argparse
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

from large_books import EMAIL
from stage import (
    Goal,
    as_json,
    at_most,
    postgresql_server,
    print_goals,
    print_table,
    served_environment,
    set_up_django,
)

LARGE_CUSTOMER, LINES, WARM_UP = 1, 5, 5
FLAT = 1.3
Times = dict[str, list[float]]


@cache
def connection_to(name: str) -> Any:
    """The one connection to the database of that name, which stays open."""
    from django.db import connections

    found = connections.create_connection("default")
    found.settings_dict = {**found.settings_dict, "NAME": name}
    return found


def connect_to(name: str) -> None:
    """Let the program use the database of that name from now on."""
    from django.db import connections

    connections["default"] = connection_to(name)


@contextmanager
def rolled_back() -> Iterator[None]:
    """What is written in the block is taken back."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def timed(times: Times, name: str, work: Callable[[], Any]) -> Any:
    """The result of `work`; its milliseconds are added to `times`."""
    started = time.perf_counter()
    result = work()
    times[name].append((time.perf_counter() - started) * 1000)
    return result


def as_committed(work: Callable[[], Any]) -> Any:
    """The result of `work`, with the foreign keys checked as the commit would, which does not come."""
    from django.db import connection

    result = work()
    connection.check_constraints()
    return result


def write(times: Times, customer_id: int) -> None:
    """An invoice of the customer, created, issued and paid, and taken back."""
    from accounts.models import User
    from invoices.services import Item, create_draft, issue_invoice
    from parties.models import Company
    from payments.services import apply_payment

    actor, company = User.objects.get(email=EMAIL), Company.objects.get()
    items = [Item(f"Line {number}", Decimal(2), Decimal("19.99")) for number in range(LINES)]
    made: list[int] = []
    steps = {
        "create 5 lines": lambda: made.append(
            create_draft(actor=actor, company=company, customer_id=customer_id, items=items).pk
        ),
        "issue": lambda: issue_invoice(actor=actor, invoice_id=made[0]),
        "pay": lambda: apply_payment(actor=actor, invoice_id=made[0], amount=Decimal(10)),
    }
    with rolled_back():
        for name, step in steps.items():
            timed(times, name, lambda step=step: as_committed(step))


def read(times: Times, client: Any, paths: Mapping[str, str]) -> None:
    """A request for each path, through the whole stack."""
    for name, path in paths.items():
        reply = timed(times, name, lambda path=path: client.get(path))
        assert reply.status_code == 200, reply.content


def signed_in_client() -> Any:
    """A client with a token, which leaves no trace in the database."""
    from django.test import Client
    from rest_framework_simplejwt.tokens import AccessToken

    from accounts.models import User

    token = AccessToken.for_user(User.objects.get(email=EMAIL))
    return Client(headers={"Authorization": f"Bearer {token}"}, SERVER_NAME="127.0.0.1")


def one_round(times: Times, customer_id: int | None) -> None:
    """Each operation once, for that customer, or for others at random, in the database connected to."""
    from invoices.models import Invoice
    from parties.models import Customer

    invoices = Invoice.objects.all() if customer_id is None else Invoice.objects.filter(customer_id=customer_id)
    last = Customer.objects.order_by("-pk").values_list("pk", flat=True)[0]
    newest, oldest = (invoices.order_by(order).values_list("pk", flat=True)[0] for order in ("-pk", "pk"))
    query = "" if customer_id is None else f"&customerId={customer_id}"
    client = signed_in_client()
    write(times, customer_id or random.randint(2, last))  # noqa: S311  # nothing is kept secret by it
    near = random.randint(oldest, newest)  # noqa: S311  # as above
    one = invoices.filter(pk__gte=near).order_by("pk").values_list("pk", flat=True)[0]
    read(
        times,
        client,
        {"read one invoice": f"/api/invoices/{one}", "page of 50": f"/api/invoices?pageSize=50{query}"},
    )


def compare(sides: Mapping[str, tuple[str, int | None]], rounds: int) -> dict[str, Times]:
    """The times of each side (a database, and a customer where it is about one), measured in turn."""
    times: dict[str, Times] = {side: defaultdict(list) for side in sides}
    for number in range(-WARM_UP, rounds):
        for side, (name, customer_id) in sides.items():
            connect_to(name)
            one_round(defaultdict(list) if number < 0 else times[side], customer_id)
    return times


def rows_of(times: Mapping[str, Times]) -> dict[str, dict[str, float]]:
    """For each operation the milliseconds of either side, and their ratio."""
    small, large = times
    rows = {}
    for name in times[large]:
        before, after = (statistics.quantiles(times[side][name], n=4)[0] for side in (small, large))
        rows[name] = {f"{small} ms": before, f"{large} ms": after, "ratio": after / before}
    return rows


def customer_with_few(books: str) -> tuple[int, int, int]:
    """A customer of the books with few invoices, how many those are, and how many the largest customer has."""
    from django.db.models import Count

    from invoices.models import Invoice

    connect_to(books)
    few = Invoice.objects.exclude(customer_id=LARGE_CUSTOMER).values("customer_id").annotate(count=Count("pk"))
    row = few.order_by("count", "customer_id")[0]
    return row["customer_id"], row["count"], Invoice.objects.filter(customer_id=LARGE_CUSTOMER).count()


def goals(title: str, rows: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    """All are to be flat."""
    return [at_most(f"{title}: {name}", FLAT, row["ratio"]) for name, row in rows.items()]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small", help="the name of the database with 10,000 invoices")
    parser.add_argument("large", help="the name of the database with 1,000,000")
    parser.add_argument("--rounds", type=int, default=150, help="each of one operation of a kind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    set_up_django(served_environment(f"{postgresql_server()}/{options.small}"))
    books = {"small books": (options.small, None), "large books": (options.large, None)}
    few, how_few, how_many = customer_with_few(options.large)
    customers = {"small": (options.large, few), "large": (options.large, LARGE_CUSTOMER)}
    figures = {
        f"growth from {options.small} to {options.large}": rows_of(compare(books, options.rounds)),
        f"growth of a customer from {how_few} to {how_many}": rows_of(compare(customers, options.rounds)),
    }
    table = [goal for title, rows in figures.items() for goal in goals(title, rows)]
    if options.json:
        print(as_json(figures, table))
        return
    for title, rows in figures.items():
        print(f"\n{title}")
        print_table(rows)
    print_goals(table)


if __name__ == "__main__":
    main()
