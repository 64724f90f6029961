"""The main job as a person runs it: real data, the compiled pipeline, each stage a process."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
import yaml
from netanomaly.cluster.logs import parse
from netanomaly.metrics.outcome import outcome
from netanomaly.models import smoke
from netanomaly.registry import open_registry

from tests.command import COMPILED, ROOT, Ended, netanomaly, netanomaly_here
from tests.warm import netanomaly_warm

STAGES = ["prepare", "ingest", "ingest-2", "validate", "train", "evaluate", "register", "track"]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(workdir) -> Ended:
    return netanomaly("run", ROOT / "configs/nsl-kdd.json", "--workdir", workdir, "--json")


@pytest.fixture(scope="module")
def again(demo, workdir) -> Ended:
    """The same once more, by other ways of starting a stage."""
    return netanomaly_warm("run", ROOT / "configs/nsl-kdd.json", "--workdir", workdir, "--json")


def test_the_demo_registers_version_1_and_says_so(demo):
    assert demo.code == 0, demo.stderr
    result = demo.json
    assert result["state"] == "succeeded"
    assert result["version"] == 1
    assert (result["model_name"], result["model_version"]) == ("nsl_kdd_detector", "1.0.0")
    assert result["metrics"]["roc_auc"] > 0.95
    assert result["metrics"]["recall_at_1_percent_fpr"] > 0.5


def test_it_says_what_it_came_to(demo, again):
    assert demo.json["verdict"]["word"] == "reservations"
    assert demo.json["decision"] == {
        "decision": "promote",
        "because": "first",
        "reason": "there is no champion yet, and no gate refused",
        "champion": None,
    }
    assert (demo.json["aliases"], again.json["aliases"]) == (["champion"], [])
    assert {finding["severity"] for finding in demo.json["findings"]} <= {"error", "warning"}


def test_every_stage_is_timed_and_its_memory_known(demo):
    stages = [stage for stage in demo.json["stages"] if stage["state"] != "skipped"]
    assert sorted(stage["name"] for stage in stages) == sorted(STAGES)
    # The configuration deploys nothing.
    assert [stage["name"] for stage in demo.json["stages"] if stage not in stages] == ["condition-1/deploy"]
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
    """On a cluster nothing else of a stage can be read: `netanomaly submit` finds there what `run` ends with."""
    log = (Path(demo.json["run_dir"]) / "logs/register.log").read_text(encoding="utf-8")
    told = parse(log, demo.json["run_id"]).result
    named = ("model_name", "version", "metrics", *outcome())
    assert told == {name: demo.json[name] for name in named}


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
    comparison = after.pop("comparison")
    assert comparison["champion"]["version"] == 1
    assert (comparison["decision"], comparison["because"]) == ("keep", "no_gain")
    assert "exactly as good as the champion" in again.json["decision"]["reason"]
    assert before == after
    assert (first / "model.joblib").read_bytes() == (second / "model.joblib").read_bytes()


def test_what_is_registered_is_listed_shown_and_downloaded(again, workdir, tmp_path):
    registry = again.json["registry"]
    assert registry == str(workdir / "registry")
    listed = netanomaly("registry", "list", "--registry", registry, "--json")
    assert listed.code == 0
    assert "nsl_kdd_detector" in listed.stdout
    shown = netanomaly_here("registry", "show", "nsl_kdd_detector:2", "--registry", registry, "--json")
    assert shown.code == 0
    downloaded = netanomaly("registry", "download", "nsl_kdd_detector:2", "--registry", registry, "--out", tmp_path)
    assert downloaded.code == 0, downloaded.stderr
    model = next(tmp_path.rglob("model.joblib"))
    assert model.read_bytes() == (Path(again.json["run_dir"]) / "model.joblib").read_bytes()


def test_the_registered_model_gives_its_smoke_rows_their_scores_bit_for_bit(demo):
    registry = open_registry(demo.json["registry"])
    rows = registry.smoke_rows(registry.version("nsl_kdd_detector:1"))
    assert rows is not None
    assert rows.rows == 20
    scores = registry.load("nsl_kdd_detector:1").score(smoke.table(msgspec.to_builtins(rows)))
    assert scores.astype(float).tolist() == rows.scores


def test_the_original_configuration_runs_unchanged(tmp_path):
    ended = netanomaly_warm("run", ROOT / "configs/original.json", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert ended.json["run_dir"].startswith(str(tmp_path / "data/mlops_artifacts/network_anomaly_detector/1.0.0_"))
    view = json.loads((tmp_path / "data/mlops_artifacts/registry/model_registry.json").read_text())
    assert view["models"][0]["model_name"] == "network_anomaly_detector"


def test_what_a_run_leaves_is_a_sound_registry(again):
    checked = netanomaly_here("registry", "fsck", "--registry", again.json["registry"])
    assert checked.code == 0, checked.stdout


def outputs_of(run: Ended) -> dict[str, dict[str, dict]]:
    """By task and artefact, the metadata that Kubeflow would show."""
    folder = Path(run.json["run_dir"]) / "executor"
    found = {}
    for path in folder.glob("*/output_metadata.json"):
        artifacts = json.loads(path.read_text())["artifacts"]
        found[path.parent.name] = {name: value["artifacts"][0].get("metadata", {}) for name, value in artifacts.items()}
    return found


def types_of(run: Ended) -> dict[tuple[str, str], str]:
    """The KFP type of each artefact, by task and name."""
    pipeline = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text()))
    types: dict[tuple[str, str], str] = {}
    for task, outputs in outputs_of(run).items():
        component = pipeline["components"][f"comp-{task}"]["outputDefinitions"]["artifacts"]
        types |= {(task, name): component[name]["artifactType"]["schemaTitle"] for name in outputs}
    return types


def test_the_artefacts_of_a_run_have_the_types_that_the_ui_shows(demo):
    kinds = types_of(demo)
    assert kinds["validate", "data_report"] == kinds["evaluate", "report"] == "system.HTML"
    assert kinds["evaluate", "decision_note"] == "system.Markdown"
    assert kinds["evaluate", "classification_metrics"] == "system.ClassificationMetrics"
    assert kinds["evaluate", "metrics"] == kinds["register", "registered"] == "system.Metrics"


def test_metrics_are_numbers_and_no_two_of_a_run_share_a_name(demo):
    """The UI drops some where they do."""
    found = outputs_of(demo)
    metrics = [found[task][name] for (task, name), kind in types_of(demo).items() if kind == "system.Metrics"]
    names = [name for each in metrics for name in each]
    assert len(names) == len(set(names))
    assert all(isinstance(value, int | float) for each in metrics for value in each.values())
    assert {"roc_auc", "recall_at_1_percent", "registered_version"} <= set(names)


def test_every_file_of_a_run_is_shown_with_its_digest_and_data_with_its_rows(demo):
    found = outputs_of(demo)
    for task, artifacts in found.items():
        for name, metadata in artifacts.items():
            path = Path(demo.json["run_dir"]) / "tasks" / task / name
            if path.is_file():
                assert metadata["digest"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", (task, name)
                assert metadata["bytes"] == path.stat().st_size
    assert found["ingest"]["flows"]["rows"] == 25192
    assert found["train"]["model"]["rows_fitted"] > 0
    assert found["evaluate"]["report"]["rows"] == 22544


def test_the_registered_version_is_on_the_register_task(demo, again):
    assert outputs_of(demo)["register"]["registered"] == {"registered_version": 1, "became_champion": 1}
    shown = outputs_of(again)["register"]
    assert shown["registered"]["registered_version"] == 2
    assert (shown["registration"]["version"], shown["registration"]["model_name"]) == (2, "nsl_kdd_detector")


def test_the_decision_is_there_to_read(demo, again):
    first, second = ((Path(run.json["run_dir"]) / "tasks/evaluate/decision_note").read_text() for run in (demo, again))
    assert first.startswith("# nsl\\_kdd\\_detector: promote\n")
    assert "Champion (version 1)" in second
