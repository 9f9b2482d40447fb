"""Two commands, statement by statement, in every order that the database lets them run (PostgreSQL only).

A scheduler lets one of two threads execute one statement at a time. Who has to wait for a lock is passed over until it
is let go. Every schedule is run once: where both could go on, both continuations are explored.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from django.db import connection, transaction

from audit.tests.races import PATIENCE_SECONDS

POLL_SECONDS = 0.002
OWN_BUSINESS = ("SAVEPOINT", "RELEASE")
"""Statements that nobody else notices: their place in the order makes no difference."""

Deed = Callable[[], Any]


class Player:
    """A thread that does its deed in one transaction, and stops before each statement and before the commit.

    The statement that waits for a lock counts as executed; what follows it waits for its turn again.
    """

    def __init__(self, deed: Deed) -> None:
        self.deed, self.outcome = deed, "?"
        self.changed = Condition()
        self.waits_for_turn = self.ended = False
        self.backend = 0
        self.thread = Thread(target=self._play)
        self.thread.start()
        self.settle()

    def _play(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.backend = cursor.fetchone()[0]
            with transaction.atomic(), connection.execute_wrapper(self._before_statement):
                self.deed()
                self._wait_for_turn()
            self.outcome = "done"
        except Exception as error:
            self.outcome = type(error).__name__
        finally:
            connection.close()
            self._tell(ended=True)

    def _before_statement(self, execute: Any, sql: str, *arguments: Any) -> Any:
        if not sql.startswith(OWN_BUSINESS):
            self._wait_for_turn()
        return execute(sql, *arguments)

    def _wait_for_turn(self) -> None:
        with self.changed:
            self.waits_for_turn = True
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: not self.waits_for_turn, PATIENCE_SECONDS):
                raise TimeoutError("the scheduler has forgotten us")

    def _tell(self, *, ended: bool) -> None:
        with self.changed:
            self.ended = ended
            self.changed.notify_all()

    def go(self) -> None:
        """Execute the next statement."""
        with self.changed:
            self.waits_for_turn = False
            self.changed.notify_all()
        self.settle()

    def settle(self) -> None:
        """Return once the player waits for its turn, waits for a lock, or has ended."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            with self.changed:
                if self.changed.wait_for(lambda: self.waits_for_turn or self.ended, POLL_SECONDS):
                    return
            if self._waits_for_lock():
                return
        raise TimeoutError("a statement does not end")

    @property
    def can_go(self) -> bool:
        """Whether it waits for nothing but its turn."""
        return self.waits_for_turn and not self.ended

    def _waits_for_lock(self) -> bool:
        if not self.backend:
            return False
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [self.backend])
            return bool(cursor.fetchone()[0])


@dataclass
class Run:
    """What one schedule came to: who went at each step, where the other could have gone too, and the outcomes."""

    choices: list[int] = field(default_factory=list)
    forks: list[int] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def play(deeds: Sequence[Deed], prefix: Sequence[int]) -> Run:
    """Run two deeds: first as `prefix` says who goes, then the first that can."""
    run, players = Run(), [Player(deed) for deed in deeds]
    while not all(player.ended for player in players):
        able = [number for number, player in enumerate(players) if player.can_go]
        if not able:
            raise TimeoutError("nobody can go on")
        step = len(run.choices)
        choice = prefix[step] if step < len(prefix) and prefix[step] in able else able[0]
        if step >= len(prefix) and len(able) > 1:
            run.forks.append(step)
        run.choices.append(choice)
        players[choice].go()
        players[1 - choice].settle()
    for player in players:
        player.thread.join()
    run.outcomes = [player.outcome for player in players]
    return run


def all_schedules(new_deeds: Callable[[], Sequence[Deed]]) -> Iterator[Run]:
    """Every schedule of the two deeds, each of them on deeds (and rows) of its own."""
    pending: list[list[int]] = [[]]
    while pending:
        prefix = pending.pop()
        run = play(new_deeds(), prefix)
        yield run
        pending += [[*run.choices[:step], 1 - run.choices[step]] for step in run.forks]
