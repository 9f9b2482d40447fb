"""Pages to print: a typst template and the data that it shows become a PDF. Nothing is fetched, nothing is written.

The data reach a template as values and never as markup: whatever people typed is shown as they typed it.
"""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import typst

_compiling = threading.Lock()
"""The compiler keeps what it worked out for the next page, and refuses to be used by two threads at once."""


@cache
def _compiler() -> typst.Compiler:
    """The one compiler of the process, made on first use: after the server has forked.

    The fonts inside typst are enough for Latin, Greek and Cyrillic; other scripts take what the machine has.
    """
    return typst.Compiler()


def typeset(template: Path, data: Mapping[str, Any], *, dated: date) -> bytes:
    """The PDF of `template`, which reads `data` as JSON in ``sys.inputs.data``.

    The same data give the same bytes: `dated` is the day on which the file says that it was made. A template reads no
    file outside its own folder. Raises typst.TypstError for a defect in the template.
    """
    inputs = {"data": json.dumps(data)}
    timestamp = datetime.combine(dated, time.min, UTC)
    with _compiling:
        pdf = _compiler().compile(
            input=template, root=template.parent, sys_inputs=inputs, timestamp=timestamp, format="pdf"
        )
    if not isinstance(pdf, bytes):
        raise TypeError(f"{template.name} gave no PDF")
    return pdf
