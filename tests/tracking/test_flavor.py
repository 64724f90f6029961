"""`mlflow.pyfunc.load_model` gets the registry's own model, verified, and only from a registry that the reader trusts."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from netanomaly import mlflow_flavor
from netanomaly.errors import ModelError
from netanomaly.registry import open_registry
from netanomaly.stages.train.program import train
from netanomaly.tracking import recording, versions
from netanomaly.tracking.versions import POINTER, Standing

from tests.tracking import documents, mlflow_server
from tests.tracking.conftest import MLflow
from tests.unit.models_data import traffic, write
from tests.unit.test_train import SETTINGS


@pytest.fixture(scope="module")
def registered(tmp_path_factory) -> tuple[Standing, pd.DataFrame, np.ndarray]:
    """A version of a small model, rows, and the scores that it gives them."""
    folder = tmp_path_factory.mktemp("flavor")
    model = train(write(traffic(900), folder / "flows"), SETTINGS).model
    frame = traffic(50, 10, seed=1, label=None).to_pandas()
    model.save(folder / "model.joblib")
    done = open_registry(folder / "registry").register(
        "office", folder / "model.joblib", {"versions": model.versions}, run_id="run-1", task_name="register"
    )
    digest = f"sha256:{done.record.artifact.sha256}"
    standing = Standing(str(folder / "registry"), "office", done.version, digest, "run-1", ("champion",))
    return standing, frame, model.score(frame)


@pytest.fixture
def pointer(registered, tmp_path):
    path = tmp_path / POINTER
    path.write_bytes(versions.pointer(registered[0])[f"model/{POINTER}"])
    return path


def test_the_scores_are_the_registered_models_own(registered, pointer, monkeypatch):
    standing, frame, scores = registered
    monkeypatch.setenv("NETANOMALY_REGISTRY", standing.registry)
    predicted = mlflow_flavor._load_pyfunc(str(pointer)).predict(frame)
    np.testing.assert_array_equal(predicted["score"], scores)
    assert list(predicted.index) == list(frame.index)
    assert predicted["alert"].dtype == bool


def test_whoever_writes_to_mlflow_does_not_choose_the_registry(registered, pointer, monkeypatch, tmp_path):
    monkeypatch.delenv("NETANOMALY_REGISTRY", raising=False)
    with pytest.raises(ModelError, match="whoever can write to MLflow could have written that"):
        mlflow_flavor._load_pyfunc(str(pointer))
    monkeypatch.setenv("NETANOMALY_REGISTRY", str(tmp_path / "other"))
    with pytest.raises(ModelError, match="look which of them is right"):
        mlflow_flavor._load_pyfunc(str(pointer))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": f"sha256:{'0' * 64}"}, "is another: sha256:"),
        ({"format": 9}, "newer version"),
        ({"version": "1"}, "'version' is missing or of another type"),
        ({"model": 5}, "'model' is missing"),
    ],
)
def test_a_pointer_to_something_else_is_refused(registered, pointer, monkeypatch, change, said):
    monkeypatch.setenv("NETANOMALY_REGISTRY", registered[0].registry)
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), **change}))
    with pytest.raises(ModelError, match=said):
        mlflow_flavor._load_pyfunc(str(pointer))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_pointer_that_is_none_is_refused(pointer, text):
    pointer.write_text(text)
    with pytest.raises(ModelError):
        mlflow_flavor._load_pyfunc(str(pointer))


LOAD = """
import sys
import mlflow
import pandas as pd
model = mlflow.pyfunc.load_model("models:/flavoured/1")
print(model.predict(pd.read_json(sys.argv[1]))["score"].to_json(orient="values", double_precision=15))
"""


@pytest.mark.xdist_group("mlflow")
def test_mlflows_own_client_loads_it(mlflow: MLflow, registered, tmp_path):
    standing, frame, scores = registered
    told = recording.record(mlflow.ours(), "flavour", documents.run())
    versions.register(mlflow.ours(), told, replace(standing, model="flavoured"))
    # The pointer names the model in MLflow and with us alike; ours is called office here.
    recording.send(mlflow.ours(), told, versions.pointer(standing))
    rows = tmp_path / "rows.json"
    frame.to_json(rows, double_precision=15)
    done = subprocess.run(
        [str(mlflow_server.python()), "-c", LOAD, str(rows)],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(mlflow_server.ROOT / "components"),
            "MLFLOW_TRACKING_URI": mlflow.uri,
            "NETANOMALY_REGISTRY": standing.registry,
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(json.loads(done.stdout.strip().splitlines()[-1]), scores, rtol=1e-6)
