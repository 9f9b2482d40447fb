"""A TypeScript client is generated from the OpenAPI document, compiles strictly, and works against the program."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.tests.factories import PASSWORD, make_user
from core.testing.tools import required_program
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.models import Company
from parties.tests.factories import make_company
from payments.services import apply_payment

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "clients" / "typescript"


def run(*command: str, folder: Path) -> str:
    """What the command prints; the test fails where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def typescript_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client with its packages and its generated types."""
    npm = required_program("npm")
    required_program("node")
    folder = tmp_path_factory.mktemp("typescript") / "client"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "*.d.ts"))
    run(npm, "ci", "--no-progress", folder=folder)
    run(npm, "run", "generate", "--", str(ROOT / "docs" / "openapi.yaml"), folder=folder)
    return folder


@pytest.fixture
def company(transactional_db: None) -> Company:
    return make_company()


def test_the_example_compiles_with_the_generated_types(typescript_client: Path) -> None:
    run(required_program("npm"), "run", "check", folder=typescript_client)


def test_a_field_that_does_not_exist_does_not_compile(typescript_client: Path) -> None:
    source = (typescript_client / "example.ts").read_text()
    wrong = typescript_client / "wrong.ts"
    wrong.write_text(source.replace("part.outstanding", "part.outstnding"))
    command = [
        "node_modules/.bin/tsc",
        "--noEmit",
        "--strict",
        "--module",
        "NodeNext",
        "--target",
        "ES2022",
        wrong.name,
    ]

    done = subprocess.run(command, cwd=typescript_client, capture_output=True, text=True, timeout=300, check=False)

    wrong.unlink()
    assert done.returncode != 0
    assert "'outstnding' does not exist" in done.stdout


def test_the_example_bills_pays_meets_a_conflict_and_reads_a_list(
    typescript_client: Path, live_server: Any, company: Company
) -> None:
    finance = make_user("Finance", company)
    for _ in range(4):
        invoice = make_issued(company)
        apply_payment(actor=finance, invoice_id=invoice.pk, amount=invoice.total)
    run(required_program("npm"), "run", "build", folder=typescript_client)

    arguments = [live_server.url, finance.email, PASSWORD]
    lines = run("node", "dist/example.js", *arguments, folder=typescript_client).splitlines()

    assert lines == [
        f"{Invoice.objects.latest('id').number}: total 280.00 ZAR",
        "PartiallyPaid: outstanding 180.00",
        f"409 stale_version: {finance.email} made version 3",
        "Paid: outstanding 0.00",
        "5 invoices are paid",
    ]
    call_command("verify_books")


def test_the_locked_packages_name_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text()

    assert "resolved" not in lock
    assert lock.count('"integrity": "sha512-') > 10
    assert "omit-lockfile-registry-resolved=true" in (SOURCES / ".npmrc").read_text()


def test_without_npm_the_test_is_skipped_but_not_where_everything_must_be_there(monkeypatch: Any) -> None:
    monkeypatch.setitem(os.environ, "PATH", "")

    monkeypatch.setitem(os.environ, "CI", "")
    with pytest.raises(pytest.skip.Exception, match="needs the program npm"):
        required_program("npm")
    monkeypatch.setitem(os.environ, "CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs the program npm"):
        required_program("npm")
