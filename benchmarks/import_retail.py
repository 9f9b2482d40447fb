"""Half of the UCI Online Retail set brought as one file, beside the same documents given one by one, in one run.

The file is read, checked and let in as a clerk would do it ("invoices issued elsewhere", bad rows skipped, missing
customers made), and every total must be the published one. One by one the first documents are made and issued through
the services. Prints documents and lines in a second of both, and their ratio; verify_books proves the books.

    python benchmarks/import_retail.py --lines 40000
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/bench python benchmarks/import_retail.py --json
"""

import argparse
import json
import lzma
import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_online_retail import LINES_FILE, Loader, documents, published_totals
from replay_receivables import new_environment

SINGLE_DOCUMENTS = 150


def one_by_one(count: int) -> dict[str, float]:
    """Documents and lines a second through the single commands."""
    loader = Loader()
    started = time.monotonic()
    for number, rows in islice(documents(), count):
        loader.load(number, rows)
    seconds = time.monotonic() - started
    return {"documents": loader.loaded / seconds, "lines": loader.lines / seconds}


def as_a_file(lines: int | None) -> dict[str, Any]:
    """Documents and lines a second of a file that is let in, and how long its check takes."""
    from audit.actors import SystemActor
    from imports.columns import Kind
    from imports.models import ImportFile, Mode
    from imports.services import bring_file, do_work, start_import
    from invoices.models import InvoiceLine
    from parties.services import create_company

    actor = SystemActor("system:load")
    company = create_company(actor=actor, name="Online Retail, imported", currency="GBP", vat_number="GB2")
    with lzma.open(LINES_FILE) as file:
        content = b"".join(islice(file, lines))
    brought = bring_file(
        actor=actor,
        company=company,
        kind=Kind.ISSUED,
        file_name="online_retail.csv",
        content=content,
        mode=Mode.GOOD,
        make_customers=True,
    )
    started = time.monotonic()
    do_work(brought.pk)
    checked = time.monotonic()
    start_import(actor=actor, file_id=brought.pk)
    do_work(brought.pk)
    seconds = time.monotonic() - checked
    done = ImportFile.objects.get(pk=brought.pk)
    require_published_totals(company, is_whole=lines is None)
    written = InvoiceLine.objects.filter(invoice__company=company).count()
    return {
        "documents": done.good_count / seconds,
        "lines": written / seconds,
        "check_seconds": checked - started,
        "import_seconds": seconds,
        "good": done.good_count,
        "bad": done.bad_count,
    }


def require_published_totals(company: Any, *, is_whole: bool) -> None:
    """End the run where a document's total differs; of a part of the file the last document may be cut off."""
    published = published_totals()
    totals = list(company.invoices.order_by("id").values_list("number", "total"))
    for number, total in totals if is_whole else totals[:-1]:
        if total != published[number]:
            sys.exit(f"document {number}: total {total}, published {published[number]}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, help="bring only the first so many lines")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not LINES_FILE.exists():
        sys.exit(f"{LINES_FILE.name} is not there: set FINTRACK_SAMPLES to the folder that has transactions/")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(new_environment(folder))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        single, bulk = one_by_one(SINGLE_DOCUMENTS), as_a_file(options.lines)
        found = {"single": single, "file": bulk, "ratio_of_lines": bulk["lines"] / single["lines"]}
        if options.json:
            print(json.dumps(found, indent=2))
        else:
            print(f"one by one: {single['documents']:.1f} documents/s, {single['lines']:.0f} lines/s")
            print(
                f"as a file:  {bulk['documents']:.1f} documents/s, {bulk['lines']:.0f} lines/s "
                f"({bulk['good']} documents in {bulk['import_seconds']:.1f} s, "
                f"checked in {bulk['check_seconds']:.1f} s, "
                f"{bulk['bad']} refused)"
            )
            print(f"ratio of lines: {found['ratio_of_lines']:.1f}")
        call_command("verify_books")


if __name__ == "__main__":
    main()
