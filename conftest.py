"""What every test of the project shares."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test import TransactionTestCase

from audit.triggers import drop_triggers, install_triggers, require_current_triggers
from core.testing.samples import Samples


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes; skip what needs a real server where the tests run on SQLite."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
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
        if connection.vendor == "postgresql":
            _empty_tables()
            return
        drop_triggers(connection)
        original(case)
        install_triggers(connection)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = original


def _empty_tables() -> None:
    """Delete all rows while no trigger fires, and make roles and permissions anew: many times faster than TRUNCATE."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables))  # noqa: S608
        cursor.execute("SET session_replication_role = DEFAULT")
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)


@pytest.fixture(autouse=True)
def triggers_checked(request: pytest.FixtureRequest) -> None:
    """Look at the triggers once, before anybody counts statements."""
    if {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("db" if "db" in request.fixturenames else "transactional_db")
        require_current_triggers()
