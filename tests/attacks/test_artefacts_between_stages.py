"""A writer of KFP's artefact store, who changes what one stage wrote before the next reads it."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
from netanomaly.cli.compile import compiled_file
from netanomaly.registry import open_registry
from netanomaly.runners import HostLauncher, RunResult, StageCall, StageExit, run

from tests.command import ROOT
from tests.warm import warm_stages

SAMPLES = ROOT / "configs/data/ml_training_data"


class Tampering(HostLauncher):
    """Runs stages on this machine; when a stage has ended, its artefact is changed as the attacker wants it."""

    def __init__(self, after: str, artefact: str, change: Callable[[Path], object]) -> None:
        super().__init__()
        self._after, self._artefact, self._change = after, artefact, change

    def run(self, call: StageCall, on_rows: Callable[[int], None]) -> StageExit:
        ended = super().run(call, on_rows)
        if call.name == self._after:
            self._change(call.run_dir / "tasks" / call.name / self._artefact)
        return ended


class Payload:
    """What an attacker puts into a pickle: it leaves a trace where it was run."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def tampered(folder: Path, after: str, artefact: str, change: Callable[[Path], object]) -> RunResult:
    configuration = {
        "model_name": "office",
        "model_type": "isolation_forest",
        "isolation_forest_params": {"n_estimators": 10},
        "data_source": str(SAMPLES / "sample_training_data.csv"),
        "evaluation_data_source": str(SAMPLES / "sample_evaluation_data.csv"),
        "registry": str(folder / "registry"),
        "gates": {"min_roc_auc": 0.0},
    }
    launcher = Tampering(after, artefact, change)
    with warm_stages():
        return run(compiled_file(), {"configuration": configuration}, folder / "run", run_id="r", launcher=launcher)


def edit(**changes: object) -> Callable[[Path], object]:
    """Change fields of a JSON document, as `decision__decision="promote"` names them."""

    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        for name, value in changes.items():
            *parents, last = name.split("__")
            target = document
            for parent in parents:
                target = target[parent]
            target[last] = value
        path.write_text(json.dumps(document))

    return apply


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[random.Random(1).randrange(len(data))] ^= 1
    path.write_bytes(data)


def nothing_registered(folder: Path) -> bool:
    return not (folder / "registry").exists() or open_registry(str(folder / "registry")).champion("office") is None


@pytest.mark.parametrize(("after", "victim"), [("train", "evaluate"), ("evaluate", "register")])
def test_a_model_that_was_swapped_is_neither_run_nor_registered(tmp_path, after, victim):
    trace = tmp_path / "was-run"
    result = tampered(
        tmp_path, after, "../train/model", lambda path: joblib.dump(Payload(trace), path, compress=("zlib", 1))
    )
    assert (result.failed_task, result.exit_code) == (victim, 2)
    assert "input artefact 'model' is not what the stage before wrote" in str(result.error)
    assert not trace.exists()
    assert nothing_registered(tmp_path)


@pytest.mark.parametrize(
    ("after", "artefact", "change", "victim"),
    [
        ("ingest", "flows", flip, "train"),
        ("ingest", "ingest_report", edit(rows=10**9), "validate"),
        ("validate", "dossier", edit(validation__verdict="pass"), "train"),
        ("train", "dossier", edit(model__digest="sha256:00"), "evaluate"),
        ("evaluate", "dossier", edit(decision__decision="promote", evaluation__verdict="pass"), "register"),
        ("evaluate", "report", flip, "register"),
        ("prepare", "resolved_configuration", edit(model_version="9.9.9"), "register"),
    ],
)
def test_a_document_that_was_edited_ends_the_run_where_it_is_read(tmp_path, after, artefact, change, victim):
    result = tampered(tmp_path, after, artefact, change)
    assert (result.failed_task, result.exit_code) == (victim, 2)
    assert "is not what the stage before wrote" in str(result.error)
    assert nothing_registered(tmp_path)


def test_what_nobody_changed_is_registered(tmp_path):
    result = tampered(tmp_path, "train", "model", lambda path: shutil.copystat(path, path))
    assert (result.state, result.error) == ("succeeded", None)
    assert not nothing_registered(tmp_path)
