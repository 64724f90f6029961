"""The smoke rows of a version, asked of the real server that the storage initializer's folder is served by."""

import dataclasses
import json

import pytest
from netanomaly.registry import open_registry
from netanomaly.registry import smoke as kept
from netanomaly.serving import storage
from netanomaly.stages.deploy.reaching import directly
from netanomaly.stages.deploy.smoke import NotYet, OtherScores, Smoke
from netanomaly.stages.evaluate.program import evaluate

from tests.serving.running import server
from tests.unit.models_data import traffic, write
from tests.unit.test_evaluate import settings


@pytest.fixture(scope="module")
def registered(trained, tmp_path_factory):
    """A registry with one version, evaluated on rows with missing values and a service that training never saw."""
    folder = tmp_path_factory.mktemp("smoke")
    models, files = trained
    judged = evaluate(models[0], write(traffic(300, 100, seed=9), folder / "flows.parquet"), settings())
    rows = folder / kept.FILE
    rows.write_text(json.dumps(judged.smoke))
    registry = open_registry(folder / "registry")
    metadata = {"versions": models[0].versions, "evaluation": {"verdict": "pass"}}
    registry.register("office", files[0], metadata, run_id="r", artifact_name="model.joblib", files={kept.FILE: rows})
    return registry


@pytest.fixture(scope="module")
def served(registered, tmp_path_factory):
    """As a pod has it: fetched and verified into a folder, and served from there without the registry."""
    folder = tmp_path_factory.mktemp("pod") / "models"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(storage.REGISTRY, registered.uri)
        sha256 = registered.version("office:1").record.artifact.sha256
        storage.fetch(f"netanomaly://office:1?sha256={sha256}", folder)
    with server("--model_dir", str(folder), "--model_name", "office-service") as running:
        yield running


@pytest.fixture
def smoke(registered) -> Smoke:
    rows = registered.smoke_rows(registered.version("office:1"))
    assert rows is not None
    return Smoke(rows, "office-service", 1)


def test_the_server_gives_every_row_its_score_bit_for_bit(served, smoke):
    assert smoke.rows.rows == 20
    smoke.passes(directly(served.url))


def test_one_bit_of_one_score_is_noticed(served, smoke):
    scores = [*smoke.rows.scores]
    scores[7] *= 1 + 2**-23
    rows = kept.SmokeRows(1, smoke.rows.rows, smoke.rows.columns, scores)
    with pytest.raises(
        OtherScores, match=r"1 of its 20 smoke rows get other scores than when it was evaluated: row 8 "
    ):
        dataclasses.replace(smoke, rows=rows).passes(directly(served.url))


def test_another_version_is_not_taken_for_the_one_that_was_deployed(served, smoke):
    with pytest.raises(NotYet, match="404"):
        dataclasses.replace(smoke, version=2).passes(directly(served.url))


def test_a_server_that_is_not_there_is_waited_for(smoke):
    with pytest.raises(NotYet, match="cannot be reached"):
        smoke.passes(directly("http://127.0.0.1:9"))
