"""The main job as a person runs it: real data, the compiled pipeline, each stage a process."""

import json
from pathlib import Path

import pytest
from netanomaly.cluster.logs import parse

from tests.command import ROOT, Ended, netanomaly

STAGES = ["prepare", "ingest", "ingest-2", "validate", "train", "evaluate", "describe", "register"]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(workdir) -> Ended:
    return netanomaly("run", ROOT / "configs/nsl-kdd.json", "--workdir", workdir, "--json")


@pytest.fixture(scope="module")
def again(demo, workdir) -> Ended:
    return netanomaly("run", ROOT / "configs/nsl-kdd.json", "--workdir", workdir, "--json")


def test_the_demo_registers_version_1_and_says_so(demo):
    assert demo.code == 0, demo.stderr
    result = demo.json
    assert result["state"] == "succeeded"
    assert result["version"] == 1
    assert (result["model_name"], result["model_version"]) == ("nsl_kdd_detector", "1.0.0")
    assert result["metrics"]["roc_auc"] > 0.95
    assert result["metrics"]["recall_at_1_percent_fpr"] > 0.5


def test_every_stage_is_timed_and_its_memory_known(demo):
    stages = demo.json["stages"]
    assert sorted(stage["name"] for stage in stages) == sorted(STAGES)
    for stage in stages:
        assert stage["state"] == "succeeded"
        assert stage["seconds"] > 0
        assert 10 * 2**20 < stage["peak_memory_bytes"] < 2**30


def test_the_run_folder_keeps_what_people_look_for(demo):
    folder = Path(demo.json["run_dir"])
    for name in (
        "training_run_config.json",
        "model.joblib",
        "evaluation_metrics.json",
        "model_metadata.json",
        "report.html",
        "data_report.html",
    ):
        assert (folder / name).stat().st_size > 0, name
    assert list((folder / "logs").iterdir())


def test_the_log_of_the_last_stage_says_what_a_cluster_is_asked_for(demo):
    """On a cluster nothing else of a stage can be read: `netanomaly submit` finds version and metrics there."""
    log = (Path(demo.json["run_dir"]) / "logs/register.log").read_text(encoding="utf-8")
    told = parse(log, demo.json["run_id"]).result
    assert told == {"model_name": "nsl_kdd_detector", "version": 1, "metrics": demo.json["metrics"]}


def test_the_metadata_names_data_by_digest_and_the_versions_that_made_the_model(demo):
    metadata = json.loads((Path(demo.json["run_dir"]) / "model_metadata.json").read_text())
    assert metadata["data"]["training"]["identity"].startswith("sha256:")
    assert metadata["data"]["training"]["rows"] == 25192
    assert metadata["data"]["evaluation"]["rows"] == 22544
    assert {"python", "scikit-learn", "numpy", "netanomaly"} <= set(metadata["versions"])


def test_running_again_registers_version_2_with_the_same_model(demo, again):
    assert again.code == 0, again.stderr
    assert again.json["version"] == 2
    assert again.json["metrics"] == demo.json["metrics"]
    first, second = (Path(ended.json["run_dir"]) for ended in (demo, again))
    before, after = (json.loads((each / "evaluation_metrics.json").read_text()) for each in (first, second))
    # The second is also compared with the first, which is champion, and is as good.
    assert after.pop("comparison")["champion"]["version"] == 1
    assert before == after
    assert (first / "model.joblib").read_bytes() == (second / "model.joblib").read_bytes()


def test_what_is_registered_is_listed_shown_and_downloaded(again, workdir, tmp_path):
    registry = again.json["registry"]
    assert registry == str(workdir / "registry")
    listed = netanomaly("registry", "list", "--registry", registry, "--json")
    assert listed.code == 0
    assert "nsl_kdd_detector" in listed.stdout
    shown = netanomaly("registry", "show", "nsl_kdd_detector:2", "--registry", registry, "--json")
    assert shown.code == 0
    downloaded = netanomaly("registry", "download", "nsl_kdd_detector:2", "--registry", registry, "--out", tmp_path)
    assert downloaded.code == 0, downloaded.stderr
    model = next(tmp_path.rglob("model.joblib"))
    assert model.read_bytes() == (Path(again.json["run_dir"]) / "model.joblib").read_bytes()


def test_the_original_configuration_runs_unchanged(tmp_path):
    ended = netanomaly("run", ROOT / "configs/original.json", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert ended.json["run_dir"].startswith(str(tmp_path / "data/mlops_artifacts/network_anomaly_detector/1.0.0_"))
    view = json.loads((tmp_path / "data/mlops_artifacts/registry/model_registry.json").read_text())
    assert view["models"][0]["model_name"] == "network_anomaly_detector"


def test_what_a_run_leaves_is_a_sound_registry(again):
    checked = netanomaly("registry", "fsck", "--registry", again.json["registry"])
    assert checked.code == 0, checked.stdout
