"""The README is true: its examples are run as they stand, in their order, and do what the text above them says."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from openpyxl import load_workbook

from core.testing.tools import required_program
from fintrack.demo import make_demo
from invoices.models import Invoice
from payments.models import Payment

README = Path(__file__).resolve().parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8000"
SECTION = "## The API by example"
MARK = "--- block"
# Says the status of each reply on the other stream, and ends the line that JSON leaves open.
CURL = 'curl() { command curl --write-out "\\n%{stderr}%{http_code}\\n" "$@"; }\n'
AMOUNTS = {"subtotal": "subtotal", "VAT": "vatTotal", "total": "total", "paid": "paid", "outstanding": "outstanding"}


@dataclass(frozen=True)
class Block:
    """An example: the text above it, its commands, and once they have run the statuses and the replies printed."""

    text: str
    commands: str
    statuses: tuple[int, ...] = ()
    replies: tuple[Any, ...] = ()


def blocks() -> list[Block]:
    section = README.read_text().split(SECTION)[1].split("\n## ")[0]
    parts = re.split(r"```sh\n(.*?)```\n", section, flags=re.DOTALL)
    return [Block(text, commands) for text, commands in zip(parts[0::2], parts[1::2], strict=False)]


def run(examples: list[Block], address: str, folder: Path) -> list[Block]:
    script = CURL + "".join(f"echo '{MARK}' | tee /dev/stderr\n{block.commands}" for block in examples)
    done = subprocess.run(
        [required_program("bash"), "-u", "-c", script.replace(ADDRESS, address)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=True,
    )
    printed, said = done.stdout.split(f"{MARK}\n")[1:], done.stderr.split(f"{MARK}\n")[1:]
    return [
        Block(
            block.text,
            block.commands,
            statuses=tuple(int(status) for status in said[position].split()),
            replies=tuple(json.loads(line) for line in printed[position].splitlines() if line),
        )
        for position, block in enumerate(examples)
    ]


@pytest.fixture
def executed(transactional_db: None, live_server: Any, settings: Any, tmp_path: Path) -> Iterator[list[Block]]:
    required_program("curl")
    settings.DEBUG = True
    make_demo()
    yield run(blocks(), live_server.url, tmp_path)
    call_command("verify_books")


def test_the_examples_do_what_the_text_says(executed: list[Block], tmp_path: Path) -> None:
    sign_in, quick, whole, paid, repeated, refusals, rehearsed, given_back, *rest = executed
    lists, workbook, page, many, audit = rest

    assert sign_in.statuses == (200,)
    assert (quick.statuses, quick.replies[0]["status"]) == ((201,), "Draft")
    assert whole.statuses == (201, 201, 200)
    assert paid.statuses == (200, 201)
    assert [reply["version"] for reply in paid.replies] == [2, 3]
    assert repeated.statuses == (201, 200)
    assert repeated.replies[0] == paid.replies[1]
    assert refusals.statuses == (409, 400)
    assert refusals.replies[0]["currentVersion"] == 3
    assert refusals.replies[0]["changedBy"] == "finance@demo.fintrack.test"
    assert rehearsed.statuses == (201,)
    assert rehearsed.replies[0]["status"] == "Paid"
    assert given_back.statuses == (200, 201, 201)
    assert given_back.replies[0]["outstanding"] == "220.00"
    assert_lists_are_pages(lists)
    assert workbook.statuses == (200,)
    assert {row[2] for row in load_workbook(tmp_path / "aging.xlsx")["aging"].values} >= {"currency", "ZAR"}
    assert page.statuses == (200,)
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")
    assert many.statuses == (200,)
    issued, refused = many.replies[0]["results"]
    assert (issued["status"], issued["invoice"]["status"]) == (201, "Issued")
    assert (refused["status"], refused["error"]["code"]) == (400, "item_invalid")
    assert audit.statuses == (403, 200, 200)
    assert {row["entityType"] for row in audit.replies[1]["results"]} == {"Payment"}
    for block in executed:
        assert_amounts_and_errors_are_those_of_the_text(block)
    assert_what_is_in_the_books()


def assert_lists_are_pages(lists: Block) -> None:
    first, second, aging, history = lists.replies

    assert lists.statuses == (200, 200, 200, 200, 200)
    rows = first["results"] + second["results"]
    assert len({row["id"] for row in rows}) == 4
    assert all(row["isOverdue"] for row in rows)
    owed = [float(row["outstanding"]) for row in rows]
    assert owed == sorted(owed, reverse=True)
    assert [row["currency"] for row in aging["results"]] == ["ZAR"]
    commands = {row["command"] for row in history["results"]}
    assert {"invoice.issued", "payment.applied", "payment.refunded", "payment.reversed"} <= commands


def assert_amounts_and_errors_are_those_of_the_text(block: Block) -> None:
    """Each amount that the text names is that of the last reply; each error named is one of the replies."""
    for name, amount in re.findall(rf"\b({'|'.join(AMOUNTS)})\s+(\d+\.\d\d)", block.text):
        assert block.replies[-1][AMOUNTS[name]] == amount, block.text
    for status, code in re.findall(r"\ba (\d{3})\s+`(\w+)`", block.text):
        assert (int(status), code) in {(reply.get("status"), reply.get("code")) for reply in block.replies}, block.text


def assert_what_is_in_the_books() -> None:
    invoice = Invoice.objects.filter(customer_name="Acme Mining").earliest("id")

    entries = Payment.objects.filter(invoice=invoice).order_by("id").values_list("kind", "amount")

    assert [(kind, f"{amount:.2f}") for kind, amount in entries] == [
        ("Payment", "100.00"),
        ("Refund", "-40.00"),
        ("Reversal", "-60.00"),
    ]


def test_the_text_names_amounts_and_errors_that_are_checked() -> None:
    text = " ".join(block.text for block in blocks())

    assert len(re.findall(rf"\b({'|'.join(AMOUNTS)})\s+(\d+\.\d\d)", text)) >= 8
    assert re.findall(r"\ba (\d{3})\s+`(\w+)`", text) == [
        ("409", "stale_version"),
        ("400", "payment_exceeds_outstanding"),
        ("403", "permission_denied"),
    ]


@pytest.mark.parametrize("document", ["README.md", "docs/integrators.md", "docs/differences.md", "docs/operators.md"])
def test_links_between_the_pages_lead_somewhere(document: str) -> None:
    path = README.parent / document

    links = [link for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()) if "://" not in link]

    assert [link for link in links if not (path.parent / link).exists()] == []
