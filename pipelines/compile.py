"""Compile the pipelines into the YAML files that the package carries: `python -m pipelines.compile [FOLDER]`."""

import ast
import re
import sys
from pathlib import Path

from kfp import compiler

from pipelines.doctor import doctor
from pipelines.monitoring import monitoring
from pipelines.scoring import following, scoring, scoring_from_captures
from pipelines.training import training, training_from_captures, training_tuned, training_tuned_from_captures
from pipelines.tuning import tuning, tuning_from_captures

PIPELINES = {
    "training": training,
    "training-from-captures": training_from_captures,
    "training-tuned": training_tuned,
    "training-tuned-from-captures": training_tuned_from_captures,
    "tuning": tuning,
    "tuning-from-captures": tuning_from_captures,
    "scoring": scoring,
    "scoring-from-captures": scoring_from_captures,
    "following": following,
    "monitoring": monitoring,
    "doctor": doctor,
}
COMPILED = Path(__file__).resolve().parents[1] / "components" / "netanomaly" / "compiled"


def compile_all(folder: Path) -> None:
    """Write every pipeline's YAML into a folder."""
    for name, pipeline in PIPELINES.items():
        path = folder / f"{name}.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        path.write_text(_in_order(path.read_text(encoding="utf-8")), encoding="utf-8")


def _in_order(text: str) -> str:
    """With the fields of defaults in the head's comment in an order: kfp writes them in another at each call."""

    def sorted_fields(found: re.Match[str]) -> str:
        return f"[Default: {dict(sorted(ast.literal_eval(found[2]).items()))}]"

    return re.sub(r"(?m)(?<=^#)(.*)\[Default: (\{.*\})\]$", lambda found: found[1] + sorted_fields(found), text)


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]) if len(sys.argv) > 1 else COMPILED)
