"""The command line: ``python -m torture``. Exit status 1 where a fault was found."""

import argparse
import secrets
import sys

from torture.cluster import NoPostgres, temporary_cluster
from torture.installation import install, make_base
from torture.run import Orders, Outcome, torture


def main() -> None:
    """Make an installation, torture it, report."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000, help="commands given and answered, at least")
    parser.add_argument("--kills", type=int, default=300, help="kill -9 of a worker, every fifteenth of the master")
    parser.add_argument("--restarts", type=int, default=10, help="immediate restarts of PostgreSQL")
    parser.add_argument("--seconds", type=float, help="end after so long, whatever is done by then")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of all that is left to chance")
    options = parser.parse_args()
    orders = Orders(options.operations, options.kills, options.restarts, options.seed, options.seconds)
    print(f"Seed {orders.seed}", flush=True)
    try:
        with temporary_cluster() as cluster:
            make_base(cluster)
            installation = install(cluster, "fintrack")
            try:
                outcome = torture(installation, orders, show=lambda line: print(line, flush=True))
            finally:
                installation.web.stop()
    except NoPostgres as error:
        sys.exit(str(error))
    sys.exit(report(outcome))


def report(outcome: Outcome) -> int:
    """Print what happened; the exit status."""
    answers, chaos = outcome.answers, outcome.chaos
    print(f"\n{'command':10}{'acknowledged':>14}{'refused':>10}")
    for verb in sorted({answer.verb for answer in answers}):
        counts = outcome.counts
        print(f"{verb:10}{counts[f'{verb} acknowledged']:14}{counts[f'{verb} refused']:10}")
    repeated = sum(answer.attempts > 1 for answer in answers)
    print(f"\n{len(answers)} operations in {outcome.seconds:.0f} s ({len(answers) / outcome.seconds:.0f}/s)")
    print(f"{chaos.killed} kills ({chaos.masters_killed} of the master), {chaos.restarted} immediate restarts")
    print(f"{outcome.lost_by_proxy} answers swallowed by the proxy, {repeated} commands asked more than once,")
    print(f"{sum(answer.replayed for answer in answers)} answered with the reply of an earlier attempt")
    print(outcome.proof.strip().splitlines()[-1] if outcome.proof.strip() else "verify_books said nothing")
    print(f"{len(outcome.faults)} faults (seed {outcome.orders.seed})")
    for fault in outcome.faults[:50]:
        print(f"  {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    main()
