"""The oracle of the mail: what was to be sent, beside what the mail server was given.

A mail arrives once if it was recorded as sent, and at most once if nobody can know. No other arrives.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from torture.clients import Answer
from torture.installation import Installation
from torture.server import manage

QUIET_SECONDS = 20
"""How long nothing may move before the rest counts as forgotten: the worker looks at the clock every 15 seconds."""
LOOK_SECONDS = 0.25
DUE = "SELECT count(*) FROM notifications_message WHERE state = 'waiting' AND next_attempt_at <= now()"
MESSAGES = """
SELECT id, mail_id, state, (SELECT count(*) FROM notifications_delivery WHERE message_id = message.id)
FROM notifications_message message ORDER BY id
"""
FORGOTTEN = "SELECT id FROM notifications_message WHERE state = 'waiting' AND next_attempt_at <= now()"
TIME_PASSES = """
from datetime import timedelta
from django.utils import timezone
from notifications.services import LEASE, deliver_due, give_up_on_lost
give_up_on_lost(now=timezone.now() + LEASE)
while deliver_due(now=timezone.now() + timedelta(days=1)):
    pass
"""


class Message(NamedTuple):
    """A mail that was to be sent: where it stands, and how often it is on record as sent."""

    id: int
    mail_id: str
    state: str
    sendings: int


@dataclass
class Mail:
    """All messages, the Message-ID of every mail that arrived, and how often its sender may have died over one.

    `falls` are the times that the sender ended by itself, which only `restarts` of the database excuse. `forgotten` are
    messages that were due for long, and nobody did anything about them.
    """

    messages: Sequence[Message]
    arrived: Sequence[str]
    deaths: int
    falls: int = 0
    restarts: int = 0
    forgotten: frozenset[int] = frozenset()

    def __str__(self) -> str:
        states = Counter(message.state for message in self.messages)
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return f"{len(self.messages)} mails to send ({told}), {len(self.arrived)} arrived"


def settled_mail(installation: Installation, restarts: int) -> Mail:
    """The mail after a quiet period: the worker has done what is due, and then so much time passes that all is."""
    worker = installation.worker
    worker.revive()
    with psycopg.connect(installation.url, autocommit=True) as connection:
        _wait_while(connection, DUE, QUIET_SECONDS)
        forgotten = frozenset(row[0] for row in connection.execute(FORGOTTEN))
        worker.end()
        _let_time_pass(installation)
        rows = connection.execute(MESSAGES).fetchall()
    messages = [Message(*row) for row in rows]
    deaths = worker.kills + worker.falls + restarts
    return Mail(messages, installation.postbox.arrived(), deaths, worker.falls, restarts, forgotten)


def _wait_while(connection: psycopg.Connection, question: str, seconds: float) -> None:
    """Return once `question` counts nothing, or has counted the same for so long."""
    left, since = _count(connection, question), time.monotonic()
    while left and time.monotonic() - since < seconds:
        time.sleep(LOOK_SECONDS)
        if (now_left := _count(connection, question)) != left:
            left, since = now_left, time.monotonic()


def _count(connection: psycopg.Connection, question: str) -> int:
    row = connection.execute(question).fetchone()
    return int(row[0]) if row else 0


def _let_time_pass(installation: Installation) -> None:
    """Let the program look at what was being sent when its sender died, and try again what it put off."""
    done = manage(installation.web.settings, "shell", "--no-imports", "--command", TIME_PASSES)
    if done.returncode:
        raise RuntimeError(f"nobody looks after the mail that is left:\n{done.stdout}{done.stderr}")


def mail_faults(answers: Iterable[Answer], mail: Mail) -> Iterator[str]:
    """Every fault, in a sentence."""
    arrivals = Counter(mail.arrived)
    for message in mail.messages:
        yield from _faults_of_message(message, arrivals[message.mail_id])
        if message.id in mail.forgotten:
            yield f"message {message.id} ({message.state}): was due, and nobody did anything about it"
    for mail_id in arrivals.keys() - {message.mail_id for message in mail.messages}:
        yield f"mail {mail_id}: arrived, and nobody was to send it"
    uncertain = sum(message.state == "uncertain" for message in mail.messages)
    if uncertain > mail.deaths:
        yield f"{uncertain} mails are uncertain, and only {mail.deaths} times can their sender have died"
    if mail.falls > mail.restarts:
        yield f"the worker ended by itself {mail.falls} times, and the database was away {mail.restarts} times"
    if not mail.arrived:
        yield "no mail arrived at all"
    known = {message.id for message in mail.messages}
    asked = Counter(
        message for key, message in {(answer.key, answer.reply.get("messageId")) for answer in answers} if message
    )
    for message_id, times in asked.items():
        if message_id not in known or times > 1:
            yield f"message {message_id}: was acknowledged {times} times, and {'is' if message_id in known else 'gone'}"
    for message_id in known - asked.keys():
        yield f"message {message_id}: is to be sent, and nobody was answered"


def _faults_of_message(message: Message, arrivals: int) -> Iterator[str]:
    told = f"message {message.id} ({message.state})"
    if arrivals > 1:
        yield f"{told}: arrived {arrivals} times"
    if arrivals and message.state not in ("sent", "uncertain"):
        yield f"{told}: arrived, and would be sent again"
    if message.state == "sent" and not arrivals:
        yield f"{told}: was recorded as sent and never arrived"
    if message.sendings != (message.state == "sent"):
        yield f"{told}: is on record as sent {message.sendings} times"
    if message.state in ("waiting", "sending"):
        yield f"{told}: still waits, however much time passes"
    if message.state == "failed":
        yield f"{told}: failed, and the mail server refused nothing"
