"""A Python client is generated from the OpenAPI document without a warning, and does a day's work with it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.tests.factories import PASSWORD, make_user
from invoices.tests.factories import make_issued
from parties.models import Company
from parties.tests.factories import make_company

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = Path(sys.executable).parent / "openapi-python-client"


@pytest.fixture(scope="session")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package."""
    folder = tmp_path_factory.mktemp("python-client")
    command = [str(GENERATOR), "generate", "--meta", "none", "--fail-on-warning"]
    paths = {
        "--path": ROOT / "docs" / "openapi.yaml",
        "--config": ROOT / "clients" / "python" / "config.yml",
        "--output-path": folder / "fintrack_client",
    }
    arguments = [str(part) for pair in paths.items() for part in pair]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def company(transactional_db: None) -> Company:
    return make_company()


def work(client: Path, address: str, email: str) -> list[str]:
    """The lines that the example prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "clients" / "python" / "example.py"), address, email, PASSWORD],
        env=os.environ | {"PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_generated_client_bills_pays_meets_a_conflict_and_gives_back(
    python_client: Path, live_server: Any, company: Company
) -> None:
    for _ in range(4):
        make_issued(company)

    lines = work(python_client, live_server.url, make_user("Finance", company).email)

    assert lines[0].endswith(": total 280.00 ZAR")
    assert lines[1:] == [
        "PartiallyPaid: paid 100.00, outstanding 180.00",
        "409 stale_version: now version 3",
        "PartiallyPaid: paid 60.00, outstanding 220.00",
        "Issued: paid 0.00, outstanding 280.00",
        "Reversal -60.00; Refund -40.00; Payment 100.00",
        "5 invoices are issued and not paid",
    ]
    call_command("verify_books")


def test_every_operation_is_generated(python_client: Path) -> None:
    document = (ROOT / "docs" / "openapi.yaml").read_text()

    modules = [path for path in (python_client / "fintrack_client" / "api").glob("*/*.py") if path.stem != "__init__"]

    assert len(modules) == document.count("operationId:")
