"""Compile the pipelines into the YAML files that the package carries: `python -m pipelines.compile [FOLDER]`."""

import sys
from pathlib import Path

from kfp import compiler

from pipelines.training import training

COMPILED = Path(__file__).resolve().parents[1] / "components" / "netanomaly" / "compiled"


def compile_all(folder: Path) -> None:
    """Write every pipeline's YAML into a folder."""
    compiler.Compiler().compile(training, str(folder / "training.yaml"))


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]) if len(sys.argv) > 1 else COMPILED)
