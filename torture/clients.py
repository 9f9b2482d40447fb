"""Clients that hammer: each gives commands of every kind, and repeats each under its key until it is answered.

What was answered goes line by line into the client's own log; `torture.ledger` reads it.
"""

import http.client
import json
import random
import time
from dataclasses import asdict, dataclass, field
from multiprocessing.sharedctypes import Synchronized, SynchronizedArray
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE_SECONDS = 90
PAUSE_SECONDS = 0.02
HOT_SHARE = 0.4
KEPT = (
    *("id", "version", "status", "paid", "invoiceNumber", "code"),
    *("paymentId", "refundPaymentIds", "reversalPaymentId", "messageId"),
)
UNSETTLED = {401, 429, 503}
"""Statuses that say that nothing was done yet. Nobody stands here who might honestly answer 502 or 504."""
AT_THE_LOCK_EVERY = 3
"""While somebody holds a lock, every third client insists on what is locked, and the others avoid it."""


@dataclass(frozen=True)
class Command:
    """A request that changes something, and what it is about."""

    verb: str
    method: str
    path: str
    body: dict[str, Any]
    invoice: int | None = None
    amount: str = "0"


class Attempt(NamedTuple):
    """One try of a command: when it began (by the machine's monotonic clock), how long it took, what came, if any."""

    began: float
    seconds: float
    status: int = 0
    code: str = ""
    retry_after: str = ""


@dataclass
class Answer:
    """What a command was answered in the end, and how often it had to be asked.

    `uncertain` says that an attempt ended without an answer, so that it may have had its effect.
    """

    key: str
    verb: str
    invoice: int | None
    amount: str
    status: int = 0
    reply: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    lost: int = 0
    busy: int = 0
    replayed: bool = False
    tries: list[Attempt] = field(default_factory=list)

    def settle(self, status: int, reply: dict[str, Any], *, replayed: bool) -> None:
        """Take the answer, and of its reply what the oracle looks at."""
        self.status, self.replayed = status, replayed
        self.reply = {name: reply[name] for name in KEPT if name in reply}

    @property
    def uncertain(self) -> bool:
        """Whether an earlier attempt may have had the effect, and the answer does not tell."""
        return self.lost + self.busy > 0


@dataclass
class Board:
    """What the clients share: documents to fight over (the first issued one is hot), how far they are, when to end.

    `held` is the invoice whose row somebody has locked, or is about to; 0 where nobody has.
    """

    issued: "SynchronizedArray[int]"
    drafts: "SynchronizedArray[int]"
    done: "Synchronized[int]"
    ended: "Synchronized[int]"
    held: "Synchronized[int]"


@dataclass(frozen=True)
class Plan:
    """Whom a client speaks to, as whom, and where it keeps its log."""

    port: int
    email: str
    password: str
    log: Path
    seed: int
    run: str


