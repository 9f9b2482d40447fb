"""Counting the SQL of one HTTP request, as the contract counts it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

TRANSACTION_WORDS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
LOOK_UP_OF_THE_USER = 'SELECT "accounts_user"."id"'


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, its statements but for BEGIN, COMMIT, SAVEPOINT and the user's row."""
    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [
        query["sql"]
        for query in captured.captured_queries
        if not query["sql"].startswith(TRANSACTION_WORDS) and not query["sql"].startswith(LOOK_UP_OF_THE_USER)
    ]
