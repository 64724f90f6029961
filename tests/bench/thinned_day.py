"""The labelled Zeek day with its attacks thinned, through `netanomaly run` with default settings: recall at 1% false positives.

python -m tests.bench.thinned_day [--data ../shared/data] [--seeds 1]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.feature_groups import ROOT, SETS, made, written

NETANOMALY = Path(sys.executable).with_name("netanomaly")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the attacks that remain")
    given = parser.parse_args()
    print(
        "| attacks | recall at 1% false positives | interval of the first | attack rows judged |\n| --- | ---: | --- | ---: |"
    )
    for name in SETS[:2]:
        points = [_run(name, given.data, seed) for seed in range(given.seeds)]
        recalls = [point["recall"] for point, _ in points]
        low, high = points[0][0]["low"], points[0][0]["high"]
        print(
            f"| {name} | {statistics.median(recalls):.3f} ({min(recalls):.3f}-{max(recalls):.3f}) | {low:.2f}-{high:.2f} | "
            f"{', '.join(str(attacks) for _, attacks in points)} |",
            flush=True,
        )


def _run(name: str, data: Path, seed: int) -> tuple[dict[str, Any], int]:
    with tempfile.TemporaryDirectory() as made_in:
        folder = Path(made_in)
        path = written(made(name, data, seed), "zeek", folder)
        configuration = folder / "day.json"
        configuration.write_text(json.dumps({"model_name": "day", "data_source": str(path)}))
        command = [str(NETANOMALY), "run", str(configuration), "--workdir", str(folder / "work"), "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise SystemExit(ended.stderr)
        run_dir = Path(json.loads(ended.stdout)["run_dir"])
        document = json.loads((run_dir / "evaluation_metrics.json").read_text())
        point = next(each for each in document["recall_at"] if each["false_positive_rate"] == 0.01)
        return point, int(document["attacks"])


if __name__ == "__main__":
    main()