class Connection:
    """One signed-in, persistent connection, which is made anew whenever it breaks."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.http = http.client.HTTPConnection("127.0.0.1", plan.port, timeout=30)
        self.token = ""
        self.retry_after = ""

    def sign_in(self) -> None:
        """Get a new access token; until it comes, or the patience ends."""
        until = time.monotonic() + PATIENCE_SECONDS
        body = {"email": self.plan.email, "password": self.plan.password}
        while time.monotonic() < until:
            try:
                status, reply, _ = self.ask("POST", "/api/auth/login", body, key="")
            except (OSError, http.client.HTTPException):
                self.http.close()
                status = 0
            if status == 200:
                self.token = reply["access"]
                return
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError("nobody lets us sign in")

    def ask(self, method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any], bool]:
        """One attempt: status, reply, and whether it is a replay. Raises OSError or HTTPException where none comes."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers |= {"Authorization": f"Bearer {self.token}", "X-Request-ID": key}
        if key and method == "POST":
            headers["Idempotency-Key"] = key
        self.http.request(method, path, json.dumps(body), headers)
        response = self.http.getresponse()
        text = response.read()
        self.retry_after = response.headers.get("Retry-After", "")
        if not text and response.status != 204:  # http.client takes headers that were cut off for complete ones
            raise http.client.HTTPException("half an answer")
        replayed = response.headers.get("Idempotent-Replayed") == "true"
        return response.status, json.loads(text) if text else {}, replayed

    def settle(self, key: str, command: Command) -> Answer:
        """The answer to the command, asked again under the same key until there is one (status 0: never)."""
        answer = Answer(key, command.verb, command.invoice, command.amount)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            answer.attempts += 1
            began = time.monotonic()
            try:
                status, reply, replayed = self.ask(command.method, command.path, command.body, key)
            except (OSError, http.client.HTTPException):
                answer.lost += 1
                answer.tries.append(Attempt(began, time.monotonic() - began))
                self.http.close()
                time.sleep(PAUSE_SECONDS)
                continue
            seconds, code = time.monotonic() - began, str(reply.get("code", ""))
            answer.tries.append(Attempt(began, seconds, status, code, self.retry_after))
            if status == 401:
                self.sign_in()
            elif status in UNSETTLED or code == "idempotency_key_busy":
                answer.busy += 1
                time.sleep(PAUSE_SECONDS)
            else:
                answer.settle(status, reply, replayed=replayed)
                return answer
        return answer


