"""What the quality benchmark measured so far, in a file of one JSON document a line."""

import hashlib
import json
import statistics
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.bench.quality_measures import Figures
from tests.bench.quality_others import OTHERS

ROOT = Path(__file__).resolve().parents[2]
# Of the models' package these have no part in what is measured.
_APART = ("explanation.py", "model.py", "row_keys.py", "frames.py")

# Kinds of figures that depend on how thresholds are set, each with a module of its own.
_IN_TIME = ("promise", "stream")

Key = tuple[str, str, str, str, int]
"""What is measured ("quality", "promise", "stream"), data set, what is known of its rows, detector, seed."""


class Results:
    """Figures by key; those measured with other code than today's, or on other numbers of rows, are not taken."""

    def __init__(self, path: Path, rows: int | None) -> None:
        self._path, self._rows = path, rows
        self.figures: dict[Key, Figures] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                found = json.loads(line)
                what, name, knowledge, detector, seed = found["key"]
                if (found["code"], found["rows"]) == (_code(what, detector), rows):
                    self.figures[what, name, knowledge, detector, seed] = found["figures"]

    def add(self, key: Key, figures: Figures) -> None:
        self.figures[key] = figures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            document = {"code": _code(key[0], key[3]), "rows": self._rows, "key": key, "figures": figures}
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


@cache
def _code(what: str, detector: str) -> str:
    """Digest of the code that figures of this kind depend on: what other kinds depend on besides may change."""
    folder, beside = ROOT / "components" / "netanomaly", Path(__file__).parent
    files = [path for path in sorted((folder / "models").glob("*.py")) if path.name not in _APART]
    files += [beside / f"quality_{part}.py" for part in ("data", "made_up", "measures")]
    if detector in OTHERS:
        files.append(beside / "quality_others.py")
    if what in _IN_TIME:
        files += [
            beside / f"quality_{what}.py",
            folder / "stages/train/calibration.py",
            folder / "metrics/thresholds.py",
        ]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
