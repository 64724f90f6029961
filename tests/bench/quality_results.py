"""What the quality benchmark measured so far, in a file of one JSON document a line."""

import hashlib
import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from tests.bench.quality_measures import Figures

ROOT = Path(__file__).resolve().parents[2]
# Of the models' package these have no part in what is measured.
_APART = ("explanation.py", "model.py", "row_keys.py", "frames.py")

Key = tuple[str, str, str, str, int]
"""What is measured ("quality", "promise"), data set, what is known of its rows, detector, seed."""


class Results:
    """Figures by key; those measured with other code than today's, or on other numbers of rows, are not taken."""

    def __init__(self, path: Path, rows: int | None) -> None:
        self._path, self._rows = path, rows
        self._code = _code()
        self.figures: dict[Key, Figures] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                found = json.loads(line)
                if (found["code"], found["rows"]) == (self._code, rows):
                    what, name, knowledge, detector, seed = found["key"]
                    self.figures[what, name, knowledge, detector, seed] = found["figures"]

    def add(self, key: Key, figures: Figures) -> None:
        self.figures[key] = figures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            document = {"code": self._code, "rows": self._rows, "key": key, "figures": figures}
            file.write(json.dumps(document) + "\n")

    def medians(self, name: str, knowledge: str, detector: str) -> Figures | None:
        """Medians over seeds; None where nothing was measured."""
        wanted = ("quality", name, knowledge, detector)
        runs = [figures for key, figures in self.figures.items() if key[:4] == wanted]
        return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]} if runs else None

    def complete(self, names: Iterable[str], knowledge: str, detectors: Iterable[str]) -> dict[str, list[Figures]]:
        """The medians of each detector that was measured on all of these data sets, in their order."""
        found = {each: [self.medians(name, knowledge, each) for name in names] for each in detectors}
        return {each: [one for one in medians if one] for each, medians in found.items() if all(medians)}

    def promises(self, name: str, in_time: str, detector: str) -> list[Figures]:
        """The false-positive rates reached, ascending."""
        wanted = ("promise", name, in_time, detector)
        return sorted(
            (figures for key, figures in self.figures.items() if key[:4] == wanted), key=lambda each: each["rate"]
        )


def _code() -> str:
    """Digest of the code that the figures depend on."""
    digest = hashlib.sha256()
    folder = ROOT / "components" / "netanomaly"
    models = [path for path in sorted((folder / "models").glob("*.py")) if path.name not in _APART]
    parts = ("data", "made_up", "measures", "others")
    for path in [*models, *(Path(__file__).with_name(f"quality_{part}.py") for part in parts)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
