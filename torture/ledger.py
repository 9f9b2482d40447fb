"""The oracle: what clients were answered, beside what the database holds. Every difference is a fault.

A command's effect is known by its key, which is the request id of the journal entry that it wrote.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from torture.clients import Answer, Attempt

MONEY = {"pay": "paymentId", "refund": "refundPaymentIds", "reverse": "reversalPaymentId"}
ACTIONS = {
    "create": "invoice.created",
    "edit": "invoice.updated",
    "delete": "invoice.deleted",
    "issue": "invoice.issued",
    "cancel": "invoice.cancelled",
    "pay": "payment.applied",
    "refund": "payment.refunded",
    "reverse": "payment.reversed",
    "send": "invoice.send_requested",
}


@dataclass
class Effect:
    """A journal entry, and the ledger entries it made: id -> (invoice, amount)."""

    action: str
    entries: dict[int, tuple[int, Decimal]] = field(default_factory=dict)


class State(NamedTuple):
    """Where an invoice stands."""

    version: int
    status: str
    number: str | None
    paid: Decimal


@dataclass
class Books:
    """What the database holds: the effects of each key, and the state of each invoice."""

    effects: dict[str, list[Effect]]
    invoices: dict[int, State]


def read_logs(folder: Path) -> list[Answer]:
    """What all clients were answered."""
    return [
        _answer(json.loads(line))
        for path in sorted(folder.glob("client-*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def _answer(logged: dict[str, Any]) -> Answer:
    return Answer(**(logged | {"tries": [Attempt(*attempt) for attempt in logged["tries"]]}))


def read_books(url: str, run: str) -> Books:
    """What the commands of the run left in the database."""
    effects: dict[str, list[Effect]] = defaultdict(list)
    by_id: dict[int, Effect] = {}
    with psycopg.connect(url) as connection:
        for change, key, action in connection.execute(
            "SELECT id, request_id, action FROM audit_change WHERE request_id LIKE %s ORDER BY id", [f"{run}-%"]
        ):
            by_id[change] = Effect(action)
            effects[key].append(by_id[change])
        for entry, change, invoice, amount in connection.execute(
            "SELECT id, change_id, invoice_id, amount FROM payments_payment"
        ):
            if change in by_id:
                by_id[change].entries[entry] = (invoice, amount)
        rows = connection.execute("SELECT id, version, status, number, paid FROM invoices_invoice").fetchall()
    return Books(dict(effects), {row[0]: State(*row[1:]) for row in rows})


def differences(answers: Iterable[Answer], books: Books) -> Iterator[str]:
    """Every fault, in a sentence."""
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_key[answer.key].append(answer)
    for key, group in by_key.items():
        yield from _faults_of_command(key, group, books.effects.get(key, []))
    for key in books.effects.keys() - by_key.keys():
        yield f"{key}: has an effect, and nobody was answered"
    done = [group[0] for group in by_key.values() if 200 <= group[0].status < 300]
    yield from _faults_of_numbers(done, books)
    lost_deletions = (group[0] for group in by_key.values() if group[0].verb == "delete" and group[0].status >= 400)
    gone = {answer.invoice or 0 for answer in lost_deletions if answer.key in books.effects}
    for invoice, history in _by_invoice(done).items():
        yield from _faults_of_invoice(invoice, history, books, gone)


def _faults_of_command(key: str, group: list[Answer], effects: list[Effect]) -> Iterator[str]:
    """One key: one answer, however often it is given, and the effect that the answer tells of."""
    answer = group[0]
    if any((other.status, other.reply) != (answer.status, answer.reply) for other in group[1:]):
        yield f"{key}: one key, different answers"
    if answer.status == 0:
        yield f"{key}: {answer.verb} was never answered, in {answer.attempts} attempts"
    elif answer.status >= 500:
        yield f"{key}: {answer.verb} was answered {answer.status} {answer.reply.get('code')}"
    elif answer.status >= 400:
        # Without a key (PATCH, DELETE) a repeat is told what is so now; its first attempt may have done it.
        allowed = 1 if answer.verb in ("edit", "delete") and answer.uncertain else 0
        if len(effects) > allowed:
            yield f"{key}: {answer.verb} was refused ({answer.reply.get('code')}) and has {len(effects)} effects"
    elif [effect.action for effect in effects] != [ACTIONS[answer.verb]]:
        yield f"{key}: {answer.verb} was acknowledged and has {len(effects)} effects"
    elif answer.verb in MONEY:
        yield from _faults_of_entries(answer, effects[0])


def _faults_of_entries(answer: Answer, effect: Effect) -> Iterator[str]:
    """The ledger entries are those that were acknowledged, on the invoice and over the amount that was asked."""
    named = answer.reply[MONEY[answer.verb]]
    acknowledged = set(named if isinstance(named, list) else [named])
    if set(effect.entries) != acknowledged:
        yield f"{answer.key}: entries {sorted(acknowledged)} were acknowledged, there are {sorted(effect.entries)}"
    if {invoice for invoice, _ in effect.entries.values()} != {answer.invoice}:
        yield f"{answer.key}: an entry is on another invoice"
    booked = _booked([effect])
    asked = {"pay": Decimal(answer.amount), "refund": -Decimal(answer.amount)}.get(answer.verb, booked)
    if booked != asked:
        yield f"{answer.key}: {asked} was acknowledged, {booked} is booked"


def _by_invoice(done: list[Answer]) -> dict[int, list[Answer]]:
    """The acknowledged commands of each invoice, in the order of the versions that they made."""
    result: dict[int, list[Answer]] = defaultdict(list)
    for answer in done:
        if answer.verb != "send":  # a mail changes nothing about its invoice
            result[answer.invoice or answer.reply["id"]].append(answer)
    for history in result.values():
        history.sort(key=lambda answer: answer.reply.get("version", 1_000_000_000))
    return result


def _faults_of_invoice(invoice: int, history: list[Answer], books: Books, gone: set[int]) -> Iterator[str]:
    """What is paid follows from the acknowledged commands, one after the other, and is what the database says.

    `gone` are drafts whose deletion took effect although its answer was lost.
    """
    paid = Decimal(0)
    versions = [answer.reply.get("version") for answer in history]
    if len(set(versions)) != len(versions):
        yield f"invoice {invoice}: one version was acknowledged twice"
    for answer in history:
        if answer.verb in MONEY:
            paid += _booked(books.effects.get(answer.key, []))
            if Decimal(answer.reply["paid"]) != paid:
                yield f"{answer.key}: acknowledged as paid {answer.reply['paid']}, entries until then sum to {paid}"
    last, stored = history[-1], books.invoices.get(invoice)
    if stored is None:
        if last.verb != "delete" and invoice not in gone:
            yield f"invoice {invoice}: was acknowledged and is gone"
    else:
        yield from _faults_of_last_state(last, stored, paid)


def _faults_of_last_state(last: Answer, stored: State, paid: Decimal) -> Iterator[str]:
    """The invoice is as the last acknowledged command left it."""
    if last.verb == "delete":
        yield f"{last.key}: was deleted and is there"
    elif stored.paid != paid:
        yield f"{last.key}: the acknowledged entries sum to {paid}, paid is {stored.paid}"
    elif last.verb not in ("create", "edit") and (stored.version, stored.status) != _state_told(last):
        yield f"{last.key}: acknowledged was {_state_told(last)}, stored is {stored}"


def _state_told(answer: Answer) -> tuple[int, str]:
    return answer.reply["version"], answer.reply["status"]


def _booked(effects: list[Effect]) -> Decimal:
    return sum((amount for effect in effects for _, amount in effect.entries.values()), Decimal(0))


def _faults_of_numbers(done: list[Answer], books: Books) -> Iterator[str]:
    """Each issued document keeps the number that was acknowledged, and no other has it; the numbers have no gap."""
    for answer in done:
        stored = books.invoices.get(answer.invoice or 0)
        if answer.verb == "issue" and (stored is None or stored.number != answer.reply["invoiceNumber"]):
            yield f"{answer.key}: number {answer.reply['invoiceNumber']} was acknowledged, stored is {stored}"
    numbers = sorted(state.number for state in books.invoices.values() if state.number)
    series = defaultdict(list)
    for number in numbers:
        series[number[:8]].append(int(number[9:]))
    for prefix, given in series.items():
        if given != list(range(1, len(given) + 1)):
            yield f"{prefix}: the numbers have a gap or a repeat"
