"""Runs and versions as a real MLflow server has them afterwards."""

import dataclasses

import pytest
from netanomaly.tracking import TrackingFailed, recording, versions
from netanomaly.tracking.recording import Injected
from netanomaly.tracking.runs import Run
from netanomaly.tracking.versions import Standing

from tests.tracking import documents
from tests.tracking.conftest import MLflow, values

pytestmark = pytest.mark.xdist_group("mlflow")

STANDING = Standing("s3://models/registry", "office", 3, documents.DIGEST, "run-1", ("champion", "staging"))


def test_a_run_is_there_with_all_that_was_told(mlflow: MLflow):
    run = documents.run(data_source="x" * 12_000, report=b"<!doctype html>" + b"r" * 100_000)
    told = recording.record(mlflow.ours(), "all", run)
    (found,) = mlflow.runs("all")
    assert told.url == f"{mlflow.uri}/#/experiments/{told.experiment_id}/runs/{found['info']['run_id']}"
    assert found["info"]["status"] == "FINISHED"
    assert (found["info"]["start_time"], found["info"]["end_time"]) == (run.started, run.ended)
    assert values(found, "params") == dict(run.parameters)
    assert values(found, "params")["data_source.3"] == "x" * 2
    assert values(found, "metrics") == pytest.approx(dict(run.metrics))
    assert {each["timestamp"] for each in found["data"]["metrics"]} == {run.ended}
    tags = values(found, "tags")
    assert {name: tags[name] for name in run.tags} == dict(run.tags)
    inputs = {each["tags"][0]["value"]: each["dataset"] for each in found["inputs"]["dataset_inputs"]}
    assert (inputs["training"]["digest"], inputs["evaluation"]["name"]) == ("train", "test.csv.xz")
    assert mlflow.files(found["info"]["run_id"]) == {path: len(data) for path, data in run.artifacts.items()}


def test_telling_it_again_changes_nothing(mlflow: MLflow):
    run = documents.run()
    first = recording.record(mlflow.ours(), "again", run)
    before = mlflow.runs("again")
    assert recording.record(mlflow.ours(), "again", run) == first
    assert mlflow.runs("again") == before


def test_trials_are_nested_below_their_run_once(mlflow: MLflow):
    trials = [
        Run(f"run-1/trial-{n}", f"trial {n}", 1, 2, parameters={"neighbours": str(n)}, metrics={"recall": n / 10})
        for n in range(5)
    ]
    run = dataclasses.replace(documents.run(), trials=trials)
    told = recording.record(mlflow.ours(), "tuned", run)
    recording.record(mlflow.ours(), "tuned", run)
    found = [each for each in mlflow.runs("tuned") if each["info"]["run_id"] != told.run_id]
    assert len(found) == 5
    assert {values(each, "tags")["mlflow.parentRunId"] for each in found} == {told.run_id}
    assert sorted(values(each, "metrics")["recall"] for each in found) == [0, 0.1, 0.2, 0.3, 0.4]


def test_kubeflows_own_run_is_filled_and_left_to_it(mlflow: MLflow):
    experiment = recording.experiment_id(mlflow.ours(), "kfp")
    made = mlflow.post("/runs/create", experiment_id=experiment, run_name="track", start_time=5)["run"]["info"]
    recording.record(mlflow.ours(), "another", documents.run(), Injected(made["run_id"]))
    (found,) = mlflow.runs("kfp")
    assert (found["info"]["status"], found["info"]["start_time"], found["info"]["run_name"]) == ("RUNNING", 5, "track")
    assert values(found, "metrics")["roc_auc"] == 0.955
    assert values(found, "tags")["netanomaly.run_id"] == "run-1"
    assert mlflow.runs("another") == []


def test_an_experiment_that_was_deleted_is_named_and_how_it_comes_back(mlflow: MLflow):
    experiment = recording.experiment_id(mlflow.ours(), "gone")
    mlflow.post("/experiments/delete", experiment_id=experiment)
    with pytest.raises(TrackingFailed, match=rf"'gone' was deleted .*--experiment-id {experiment}\)"):
        recording.record(mlflow.ours(), "gone", documents.run())


@pytest.mark.parametrize("experiment", ["", "x" * 501])
def test_a_name_that_mlflow_refuses_is_its_refusal(mlflow: MLflow, experiment):
    with pytest.raises(TrackingFailed, match="refuses"):
        recording.record(mlflow.ours(), experiment, documents.run())


@pytest.mark.parametrize("experiment", ["a/b:c", 'it\'s "quoted"', "Verkehr é 流量", "`x`%@"])
def test_a_name_of_any_letters_is_taken(mlflow: MLflow, experiment):
    recording.record(mlflow.ours(), experiment, documents.run())
    assert len(mlflow.runs(experiment)) == 1


def test_a_version_becomes_one_of_mlflows_that_points_to_ours_once(mlflow: MLflow):
    told = recording.record(mlflow.ours(), "versions", documents.run())
    for _ in range(2):
        versions.register(mlflow.ours(), told, dataclasses.replace(STANDING, model="pointed"))
    found = mlflow.get("/model-versions/search", filter="name = 'pointed'")["model_versions"]
    assert len(found) == 1
    tags = {each["key"]: each["value"] for each in found[0]["tags"]}
    assert (tags["netanomaly.version"], tags["netanomaly.aliases"]) == ("3", "champion, staging")
    assert (tags["netanomaly.digest"], found[0]["run_id"]) == (documents.DIGEST, told.run_id)
    assert {"model/MLmodel", "model/registered_model.json"} < set(mlflow.files(told.run_id))


def test_an_alias_that_moves_moves_the_tags(mlflow: MLflow):
    told = recording.record(mlflow.ours(), "aliases", documents.run())
    standing = dataclasses.replace(STANDING, model="moves")
    versions.register(mlflow.ours(), told, standing)
    moved = dataclasses.replace(standing, aliases=(), status="deprecated")
    assert versions.show(mlflow.ours(), "aliases", moved)
    (run,) = mlflow.runs("aliases")
    (version,) = mlflow.get("/model-versions/search", filter="name = 'moves'")["model_versions"]
    for tags in (values(run, "tags"), {each["key"]: each["value"] for each in version["tags"]}):
        assert (tags["netanomaly.aliases"], tags["netanomaly.status"]) == ("none", "deprecated")


def test_a_version_that_mlflow_does_not_know_is_no_error_and_makes_nothing(mlflow: MLflow):
    assert not versions.show(mlflow.ours(), "never", dataclasses.replace(STANDING, model="unknown", run_id="other"))
    assert mlflow.runs("never") == []


def test_another_registrys_version_of_the_same_number_is_another(mlflow: MLflow):
    told = recording.record(mlflow.ours(), "two", documents.run())
    first = dataclasses.replace(STANDING, model="two")
    versions.register(mlflow.ours(), told, first)
    versions.register(mlflow.ours(), told, dataclasses.replace(first, registry="s3://other/registry"))
    versions.register(mlflow.ours(), told, dataclasses.replace(first, digest=f"sha256:{'cd' * 32}"))
    assert len(mlflow.get("/model-versions/search", filter="name = 'two'")["model_versions"]) == 3
