"""The torture finds every fault that is planted, and none where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from torture.cluster import NoPostgres, program

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.long
@pytest.mark.postgresql
def test_each_planted_fault_is_found_and_an_honest_run_is_clean() -> None:
    try:
        program("pg_ctl")
    except NoPostgres as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "torture", "--controls"]

    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=480, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as it must be") == 10
