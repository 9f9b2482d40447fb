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

ARCHIVE_STANDARD = "a-3b"
"""PDF/A-3b (ISO 19005-3): all that the page needs is in the file, and other files may be attached to it."""
NO_FONT = "could not be displayed with"

_compiling = threading.Lock()
"""The compiler keeps what it worked out for the next page, and refuses to be used by two threads at once."""


@cache
def _compiler() -> typst.Compiler:
    """The one compiler of the process, made on first use: after the server has forked.

    The fonts inside typst are enough for Latin, Greek and Cyrillic; other scripts take what the machine has.
    """
    return typst.Compiler()


def typeset(template: Path, data: Mapping[str, Any], *, dated: date, picture: str = "") -> bytes:
    """The PDF/A-3b of `template`, which reads `data` as JSON in ``sys.inputs.data`` and an SVG in ``.picture``.

    The same data give the same bytes: `dated` is the day on which the file says that it was made. A template reads no
    file outside its own folder. Text in a script that no font here has, such as Chinese, is still whole in the file, to
    be searched and copied, and shows as boxes; such a file is an ordinary PDF, since PDF/A asks for every character's
    shape. Raises typst.TypstError for a defect in the template.
    """
    inputs = {"data": json.dumps(data), "picture": picture}
    options = {"sys_inputs": inputs, "timestamp": datetime.combine(dated, time.min, UTC)}
    try:
        return _compiled(template, template.parent, pdf_standards=[ARCHIVE_STANDARD], **options)
    except typst.TypstError as error:
        if NO_FONT not in str(error):
            raise
    return _compiled(template, template.parent, pdf_standards=None, **options)


def is_image(content: bytes, image_format: str) -> bool:
    """Whether `content` can be shown on a page as an image in the format "png" or "jpeg"."""
    page = f'#image(bytes(json(bytes(sys.inputs.data))), format: "{image_format[:3].replace("jpe", "jpg")}")'.encode()
    try:
        _compiled(page, None, pdf_standards=None, sys_inputs={"data": json.dumps(list(content))}, timestamp=None)
    except typst.TypstError:
        return False
    return True


def _compiled(page: Path | bytes, root: Path | None, **options: Any) -> bytes:
    with _compiling:
        pdf = _compiler().compile(input=page, root=root, format="pdf", **options)
    if not isinstance(pdf, bytes):
        raise TypeError("the page became no PDF")
    return pdf
