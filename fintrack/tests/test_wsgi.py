"""The entry point of web servers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

PROJECT = Path(__file__).resolve().parents[2]
UNSHARED = "from django.db import connection; print(connection.connection is None)"
LOADED = f"import fintrack.wsgi; {UNSHARED}"
NEVER_CLOSED = (
    "from django.db.backends.base.base import BaseDatabaseWrapper; BaseDatabaseWrapper.close = lambda self: None; "
)


def shares_nothing(program: str) -> bool:
    """Whether a process that runs the program holds no connection afterwards."""
    settings = connection.settings_dict
    server = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    environment = os.environ | {"DEBUG": "on", "DATABASE_URL": f"postgres://{server}/{settings['NAME']}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "True"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_loading_the_program_leaves_no_connection_that_forked_workers_would_share():
    assert shares_nothing(LOADED)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_unless_it_is_closed_after_the_triggers_were_looked_at_the_connection_would_be_shared():
    assert not shares_nothing(NEVER_CLOSED + LOADED)
