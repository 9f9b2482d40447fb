"""What every test of the project shares."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test import TransactionTestCase

from audit.triggers import drop_triggers, install_triggers, require_current_triggers
from core.testing.samples import Samples


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a real server where the tests run on SQLite."""
    if connection.vendor == "postgresql":
        return
    reason = pytest.mark.skip(reason="needs PostgreSQL: set DATABASE_URL to a server")
    for item in items:
        if item.get_closest_marker("postgresql"):
            item.add_marker(reason)


@pytest.fixture
def samples() -> Samples:
    """The published material; the test is skipped where this clone has none."""
    samples = Samples()
    if not samples.folder.exists():
        pytest.skip("needs the published samples: set FINTRACK_SAMPLES to their folder")
    return samples


@pytest.fixture(scope="session", autouse=True)
def flush_around_append_only_tables() -> Iterator[None]:
    """TransactionTestCase empties all tables; history and journal refuse that while their triggers stand."""
    original = TransactionTestCase._fixture_teardown

    def teardown(case: Any) -> None:
        for database in connections.all(initialized_only=True):
            drop_triggers(database)
        original(case)
        for database in connections.all(initialized_only=True):
            install_triggers(database)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = original


@pytest.fixture(autouse=True)
def triggers_checked(request: pytest.FixtureRequest) -> None:
    """Look at the triggers once, before anybody counts statements."""
    if {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("db" if "db" in request.fixturenames else "transactional_db")
        require_current_triggers()
