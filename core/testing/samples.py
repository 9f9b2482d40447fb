"""Published material that tests and benchmarks check the program against; a plain clone has none and skips them."""

import csv
import json
import os
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"


class Samples:
    """The folder that FINTRACK_SAMPLES names."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get("FINTRACK_SAMPLES", DEFAULT_FOLDER))

    def path(self, name: str) -> Path:
        """The path of the sample `name`. Raises FileNotFoundError where there is none."""
        path = self.folder / name
        if not path.exists():
            raise FileNotFoundError(f"no sample {name}: set FINTRACK_SAMPLES to the folder that has it")
        return path

    def json(self, name: str) -> Any:
        """The content of a JSON sample."""
        return json.loads(self.path(name).read_text(encoding="utf-8"))

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV sample."""
        with self.path(name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
