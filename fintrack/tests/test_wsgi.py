"""The entry point of web servers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

PROJECT = Path(__file__).resolve().parents[2]
LOADED = "import fintrack.wsgi; from django.db import connection; print(connection.connection is None)"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_loading_the_program_leaves_no_connection_that_forked_workers_would_share():
    settings = connection.settings_dict
    server = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    environment = os.environ | {"DEBUG": "on", "DATABASE_URL": f"postgres://{server}/{settings['NAME']}"}

    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "True"
