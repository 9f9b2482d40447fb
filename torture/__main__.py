"""The command line: ``python -m torture``. Exit status 1 where a fault was found."""

import argparse
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace

from torture.cluster import Cluster, NoPostgres, temporary_cluster
from torture.held_lock import told
from torture.installation import LOCK_TIMEOUT_SECONDS, installed, make_base
from torture.run import Orders, Outcome, torture
from torture.sabotage import MODES, NONE, Sabotage

CONTROL = Orders(operations=250, kills=2, restarts=1, seed=1, shared_keys=5)
CONTROL_RESTARTS_OF_EARLY_COMMITS = 4
"""What is acknowledged too early is lost only if the restart comes before PostgreSQL writes it down all the same."""
CONTROL_LOCK_SECONDS, CONTROL_LOCK_TIMEOUT_SECONDS = 7, 1
CONTROL_ATTEMPTS = 3


def main() -> None:
    """Make an installation, torture it, report."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000, help="commands given and answered, at least")
    parser.add_argument("--kills", type=int, default=300, help="kill -9 of a worker, every fifteenth of the master")
    parser.add_argument("--restarts", type=int, default=10, help="immediate restarts of PostgreSQL")
    parser.add_argument("--shared-keys", type=int, default=100, help="payments that all clients give under one key")
    parser.add_argument("--lock-seconds", type=float, default=0, help="half way, lock the hot invoice for so long")
    parser.add_argument("--seconds", type=float, help="end after so long, whatever is done by then")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of all that is left to chance")
    parser.add_argument("--sabotage", choices=MODES, default="none", help="plant a fault, which the run must find")
    parser.add_argument("--controls", action="store_true", help="small runs, one for each fault that can be planted")
    options = parser.parse_args()
    orders = Orders(
        options.operations,
        options.kills,
        options.restarts,
        options.seed,
        options.seconds,
        options.shared_keys,
        options.lock_seconds,
    )
    try:
        with temporary_cluster() as cluster:
            make_base(cluster)
            status = controls(cluster) if options.controls else one_run(cluster, orders, MODES[options.sabotage])
    except NoPostgres as error:
        sys.exit(str(error))
    sys.exit(status)


def one_run(cluster: Cluster, orders: Orders, sabotage: Sabotage) -> int:
    """One run with its report; the exit status."""
    print(f"Seed {orders.seed}", flush=True)
    return report(tortured(cluster, orders, sabotage, LOCK_TIMEOUT_SECONDS, show=lambda line: print(line, flush=True)))


def controls(cluster: Cluster) -> int:
    """A small run for each sabotage and an honest one; 1 where one is missed, or something found where nothing is.

    What a small run meets is left to chance, so that a planted fault is looked for up to CONTROL_ATTEMPTS times. The
    honest run has one attempt.
    """
    missed = 0
    for sabotage in MODES.values():
        # The honest run shows that a lock by itself is no fault.
        lock_seconds = CONTROL_LOCK_SECONDS if sabotage is NONE or sabotage.waits_for_ever else 0
        restarts = CONTROL_RESTARTS_OF_EARLY_COMMITS if sabotage.commits_early else CONTROL.restarts
        orders = replace(CONTROL, lock_seconds=lock_seconds, restarts=restarts)
        for attempt in range(CONTROL_ATTEMPTS):
            tried = replace(orders, seed=orders.seed + attempt)
            outcome = tortured(cluster, tried, sabotage, CONTROL_LOCK_TIMEOUT_SECONDS, show=lambda _: None)
            named = [fault for fault in outcome.faults if sabotage.found_by in fault]
            is_right = bool(named) if sabotage.found_by else not outcome.faults
            if is_right or not sabotage.found_by:
                break
        missed += not is_right
        verdict = "as it must be" if is_right else "WRONG"
        print(f"{sabotage.name:16} {len(outcome.faults):5} faults, {verdict}: {(named or ['none'])[0]}", flush=True)
    return 1 if missed else 0


def tortured(
    cluster: Cluster, orders: Orders, sabotage: Sabotage, lock_timeout_seconds: int, show: Callable[[str], None]
) -> Outcome:
    """What a run came to in a new installation, which ends with it."""
    with installed(cluster, f"{sabotage.name}-{orders.seed}", sabotage, lock_timeout_seconds) as installation:
        return torture(installation, orders, show)


def report(outcome: Outcome) -> int:
    """Print what happened; the exit status."""
    answers, chaos = outcome.answers, outcome.chaos
    print(f"\n{'command':10}{'acknowledged':>14}{'refused':>10}")
    for verb in sorted({answer.verb for answer in answers}):
        counts = outcome.counts
        print(f"{verb:10}{counts[f'{verb} acknowledged']:14}{counts[f'{verb} refused']:10}")
    repeated = sum(answer.attempts > 1 for answer in answers)
    print(f"\n{len(answers)} operations in {outcome.seconds:.0f} s ({len(answers) / outcome.seconds:.0f}/s)")
    print(f"{chaos.killed} kills, {chaos.killed_of['worker']} of them of the worker that sends mail, ", end="")
    print(f"{chaos.masters_killed} of a master with all its processes; {chaos.restarted} immediate restarts")
    print(f"{outcome.lost_by_proxy} answers swallowed by the proxy, {repeated} commands asked more than once,")
    print(f"{sum(answer.replayed for answer in answers)} answered with the reply of an earlier attempt")
    print(outcome.mail)
    if outcome.lock:
        print(told(outcome.lock, answers))
    print(outcome.proof.strip().splitlines()[-1] if outcome.proof.strip() else "verify_books said nothing")
    print(f"{len(outcome.faults)} faults (seed {outcome.orders.seed})")
    for fault in outcome.faults[:50]:
        print(f"  {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    main()
