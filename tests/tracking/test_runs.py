"""Whole runs and alias moves of the command, with MLflow beside them, and without."""

import json
import socket
from pathlib import Path

import pytest

from tests.command import Ended, netanomaly
from tests.tracking.conftest import MLflow, values
from tests.warm import netanomaly_warm


@pytest.fixture(scope="module")
def configuration(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tracked")
    attacks = [n % 5 == 0 for n in range(1500)]
    rows = (f"{n % 97 + 5000 * a},{n * 7 % 31 + 900 * a},{'scan' if a else 'normal'}\n" for n, a in enumerate(attacks))
    (folder / "flows.csv").write_text("bytes,packets,label\n" + "".join(rows))
    path = folder / "c.json"
    document = {"model_name": "m", "data_source": "flows.csv", "model_type": "isolation_forest", "gates": {}}
    path.write_text(json.dumps(document))
    return path


def run(configuration: Path, workdir: Path, *options: str, **environment: str) -> Ended:
    return netanomaly_warm("run", configuration, "--workdir", workdir, "--json", *options, **environment)  # type: ignore[arg-type]


def test_mlflow_that_is_away_is_one_line_and_the_run_is_what_it_is(configuration, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    ended = netanomaly("run", configuration, "--workdir", tmp_path, MLFLOW_TRACKING_URI=uri)
    assert ended.code == 0
    # The terminal's lines are wrapped.
    said = " ".join(ended.stdout.split())
    assert f"MLflow was not told of all of this run: {uri} cannot be reached" in said
    moved = netanomaly_warm(
        *("registry", "alias", "set", "m:1", "staging", "--registry", tmp_path / "registry"), MLFLOW_TRACKING_URI=uri
    )
    assert (moved.code, moved.stdout) == (0, "m@staging is version 1\n")
    assert moved.stderr.startswith(f"warning: MLflow was not told of it: {uri} cannot be reached")


def test_an_address_in_the_environment_that_is_for_other_programs_is_told_and_no_failure(configuration, tmp_path):
    ended = run(configuration, tmp_path, MLFLOW_TRACKING_URI="databricks")
    assert ended.code == 0, ended.stderr
    assert ended.json["tracking"]["url"] == ""
    # In the run's last lines, where the terminal shows it, and not in a stage's log alone.
    warning = ended.json["tracking"]["warning"]
    assert warning.startswith("this run is not shown in MLflow: MLFLOW_TRACKING_URI is 'databricks'")


@pytest.mark.parametrize("assignment", ["tracking.register=true", "tracking.experiment=office"])
def test_tracking_that_names_no_server_is_told(configuration, tmp_path, assignment):
    ended = run(configuration, tmp_path, "--set", assignment, MLFLOW_TRACKING_URI="")
    assert ended.code == 0, ended.stderr
    assert "no server is named; name it in tracking.mlflow" in ended.json["tracking"]["warning"]


def test_no_server_on_purpose_is_not_told(configuration, tmp_path):
    ended = run(configuration, tmp_path, "--set", "tracking.mlflow=", "--set", "tracking.experiment=office")
    assert (ended.code, ended.json["tracking"]) == (0, None)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("tracking.mlflow=databricks", "tracking.mlflow is 'databricks', which is no address of an MLflow server"),
        ("tracking.mlflow=http://u:hush@h", "tracking.mlflow holds a user or password; take it out"),
        ("tracking.mlfow=http://h", "unknown field 'tracking.mlfow'; did you mean 'mlflow'"),
        ("tracking.experiment=", "field 'tracking.experiment' is \"\"; it must be 1 to 500 characters"),
        ("tracking.register=maybe", "field 'tracking.register' is \"maybe\"; it must be true or false"),
    ],
)
def test_a_wrong_configuration_is_the_users_to_mend(configuration, tmp_path, assignment, said):
    ended = run(configuration, tmp_path, "--set", assignment)
    assert ended.code == 2
    assert said in ended.stderr
    assert "hush" not in ended.stderr


@pytest.mark.xdist_group("mlflow")
def test_a_run_and_the_alias_that_moves_later_are_in_mlflow(mlflow: MLflow, configuration, tmp_path):
    ended = run(
        configuration, tmp_path, "--set", f"tracking={json.dumps({'mlflow': mlflow.uri, 'experiment': 'whole'})}"
    )
    assert ended.code == 0, ended.stderr
    assert ended.json["tracking"]["version"] == 1
    (found,) = mlflow.runs("whole")
    assert ended.json["tracking"]["url"].endswith(found["info"]["run_id"])
    tags = values(found, "tags")
    assert (tags["netanomaly.run_id"], tags["netanomaly.version"]) == (ended.json["run_id"], "1")
    assert tags["netanomaly.aliases"] == "champion"
    assert len(tags["mlflow.source.git.commit"]) == 40
    report = mlflow.files(found["info"]["run_id"])["report.html"]
    assert report == Path(ended.json["report"]).stat().st_size

    place = ("--registry", tmp_path / "registry")
    moved = netanomaly_warm("registry", "alias", "set", "m:1", "staging", *place, MLFLOW_TRACKING_URI=mlflow.uri)
    assert (moved.code, moved.stderr) == (0, "")
    (found,) = mlflow.runs("whole")
    assert values(found, "tags")["netanomaly.aliases"] == "champion, staging"
    reminded = netanomaly_warm("registry", "alias", "remove", "m", "staging", *place)
    assert f"note: the tags in MLflow ({mlflow.uri}) stay as they were" in reminded.stderr


@pytest.mark.xdist_group("mlflow")
def test_a_run_that_a_gate_refuses_is_shown_as_failed(mlflow: MLflow, configuration, tmp_path):
    options = ("--set", "gates.min_roc_auc=1", "--set", "tracking.experiment=refused")
    ended = run(configuration, tmp_path, *options, MLFLOW_TRACKING_URI=mlflow.uri)
    assert ended.code == 4
    (found,) = mlflow.runs("refused")
    assert found["info"]["status"] == "FAILED"
    assert values(found, "tags")["netanomaly.gate"] == "refuse"
