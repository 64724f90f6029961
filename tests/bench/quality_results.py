"""What the quality benchmark measured so far, in a file of one JSON document a line."""

import hashlib
import json
import statistics
from pathlib import Path

from tests.bench.quality_measures import Figures

ROOT = Path(__file__).resolve().parents[2]
# Of the models' package these have no part in what is measured.
_APART = ("explanation.py", "model.py", "row_keys.py")

Key = tuple[str, str, str, int]
"""What is measured ("quality", "promise"), data set, detector, seed."""


class Results:
    """Figures by key; those measured with other code than today's are not taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code = _code()
        self.figures: dict[Key, Figures] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                found = json.loads(line)
                if found["code"] == self._code:
                    what, name, detector, seed = found["key"]
                    self.figures[what, name, detector, seed] = found["figures"]

    def add(self, key: Key, figures: Figures) -> None:
        self.figures[key] = figures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"code": self._code, "key": key, "figures": figures}) + "\n")

    def medians(self, name: str, detector: str) -> tuple[Figures, int] | None:
        """Medians over seeds, and how many there are."""
        runs = [figures for key, figures in self.figures.items() if key[:3] == ("quality", name, detector)]
        if not runs:
            return None
        return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}, len(runs)

    def rates(self, name: str, detector: str) -> list[float]:
        """The false-positive rates reached, ascending."""
        return sorted(
            figures["rate"] for key, figures in self.figures.items() if key[:3] == ("promise", name, detector)
        )


def _code() -> str:
    """Digest of the code that the figures depend on."""
    digest = hashlib.sha256()
    folder = ROOT / "components" / "netanomaly"
    models = [path for path in sorted((folder / "models").glob("*.py")) if path.name not in _APART]
    for path in [*models, *(Path(__file__).with_name(f"quality_{part}.py") for part in ("data", "measures"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
