"""One run: clients hammer an installation while chaos strikes, then the oracle compares."""

import multiprocessing
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from torture.chaos import Chaos
from torture.clients import Answer, Board, Hammer, Plan
from torture.held_lock import HeldLock, hold, lock_faults
from torture.installation import FINANCE, PASSWORD, Installation, log_folder
from torture.ledger import differences, read_books, read_logs
from torture.mail_ledger import Mail, mail_faults, settled_mail
from torture.proxy import Proxy
from torture.replies import reply_faults

FORK = multiprocessing.get_context("fork")
CLIENTS, BEHIND_PROXY = 8, 3
ISSUED, DRAFTS = 51, 12
MAILED_FIRST = 20
LOSS = 0.03
LOOK_SECONDS = 0.05
SHOW_SECONDS = 2.0
HALF_WAY = 0.5
LAST_ANSWERS_SECONDS = 120


@dataclass(frozen=True)
class Orders:
    """How much to do: at least so many operations, kills and restarts; an end after `seconds` (None: no such end).

    The first operations are `shared_keys` payments that all clients give at once, under the same keys. Half way, the
    hot invoice is locked for `lock_seconds`.
    """

    operations: int
    kills: int
    restarts: int
    seed: int
    seconds: float | None = None
    shared_keys: int = 100
    lock_seconds: float = 0


@dataclass
class Outcome:
    """What a run came to."""

    orders: Orders
    answers: list[Answer]
    seconds: float
    chaos: Chaos
    lost_by_proxy: int
    faults: list[str]
    proof: str
    mail: Mail
    lock: HeldLock | None = None

    @property
    def counts(self) -> Counter[str]:
        """How often each verb was acknowledged, and how often refused."""
        return Counter(
            f"{answer.verb} {'acknowledged' if answer.status < 300 else 'refused'}" for answer in self.answers
        )


def torture(installation: Installation, orders: Orders, show: Callable[[str], None] = print) -> Outcome:
    """Do the worst to the installation. `show` is given a line now and then."""
    folder = log_folder(installation.cluster, installation.url.rsplit("/", 1)[1])
    board = Board(FORK.Array("q", ISSUED), FORK.Array("q", DRAFTS), *_counters())
    lost = FORK.Value("q", 0)
    chaos = Chaos(installation.cluster, installation.victims, orders.seed, orders.kills, orders.restarts)
    with losing_proxy(installation.web.port, orders.seed, lost) as proxy_port:

        def hammer(number: int) -> Hammer:
            port = proxy_port if number < BEHIND_PROXY else installation.web.port
            plan = Plan(port, FINANCE, PASSWORD, folder, orders.seed, f"run{orders.seed}")
            return Hammer(plan, board, number, installation.customer)

        prepare(hammer(CLIENTS))
        started = time.monotonic()
        work = [(hammer, number, orders.shared_keys) for number in range(CLIENTS)]
        clients = [FORK.Process(target=_work, args=arguments, daemon=True) for arguments in work]
        for client in clients:
            client.start()
        lock = watch(board, orders, chaos, show, installation)
        board.ended.value = 1
        stragglers = _join(clients)
        seconds = time.monotonic() - started
    answers = read_logs(folder)
    installation.sabotage.afterwards(installation.url, answers, orders.seed)
    faults = [f"client {client.name} ended with {client.exitcode}" for client in stragglers]
    mail = settled_mail(installation, chaos.restarted)
    faults += differences(answers, read_books(installation.url, f"run{orders.seed}"))
    faults += reply_faults(answers, chaos.restarts_between)
    faults += mail_faults(answers, mail)
    if lock:
        faults += lock_faults(answers, lock, installation.lock_timeout_seconds)
    status, proof = installation.verify_books()
    if status:
        faults.append(f"verify_books ended with {status}: {proof[-2000:]}")
    return Outcome(orders, answers, seconds, chaos, lost.value, faults, proof, mail, lock)


def _counters() -> tuple[Any, Any, Any]:
    """What the board counts and says: commands done, whether it is over, which invoice is locked."""
    return FORK.Value("q", 0), FORK.Value("b", 0), FORK.Value("q", 0)


def prepare(setter: Hammer) -> None:
    """Fill the board: one invoice in each place, some of them to be mailed, so that nobody waits for work."""
    setter.connection.sign_in()
    for place in range(ISSUED):
        draft = setter.give(setter.new_draft())
        setter.give(setter.issuing(draft.reply["id"]))
        setter.board.issued[place] = draft.reply["id"]
        if place < MAILED_FIRST:
            setter.give(setter.sending(draft.reply["id"]))
    setter.log.close()
    setter.board.done.value = 0


def _work(hammer: Callable[[int], Hammer], number: int, shared_keys: int) -> None:
    client = hammer(number)
    client.share_keys(shared_keys)
    client.hammer()


def watch(
    board: Board, orders: Orders, chaos: Chaos, show: Callable[[str], None], installation: Installation
) -> HeldLock | None:
    """Let chaos strike in step with the work, until the orders are carried out; the lock that was held meanwhile.

    Nothing is killed while the lock is held: its holder is to keep it.
    """
    started = shown = time.monotonic()
    lock = None
    while True:
        now = time.monotonic()
        done, elapsed = board.done.value, now - started
        if (done >= orders.operations and chaos.is_over) or (orders.seconds and elapsed > orders.seconds):
            return lock
        progress = max(done / orders.operations, elapsed / orders.seconds if orders.seconds else 0)
        if orders.lock_seconds and lock is None and progress >= HALF_WAY:
            show(f"{done:7} operations; the hot invoice is locked for {orders.lock_seconds:.0f} s")
            lock = hold(installation.url, board, orders.lock_seconds)
        installation.worker.revive()
        chaos.go_on(progress)
        if now - shown > SHOW_SECONDS:
            shown = now
            show(f"{done:7} operations, {done / elapsed:5.0f}/s, {chaos.killed:3} kills, {chaos.restarted:2} restarts")
        time.sleep(LOOK_SECONDS)


def _join(clients: list[Any]) -> list[Any]:
    """Wait until all clients have their last answer; those that failed, or never ended."""
    until = time.monotonic() + LAST_ANSWERS_SECONDS
    for client in clients:
        client.join(max(0.1, until - time.monotonic()))
        if client.exitcode is None:
            client.kill()
            client.join()
    return [client for client in clients if client.exitcode]


@contextmanager
def losing_proxy(port: int, seed: int, lost: Any) -> Iterator[int]:
    """A proxy before the server that loses answers; the port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = FORK.Process(target=_serve_proxy, args=(Proxy(port, LOSS, seed, lost), listener), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def _serve_proxy(proxy: Proxy, listener: socket.socket) -> None:
    with suppress(KeyboardInterrupt):
        proxy.serve(listener)
