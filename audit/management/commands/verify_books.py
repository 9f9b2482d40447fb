"""``manage.py verify_books``: prove that the books are right, or name what is wrong."""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.books import Fault, checks, extent, faults, one_moment, title_of
from audit.fingerprints import (
    FingerprintInvalid,
    fingerprint_at,
    fingerprint_faults,
    last_settled_entry,
    parse_fingerprint,
)


class Command(BaseCommand):
    """Writes one line for each fault and a summary last; the exit status is 1 if there is any."""

    help = "Proves that every change is on record and that balances, totals and numbers follow from it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--json``: each line is a JSON object. ``--fingerprint``: one that was printed before, to be proven."""
        parser.add_argument("--json", action="store_true", help="write each fault, and the summary, as a JSON object")
        parser.add_argument(
            "--fingerprint", action="append", default=[], help="prove that the books still have this fingerprint"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check everything as it is at one moment."""
        started = time.monotonic()
        fault_count = 0
        settled = last_settled_entry()
        with one_moment():
            for fault in chain(faults(), _fingerprint_faults(options["fingerprint"])):
                fault_count += 1
                self.stdout.write(json.dumps(asdict(fault)) if options["json"] else str(fault))
            summary = {"faults": fault_count, **asdict(extent()), "fingerprint": str(fingerprint_at(settled))}
        summary["seconds"] = round(time.monotonic() - started, 3)
        for line in _json_summary(summary) if options["json"] else _summary(summary):
            self.stdout.write(line)
        if fault_count:
            sys.exit(1)


def _fingerprint_faults(written: list[str]) -> Iterator[Fault]:
    try:
        expected = [parse_fingerprint(text) for text in written]
    except FingerprintInvalid as error:
        raise CommandError(error.detail) from error
    for fingerprint in expected:
        yield from fingerprint_faults(fingerprint)


def _json_summary(summary: dict[str, Any]) -> Iterator[str]:
    yield json.dumps({**summary, "checked": [title_of(check) for check in checks()]})


def _summary(summary: dict[str, Any]) -> Iterator[str]:
    if not summary["faults"]:
        yield from (f"Checked: {title_of(check)}" for check in checks())
        yield "Fingerprint: {fingerprint}".format(**summary)
    yield (
        "{faults} faults in {rows} rows of {models} models, {versions} versions, "
        "{entries} journal entries ({seconds} s)."
    ).format(**summary)
