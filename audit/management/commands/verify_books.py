"""``manage.py verify_books``: prove that the books are right, or name what is wrong."""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from audit.books import Check, checks, extent, faults, one_moment


class Command(BaseCommand):
    """Writes one line for each fault and a summary last; the exit status is 1 if there is any."""

    help = "Proves that every change is on record and that balances, totals and numbers follow from it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--json``: each line is a JSON object."""
        parser.add_argument("--json", action="store_true", help="write each fault, and the summary, as a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check everything as it is at one moment."""
        started = time.monotonic()
        fault_count = 0
        with one_moment():
            for fault in faults():
                fault_count += 1
                self.stdout.write(json.dumps(asdict(fault)) if options["json"] else str(fault))
            summary = {"faults": fault_count, **asdict(extent())}
        summary["seconds"] = round(time.monotonic() - started, 3)
        for line in _json_summary(summary) if options["json"] else _summary(summary):
            self.stdout.write(line)
        if fault_count:
            sys.exit(1)


def _json_summary(summary: dict[str, Any]) -> Iterator[str]:
    yield json.dumps({**summary, "checked": [_title(check) for check in checks()]})


def _summary(summary: dict[str, Any]) -> Iterator[str]:
    if not summary["faults"]:
        yield from (f"Checked: {_title(check)}" for check in checks())
    yield (
        "{faults} faults in {rows} rows of {models} models, {versions} versions, "
        "{entries} journal entries ({seconds} s)."
    ).format(**summary)


def _title(check: Check) -> str:
    return (check.__doc__ or check.__name__).splitlines()[0]