class Hammer:
    """A client that gives one command after the other, at random, and logs the answers."""

    def __init__(self, plan: Plan, board: Board, number: int, customer: int) -> None:
        self.board, self.number, self.run, self.customer = board, number, plan.run, customer
        self.chance = random.Random(f"{plan.seed} {number}")  # noqa: S311  not a secret
        self.connection = Connection(plan)
        self.log = (plan.log / f"client-{number}.jsonl").open("a", encoding="utf-8")
        self.drafts: dict[int, int] = {}
        self.payments: dict[int, list[int]] = {}
        self.count = 0

    def hammer(self) -> None:
        """Give commands until the board says that it is over; the last one is answered too."""
        self.connection.sign_in()
        while not self.board.ended.value:
            command = self.next_command()
            if command is not None:
                self.give(command)
        self.log.close()

    def give(self, command: Command, key: str = "") -> Answer:
        """Give one command, log its answer and remember what it made."""
        self.count += 1
        answer = self.connection.settle(key or f"{self.run}-{self.number}-{self.count:06d}", command)
        self.log.write(json.dumps(asdict(answer)) + "\n")
        with self.board.done.get_lock():
            self.board.done.value += 1
        self._learn(command, answer)
        return answer

    def share_keys(self, count: int) -> None:
        """Give `count` payments under keys that all clients give at the same time: each is one payment."""
        self.connection.sign_in()
        hot = int(self.board.issued[1])
        for number in range(count):
            command = Command("pay", "POST", f"/api/invoices/{hot}/payments", {"amount": "0.01"}, hot, "0.01")
            self.give(command, key=f"{self.run}-shared-{number:06d}")

    def new_draft(self) -> Command:
        """A draft of one or two lines."""
        body = {"customerId": self.customer, "items": self._items()}
        return Command("create", "POST", "/api/invoices", body)

    def issuing(self, invoice: int) -> Command:
        """To issue a draft."""
        return Command("issue", "POST", f"/api/invoices/{invoice}/issue", {}, invoice)

    def sending(self, invoice: int) -> Command:
        """To mail an invoice to its customer."""
        return Command("send", "POST", f"/api/invoices/{invoice}/send", {}, invoice)

    def next_command(self) -> Command | None:
        """What to do next; None where chance chose something that there is nothing for."""
        makers = {
            self.new_draft: 9,
            self._edit: 8,
            self._delete: 4,
            self._issue: 9,
            self._cancel: 4,
            self._pay: 38,
            self._refund: 14,
            self._reverse: 10,
            self._send: 2,
        }
        [maker] = self.chance.choices(list(makers), list(makers.values()))
        return maker()

    def _edit(self) -> Command | None:
        invoice = self._some_draft()
        body = {"items": self._items(), "version": self.drafts.get(invoice, 1)}
        return Command("edit", "PATCH", f"/api/invoices/{invoice}", body, invoice) if invoice else None

    def _delete(self) -> Command | None:
        invoice = self._some_draft()
        path = f"/api/invoices/{invoice}?version={self.drafts.get(invoice, 1)}"
        return Command("delete", "DELETE", path, {}, invoice) if invoice else None

    def _issue(self) -> Command | None:
        invoice = self._some_draft()
        return self.issuing(invoice) if invoice else None

    def _cancel(self) -> Command | None:
        invoice = self._some_draft() if self.chance.random() < 0.5 else self._some_issued()
        return Command("cancel", "POST", f"/api/invoices/{invoice}/cancel", {}, invoice) if invoice else None

    def _pay(self) -> Command | None:
        invoice, amount = self._some_issued(), self._amount()
        path = f"/api/invoices/{invoice}/payments"
        return Command("pay", "POST", path, {"amount": amount}, invoice, amount) if invoice else None

    def _refund(self) -> Command | None:
        invoice, amount = self._some_issued(), self._amount()
        path = f"/api/invoices/{invoice}/refunds"
        return Command("refund", "POST", path, {"amount": amount}, invoice, amount) if invoice else None

    def _reverse(self) -> Command | None:
        invoice = self._some_issued()
        known = self.payments.get(invoice)
        if not known:
            return None
        path = f"/api/invoices/{invoice}/payments/{self.chance.choice(known)}/reverse"
        return Command("reverse", "POST", path, {}, invoice)

    def _send(self) -> Command | None:
        invoice = self._some_issued()
        return self.sending(invoice) if invoice else None

    def _some_issued(self) -> int:
        """The hot invoice, or one of the cold ones; while one is locked, that one or any other, as our number says."""
        if held := self.board.held.value:
            others = [invoice for invoice in self.board.issued[:] if invoice != held]
            return int(held if self.number % AT_THE_LOCK_EVERY == 0 else self.chance.choice(others))
        hot = self.chance.random() < HOT_SHARE
        return int(self.board.issued[0 if hot else self.chance.randrange(len(self.board.issued))])

    def _some_draft(self) -> int:
        """A draft of our own, or one that others are after too; 0 where there is none."""
        if self.drafts and self.chance.random() < 0.6:
            return self.chance.choice(list(self.drafts))
        return int(self.chance.choice(self.board.drafts[:]))

    def _amount(self) -> str:
        return f"{self.chance.randint(1, 3000) / 100:.2f}"

    def _items(self) -> list[dict[str, Any]]:
        price = self.chance.choice([50, 400, 5000])
        return [{"description": "Work", "qty": 1, "unitPrice": price}] * self.chance.randint(1, 2)

    def _learn(self, command: Command, answer: Answer) -> None:
        """Remember what there is to work on, and put some of it on the board for all."""
        invoice, reply = command.invoice or answer.reply.get("id", 0), answer.reply
        self.drafts.pop(invoice, None)
        if answer.status >= 300:
            return
        if command.verb in ("create", "edit"):
            self.drafts[invoice] = reply["version"]
            if self.chance.random() < 0.3:
                self.board.drafts[self.chance.randrange(len(self.board.drafts))] = invoice
        elif command.verb == "issue":
            slot = 0 if self.chance.random() < 0.05 else self.chance.randrange(len(self.board.issued))
            self.board.issued[slot] = invoice
            self.payments = {known: ids for known, ids in self.payments.items() if known in self.board.issued[:]}
        elif command.verb == "pay":
            self.payments.setdefault(invoice, []).append(reply["paymentId"])
