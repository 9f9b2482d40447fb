"""Negative controls: faults planted on purpose, each of which the run must find (exit status 1).

``lost-update``: the balance is read before the row is locked. ``double-effect``: idempotency keys are not claimed.
``early-commit``: PostgreSQL acknowledges a commit before it is written down. ``lost-ack``: after the run, a payment
that was acknowledged is taken out of the database behind the triggers' back. ``lock-timeout-off``: commands wait for a
lock as long as somebody holds it.

Of the worker: ``sent-too-early`` records a mail as sent before it is handed over, ``sent-again`` sends what may have
arrived once more, and ``mail-forgotten`` wakes nobody for a mail that is to be sent.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from torture.clients import Answer

MODE_VARIABLE = "TORTURE_SABOTAGE"
SABOTAGED_SERVER = "torture.sabotaged_server"


@dataclass(frozen=True)
class Sabotage:
    """A fault: of the program, of the database's settings, or done to the database after the run.

    `found_by` are words of the sentence in which the oracle must name it.
    """

    name: str
    found_by: str = ""
    in_program: bool = False
    commits_early: bool = False
    removes_a_payment: bool = False
    waits_for_ever: bool = False
    is_of_mail: bool = False

    @property
    def application(self) -> str:
        """What gunicorn serves."""
        return f"{SABOTAGED_SERVER}:application" if self.in_program else "fintrack.wsgi"

    @property
    def manage(self) -> list[str]:
        """What Python runs management commands with."""
        return ["-m", SABOTAGED_SERVER] if self.in_program else ["manage.py"]

    def afterwards(self, url: str, answers: Sequence[Answer], seed: int) -> None:
        """Do what this sabotage does to the database after the run."""
        if self.removes_a_payment:
            paid = [answer.reply["paymentId"] for answer in answers if answer.verb == "pay" and answer.status == 201]
            remove_payment(url, random.Random(seed).choice(paid))  # noqa: S311  not a secret


NONE = Sabotage("none")
MODES = {
    mode.name: mode
    for mode in (
        NONE,
        Sabotage("lost-update", "entries until then sum to", in_program=True),
        Sabotage("double-effect", "pay was acknowledged and has", in_program=True),
        Sabotage("early-commit", "was acknowledged and has 0 effects", commits_early=True),
        Sabotage("lost-ack", "pay was acknowledged and has 0 effects", removes_a_payment=True),
        Sabotage("lock-timeout-off", "waited for the lock", waits_for_ever=True),
        Sabotage("retry-unsaid", "says nothing of when to repeat", in_program=True),
        Sabotage("sent-too-early", "was recorded as sent and never arrived", in_program=True, is_of_mail=True),
        Sabotage("sent-again", "arrived 2 times", in_program=True, is_of_mail=True),
        Sabotage("mail-forgotten", "was due, and nobody did anything about it", in_program=True, is_of_mail=True),
    )
}


def remove_payment(url: str, payment: int) -> None:
    """Delete a payment and all traces of its command, as an owner of the database could who silences the triggers."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        [[change]] = connection.execute(
            "DELETE FROM payments_payment WHERE id = %s RETURNING change_id", [payment]
        ).fetchall()
        connection.execute("DELETE FROM payments_historicalpayment WHERE change_id = %s", [change])
        connection.execute("DELETE FROM audit_change WHERE id = %s", [change])
