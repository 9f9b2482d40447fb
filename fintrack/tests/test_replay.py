"""Real receivables go through the REST API to the cent, and the books stay proven."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.tests.factories import PASSWORD, make_user
from invoices.models import Invoice

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "replay_receivables.py"


@pytest.mark.django_db(transaction=True)
def test_published_receivables_are_issued_and_paid_over_http(samples, live_server):
    finance = make_user("Finance")

    command = [sys.executable, str(SCRIPT), "--url", live_server.url, "--email", finance.email, "--password", PASSWORD]
    done = subprocess.run([*command, "--limit", "25"], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "25 invoices issued and paid" in done.stdout
    assert set(Invoice.objects.values_list("status", flat=True)) == {"Paid"}
    call_command("verify_books")
