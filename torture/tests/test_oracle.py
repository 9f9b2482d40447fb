"""The oracle names what must never be, answer by answer and mail by mail, and says nothing about what may be."""

import pytest

from torture.clients import Answer, Attempt
from torture.ledger import Books, differences
from torture.mail_ledger import Mail, Message, mail_faults
from torture.replies import reply_faults

RESTARTS = [(100.0, 101.0)]


def asked(*tries: Attempt, status: int = 201) -> Answer:
    return Answer("key-1", "pay", invoice=1, amount="1", status=status, tries=list(tries))


@pytest.mark.parametrize(
    ("attempt", "fault"),
    [
        (Attempt(50, 1, 503, "busy", "5"), ""),
        (Attempt(50, 1, 503, "busy", ""), "says nothing of when to repeat"),
        (Attempt(50, 1, 429, "throttled", ""), "says nothing of when to repeat"),
        (Attempt(50, 1, 409, "idempotency_key_busy", ""), "says nothing of when to repeat"),
        (Attempt(50, 1, 409, "wrong_status", ""), ""),
        (Attempt(99.5, 1, 503, "database_unavailable", "5"), ""),
        (Attempt(104, 1, 503, "database_unavailable", "5"), ""),
        (Attempt(98, 1, 503, "database_unavailable", "5"), "while the database was there"),
        (Attempt(107, 1, 503, "database_unavailable", "5"), "while the database was there"),
    ],
)
def test_an_attempt_is_answered_in_a_way_that_says_what_to_do(attempt: Attempt, fault: str) -> None:
    found = list(reply_faults([asked(attempt)], RESTARTS))
    assert [fault in sentence for sentence in found] == [True] * bool(fault)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_status_that_nobody_here_may_give_is_a_fault(status: int) -> None:
    answer = asked(Attempt(50, 1, status), status=status)
    assert list(differences([answer], Books({}, {}))) == [f"key-1: pay was answered {status} None"]


SENT, WAITING = Message(1, "<1@x>", "sent", 1), Message(2, "<2@x>", "waiting", 0)
UNCERTAIN, NEEDLESS = Message(3, "<3@x>", "uncertain", 0), Message(4, "<4@x>", "needless", 0)


@pytest.mark.parametrize(
    ("messages", "arrived", "fault"),
    [
        ([SENT], ["<1@x>"], ""),
        ([SENT, UNCERTAIN], ["<1@x>"], ""),
        ([SENT, UNCERTAIN], ["<1@x>", "<3@x>"], ""),
        ([SENT, NEEDLESS], ["<1@x>"], ""),
        ([SENT, UNCERTAIN], ["<3@x>"], "was recorded as sent and never arrived"),
        ([SENT], ["<1@x>", "<1@x>"], "arrived 2 times"),
        ([SENT, UNCERTAIN], ["<1@x>", "<3@x>", "<3@x>"], "arrived 2 times"),
        ([SENT, NEEDLESS], ["<1@x>", "<4@x>"], "would be sent again"),
        ([SENT], ["<1@x>", "<9@x>"], "nobody was to send it"),
        ([SENT._replace(sendings=0)], ["<1@x>"], "on record as sent 0 times"),
        ([SENT, UNCERTAIN._replace(sendings=1)], ["<1@x>"], "on record as sent 1 times"),
        ([SENT, WAITING], ["<1@x>"], "still waits, however much time passes"),
        ([SENT, WAITING._replace(state="failed")], ["<1@x>"], "refused nothing"),
        ([SENT, UNCERTAIN, UNCERTAIN._replace(mail_id="<5@x>", id=5)], ["<1@x>"], "only 1 times can"),
        ([UNCERTAIN], [], "no mail arrived at all"),
    ],
)
def test_a_mail_arrives_once_or_a_person_is_asked(messages: list[Message], arrived: list[str], fault: str) -> None:
    asked_for = [Answer(f"key-{row.id}", "send", 1, "0", 200, {"messageId": row.id}) for row in messages]
    found = list(mail_faults(asked_for, Mail(messages, arrived, deaths=1)))
    assert [fault in sentence for sentence in found] == [True] * bool(fault)


def test_a_mail_that_was_due_and_left_lying_is_a_fault_though_time_brings_it_in_the_end() -> None:
    asked_for = [Answer("key-1", "send", 1, "0", 200, {"messageId": SENT.id})]
    mail = Mail([SENT], ["<1@x>"], deaths=0, forgotten=frozenset({SENT.id}))

    assert list(mail_faults(asked_for, mail)) == ["message 1 (sent): was due, and nobody did anything about it"]


@pytest.mark.parametrize(
    ("asked_for", "fault"), [([], "nobody was answered"), ([1, 7], "and gone"), ([1, 1], "2 times")]
)
def test_each_mail_is_the_effect_of_one_acknowledged_command(asked_for: list[int], fault: str) -> None:
    answers = [Answer(f"key-{at}", "send", 1, "0", 200, {"messageId": row}) for at, row in enumerate(asked_for)]
    [found] = mail_faults(answers, Mail([SENT], ["<1@x>"], deaths=0))
    assert fault in found


def test_a_worker_ends_by_itself_only_where_the_database_was_away() -> None:
    answers = [Answer("key-1", "send", 1, "0", 200, {"messageId": 1})]
    assert not list(mail_faults(answers, Mail([SENT], ["<1@x>"], deaths=1, falls=1, restarts=1)))
    [found] = mail_faults(answers, Mail([SENT], ["<1@x>"], deaths=1, falls=2, restarts=1))
    assert "ended by itself 2 times" in found
