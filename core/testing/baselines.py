"""Reviewed baselines: what the program does today is kept beside the tests; a change of it is seen in the diff.

``make baselines`` writes them anew.
"""

import json
import os
from pathlib import Path
from typing import Any

REFRESH = os.environ.get("REFRESH_BASELINES") == "1"


def check_baseline(path: Path, found: dict[str, Any]) -> None:
    """Compare `found` with the JSON baseline at `path`, or write it where a refresh was asked for."""
    if REFRESH:
        path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    expected = json.loads(path.read_text(encoding="utf-8"))
    assert found == expected, f"differs from {path.name}; if that is meant, run: make baselines"
